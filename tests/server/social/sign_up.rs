//! New accounts by a provider, with and without the form.

use super::*;

#[tokio::test]
async fn sign_up_form_asks_for_missing_claims() {
    let fixture = Fixture::with(&[("LOGIN_MAIL_REQUIRED", "true")]).await;
    fixture.server.register("taken", "taken@example.com").await;
    fixture.server.take_mails(1).await;
    while fixture.rows()[5] > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = fixture.rows();
    let mut browser = fixture.browser();
    let nameless = Who::new("amy-1", json!({ "preferred_username": "taken", "given_name": "Amy" }));
    assert_at(&browser.through("login", &nameless).await, "/accounts/social/signup/");
    let page = browser.ask(Method::GET, "/accounts/social/signup/", &[]).await;
    assert_page(&page, 200, "name=\"username\"");
    assert!(text(&page).contains("value=\"taken2\""), "{}", text(&page));
    for (username, email, says) in [
        ("taken", "amy@example.com", "A user with that username already exists."),
        ("", "amy@example.com", "This field may not be blank."),
        ("a b", "amy@example.com", "Enter a valid username."),
        (&"a".repeat(151), "amy@example.com", "Ensure this field has no more than 150 characters."),
        ("amy", "", "This field may not be blank."),
        ("amy", "amy@", "Enter a valid email address."),
    ] {
        let form = [("username", username), ("email", email)];
        assert_page(&browser.ask(Method::POST, "/accounts/social/signup/", &form).await, 400, says);
    }
    assert_eq!(fixture.rows(), before);
    let form = [("username", "amy"), ("email", "Amy@Example.com")];
    let (mut again, response) =
        (browser.clone(), browser.ask(Method::POST, "/accounts/social/signup/", &form).await);
    assert_eq!((response.status, response.header("location")), (303, "/platform/"));
    let user = browser.api("user/").await;
    assert_eq!((&user["username"], &user["first_name"]), (&json!("amy"), &json!("Amy")));
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(false));
    assert_eq!(fixture.server.take_mails(1).await[0].to, "amy@example.com");
    let other = [("username", "amy-too"), ("email", "a@example.com")];
    assert_page(
        &again.ask(Method::POST, "/accounts/social/signup/", &other).await,
        400,
        "was already used",
    );
}

#[tokio::test]
async fn sign_up_form_is_shown_without_auto_sign_up_and_keeps_verified_claims() {
    let fixture = Fixture::with(&[("LOGIN_SIGNUP_SSO_AUTO", "false")]).await;
    for (subject, email, is_verified) in
        [("1", "amy@example.com", true), ("2", "else@example.com", false)]
    {
        let mut browser = fixture.browser();
        let mut claims = amy().claims;
        claims["email"] = json!(if subject == "1" { "amy@example.com" } else { "two@example.com" });
        assert_at(
            &browser.through("login", &Who::new(subject, claims)).await,
            "/accounts/social/signup/",
        );
        let name = format!("person{subject}");
        let form = [("username", name.as_str()), ("email", email)];
        assert_eq!(browser.ask(Method::POST, "/accounts/social/signup/", &form).await.status, 303);
        let row = &browser.api("emails/").await["results"][0];
        assert_eq!((&row["email"], &row["verified"]), (&json!(email), &json!(is_verified)));
    }
}

#[tokio::test]
async fn unapproved_domain_creates_no_account() {
    let fixture = Fixture::with(&[("LOGIN_SIGNUP_MAIL_RESTRICTION", "@company.example")]).await;
    let mut browser = fixture.browser();
    assert_at(&browser.through("login", &amy()).await, "/accounts/social/signup/");
    let form = [("username", "amy"), ("email", "amy@example.com")];
    let response = browser.ask(Method::POST, "/accounts/social/signup/", &form).await;
    assert_page(&response, 400, "The provided email domain is not approved.");
}
