//! Registration: who may register, validation, and no trace of a refused one.

use inventree_auth::store::StoreError;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer, confirmation_key};

fn body(username: &str, email: Option<&str>, password: &str) -> Value {
    let mut body = json!({ "username": username, "password1": password, "password2": password });
    if let Some(email) = email {
        body["email"] = json!(email);
    }
    body
}

async fn try_to(server: &TestServer, body: Value) -> Response {
    server.post("registration/", &[], body).await
}

async fn accounts(server: &TestServer) -> i64 {
    server
        .app()
        .store
        .read(|r| r.account_count())
        .await
        .map_err(|e: StoreError| e.to_string())
        .unwrap()
}

fn refusal(response: &Response) -> (u16, Value) {
    (response.status, response.json())
}

#[tokio::test]
async fn registration_logs_in_and_emails_a_key() {
    let server = TestServer::start().await;
    let response = try_to(&server, body(" amy ", Some("Amy@Example.com"), PASSWORD)).await;
    assert_eq!(response.status, 201, "{response:?}");
    let key = response.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(response.json(), json!({ "key": key }));
    let parts: Vec<&str> = key.split('-').collect();
    assert_eq!((parts[0], parts[1].len(), parts[2]), ("inv", 40, "20260301"));
    assert!(parts[1].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));

    let cookie = format!("sessionid={}", response.cookie_value("sessionid"));
    let me = server.get("user/", &[("cookie", &cookie)]).await.json();
    assert_eq!((&me["username"], &me["email"]), (&json!("amy"), &json!("amy@example.com")));
    let rows = server.get("emails/", &[("authorization", &format!("Token {key}"))]).await.json();
    let row = &rows["results"][0];
    assert_eq!((&row["primary"], &row["verified"]), (&json!(true), &json!(false)));

    let mail = &server.take_mails(1).await[0];
    assert_eq!(mail.to, "amy@example.com");
    assert_eq!(mail.subject, "[InvenTree] Please Confirm Your Email Address");
    let verified = json!({ "key": confirmation_key(mail) });
    assert_eq!(server.post("registration/verify-email/", &[], verified).await.status, 200);
}

#[tokio::test]
async fn confusable_username_is_refused() {
    let server = TestServer::start().await;
    let taken = json!({ "username": ["A user with that username already exists."] });
    let token = server.register("paypal", "").await;
    server.register("Андрей", "").await;
    // Cyrillic, full-width, mathematical, and an invisible filler.
    for name in ["p\u{430}ypal", "\u{ff50}aypal", "\u{1d429}aypal", "paypal\u{3164}"] {
        let response = try_to(&server, body(name, None, PASSWORD)).await;
        assert_eq!(refusal(&response), (400, taken.clone()), "{name}");
    }
    // Renaming obeys the same rule. Other spellings of one's own name are accepted.
    let rename = |name: &'static str| {
        let headers = [("authorization", token.as_str())];
        let body = json!({ "username": name });
        let server = &server;
        async move { server.send(reqwest::Method::PATCH, "user/", &headers, body).await }
    };
    assert_eq!(rename("p\u{430}ypal").await.status, 200);
    assert_eq!(rename("paypal").await.status, 200);
    // ASCII names may be similar, and foreign names without ASCII lookalikes are accepted.
    for name in ["paypa1", "PAYPAI", "Алексей", "小林", "rené"] {
        assert_eq!(try_to(&server, body(name, None, PASSWORD)).await.status, 201, "{name}");
    }
    assert_eq!(refusal(&rename("小林").await), (400, taken.clone()));
    assert_eq!(refusal(&rename("r\u{435}né").await), (400, taken));
}

#[tokio::test]
async fn confusable_check_covers_imported_usernames() {
    let mut server = TestServer::start().await;
    server.register("paypal", "").await;
    let forget = server.app().store.write(|w| w.account_set_skeleton(1, "paypal", ""));
    forget.await.map_err(|e: StoreError| e.to_string()).unwrap();
    server.stop().await;
    let server = TestServer::at(&server.database).await;
    assert_eq!(try_to(&server, body("p\u{430}ypal", None, PASSWORD)).await.status, 400);
}

