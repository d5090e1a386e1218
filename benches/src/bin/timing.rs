//! Measures whether response times reveal which accounts exist: every kind of account in turns,
//! many samples, medians.
//!
//! `timing URL SAMPLES DATABASE`. The server must use that database, with registration enabled and
//! rate limits disabled. Exits with 1 if a kind differs from an unknown account by more than 10 %.

use std::path::Path;
use std::time::Instant;

use inventree_auth::store::{Store, StoreError};
use serde_json::json;

const MIN_RATIO: f64 = 0.9;
const MAX_RATIO: f64 = 1.1;

/// The last kind has no account and is the baseline.
const KINDS: [&str; 4] = ["known", "inactive", "passwordless", "unknown"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, samples, database] = &arguments[..] else {
        return Err("usage: timing URL SAMPLES DATABASE".into());
    };
    let samples: usize = samples.parse()?;
    let http = reqwest::Client::new();
    fill(&http, base, Path::new(database)).await?;

    let mut good = true;
    for way in ["login/", "Basic", "password/reset/", "registration/resend-email/"] {
        let mut times = [const { Vec::new() }; KINDS.len()];
        for n in 0..samples {
            // Each kind takes each position equally often.
            for place in 0..KINDS.len() {
                let kind = (n + place) % KINDS.len();
                let started = Instant::now();
                request(&http, base, way, KINDS[kind]).send().await?.bytes().await?;
                times[kind].push(started.elapsed().as_secs_f64() * 1000.0);
            }
        }
        let medians = times.map(median);
        let unknown = medians[KINDS.len() - 1];
        let mut output = format!("{way:28} unknown {unknown:7.3} ms");
        for (kind, median) in KINDS.iter().zip(medians).take(KINDS.len() - 1) {
            let ratio = median / unknown;
            good &= (MIN_RATIO..=MAX_RATIO).contains(&ratio);
            output += &format!("   {kind} {median:7.3} ms, ratio {ratio:.3}");
        }
        println!("{output}   ({samples} samples each)");
    }
    if good { Ok(()) } else { Err("a response's time tells who has an account".into()) }
}

/// Creates an account of each kind but the last, with an unconfirmed address, so that resend has a
/// recipient.
async fn fill(
    http: &reqwest::Client,
    base: &str,
    database: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let password = "Zebra-Quartz-77";
    for kind in &KINDS[..KINDS.len() - 1] {
        let email = format!("{kind}@example.com");
        let body = json!({
            "username": kind, "email": email, "password1": password, "password2": password,
        });
        let made = http.post(format!("{base}/api/auth/registration/")).json(&body).send().await?;
        if made.status() != 201 {
            return Err(format!("{kind} could not be registered: {}", made.status()).into());
        }
    }
    // Deactivated by an operator, and created by a sign-in provider.
    let write = |w: &inventree_auth::store::Writer<'_>| {
        let id = |name: &str| {
            Ok::<_, StoreError>(
                w.account_find_by_username_key(name)?.map_or(0, |account| account.id),
            )
        };
        w.account_set_active(id("inactive")?, false)?;
        w.account_set_password(id("passwordless")?, "!")
    };
    Store::open_existing(&database.into())?.write::<_, StoreError>(write).await?;
    Ok(())
}

fn request(http: &reqwest::Client, base: &str, way: &str, name: &str) -> reqwest::RequestBuilder {
    let post = |body| http.post(format!("{base}/api/auth/{way}")).json(&body);
    match way {
        "Basic" => http.get(format!("{base}/api/auth/user/")).basic_auth(name, Some("wrong")),
        "login/" => post(json!({ "username": name, "password": "wrong" })),
        _ => post(json!({ "email": format!("{name}@example.com") })),
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
