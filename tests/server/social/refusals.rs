//! Responses that are refused: spoilt, late, repeated, of another browser.

use super::*;

/// Each check on its own: without it, the sign-in would succeed.
#[tokio::test]
async fn invalid_provider_responses_are_refused_and_logged_once() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &Who::new("first", json!({}))).await;
    let before = fixture.rows();
    fixture.lines.take_refusals();
    for (spoil, status, why) in [
        (Spoil::Nonce, 403, "nonce"),
        (Spoil::NoNonce, 403, "nonce"),
        (Spoil::Issuer, 403, "issuer"),
        (Spoil::Audience, 403, "audience"),
        (Spoil::AuthorizedParty, 403, "another client"),
        (Spoil::AlgNone, 403, "algorithm"),
        (Spoil::AlgShared, 403, "algorithm"),
        (Spoil::Expired, 403, "expired"),
        (Spoil::IssuedLater, 403, "future"),
        (Spoil::NotYet, 403, "not valid yet"),
        (Spoil::NotBeforeGarbage, 403, "nbf"),
        (Spoil::WrongKey, 403, "signature"),
        (Spoil::KeyInHeader, 403, "signature"),
        (Spoil::ChangedClaims, 403, "signature"),
        (Spoil::AccessTokenHash, 403, "at_hash"),
        (Spoil::NoSubject, 403, "subject of 0"),
        (Spoil::LongSubject, 403, "subject of 256"),
        (Spoil::NullInSubject, 403, "null character"),
        (Spoil::NoIdToken, 403, "no ID token"),
        (Spoil::TokenGarbage, 502, "token endpoint"),
        (Spoil::TokenStatus, 502, ""),
        (Spoil::TokenRedirect, 502, ""),
        (Spoil::TokenHuge, 502, "more than"),
        (Spoil::Slow, 502, "no response"),
        (Spoil::Down, 502, ""),
    ] {
        let mut browser = fixture.browser();
        let back = browser.go("login", &amy()).await;
        fixture.provider.spoil(spoil);
        let response = browser.ask(Method::GET, &back, &[]).await;
        fixture.provider.spoil(Spoil::Nothing);
        assert_page(&response, status, "role=\"alert\"");
        assert!(browser.session.is_empty() && browser.ticket.is_empty(), "{spoil:?}");
        assert_eq!(fixture.rows(), before, "{spoil:?}");
        let refusals = fixture.lines.take_refusals();
        assert_eq!(refusals.len(), 1, "{spoil:?}: {refusals:?}");
        assert!(
            refusals[0].to_lowercase().contains(&why.to_lowercase()),
            "{spoil:?}: {refusals:?}"
        );
    }
    // The same browser and user without the manipulation.
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
}

const SILENT: &str = "The &#60;Company&#62; isn&#39;t responding.";
const INVALID: &str = "The &#60;Company&#62; sent an invalid response.";

#[tokio::test]
async fn invalid_provider_metadata_is_refused_and_fetched_again_later() {
    for (spoil, text, why) in [
        (Spoil::DocumentGarbage, INVALID, "provider metadata"),
        (Spoil::DocumentIssuer, INVALID, "unexpected issuer"),
        (Spoil::DocumentKeysAt, INVALID, "not a public address"),
        (Spoil::Slow, SILENT, "no response"),
        (Spoil::Down, SILENT, "openid-configuration"),
    ] {
        let fixture = Fixture::start().await;
        fixture.provider.spoil(spoil);
        let started = Instant::now();
        let path = "/api/auth/social/company/login/";
        let response = fixture.browser().ask(Method::POST, path, &[]).await;
        assert_page(&response, 502, text);
        assert!(started.elapsed() < Duration::from_secs(5), "{spoil:?}");
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{refusals:?}");
        fixture.provider.spoil(Spoil::Nothing);
        fixture.server.clock.advance(chrono::Duration::seconds(6));
        assert!(fixture.browser().leave("login").await.starts_with(&fixture.provider.issuer));
    }
}

#[tokio::test]
async fn slow_provider_does_not_delay_others() {
    let fixture = Fixture::start().await;
    let token = fixture.server.register("rory", "").await;
    fixture.provider.spoil(Spoil::Slow);
    let waiting =
        async { fixture.browser().ask(Method::POST, "/api/auth/social/company/login/", &[]).await };
    let others = async {
        for _ in 0..20 {
            assert_eq!(fixture.server.get("user/", &[("Authorization", &token)]).await.status, 200);
        }
        Instant::now()
    };
    let (response, others_done) = tokio::join!(
        async {
            let response = waiting.await;
            (response, Instant::now())
        },
        others
    );
    assert_page(&response.0, 502, SILENT);
    assert!(others_done < response.1);
}

