//! Emails that another person causes are in the language of the account's owner.

use reqwest::header::ACCEPT_LANGUAGE;

use super::*;
use crate::second_factor::Browser;

/// A browser with this language, which may be signed in.
struct Speaker<'s> {
    browser: Browser<'s>,
    language: &'static str,
}

impl<'s> Speaker<'s> {
    fn new(server: &'s TestServer, language: &'static str) -> Speaker<'s> {
        Speaker { browser: Browser::new(server), language }
    }

    async fn post(&mut self, path: &str, body: Value) -> Response {
        let server = self.browser.server;
        let request = server.http.post(format!("{}{path}", server.base));
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        self.browser.send(request.header(ACCEPT_LANGUAGE, self.language)).await
    }

    async fn sign_in(&mut self) {
        let body = json!({ "username": "amy", "password": PASSWORD });
        assert_eq!(self.post("/platform/api/login/", body).await.status, 200);
    }

    async fn ask_for_reset(&mut self) {
        let body = json!({ "email": "amy@example.org" });
        assert_eq!(self.post("/api/auth/password/reset/", body).await.status, 200);
    }

    async fn choose(&mut self, language: &str) {
        let server = self.browser.server;
        let request = server.http.post(format!("{}/platform/language", server.base));
        let request = request.header("Origin", &server.base);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let form = request.body(format!("language={language}&next=/platform/"));
        assert_eq!(self.browser.send(form).await.status, 303);
    }
}

/// The language of each email, by its header.
async fn languages(sink: &Sink, server: &TestServer, count: usize) -> Vec<String> {
    server.clock.advance(chrono::Duration::minutes(2));
    let mails = sink.wait_for(count).await;
    mails.iter().map(|mail| mail.header("Content-Language")).collect()
}

#[tokio::test]
async fn email_triggered_by_an_unknown_client_is_in_the_owners_language() {
    let sink = Sink::plain();
    let server = TestServer::with_transport(&[], Some(sink.transport())).await;
    let mut owner = Speaker::new(&server, "de-AT, en;q=0.5");
    let mut stranger = Speaker::new(&server, "fr");
    let body = json!({ "username": "amy", "email": "amy@example.org", "password1": PASSWORD,
        "password2": PASSWORD });
    assert_eq!(owner.post("/platform/api/register/", body).await.status, 201);
    assert_eq!(languages(&sink, &server, 1).await, ["de"]);
    server.database.execute("UPDATE email_addresses SET verified = TRUE");
    stranger.sign_in().await;
    assert_eq!(languages(&sink, &server, 2).await[1..], ["de"], "a sign-in from elsewhere");
    stranger.ask_for_reset().await;
    assert_eq!(languages(&sink, &server, 3).await[2..], ["de"], "and it changed nothing");
    let mail = &sink.delivered()[2];
    assert!(mail.part("text/plain").contains("Guten Tag"), "{}", mail.part("text/plain"));

    owner.choose("cs").await;
    stranger.ask_for_reset().await;
    assert_eq!(languages(&sink, &server, 4).await[3..], ["cs"], "chosen at the pages");
    owner.browser.cookies.remove("django_language");
    owner.language = "pl";
    owner.sign_in().await;
    stranger.ask_for_reset().await;
    assert_eq!(languages(&sink, &server, 5).await[4..], ["pl"], "of the last sign-in");
}

#[tokio::test]
async fn unknown_client_changes_no_language_when_sign_in_notices_are_off() {
    let server = TestServer::with(&[("LOGIN_NOTICES", "false")]).await;
    let mut owner = Speaker::new(&server, "de");
    let body = json!({ "username": "amy", "email": "amy@example.org", "password1": PASSWORD,
        "password2": PASSWORD });
    assert_eq!(owner.post("/platform/api/register/", body).await.status, 201);
    let language = "SELECT language FROM accounts";
    Speaker::new(&server, "fr").sign_in().await;
    assert_eq!(server.database.texts(language), ["de"], "a browser that the account did not know");
    owner.language = "pl";
    owner.sign_in().await;
    assert_eq!(server.database.texts(language), ["pl"], "the owner's");
}

#[tokio::test]
async fn sign_in_without_a_language_keeps_the_accounts_language() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.org").await;
    let language = "SELECT language FROM accounts";
    assert_eq!(server.database.texts(language), [""]);
    let body = json!({ "username": "amy", "password": PASSWORD });
    for (accepted, stored) in [("ja", "ja"), ("tlh", "ja"), ("", "ja")] {
        let response = server.post("login/", &[("Accept-Language", accepted)], body.clone()).await;
        assert_eq!(response.status, 200);
        assert_eq!(server.database.texts(language), [stored], "{accepted}");
    }
}
