//! The identity of a provider's user: its issuer, its audiences, its groups and its certificate.

use std::io::Write;

use inventree_auth::config::Config;
use inventree_auth::domain::groups;
use inventree_auth::domain::operation::Operation;
use reqwest::Method;
use serde_json::json;
use test_support::provider::{CLIENT_ID, CLIENT_SECRET, Provider, Who};

use crate::social::{Fixture, amy, assert_at, assert_page, merged};

const HOME: &str = "/platform/";

/// The same database under another issuer.
async fn moved(fixture: &mut Fixture, settings: &[(&str, &str)]) -> Provider {
    let provider = Provider::start(fixture.server.clock.stamp()).await;
    moved_to(fixture, &provider, settings).await;
    provider
}

async fn moved_to(fixture: &mut Fixture, provider: &Provider, settings: &[(&str, &str)]) {
    fixture.server.stop().await;
    let mut all = vec![
        ("LOGIN_ENABLE_SSO", "true"),
        ("LOGIN_ENABLE_SSO_REG", "true"),
        ("SSO_PRIVATE_NETWORKS", "127.0.0.1"),
        ("SSO_PROVIDERS", "company"),
        ("SSO_COMPANY_ISSUER", provider.issuer.as_str()),
        ("SSO_COMPANY_CLIENT_ID", CLIENT_ID),
        ("SSO_COMPANY_CLIENT_SECRET", CLIENT_SECRET),
    ];
    all.extend_from_slice(settings);
    let database = fixture.server.database.clone();
    let directory = std::mem::replace(&mut fixture.server.directory, tempfile::tempdir().unwrap());
    fixture.server = test_support::TestServer::at_with(&database, &all).await;
    // The database is in the first directory.
    fixture.kept.push(directory);
}

#[tokio::test]
async fn changed_issuer_does_not_open_accounts_of_the_old_issuer() {
    let mut fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    let issuers = "SELECT COUNT(*) FROM social_accounts WHERE issuer <> ''";
    assert_eq!(fixture.server.database.number(issuers), 1);
    let former = fixture.provider.clone();
    fixture.provider = moved(&mut fixture, &[]).await;
    // The same subject, of another issuer: another person.
    let who = Who::new("amy-1", json!({ "preferred_username": "amy" }));
    assert_at(&fixture.browser().through("login", &who).await, HOME);
    assert_eq!(fixture.server.database.number("SELECT COUNT(*) FROM accounts"), 2);
    assert_eq!(
        fixture.server.database.number("SELECT COUNT(DISTINCT issuer) FROM social_accounts"),
        2
    );
    // Each goes on under its own issuer.
    assert_at(&fixture.browser().through("login", &who).await, HOME);
    assert_eq!(fixture.server.database.number("SELECT COUNT(*) FROM accounts"), 2);
    drop(former);
}

#[tokio::test]
async fn link_without_issuer_belongs_to_the_first_issuer() {
    let mut fixture = Fixture::start().await;
    fixture.server.register("amy", "").await;
    fixture.server.register("rory", "").await;
    for (account, uid) in [(1, "amy-1"), (2, "rory-1")] {
        fixture.server.database.execute(&format!(
            "INSERT INTO social_accounts (account_id, provider, uid, last_login, date_joined, \
             extra_data) VALUES ({account}, 'company', '{uid}', 0, 0, '{{}}')"
        ));
    }
    let who = |uid: &str| Who::new(uid, json!({ "preferred_username": "someone" }));
    let without = "SELECT COUNT(*) FROM social_accounts WHERE issuer = ''";
    assert_at(&fixture.browser().through("login", &who("amy-1")).await, HOME);
    // Learnt with the sign-in.
    assert_eq!(fixture.server.database.number(without), 1);
    assert_eq!(fixture.server.database.number("SELECT COUNT(*) FROM accounts"), 2);
    fixture.provider = moved(&mut fixture, &[]).await;
    assert_at(&fixture.browser().through("login", &who("rory-1")).await, HOME);
    assert_eq!(fixture.server.database.number(without), 1);
    assert_eq!(fixture.server.database.number("SELECT COUNT(*) FROM accounts"), 3);
}

