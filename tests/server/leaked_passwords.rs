//! Passwords of data leaks: refused as new ones, and told of at a sign-in.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use serde_json::{Value, json};
use test_support::{PASSWORD, Setup, TestServer, reset_link};

use super::second_factor::{Browser, now};
use super::social::LogBuffer;

/// In the list of the program, and good by every other rule.
const LEAKED: &str = "Leonard1995";
const TOO_COMMON: &str = "This password is too common.";

fn registration(name: &str, password: &str) -> Value {
    json!({ "username": name, "email": format!("{name}@example.com"), "password1": password,
        "password2": password })
}

fn both(password: &str) -> Value {
    json!({ "new_password1": password, "new_password2": password })
}

/// Amy, whose password has leaked since she chose it.
async fn amy(settings: &[(&str, &str)]) -> TestServer {
    let mut all = vec![("LEAKED_PASSWORDS", "off")];
    all.extend_from_slice(settings);
    let server = TestServer::with(&all).await;
    let response = server.post("registration/", &[], registration("amy", LEAKED)).await;
    assert_eq!(response.status, 201, "off: {}", response.json());
    server
}

#[tokio::test]
async fn leaked_password_is_refused_as_common_at_registration_change_and_reset() {
    let server = TestServer::start().await;
    let response = server.post("registration/", &[], registration("ben", LEAKED)).await;
    assert_eq!((response.status, response.json()), (400, json!({ "password1": [TOO_COMMON] })));
    let token = server.register("amy", "amy@example.com").await;
    let headers = [("Authorization", token.as_str())];
    let refusal = json!({ "new_password2": [TOO_COMMON] });
    let response = server.post("password/change/", &headers, both(LEAKED)).await;
    assert_eq!((response.status, response.json()), (400, refusal.clone()));
    server.take_mails(1).await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let mut body = both(LEAKED);
    body["uid"] = json!(uid);
    body["token"] = json!(token);
    let response = server.post("password/reset/confirm/", &[], body).await;
    assert_eq!((response.status, response.json()), (400, refusal));
    let body = json!({ "password": LEAKED.to_lowercase() });
    let strength = Browser::new(&server).post("strength/", body).await.json();
    assert_eq!(strength, json!({ "score": 0, "broken": ["common"] }));
}

#[tokio::test]
async fn sign_in_page_warns_about_a_leaked_password() {
    let server = amy(&[]).await;
    let server = TestServer::at_with(&server.database, &[("LEAKED_PASSWORDS", "builtin")]).await;
    let mut browser = Browser::new(&server);
    let body = json!({ "username": "amy", "password": LEAKED });
    let response = browser.post("login/", body.clone()).await;
    assert_eq!((response.status, response.json()), (200, json!({ "leaked": true })));
    // With a second factor the page says so behind it, and the API never.
    let (secret, _) = browser.add_device().await;
    let mut again = Browser::new(&server);
    let response = again.post("login/", body.clone()).await;
    assert_eq!(response.json(), json!({ "second_factor": true }));
    let response = again.code(&now(&server, &secret)).await;
    assert_eq!(response.json()["leaked"], true, "{}", response.json());
    server.register("ben", "").await;
    let response = server.log_in("ben", PASSWORD).await;
    assert_eq!(response.json().as_object().unwrap().len(), 1);
    let body = json!({ "username": "ben", "password": PASSWORD });
    assert_eq!(Browser::new(&server).post("login/", body).await.json(), json!({}));
}

#[tokio::test]
async fn page_about_a_leaked_password_has_its_own_title_in_every_language() {
    let server = TestServer::start().await;
    let mut titles = BTreeSet::new();
    for entry in std::fs::read_dir("locales").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(tag) = name.strip_suffix(".json") else { continue };
        let mut shown = Vec::new();
        for page in ["login", "leaked-password"] {
            let request = server.http.get(format!("{}/platform/{page}", server.base));
            let response = server.page(request.header("Accept-Language", tag)).await;
            assert_eq!(
                (response.status, response.header("content-language")),
                (200, tag),
                "{page}"
            );
            let html = String::from_utf8(response.body).unwrap();
            let between = |start, end| {
                let after = html.split_once(start).unwrap().1;
                after.split_once(end).unwrap().0.to_owned()
            };
            let (title, heading) = (between("<title>", " · "), between("<h1>", "</h1>"));
            assert_eq!(title, heading, "{tag}, {page}");
            shown.push(title);
        }
        assert_ne!(shown[0], shown[1], "{tag}");
        assert!(titles.insert(shown.remove(1)), "{tag} has the title of another language");
    }
    assert_eq!(titles.len(), 10);
}

/// A filter of one password, `Sphinx-Opal-52`.
fn write_filter(path: &Path) {
    let line = "0155E4EA172019407848299B52DCC9BD9EB60479:7\n";
    let file = File::create(path).unwrap();
    inventree_auth::domain::leaked_passwords::make(line.as_bytes(), file, 1).unwrap();
}

#[tokio::test]
async fn unreadable_filter_refuses_nothing_and_is_queried_after_authentication_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leaked.bin");
    write_filter(&path);
    let lines = LogBuffer::default();
    let setup = Setup { log: lines.logger(), ..Setup::default() };
    let settings = [("LEAKED_PASSWORDS", path.to_str().unwrap())];
    let server = TestServer::with_setup(&settings, setup).await;
    server.register("amy", "").await;
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    let warnings = || lines.text().matches("failed to read the filter of leaked passwords").count();
    let body = json!({ "username": "amy", "password": "Wrong-Opal-52" });
    assert_eq!(Browser::new(&server).post("login/", body).await.status, 400);
    assert_eq!(warnings(), 0, "a guess");
    let body = json!({ "username": "amy", "password": PASSWORD });
    let response = Browser::new(&server).post("login/", body).await;
    assert_eq!((response.status, response.json()), (200, json!({})));
    assert_eq!(warnings(), 1, "a sign-in");
    let response = server.post("registration/", &[], registration("ben", "Sphinx-Opal-52")).await;
    assert_eq!(response.status, 201, "{}", response.json());
}

#[tokio::test]
async fn configured_filter_replaces_the_builtin_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leaked.bin");
    write_filter(&path);
    let server = TestServer::with(&[("LEAKED_PASSWORDS", path.to_str().unwrap())]).await;
    let response = server.post("registration/", &[], registration("amy", "Sphinx-Opal-52")).await;
    assert_eq!((response.status, response.json()), (400, json!({ "password1": [TOO_COMMON] })));
    let response = server.post("registration/", &[], registration("ben", LEAKED)).await;
    assert_eq!(response.status, 201, "{}", response.json());
}