#[tokio::test]
async fn cookies_have_their_flags() {
    for (site, secure) in [("http://auth.example.com", false), ("https://auth.example.com", true)] {
        let server = TestServer::with(&[("SITE_URL", site)]).await;
        let response = try_to(&server, body("amy", None, PASSWORD)).await;
        for (name, age, http_only) in
            [("sessionid", 1_209_600, true), ("csrftoken", 31_449_600, false)]
        {
            let cookie = response.cookie(name).unwrap();
            let mut parts = cookie.split("; ");
            let value = parts.next().unwrap();
            assert!(
                value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{cookie}"
            );
            let mut flags: Vec<&str> = parts.collect();
            flags.sort_unstable();
            let age = format!("Max-Age={age}");
            let mut expected = vec![age.as_str(), "Path=/", "SameSite=Lax"];
            expected.extend(http_only.then_some("HttpOnly"));
            expected.extend(secure.then_some("Secure"));
            expected.sort_unstable();
            assert_eq!(flags, expected, "{name} on {site}");
        }
    }
}

#[tokio::test]
async fn cookie_flags_follow_their_settings() {
    let server =
        TestServer::with(&[("SESSION_COOKIE_SECURE", "true"), ("COOKIE_SAMESITE", "strict")]).await;
    let response = try_to(&server, body("amy", None, PASSWORD)).await;
    for name in ["sessionid", "csrftoken"] {
        let cookie = response.cookie(name).unwrap();
        assert!(cookie.contains("; SameSite=Strict") && cookie.contains("; Secure"), "{cookie}");
    }
}

