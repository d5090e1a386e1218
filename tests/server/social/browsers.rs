//! Cookies and redirects of a sign-in through a provider.

use super::*;

#[tokio::test]
async fn next_never_redirects_to_another_site() {
    let fixture = Fixture::start().await;
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil@evil.example",
        "/@evil.example:x",
        "/%2f/evil.example",
        " /platform/",
        &format!("/{}", "a".repeat(500)),
    ] {
        let mut browser = fixture.browser();
        let form = [("next", next)];
        fixture.lines.take_refusals();
        let response = browser.ask(Method::POST, "/api/auth/social/company/login/", &form).await;
        assert_page(&response, 400, "must be a path of this site");
        assert_eq!(fixture.lines.take_refusals(), ["next to another site"], "{next}");
        assert!(browser.ticket.is_empty());
    }
    let mut browser = fixture.browser();
    let form = [("next", "/api-doc/?q=user")];
    let there =
        leads_to(&browser.ask(Method::POST, "/api/auth/social/company/login/", &form).await);
    let back = fixture.provider.sign_in(&there, &amy());
    let back = format!("{}?{}", back.path(), back.query().unwrap());
    assert_at(&browser.ask(Method::GET, &back, &[]).await, "/api-doc/?q=user");
}

#[tokio::test]
async fn user_who_declines_sees_why_and_stays_signed_out() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    let state = back.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    let path = format!(
        "/accounts/company/login/callback/?error=access_denied&error_description=%3Cb%3E&{state}"
    );
    let response = browser.ask(Method::GET, &path, &[]).await;
    assert_page(&response, 403, "The provider ended the sign-in (access_denied).");
    assert!(!text(&response).contains("<b>"));
    assert!(browser.session.is_empty());
}

#[tokio::test]
async fn head_request_does_not_consume_the_callback() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    assert_eq!(browser.ask(Method::HEAD, &back, &[]).await.status, 200);
    assert_at(&browser.ask(Method::GET, &back, &[]).await, "/platform/");
}

#[tokio::test]
async fn rotated_provider_key_is_fetched_and_metadata_is_cached() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    fixture.browser().through("login", &amy()).await;
    assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 1);
    fixture.provider.rotate_key();
    fixture.server.clock.advance(chrono::Duration::seconds(31));
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
    assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 2);
}

#[tokio::test]
async fn github_identity_comes_from_its_api() {
    let company = Provider::start(0).await;
    let fixture = Fixture::with(&[
        ("SSO_PROVIDERS", "github"),
        ("SSO_COMPANY_NAME", ""),
        ("SSO_COMPANY_ISSUER", ""),
        ("SSO_COMPANY_CLIENT_ID", ""),
        ("SSO_COMPANY_CLIENT_SECRET", ""),
        ("SSO_GITHUB_ISSUER", &company.issuer),
        ("SSO_GITHUB_CLIENT_ID", CLIENT_ID),
        ("SSO_GITHUB_CLIENT_SECRET", CLIENT_SECRET),
    ])
    .await;
    let who = Who::new(
        "",
        json!({
            // As documented for `GET /user` and `GET /user/emails`.
            "user": {
                "id": 583_231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "login": "octocat",
                "name": "Mona Lisa Octocat", "email": null, "company": null, "hireable": null,
                "gravatar_id": "", "type": "User", "site_admin": false, "public_repos": 2,
                "created_at": "2011-01-25T18:44:36Z", "plan": { "name": "free", "space": 1 },
            },
            "emails": [
                { "email": "spam@example.com", "primary": false, "verified": true,
                    "visibility": null },
                { "email": "mona@example.com", "primary": true, "verified": true,
                    "visibility": "private" },
            ],
        }),
    );
    for _ in 0..2 {
        let mut browser = fixture.browser();
        let response = browser.ask(Method::POST, "/api/auth/social/github/login/", &[]).await;
        let back = company.sign_in(&leads_to(&response), &who);
        let back = format!("{}?{}", back.path(), back.query().unwrap());
        assert_at(&browser.ask(Method::GET, &back, &[]).await, "/platform/");
        assert_eq!(
            browser.api("user/").await,
            json!({
                "pk": 1, "username": "octocat", "email": "mona@example.com", "first_name": "Mona",
                "last_name": "Lisa Octocat",
            })
        );
        assert_eq!(browser.api("social/").await["results"][0]["uid"], "583231");
    }
    let mut browser = fixture.browser();
    let response = browser.ask(Method::POST, "/api/auth/social/github/login/", &[]).await;
    let back = company.sign_in(&leads_to(&response), &who);
    company.spoil(Spoil::Down);
    let back = format!("{}?{}", back.path(), back.query().unwrap());
    assert_page(&browser.ask(Method::GET, &back, &[]).await, 502, "GitHub isn&#39;t responding.");
}