#[tokio::test]
async fn only_trusted_audiences_are_accepted() {
    let fixture = Fixture::with(&[("SSO_COMPANY_TRUSTED_AUDIENCES", "api, \tweb")]).await;
    for (claims, why) in [
        (json!({ "aud": [CLIENT_ID, "api", "web"] }), None),
        (json!({ "aud": [CLIENT_ID, "api"], "azp": CLIENT_ID }), None),
        (json!({ "aud": [CLIENT_ID] }), None),
        (json!({ "aud": [CLIENT_ID, "api", "other"] }), Some("not trusted (aud)")),
        (json!({ "aud": [CLIENT_ID, "other"], "azp": CLIENT_ID }), Some("not trusted (aud)")),
        (json!({ "aud": [CLIENT_ID, "api"], "azp": "api" }), Some("another client (azp)")),
        (json!({ "aud": ["api"] }), Some("no audience")),
    ] {
        let more = claims.clone();
        fixture.provider.change(Box::new(move |path, text| match path {
            "/claims" => merged(serde_json::from_str(&text).unwrap(), &more).to_string().into(),
            _ => text.into_bytes(),
        }));
        let response = fixture.browser().through("login", &amy()).await;
        let refusals = fixture.lines.take_refusals();
        match why {
            None => assert_at(&response, HOME),
            Some(why) => {
                assert_page(&response, 403, "role=\"alert\"");
                assert!(refusals.len() == 1 && refusals[0].contains(why), "{claims}: {refusals:?}");
            }
        }
    }
}