#[tokio::test]
async fn disabled_registration_is_reported_after_field_errors() {
    let server = TestServer::with(&[("LOGIN_ENABLE_REG", "false")]).await;
    let bad = try_to(&server, body("a b", None, PASSWORD)).await;
    assert!(bad.status == 400 && bad.json()["username"].is_array(), "{bad:?}");
    let good = try_to(&server, body("amy", Some("amy@example.com"), PASSWORD)).await;
    assert_eq!(refusal(&good), (400, json!({ "non_field_errors": ["Registration is disabled."] })));
    assert!(!good.headers.contains_key("set-cookie"));
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn disabled_registration_reveals_no_accounts() {
    let mut open = TestServer::start().await;
    open.register("amy", "amy@example.com").await;
    let key = confirmation_key(&open.take_mails(1).await[0]);
    assert_eq!(
        open.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
    open.stop().await;
    let server = TestServer::at_with(&open.database, &[("LOGIN_ENABLE_REG", "false")]).await;
    for (name, email) in
        [("amy", "new@example.com"), ("new", "amy@example.com"), ("new", "new@example.com")]
    {
        let response = try_to(&server, body(name, Some(email), PASSWORD)).await;
        assert_eq!(
            refusal(&response),
            (400, json!({ "non_field_errors": ["Registration is disabled."] })),
            "{name}"
        );
    }
}

#[tokio::test]
async fn registration_is_disabled_by_default() {
    let server = TestServer::with(&[("LOGIN_ENABLE_REG", "")]).await;
    let response = try_to(&server, body("amy", None, PASSWORD)).await;
    assert_eq!(
        refusal(&response),
        (400, json!({ "non_field_errors": ["Registration is disabled."] }))
    );
}

#[tokio::test]
async fn email_can_be_required() {
    let server = TestServer::with(&[("LOGIN_MAIL_REQUIRED", "true")]).await;
    let missing = try_to(&server, body("amy", None, PASSWORD)).await;
    assert_eq!(refusal(&missing), (400, json!({ "email": ["This field is required."] })));
    let blank = try_to(&server, body("amy", Some(""), PASSWORD)).await;
    assert_eq!(refusal(&blank), (400, json!({ "email": ["This field may not be blank."] })));
    assert_eq!(accounts(&server).await, 0);
    assert_eq!(try_to(&server, body("amy", Some("amy@example.com"), PASSWORD)).await.status, 201);
}

#[tokio::test]
async fn only_approved_domains_can_register() {
    let server =
        TestServer::with(&[("LOGIN_SIGNUP_MAIL_RESTRICTION", "@Example.com, example.org")]).await;
    for email in
        ["a@example.net", "a@sub.example.com", "a@example.com.evil.net", "a@notexample.org"]
    {
        let response = try_to(&server, body("amy", Some(email), PASSWORD)).await;
        let message = json!({ "email": ["The provided email domain is not approved."] });
        assert_eq!(refusal(&response), (400, message), "{email}");
    }
    // Leaving out the address does not bypass the rule.
    let response = try_to(&server, body("cat", None, PASSWORD)).await;
    assert_eq!(refusal(&response), (400, json!({ "email": ["This field is required."] })));
    let response = try_to(&server, body("cat", Some(""), PASSWORD)).await;
    assert_eq!(refusal(&response), (400, json!({ "email": ["This field may not be blank."] })));
    assert_eq!(accounts(&server).await, 0);
    // Case-insensitive.
    assert_eq!(try_to(&server, body("amy", Some("amy@EXAMPLE.com"), PASSWORD)).await.status, 201);
    assert_eq!(try_to(&server, body("bob", Some("bob@example.org"), PASSWORD)).await.status, 201);
}

const DOMAINS: &[(&str, &str)] = &[("LOGIN_SIGNUP_MAIL_RESTRICTION", "@example.com")];

async fn confirm_mail(server: &TestServer) {
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
}

#[tokio::test]
async fn account_stays_with_an_address_of_an_approved_domain() {
    let server = TestServer::with(DOMAINS).await;
    let token = server.register("amy", "amy@example.com").await;
    let headers = [("authorization", token.as_str())];
    confirm_mail(&server).await;
    let act = async |path: String| server.post(&path, &headers, Value::Null).await;
    let mut rows = Vec::new();
    for email in ["amy@example.net", "amy2@example.com"] {
        let added =
            server.post("emails/", &headers, json!({ "email": email, "user": 1 })).await.json();
        rows.push(added["id"].as_i64().unwrap());
    }
    assert_eq!(act(format!("emails/{}/verify/", rows[0])).await.status, 200);
    confirm_mail(&server).await;
    server.take_mails(1).await; // the notice
    let refused = act(format!("emails/{}/primary/", rows[0])).await;
    let detail =
        json!({ "detail": "Only an address of an approved domain can be the primary one." });
    assert_eq!(refusal(&refused), (400, detail));
    // An unconfirmed address of the domain does not replace the confirmed one.
    assert_eq!(act("emails/1/remove/".to_owned()).await.status, 400);
    assert_eq!(act(format!("emails/{}/remove/", rows[0])).await.status, 200);
    assert_eq!(act(format!("emails/{}/remove/", rows[1])).await.status, 200);
    let refused = act("emails/1/remove/".to_owned()).await;
    let detail = json!({ "detail": "The last address of an approved domain cannot be removed." });
    assert_eq!(refusal(&refused), (400, detail));
}

#[tokio::test]
async fn unconfirmed_account_is_deactivated_when_confirmation_expires() {
    let server = TestServer::with(DOMAINS).await;
    let kept = server.register("amy", "amy@example.com").await;
    confirm_mail(&server).await;
    let closed = server.register("mallory", "made.up@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let sweep = || inventree_auth::domain::housekeeping::clear_expired(server.app());
    server.clock.advance(chrono::Duration::days(3) - chrono::Duration::seconds(1));
    sweep().await.unwrap();
    assert_eq!(server.get("user/", &[("authorization", &closed)]).await.status, 200);
    server.clock.advance(chrono::Duration::seconds(1));
    sweep().await.unwrap();
    assert_eq!(server.get("user/", &[("authorization", &closed)]).await.status, 401);
    assert_eq!(server.log_in("mallory", PASSWORD).await.status, 400);
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        404
    );
    assert_eq!(server.get("user/", &[("authorization", &kept)]).await.status, 200);
    let filter = inventree_auth::store::AuditFilter {
        event: Some("not_confirmed".to_owned()),
        ..Default::default()
    };
    let entries =
        server.app().store.read::<_, StoreError>(|r| r.audit_list(&filter, None)).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.account_id).collect::<Vec<_>>(), [Some(2)]);
}

