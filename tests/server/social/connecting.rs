//! Providers of an account: connected, listed, disconnected.

use super::*;

#[tokio::test]
async fn signed_in_person_connects_lists_disconnects_and_connects_again() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "amy@example.com").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    for _ in 0..2 {
        assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
        // A repetition changes nothing.
        assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
        let links = browser.api("social/").await;
        assert_eq!(links["count"], 1);
        let mut elsewhere = fixture.browser();
        assert_at(&elsewhere.through("login", &amy()).await, "/platform/");
        assert_eq!(elsewhere.api("user/").await["username"], "rory");
        let gone = browser.disconnect(links["results"][0]["id"].as_i64().unwrap()).await;
        assert_eq!((gone.status, gone.json()), (200, json!({})));
        assert_eq!(browser.api("social/").await["count"], 0);
    }
    let written = fixture
        .server
        .app()
        .store
        .read(|r| r.audit_list(&AuditFilter::default(), None))
        .await
        .unwrap();
    let written = written
        .iter()
        .rev()
        .map(|entry| (entry.event.as_str(), entry.detail.as_str(), entry.count));
    // Within a minute: repeats increment the counter of the first rows.
    let expected = [
        ("registered", "", 1),
        ("login", "", 1),
        ("provider_connected", "company", 2),
        ("login", "company", 2),
        ("provider_disconnected", "company", 2),
    ];
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn verified_addresses_are_notified_of_a_connected_provider() {
    let fixture = Fixture::start().await;
    fixture.server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&fixture.server.take_mails(1).await[0]);
    fixture.server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    let mut browser = fixture.browser();
    browser.log_in("amy").await;
    browser.through("connect", &Who::new("amy-1", json!({}))).await;
    let mail = fixture.server.take_mails(1).await.remove(0);
    let subject = "[InvenTree] A sign-in provider was connected";
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("amy@example.com", subject));
    assert!(
        mail.text.lines().any(|line| line == "    amy") && mail.text.contains("UTC"),
        "{}",
        mail.text
    );
}

#[tokio::test]
async fn account_has_twenty_links_at_most() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    for n in 0..20 {
        fixture.server.database.execute(&format!(
            "INSERT INTO social_accounts (account_id, provider, uid, last_login, date_joined, \
             extra_data)
             VALUES (1, 'company', 'rory-{n}', 0, 0, '{{}}')"
        ));
    }
    assert_page(&browser.through("connect", &amy()).await, 409, "the maximum number of providers");
    // One that is there already is no new one.
    assert_at(
        &browser.through("connect", &Who::new("rory-1", json!({}))).await,
        "/platform/?done=connect",
    );
    assert_eq!(browser.disconnect(1).await.status, 200);
    assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
}

#[tokio::test]
async fn last_sign_in_method_cannot_be_removed() {
    let fixture = Fixture::with(&[("SSO_PROVIDERS", "company,keycloak")]).await;
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    let refused = browser.disconnect(1).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("Your account has no password set up.")
    );
    // A link through a provider that is not enabled does not count as a login method.
    let link = "INSERT INTO social_accounts (account_id, provider, uid, last_login, date_joined, \
        extra_data)
                VALUES (1, 'keycloak', 'x', 0, 0, '{}')";
    fixture.server.database.execute(link);
    assert_eq!(browser.disconnect(1).await.status, 400);
    // A second link of an enabled provider does.
    browser.through("connect", &Who::new("amy-2", json!({}))).await;
    assert_eq!(browser.disconnect(1).await.status, 200);
    assert_eq!(browser.disconnect(3).await.status, 400);
}

