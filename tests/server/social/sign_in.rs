//! Sign-in by the response of a provider.

use super::*;

#[tokio::test]
async fn providers_are_listed_as_they_are_configured() {
    let fixture = Fixture::with(&[("SSO_PROVIDERS", "company,google")]).await;
    let about = fixture.server.get("providers/", &[]).await.json()["results"][0].clone();
    assert_eq!((&about["sso_enabled"], &about["sso_registration"]), (&json!(true), &json!(true)));
    let way = |id: &str, what: &str| format!("{SITE}/api/auth/social/{id}/{what}/");
    let entry = |id: &str, name: &str, configured: bool| {
        json!({
            "id": id, "name": name, "configured": configured, "login": way(id, "login"),
            "connect": way(id, "connect"), "display_name": name,
        })
    };
    assert_eq!(
        about["providers"],
        json!([entry("company", "The <Company>", true), entry("google", "Google", false)])
    );
}

#[tokio::test]
async fn get_of_a_sign_in_path_shows_a_page_and_starts_nothing() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let response =
        browser.ask(Method::GET, "/api/auth/social/company/login/?next=/platform/", &[]).await;
    assert_page(&response, 200, "Sign in with The &#60;Company&#62;");
    assert!(response.cookie("csrftoken").is_some() && response.cookie("signin_ticket").is_none());
    let connect = browser.ask(Method::GET, "/api/auth/social/company/connect/", &[]).await;
    assert_at(&connect, "/platform/login?next=/api/auth/social/company/connect/");
    assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 0);
}

#[tokio::test]
async fn unknown_provider_is_404_like_any_unknown_path() {
    let fixture = Fixture::start().await;
    for path in [
        "social/other/login/",
        "social/other/connect/",
        "social/company/login",
        "social/COMPANY/login/",
    ] {
        assert_eq!(
            fixture.server.get(path, &[]).await.json()["detail"],
            "API endpoint not found",
            "{path}"
        );
    }
}

#[tokio::test]
async fn sign_in_is_started_only_by_a_page_of_this_site() {
    let fixture = Fixture::start().await;
    fixture.server.register("amy", "").await;
    let mut signed_in = fixture.browser();
    signed_in.log_in("amy").await;
    for (way, mut browser) in [("login", fixture.browser()), ("connect", signed_in)] {
        let url = format!("{}/api/auth/social/company/{way}/", fixture.server.base);
        let cookie = format!("sessionid={}; csrftoken={}", browser.session, browser.csrf);
        let request = fixture.server.http.post(&url).header("Cookie", &cookie);
        assert_page(&fixture.server.page(request).await, 403, "This page is out of date.");
        let form = format!("csrfmiddlewaretoken={}", browser.csrf);
        let foreign = fixture
            .server
            .http
            .post(&url)
            .header("Cookie", &cookie)
            .header("Origin", "https://evil.example");
        let foreign =
            foreign.header("Content-Type", "application/x-www-form-urlencoded").body(form);
        assert_page(&fixture.server.page(foreign).await, 403, "This page is out of date.");
        assert!(browser.leave(way).await.starts_with(&fixture.provider.issuer));
    }
    let mut nobody = fixture.browser();
    let response = nobody.ask(Method::POST, "/api/auth/social/company/connect/", &[]).await;
    assert_page(&response, 403, "Your session has ended. Sign in again.");
}

#[tokio::test]
async fn first_sign_in_creates_an_account_and_the_next_opens_it() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let response = browser.through("login", &amy()).await;
    assert_at(&response, "/platform/");
    let session = response.cookie("sessionid").unwrap();
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax"), "{session}");
    assert!(response.cookie("signin_ticket").unwrap().contains("Max-Age=0"));
    let user = browser.api("user/").await;
    assert_eq!(
        user,
        json!({
            "pk": 1, "username": "amy", "email": "amy@example.com", "first_name": "Amy",
            "last_name": "Pond",
        })
    );
    let email = &browser.api("emails/").await["results"][0];
    assert_eq!((&email["verified"], &email["primary"]), (&json!(true), &json!(true)));
    let link = browser.api("social/").await["results"][0].clone();
    assert_eq!((&link["provider"], &link["uid"]), (&json!("company"), &json!("amy-1")));
    assert!(fixture.server.mails.lock().unwrap().is_empty());
    // No password works.
    assert_eq!(fixture.server.log_in("amy", "").await.status, 400);

    fixture.server.clock.advance(chrono::Duration::minutes(4));
    let mut other = fixture.browser();
    let renamed =
        Who::new("amy-1", json!({ "email": "new@example.com", "preferred_username": "doctor" }));
    assert_at(&other.through("login", &renamed).await, "/platform/");
    assert_eq!(other.api("user/").await, user);
    let seen = &other.api("social/").await["results"][0];
    assert_eq!(seen["date_joined"], link["date_joined"]);
    assert_ne!(seen["last_login"], link["last_login"]);
}

#[tokio::test]
async fn matching_name_and_address_do_not_link_an_account() {
    let fixture = Fixture::start().await;
    fixture.server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&fixture.server.take_mails(1).await[0]);
    fixture.server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    // The same address, verified by the provider or not: no sign-in to the existing account, and
    // no second account.
    for is_verified in [true, false] {
        let before = fixture.rows();
        let mut claims = amy().claims;
        claims["email_verified"] = json!(is_verified);
        let mut browser = fixture.browser();
        let response = browser.through("login", &Who::new("mallory", claims)).await;
        assert_page(&response, 409, "An account with this email address already exists.");
        assert!(browser.session.is_empty());
        assert_eq!(fixture.rows(), before);
    }
    // The same username: another account.
    let mut browser = fixture.browser();
    browser.through("login", &Who::new("mallory", json!({ "preferred_username": "AMY" }))).await;
    assert_eq!(browser.api("user/").await["username"], "AMY2");
}

#[tokio::test]
async fn address_unverified_by_the_provider_is_confirmed_by_email() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let who = Who::new("amy-1", json!({ "email": "amy@example.com", "preferred_username": "amy" }));
    browser.through("login", &who).await;
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(false));
    let key = confirmation_key(&fixture.server.take_mails(1).await[0]);
    fixture.server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(true));
}

#[tokio::test]
async fn invalid_address_is_omitted() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let claims =
        json!({ "email": "amy@example.com\r\nBcc: all@example.com", "email_verified": true });
    browser.through("login", &Who::new("amy-1", claims)).await;
    assert_eq!(browser.api("user/").await["email"], "");
    assert_eq!(browser.api("emails/").await["count"], 0);
}

#[tokio::test]
async fn claims_of_the_user_info_endpoint_are_used() {
    let fixture = Fixture::start().await;
    fixture.provider.lean();
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    let user = browser.api("user/").await;
    assert_eq!((&user["username"], &user["email"]), (&json!("amy"), &json!("amy@example.com")));
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(true));
}