#[tokio::test]
async fn unconfirmed_account_has_no_access_under_login_confirm_first() {
    let server = TestServer::with(&[("LOGIN_CONFIRM_FIRST", "true")]).await;
    let missing = try_to(&server, body("amy", None, PASSWORD)).await;
    assert_eq!(refusal(&missing), (400, json!({ "email": ["This field is required."] })));
    let response = try_to(&server, body("amy", Some("amy@example.com"), PASSWORD)).await;
    assert_eq!((response.status, response.json()), (201, json!({})));
    assert_eq!(response.cookie("sessionid"), None);
    let refused = server.log_in("amy", PASSWORD).await;
    assert_eq!(
        refusal(&refused),
        (400, json!({ "non_field_errors": ["E-mail is not verified."] }))
    );
    // Only after the right password.
    let wrong = json!({ "non_field_errors": ["Unable to log in with provided credentials."] });
    assert_eq!(server.log_in("amy", "wrong").await.json(), wrong);
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("amy:{PASSWORD}"));
    let basic = [("authorization", format!("Basic {pair}"))];
    let basic = [(basic[0].0, basic[0].1.as_str())];
    assert_eq!(server.get("user/", &basic).await.status, 401);
    confirm_mail(&server).await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(server.get("user/", &basic).await.status, 200);
}

#[tokio::test]
async fn address_verified_by_another_account_is_refused() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
    for email in ["amy@example.com", "AMY@Example.com"] {
        let response = try_to(&server, body("bob", Some(email), PASSWORD)).await;
        let message =
            json!({ "email": ["A user is already registered with this e-mail address."] });
        assert_eq!(refusal(&response), (400, message));
    }
    assert_eq!(accounts(&server).await, 1);
}

