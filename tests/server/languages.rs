//! Messages of the API in the language of the request.

use serde_json::json;
use test_support::{PASSWORD, Response, TestServer};

async fn ask(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let method = method.parse().unwrap();
    let request = server.http.request(method, format!("{}{path}", server.base));
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    server.run(headers.iter().fold(request, add)).await
}

#[tokio::test]
async fn error_messages_follow_accept_language() {
    let server = TestServer::start().await;
    for (accepted, tag, detail) in [
        ("de", "de", "Anmeldedaten fehlen."),
        ("fr-CA, en;q=0.5", "fr", "Informations d'authentification non fournies."),
        ("tlh", "en", "Authentication credentials were not provided."),
        ("en-GB, de;q=0.9", "en", "Authentication credentials were not provided."),
    ] {
        let response =
            ask(&server, "GET", "/api/auth/user/", &[("Accept-Language", accepted)]).await;
        assert_eq!(response.json()["detail"], json!(detail), "{accepted}");
        assert_eq!(response.header("content-language"), tag, "{accepted}");
        assert!(response.header("vary").contains("Accept-Language"));
    }
    // The choice of a person at the pages is none of a program's.
    let cookie = [("Cookie", "django_language=de")];
    let response = ask(&server, "GET", "/api/auth/user/", &cookie).await;
    assert_eq!(response.json()["detail"], "Authentication credentials were not provided.");
}

#[tokio::test]
async fn messages_of_fields_and_with_numbers_are_translated_too() {
    let server = TestServer::start().await;
    let body = json!({ "username": "amy", "password1": "a1b2", "password2": "a1b2" });
    let german = [("Accept-Language", "de")];
    let response = server.post("registration/", &german, body).await;
    assert_eq!(response.status, 400);
    assert_eq!(
        response.json()["password1"][0],
        "Dieses Passwort ist zu kurz. Es muss mindestens 8 Zeichen enthalten."
    );
    assert_eq!(response.header("content-language"), "de");
    let response = server.post("login/", &german, json!({ "username": "amy" })).await;
    assert_eq!(response.json()["password"], json!(["Dieses Feld ist zwingend erforderlich."]));
}

#[tokio::test]
async fn content_language_names_english_where_a_language_lacks_a_message() {
    let server = TestServer::start().await;
    let body = json!({ "username": "amy", "email": "no address", "password1": PASSWORD,
        "password2": PASSWORD });
    server.register("ben", "ben@example.com").await;
    let response = server.post("password/reset/confirm/", &[("Accept-Language", "de")], body).await;
    assert_eq!(response.status, 400);
    let told = response.json();
    assert_eq!(told["new_password1"][0], "Dieses Feld ist zwingend erforderlich.", "{told}");
    let path = "/api/auth/password/reset/";
    let response = ask(&server, "GET", path, &[("Accept-Language", "de")]).await;
    assert_eq!(response.status, 405);
    assert_eq!(response.header("content-language"), "en", "{}", response.json());
}

#[tokio::test]
async fn pages_get_a_friendly_message_and_programs_the_recorded_one() {
    let server = TestServer::start().await;
    let body = json!({ "username": "nobody", "password": "wrong-password" });
    let recorded = server.post("login/", &[], body.clone()).await.json();
    assert_eq!(recorded["non_field_errors"][0], "Unable to log in with provided credentials.");
    for (accepted, sentence) in [
        ("en", "The user name or the password is wrong."),
        ("de", "Der Benutzername oder das Passwort ist falsch."),
        ("ja", "ユーザー名またはパスワードが正しくありません。"),
    ] {
        let headers = [("Accept-Language", accepted), ("Prefer", "wording=people")];
        let response = server.post("login/", &headers, body.clone()).await;
        assert_eq!(response.json()["non_field_errors"][0], sentence);
        assert_eq!(response.header("content-language"), accepted);
    }
}

#[tokio::test]
async fn success_messages_follow_accept_language() {
    let server = TestServer::start().await;
    let body = json!({ "email": "amy@example.com" });
    for (accepted, tag, detail) in [
        ("", "en", "Password reset e-mail has been sent."),
        ("tlh", "en", "Password reset e-mail has been sent."),
        ("de", "de", "Die E-Mail zum Zurücksetzen des Passwortes wurde verschickt."),
        ("ja", "ja", "パスワードリセットメールが送信されました。"),
    ] {
        let headers = [("Accept-Language", accepted)];
        let response = server.post("password/reset/", &headers, body.clone()).await;
        assert_eq!(response.json(), json!({ "detail": detail }), "{accepted}");
        assert_eq!(response.header("content-language"), tag, "{accepted}");
    }
    let response = server.post("logout/", &[("Accept-Language", "fr")], json!({})).await;
    assert_eq!(response.json()["detail"], "Déconnexion effectuée avec succès.");
    // Czech has no translation of this one.
    let response =
        server.post("registration/resend-email/", &[("Accept-Language", "cs")], body).await;
    assert_eq!((response.status, response.json()["detail"].clone()), (201, json!("ok")));
    assert_eq!(response.header("content-language"), "en");
}