#[tokio::test]
async fn provider_identity_of_another_account_cannot_be_connected() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    fixture.server.register("rory", "").await;
    let mut rory = fixture.browser();
    rory.log_in("rory").await;
    let before = fixture.rows();
    assert_page(&rory.through("connect", &amy()).await, 409, "connected to another account here");
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn provider_is_connected_in_the_browser_of_its_session_alone() {
    let fixture = Fixture::start().await;
    for name in ["mallory", "rory"] {
        fixture.server.register(name, "").await;
    }
    let mut mallory = fixture.browser();
    mallory.log_in("mallory").await;
    // Rory is signed in at the provider; his browser follows the callback of Mallory's sign-in.
    let back = mallory.go("connect", &amy()).await;
    let mut rory = fixture.browser();
    rory.log_in("rory").await;
    rory.ticket = mallory.ticket.clone();
    let mut nobody = fixture.browser();
    nobody.ticket = mallory.ticket.clone();
    fixture.lines.take_refusals();
    assert_page(
        &rory.ask(Method::GET, &back, &[]).await,
        400,
        "This sign-in was not started in this browser",
    );
    assert_eq!(fixture.lines.take_refusals(), ["invalid sign-in state: session mismatch"]);
    assert_page(&nobody.ask(Method::GET, &back, &[]).await, 403, "Your session has ended.");
    assert_eq!((fixture.rows()[2], fixture.provider.asked("/token")), (0, 0));
    assert_at(&mallory.ask(Method::GET, &back, &[]).await, "/platform/?done=connect");
}

/// A Strict session cookie is not sent with a redirect from the provider's site.
#[tokio::test]
async fn provider_is_connected_where_session_cookies_are_strict() {
    let fixture = Fixture::with(&[("COOKIE_SAMESITE", "Strict")]).await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    let back = browser.go("connect", &amy()).await;
    let session = std::mem::take(&mut browser.session);
    let hop = browser.ask(Method::GET, &back, &[]).await;
    assert_page(&hop, 200, "Coming back from the provider");
    let again = leads_to(&hop);
    assert_eq!(again, format!("{back}&own=1"));
    assert_page(
        &browser.clone().ask(Method::GET, &again, &[]).await,
        403,
        "Your session has ended.",
    );
    browser.session = session;
    assert_at(&browser.ask(Method::GET, &again, &[]).await, "/platform/?done=connect");
}

#[tokio::test]
async fn connecting_a_provider_needs_recent_auth() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    fixture.later(601);
    let refused = browser.ask(Method::POST, "/api/auth/social/company/connect/", &[]).await;
    assert_page(&refused, 403, "Enter your password again");
    assert!(browser.ticket.is_empty());
    let form = [("password", PASSWORD)];
    assert_eq!(browser.ask(Method::POST, "/platform/api/reauthenticate/", &form).await.status, 200);
    assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
}

#[tokio::test]
async fn account_without_a_password_reauthenticates_through_its_provider() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    fixture.later(601);
    let state = browser.ask(Method::GET, "/platform/api/reauthenticate/", &[]).await;
    assert_eq!(
        state.json(),
        json!({ "recent": false, "password": false, "code": false, "passkey": null })
    );
    let refused = browser.ask(Method::POST, "/api/auth/social/company/connect/", &[]).await;
    assert_page(&refused, 403, "sign in again");
    assert_at(&browser.through("login", &amy()).await, "/platform/");
    assert_at(
        &browser.through("connect", &Who::new("amy-2", json!({}))).await,
        "/platform/?done=connect",
    );
}