#[tokio::test]
async fn unverified_address_of_another_account_is_accepted() {
    let server = TestServer::start().await;
    server.register("amy", "same@example.com").await;
    let bob = server.register("bob", "Same@example.com").await;
    let rows = server.get("emails/", &[("authorization", &bob)]).await.json();
    let row = &rows["results"][0];
    assert_eq!(row["email"], "same@example.com");
    assert_eq!((&row["primary"], &row["verified"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn password_similar_to_the_username_is_refused() {
    let server = TestServer::start().await;
    let alike = try_to(&server, body("wilhelmina", None, "Wilhelmina7")).await;
    let message = json!({ "non_field_errors": ["The password is too similar to the username."] });
    assert_eq!(refusal(&alike), (400, message));
    let alike =
        try_to(&server, body("amy", Some("featherstone@example.com"), "featherstone1")).await;
    let message =
        json!({ "non_field_errors": ["The password is too similar to the email address."] });
    assert_eq!(refusal(&alike), (400, message));
    assert_eq!(accounts(&server).await, 0);
    assert_eq!(server.log_in("wilhelmina", "Wilhelmina7").await.status, 400);
    assert_eq!(try_to(&server, body("wilhelmina", None, PASSWORD)).await.status, 201);
}

#[tokio::test]
async fn weak_password_is_an_error_of_its_field() {
    let server = TestServer::start().await;
    let response = try_to(&server, body("amy", None, "123456")).await;
    let messages = json!({ "password1": [
        "This password is too short. It must contain at least 8 characters.",
        "This password is too common.",
        "This password is entirely numeric.",
    ]});
    assert_eq!(refusal(&response), (400, messages));
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn mismatch_is_reported_once_the_fields_are_valid() {
    let server = TestServer::start().await;
    let mut sent = body("amy", None, PASSWORD);
    sent["password2"] = json!("Zebra-Quartz-78");
    let response = try_to(&server, sent.clone()).await;
    assert_eq!(
        refusal(&response),
        (400, json!({ "non_field_errors": ["The two password fields didn't match."] }))
    );
    sent["username"] = json!("a b");
    let response = try_to(&server, sent).await;
    assert!(response.json().get("non_field_errors").is_none(), "{response:?}");
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn longest_password_has_1024_characters() {
    let server = TestServer::start().await;
    let long = "aZ9-".repeat(256);
    let response = try_to(&server, body("amy", None, &format!("{long}x"))).await;
    let message = "Ensure this field has no more than 1024 characters.";
    assert_eq!(
        refusal(&response),
        (400, json!({ "password1": [message], "password2": [message] }))
    );
    assert_eq!(accounts(&server).await, 0);
    assert_eq!(try_to(&server, body("amy", None, &long)).await.status, 201);
    assert_eq!(server.log_in("amy", &long).await.status, 200);
}

#[tokio::test]
async fn registration_does_not_bypass_an_enforced_second_factor() {
    let server = TestServer::with(&[("LOGIN_ENFORCE_MFA", "true")]).await;
    let response = try_to(&server, body("amy", Some("amy@example.com"), PASSWORD)).await;
    assert_eq!(refusal(&response), (403, json!({ "detail": "MFA required for this user" })));
    assert!(!response.headers.contains_key("set-cookie"));
    assert_eq!(accounts(&server).await, 0);
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once() {
    let server = TestServer::start().await;
    let required = "This field is required.";
    let empty = try_to(&server, json!({})).await;
    assert_eq!(
        refusal(&empty),
        (400, json!({ "username": [required], "password1": [required], "password2": [required] }))
    );

    let sent =
        json!({ "username": "a b", "email": "nonsense", "password1": "123456", "password2": null });
    let response = try_to(&server, sent).await;
    let messages = json!({
        "username": ["Enter a valid username. This value may contain only letters, numbers, and \
         @/./+/-/_ characters."],
        "email": ["Enter a valid email address."],
        "password1": [
            "This password is too short. It must contain at least 8 characters.",
            "This password is too common.",
            "This password is entirely numeric.",
        ],
        "password2": ["This field may not be null."],
    });
    assert_eq!(refusal(&response), (400, messages));
    let text = String::from_utf8(response.body).unwrap();
    let places: Vec<_> = ["username", "email", "password1", "password2"]
        .map(|f| text.find(&format!("\"{f}\":")))
        .into();
    assert!(places.is_sorted(), "{text}");
}

#[tokio::test]
async fn usernames_are_unique_regardless_of_case() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    server.register("Änne", "").await;
    for username in ["amy", "AMY", "Amy", " aMy ", "änne", "ÄNNE"] {
        let response = try_to(&server, body(username, None, PASSWORD)).await;
        let message = json!({ "username": ["A user with that username already exists."] });
        assert_eq!(refusal(&response), (400, message), "{username}");
    }
    assert_eq!(accounts(&server).await, 2);
}

#[tokio::test]
async fn name_has_up_to_150_letters_of_any_script() {
    let server = TestServer::start().await;
    let long = "é".repeat(150);
    for username in [long.as_str(), "名前", "a@b.c+d-e_f", "x"] {
        assert_eq!(try_to(&server, body(username, None, PASSWORD)).await.status, 201, "{username}");
    }
    let response = try_to(&server, body(&format!("{long}e"), None, PASSWORD)).await;
    let message = json!({ "username": ["Ensure this field has no more than 150 characters."] });
    assert_eq!(refusal(&response), (400, message));
}

#[tokio::test]
async fn rejected_registration_sends_no_email() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    try_to(&server, body("amy", Some("mallory@example.com"), PASSWORD)).await;
    try_to(&server, body("mallory", Some("mallory@example.com"), "Mallory-1")).await;
    server.register("bob", "bob@example.com").await;
    let mails = server.take_mails(1).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "bob@example.com"));
}