#[tokio::test]
async fn callback_is_bound_to_its_browser_and_provider_and_works_once() {
    let fixture = Fixture::with(&[
        ("SSO_PROVIDERS", "company,other"),
        ("SSO_OTHER_ISSUER", "https://id.example.com"),
        ("SSO_OTHER_CLIENT_ID", CLIENT_ID),
    ])
    .await;
    let before = fixture.rows();
    let refused = async |browser: &mut Browser<'_>, path: &str, why: &str| {
        let response = browser.ask(Method::GET, path, &[]).await;
        assert_page(&response, 400, "This sign-in was not started in this browser");
        let refusals = fixture.lines.take_refusals();
        assert_eq!(refusals, [format!("invalid sign-in state: {why}")]);
        assert!(browser.session.is_empty());
    };
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    fixture.lines.take_refusals();
    // Another browser: without a ticket, and with its own.
    refused(&mut fixture.browser(), &back, "no ticket").await;
    let mut mallory = fixture.browser();
    mallory.leave("login").await;
    refused(&mut mallory.clone(), &back, "state mismatch").await;
    // A state that is changed, sent twice, or missing.
    let (path, query) = back.split_once('?').unwrap();
    let without: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("state=")).collect();
    refused(&mut browser.clone(), &format!("{path}?{}", without.join("&")), "state mismatch").await;
    refused(&mut browser.clone(), &format!("{path}?state=x&{query}"), "state mismatch").await;
    refused(&mut browser.clone(), &format!("{back}x"), "state mismatch").await;
    // A changed ticket.
    let mut changed = browser.clone();
    changed.ticket.replace_range(50..51, if &changed.ticket[50..51] == "A" { "B" } else { "A" });
    refused(&mut changed, &back, "ticket was not sealed by this server").await;
    // The callback of another provider.
    let mixed_up = back.replace("/accounts/company/", "/accounts/other/");
    refused(&mut browser.clone(), &mixed_up, "ticket for another provider").await;
    // Expired.
    let mut late = fixture.browser();
    let back_late = late.go("login", &amy()).await;
    assert_eq!(fixture.rows(), before);

    // Single use, for both the ticket and the code.
    let mut kept = browser.clone();
    assert_at(&browser.ask(Method::GET, &back, &[]).await, "/platform/");
    fixture.lines.take_refusals();
    refused(&mut kept, &back, "ticket already used").await;
    let after = fixture.rows();
    let mut other = fixture.browser();
    let fresh = other.go("login", &amy()).await;
    let state = fresh.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    let code = query.split('&').find(|pair| pair.starts_with("code=")).unwrap();
    let response = other.ask(Method::GET, &format!("{path}?{code}&{state}"), &[]).await;
    assert_page(&response, 400, "The &#60;Company&#62; rejected this sign-in.");
    assert!(fixture.lines.take_refusals()[0].contains("invalid_grant"));
    assert_eq!(fixture.rows(), after);

    fixture.server.clock.advance(chrono::Duration::seconds(600));
    refused(&mut late, &back_late, "expired ticket").await;
}

#[tokio::test]
async fn code_of_another_sign_in_fails_by_its_verifier() {
    let fixture = Fixture::start().await;
    let (mut victim, mut thief) = (fixture.browser(), fixture.browser());
    let stolen = victim.go("login", &amy()).await;
    let own = thief.go("login", &Who::new("thief", json!({}))).await;
    let code = stolen.split(['?', '&']).find(|pair| pair.starts_with("code=")).unwrap();
    let state = own.split(['?', '&']).find(|pair| pair.starts_with("state=")).unwrap();
    let before = fixture.rows();
    fixture.lines.take_refusals();
    let injected = format!("/accounts/company/login/callback/?{code}&{state}");
    assert_page(
        &thief.ask(Method::GET, &injected, &[]).await,
        400,
        "The &#60;Company&#62; rejected this sign-in.",
    );
    assert_eq!(fixture.lines.take_refusals().len(), 1);
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn provider_errors_are_counted_by_provider_and_reason() {
    let fixture = Fixture::with(&[("METRICS_BIND", "127.0.0.1:0")]).await;
    let (mut victim, mut thief) = (fixture.browser(), fixture.browser());
    let stolen = victim.go("login", &amy()).await;
    let own = thief.go("login", &Who::new("thief", json!({}))).await;
    let code = stolen.split(['?', '&']).find(|pair| pair.starts_with("code=")).unwrap();
    let state = own.split(['?', '&']).find(|pair| pair.starts_with("state=")).unwrap();
    let injected = format!("/accounts/company/login/callback/?{code}&{state}");
    assert_eq!(thief.ask(Method::GET, &injected, &[]).await.status, 400);
    let metrics = String::from_utf8(fixture.server.admin("/metrics").await.body).unwrap();
    let sample =
        "inventree_auth_provider_errors_total{provider=\"company\",reason=\"refused\"} 1\n";
    assert!(metrics.contains(sample), "{metrics}");
}

#[tokio::test]
async fn callback_requires_iss_where_the_provider_announces_it() {
    let fixture = Fixture::start().await;
    fixture.provider.names_itself();
    let mut browser = fixture.browser();
    assert_at(&browser.through("login", &amy()).await, "/platform/");
    for spoil in [true, false] {
        let mut browser = fixture.browser();
        let back = browser.go("login", &amy()).await;
        let (rest, _) = back.split_once("&iss=").unwrap();
        let spoilt = if spoil {
            format!("{rest}&iss=https%3A%2F%2Fother.example.com")
        } else {
            rest.to_owned()
        };
        let before = fixture.rows();
        assert_page(
            &browser.ask(Method::GET, &spoilt, &[]).await,
            403,
            "The response of The &#60;Company&#62; failed verification.",
        );
        assert_eq!(fixture.rows(), before);
    }
}