#[tokio::test]
async fn secrets_are_in_no_log_and_no_row() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    let ticket = browser.ticket.clone();
    browser.ask(Method::GET, &back, &[]).await;
    let code =
        back.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap().to_owned();
    let state =
        back.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap().to_owned();
    let mut kept = fixture.lines.text().into_bytes();
    kept.extend(fixture.server.database.bytes());
    let access = format!("access-{code}");
    for secret in [CLIENT_SECRET, &code, &state, &ticket, &access, &browser.session] {
        let found = kept.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}

#[tokio::test]
async fn ticket_cookie_is_scoped_to_the_callback() {
    let fixture =
        Fixture::with(&[("COOKIE_SAMESITE", "Strict"), ("SESSION_COOKIE_SECURE", "true")]).await;
    let mut browser = fixture.browser();
    let response = browser.ask(Method::POST, "/api/auth/social/company/login/", &[]).await;
    let ticket = response.cookie("signin_ticket").unwrap();
    let (_, flags) = ticket.split_once(';').unwrap();
    // Strict would not be sent with the redirect from the provider.
    assert_eq!(flags, " Max-Age=600; HttpOnly; Path=/accounts/; SameSite=Lax; Secure");
    assert!(ticket.len() < 1500, "{}", ticket.len());
}

#[tokio::test]
async fn sign_ins_that_succeed_are_not_limited() {
    let fixture = Fixture::with(&[("RATE_LIMITS", "on")]).await;
    for _ in 0..70 {
        let mut browser = fixture.browser();
        assert_at(&browser.through("login", &amy()).await, "/platform/");
    }
    let mut failed = 0;
    let mut browser = fixture.browser();
    while browser
        .ask(Method::GET, "/accounts/company/login/callback/?state=x&code=y", &[])
        .await
        .status
        != 429
    {
        failed += 1;
        assert!(failed <= 60);
    }
    assert_eq!(failed, 60);
    // Starting a sign-in still works, as does the rest of the API.
    browser.leave("login").await;
    fixture.server.register("bob", "").await;
}

#[tokio::test]
async fn failed_sign_in_keeps_the_next_parameter() {
    let fixture = Fixture::start().await;
    let again = "href=\"/platform/login?next=%2Fapi-doc%2F%3Fq%3Duser\"";
    let form = [("next", "/api-doc/?q=user")];
    let start = "/api/auth/social/company/login/";
    // Refused at the provider, late, and of a provider that does not respond.
    for seconds in [0, 3600] {
        let mut browser = fixture.browser();
        let there = leads_to(&browser.ask(Method::POST, start, &form).await);
        let back = fixture.provider.sign_in(&there, &amy());
        fixture.later(seconds);
        let back = format!("{}?{}&error=access_denied", back.path(), back.query().unwrap());
        let response = browser.ask(Method::GET, &back, &[]).await;
        assert!(response.status >= 400, "{seconds}");
        assert!(text(&response).contains(again), "{}", text(&response));
    }
    let other = Fixture::start().await;
    other.provider.spoil(Spoil::Down);
    assert!(text(&other.browser().ask(Method::POST, start, &form).await).contains(again));
    // Without a ticket there is none.
    let response =
        fixture.browser().ask(Method::GET, "/accounts/company/login/callback/", &[]).await;
    assert!(text(&response).contains("href=\"/platform/login\""), "{}", text(&response));
}