#[tokio::test]
async fn groups_follow_the_claim_within_the_map() {
    let fixture = Fixture::with(&[
        ("LOGIN_ENABLE_SSO_GROUP_SYNC", "true"),
        ("SSO_GROUP_KEY", "roles"),
        ("SSO_GROUP_MAP", r#"{ "/stock": "Stock keepers", "/admin": "Admins" }"#),
    ])
    .await;
    let groups_of_amy =
        || async { groups::of(&Operation::of_operator(fixture.server.app()), 1).await.unwrap() };
    let sign_in = |roles: serde_json::Value| {
        let who = Who::new("amy-1", json!({ "preferred_username": "amy", "roles": roles }));
        let mut browser = fixture.browser();
        async move { assert_at(&browser.through("login", &who).await, HOME) }
    };
    sign_in(json!(["/stock", "/other", 5, "Admins"])).await;
    assert_eq!(groups_of_amy().await, ["Stock keepers"]);
    // A provider does not change the groups that the operator gave.
    let op = Operation::of_operator(fixture.server.app());
    groups::add(&op, "Buyers").await.unwrap();
    groups::change(&op, 1, vec!["Buyers".to_owned()], Vec::new()).await.unwrap();
    sign_in(json!("/admin")).await;
    assert_eq!(groups_of_amy().await, ["Admins", "Buyers"]);
    for none in [json!([]), json!(null), json!({ "/stock": true })] {
        sign_in(json!(["/stock"])).await;
        sign_in(none).await;
        assert_eq!(groups_of_amy().await, ["Buyers"]);
    }
    let trail = "SELECT COUNT(*) FROM audit WHERE event = 'group_joined' \
        AND detail = 'Stock keepers, company'";
    assert!(fixture.server.database.number(trail) > 0);
}

/// At a public provider, anyone can make a group of any name.
#[tokio::test]
async fn groups_of_other_providers_do_not_count() {
    let settings = [
        ("SSO_PROVIDERS", "company,gitlab"),
        ("SSO_GITLAB_CLIENT_ID", "id"),
        ("LOGIN_ENABLE_SSO_GROUP_SYNC", "true"),
        ("SSO_GROUP_MAP", r#"{ "stock": "Stock keepers" }"#),
    ];
    for (trusted, expected) in [("gitlab", &[][..]), ("company,gitlab", &["Stock keepers"])] {
        let named = [("SSO_GROUP_PROVIDERS", trusted)];
        let fixture = Fixture::with(&[&settings[..], &named].concat()).await;
        let who = Who::new("amy-1", json!({ "preferred_username": "amy", "groups": ["stock"] }));
        let mut browser = fixture.browser();
        assert_at(&browser.through("login", &who).await, HOME);
        let op = Operation::of_operator(fixture.server.app());
        assert_eq!(groups::of(&op, 1).await.unwrap(), expected, "{trusted}");
    }
    let load = |named: &[(&str, &str)]| {
        let all = [&settings[..], named].concat().into_iter();
        let loaded = Config::load(None, all.map(|(k, v)| (format!("INVENTREE_{k}"), v.to_owned())));
        loaded.map(drop).map_err(|error| error.to_string())
    };
    let error = load(&[]).unwrap_err();
    assert!(error.ends_with("requires INVENTREE_SSO_GROUP_PROVIDERS"), "{error}");
    assert!(load(&[("SSO_GROUP_PROVIDERS", "other")]).is_err());
}

#[tokio::test]
async fn groups_are_kept_when_group_sync_is_disabled() {
    let map = ("SSO_GROUP_MAP", r#"{ "stock": "Stock keepers" }"#);
    let with = |groups: serde_json::Value| {
        Who::new("amy-1", json!({ "preferred_username": "amy", "groups": groups }))
    };
    let off = Fixture::with(&[map]).await;
    off.browser().through("login", &with(json!(["stock"]))).await;
    assert_eq!(off.server.database.number("SELECT COUNT(*) FROM groups"), 0);
    let kept = Fixture::with(&[
        map,
        ("LOGIN_ENABLE_SSO_GROUP_SYNC", "true"),
        ("SSO_REMOVE_GROUPS", "false"),
    ])
    .await;
    kept.browser().through("login", &with(json!(["stock"]))).await;
    kept.browser().through("login", &with(json!([]))).await;
    assert_eq!(kept.server.database.number("SELECT COUNT(*) FROM group_members"), 1);
}

#[tokio::test]
async fn provider_of_a_private_ca_signs_in_once_its_root_is_trusted() {
    let mut fixture = Fixture::start().await;
    let (provider, root) = Provider::start_tls(fixture.server.clock.stamp()).await;
    fixture.provider = provider.clone();
    let mut other = tempfile::NamedTempFile::new().unwrap();
    let (_, other_root) = Provider::start_tls(0).await;
    other.write_all(other_root.as_bytes()).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(root.as_bytes()).unwrap();
    // The operating system's roots alone, and with the root of another CA.
    for roots in [&[][..], &[("SSO_TLS_ROOTS", other.path().to_str().unwrap())]] {
        moved_to(&mut fixture, &provider, roots).await;
        let path = "/api/auth/social/company/login/";
        let response = fixture.browser().ask(Method::POST, path, &[]).await;
        assert_page(&response, 502, "company isn&#39;t responding.");
    }
    assert_eq!(provider.asked("/.well-known/openid-configuration"), 0);
    moved_to(&mut fixture, &provider, &[("SSO_TLS_ROOTS", file.path().to_str().unwrap())]).await;
    assert_at(&fixture.browser().through("login", &amy()).await, HOME);
    for path in ["/.well-known/openid-configuration", "/token", "/jwks"] {
        assert_eq!(provider.asked(path), 1, "{path}");
    }
}

#[test]
fn root_certificates_of_providers_are_read_at_start() {
    use inventree_auth::config::Config;
    use inventree_auth::server::{Dependencies, providers};
    let check = |path: &str| {
        let settings = [
            ("INVENTREE_SSO_PROVIDERS", "company"),
            ("INVENTREE_SSO_COMPANY_ISSUER", "https://id.example.com"),
            ("INVENTREE_SSO_COMPANY_CLIENT_ID", CLIENT_ID),
            ("INVENTREE_SSO_TLS_ROOTS", path),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::load(None, settings.into_iter()).unwrap();
        providers(&config, &Dependencies::default()).map(drop).map_err(|e| e.to_string())
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let refused = check(&path).unwrap_err();
    assert!(refused.starts_with("INVENTREE_SSO_TLS_ROOTS: /"), "{refused}");
    assert!(refused.ends_with("there is no certificate in it"), "{refused}");
    let made = rcgen::generate_simple_self_signed(vec!["id.example.com".to_owned()]).unwrap();
    file.write_all(made.cert.pem().as_bytes()).unwrap();
    assert_eq!(check(&path), Ok(()));
    assert!(check("/no/such/file").unwrap_err().contains("/no/such/file"));
}