#[tokio::test]
async fn sign_up_form_requires_same_origin() {
    let fixture = Fixture::with(&[("LOGIN_SIGNUP_SSO_AUTO", "false")]).await;
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    let before = fixture.rows();
    let path = format!("{}/accounts/social/signup/", fixture.server.base);
    for (name, value) in
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")]
    {
        let request = fixture.server.http.post(&path).header(name, value);
        let cookie = format!("csrftoken={}; signin_ticket={}", browser.csrf, browser.ticket);
        let form = format!("csrfmiddlewaretoken={}&username=eve", browser.csrf);
        let request = request
            .header("Cookie", cookie)
            .header("Content-Type", "application/x-www-form-urlencoded");
        let response = fixture.server.page(request.body(form)).await;
        assert_page(&response, 403, "This page is out of date.");
        assert!(response.cookie("sessionid").is_none());
    }
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn ticket_cookie_has_the_host_prefix_on_https() {
    let fixture = Fixture::with(&[("SITE_URL", "https://auth.example.com")]).await;
    let csrf = "a".repeat(32);
    let request =
        fixture.server.http.post(format!("{}/api/auth/social/company/login/", fixture.server.base));
    let request = request
        .header("Cookie", format!("csrftoken={csrf}"))
        .header("Origin", "https://auth.example.com");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let response = fixture.server.page(request.body(format!("csrfmiddlewaretoken={csrf}"))).await;
    let cookie = response.cookie("__Host-signin_ticket").unwrap();
    let (ticket, flags) = cookie.split_once(';').unwrap();
    assert_eq!(flags, " Max-Age=600; HttpOnly; Path=/; SameSite=Lax; Secure");
    let back = fixture.provider.sign_in(&leads_to(&response), &amy());
    let back = format!("{}{}?{}", fixture.server.base, back.path(), back.query().unwrap());
    // A sibling host can set the unprefixed name; that cookie is ignored.
    let plain = fixture.server.http.get(&back).header("Cookie", format!("signin_ticket={ticket}"));
    assert_page(
        &fixture.server.page(plain).await,
        400,
        "This sign-in was not started in this browser",
    );
    let own =
        fixture.server.http.get(&back).header("Cookie", format!("__Host-signin_ticket={ticket}"));
    let done = fixture.server.page(own).await;
    assert_at(&done, "/platform/");
    assert!(done.cookie("__Host-signin_ticket").unwrap().contains("Max-Age=0"), "{done:?}");
}

#[tokio::test]
async fn session_that_ended_in_the_meantime_connects_nothing() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    let back = browser.go("connect", &amy()).await;
    let cookie = format!("sessionid={}; csrftoken={}", browser.session, browser.csrf);
    let headers = [("Cookie", cookie.as_str()), ("X-CSRFToken", &browser.csrf)];
    assert_eq!(fixture.server.post("logout/", &headers, Value::Null).await.status, 200);
    assert_page(&browser.ask(Method::GET, &back, &[]).await, 403, "Your session has ended.");
    assert_eq!(fixture.rows()[2], 0);
}

#[tokio::test]
async fn disabled_features_are_refused_without_a_write() {
    for (setting, says) in [
        (("LOGIN_ENABLE_SSO", "false"), "Sign-in through this provider is disabled."),
        (("SSO_COMPANY_CLIENT_ID", ""), "Sign-in through this provider is disabled."),
    ] {
        let fixture = Fixture::with(&[setting]).await;
        let response =
            fixture.browser().ask(Method::POST, "/api/auth/social/company/login/", &[]).await;
        assert_page(&response, 403, says);
        assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 0);
    }
    let fixture = Fixture::with(&[("LOGIN_ENABLE_SSO_REG", "false")]).await;
    let before = fixture.rows();
    let says = "This server does not create accounts through a provider.";
    assert_page(&fixture.browser().through("login", &amy()).await, 403, says);
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn provider_sign_in_requires_the_second_factor_and_an_active_account() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    let device = "INSERT INTO totp_devices (account_id, name, confirmed, secret, created) VALUES \
        (1, '', TRUE, '', 0)";
    fixture.server.database.execute(device);
    let asked = fixture.browser().through("login", &amy()).await;
    assert_eq!(asked.header("location"), "/platform/second-factor?next=%2Fplatform%2F");
    assert!(asked.cookie("sessionid").is_none() && asked.cookie("second_factor").is_some());
    fixture.server.database.execute("DELETE FROM totp_devices");
    fixture.server.database.execute("UPDATE accounts SET is_active = FALSE");
    assert_page(
        &fixture.browser().through("login", &amy()).await,
        403,
        "This account is inactive.",
    );
}
