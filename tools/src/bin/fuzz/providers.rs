//! Sign-ins through a provider with one mutated response: no 500 and no panic.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use inventree_auth::config::Config;
use inventree_auth::domain::Clock;
use inventree_auth::domain::hashing::Cost;
use inventree_auth::mail::transport::Transport;
use inventree_auth::server::{self, Dependencies};
use serde_json::json;

use crate::mutation::Mutator;
use test_support::provider::{CLIENT_ID, CLIENT_SECRET, Provider, Who};

/// Discovery document, keys, token response, ID token claims, user info, or none.
const MUTATED: [&str; 6] =
    ["/.well-known/openid-configuration", "/jwks", "/token", "/claims", "/userinfo", ""];
/// A cached document is fetched again after ten minutes.
const STEP_SECONDS: i64 = 601;

struct Time(AtomicI64);

impl Clock for Time {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap_or_default()
    }
}

/// # Errors
///
/// A failed setup, or a 500.
pub async fn run(executions: u64, seed: u64) -> Result<BTreeMap<u16, u64>, String> {
    let time = Arc::new(Time(AtomicI64::new(1_770_000_000)));
    let provider = Provider::start(time.now().timestamp()).await;
    let (mutator, turn) =
        (Mutex::new(Mutator::new(seed, "providers", Vec::new())), Arc::new(AtomicU64::new(0)));
    let place = Arc::clone(&turn);
    let last = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&last);
    provider.change(Box::new(move |path, text| {
        let wanted =
            MUTATED[usize::try_from(place.load(Ordering::SeqCst)).unwrap_or(0) % MUTATED.len()];
        match (path == wanted, mutator.lock()) {
            (true, Ok(mut mutator)) => {
                let mutated = mutator.mutated(text.into_bytes(), 3);
                if let Ok(mut kept) = kept.lock() {
                    kept.clone_from(&mutated);
                }
                mutated
            }
            _ => text.into_bytes(),
        }
    }));

    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let database = directory.path().join("auth.sqlite3");
    let database = database.to_string_lossy();
    let settings = [
        ("RATE_LIMITS", "off"),
        ("SITE_URL", "http://auth.example.com"),
        ("DB_NAME", &database),
        ("LOGIN_ENABLE_SSO", "true"),
        ("LOGIN_ENABLE_SSO_REG", "true"),
        ("SSO_PRIVATE_NETWORKS", "127.0.0.1"),
        ("SSO_PROVIDERS", "company"),
        ("SSO_COMPANY_ISSUER", &provider.issuer),
        ("SSO_COMPANY_CLIENT_ID", CLIENT_ID),
        ("SSO_COMPANY_CLIENT_SECRET", CLIENT_SECRET),
    ];
    let settings =
        settings.into_iter().map(|(key, value)| (format!("INVENTREE_{key}"), value.to_owned()));
    let config = Config::load(None, settings).map_err(|e| e.to_string())?;
    let dependencies = Dependencies {
        clock: time.clone(),
        hash_cost: Cost::CHEAP,
        transport: Some(Transport::Memory(Arc::default())),
        provider_timeout: Duration::from_secs(1),
        ..Dependencies::default()
    };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let running =
        server::start(&config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &log, dependencies)
            .await
            .map_err(|e| e.to_string())?;
    let base = format!("http://{}", running.address());
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let http = http.map_err(|e| e.to_string())?;
    let mut statuses = BTreeMap::new();
    for n in 0..executions {
        turn.store(n, Ordering::SeqCst);
        let now = time.0.fetch_add(STEP_SECONDS, Ordering::SeqCst) + STEP_SECONDS;
        provider.at(now);
        let status = sign_in(&http, &base, &provider, n).await.map_err(|e| e.to_string())?;
        if status == 500 {
            let what = MUTATED[usize::try_from(n).unwrap_or(0) % MUTATED.len()];
            let output =
                last.lock().map(|last| last.escape_ascii().to_string()).unwrap_or_default();
            return Err(format!("500 at sign-in {n} of seed {seed}: {what} output {output}"));
        }
        *statuses.entry(status).or_default() += 1;
    }
    running.stop().await.map_err(|e| format!("{e:?}"))?;
    Ok(statuses)
}

/// Follows the redirects like a browser. Returns the status of the callback, or of the start if it
/// does not redirect.
async fn sign_in(
    http: &reqwest::Client,
    base: &str,
    provider: &Provider,
    n: u64,
) -> Result<u16, reqwest::Error> {
    let csrf = "a".repeat(32);
    let out = http
        .post(format!("{base}/api/auth/social/company/login/"))
        .header("Cookie", format!("csrftoken={csrf}"));
    let out = out.header("Content-Type", "application/x-www-form-urlencoded");
    let out = out.body(format!("csrfmiddlewaretoken={csrf}")).send().await?;
    let status = out.status().as_u16();
    let cookies =
        out.headers().get_all("set-cookie").into_iter().filter_map(|line| line.to_str().ok());
    let cookies: Vec<&str> = cookies.filter_map(|line| line.split(';').next()).collect();
    let cookies = cookies.join("; ");
    let page = out.text().await?;
    let url = page.split_once("content=\"0; url=").and_then(|(_, rest)| rest.split_once('"'));
    let url = url.map(|(url, _)| url.replace("&#38;", "&"));
    let Some(url) = url.filter(|url| url.starts_with(&format!("{}/authorize?", provider.issuer)))
    else {
        return Ok(status);
    };
    let claims = json!({
        "preferred_username": format!("user{n}"), "given_name": "Änne", "family_name": "O'Neil",
        "email": format!("user{n}@example.com"), "email_verified": n.is_multiple_of(2),
    });
    let back = provider.sign_in(&url, &Who::new(&format!("subject-{n}"), claims));
    let back = format!("{base}{}?{}", back.path(), back.query().unwrap_or_default());
    let back = http.get(back).header("Cookie", cookies).send().await?;
    let status = back.status().as_u16();
    back.bytes().await?;
    Ok(status)
}
