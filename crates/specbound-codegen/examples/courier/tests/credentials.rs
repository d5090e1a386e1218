//! Credentials: each scheme stands in its place, with the operations that name it alone.

mod recorder;

use courier::client::{Client, Credentials, Error};
use recorder::{Recorder, Request};

fn all() -> Credentials {
    Credentials::new()
        .person("ada", "pass:word")
        .app("app-token")
        .old("username=\"ada\"")
        .machine("machine-key")
        .link("link key&")
        .session("session-id")
        .sign_in("oauth-token")
        .identity("identity-token")
}

/// Where credentials stand in a request.
fn shown(request: &Request) -> Vec<String> {
    let mut shown: Vec<String> = ["authorization", "x-key", "cookie"]
        .into_iter()
        .flat_map(|name| request.all(name).into_iter().map(move |value| format!("{name}: {value}")))
        .collect();
    shown.extend(request.line.split_once('?').map(|(_, query)| format!("?{query}")));
    shown
}

#[tokio::test]
async fn each_scheme_is_sent_in_its_location() {
    let server = Recorder::start().await;
    let client = all().connect(&server.url).unwrap();
    client.with_basic().await.unwrap();
    assert_eq!(shown(&server.only()), ["authorization: Basic YWRhOnBhc3M6d29yZA=="]);
    client.with_bearer().await.unwrap();
    assert_eq!(shown(&server.only()), ["authorization: Bearer app-token"]);
    client.with_digest().await.unwrap();
    assert_eq!(shown(&server.only()), ["authorization: Digest username=\"ada\""]);
    client.with_header().await.unwrap();
    assert_eq!(shown(&server.only()), ["x-key: machine-key"]);
    client.with_query(Some(2)).await.unwrap();
    assert_eq!(shown(&server.only()), ["?page=2&key=link+key%26"]);
    client.with_cookie().await.unwrap();
    assert_eq!(shown(&server.only()), ["cookie: session=session-id"]);
    client.with_oauth().await.unwrap();
    assert_eq!(shown(&server.only()), ["authorization: Bearer oauth-token"]);
    client.with_identity().await.unwrap();
    assert_eq!(shown(&server.only()), ["authorization: Bearer identity-token"]);
    client.with_certificate().await.unwrap();
    assert_eq!(shown(&server.only()), ["x-key: machine-key"]);
}

#[test]
fn debug_of_a_client_shows_no_password_of_its_url() {
    for client in [
        format!("{:?}", Client::new("https://ada:hunter2@example.com:8/api?key=hunter2")),
        format!("{:?}", courier::depot::Client::new("https://hunter2@example.com:8/api")),
    ] {
        assert!(client.contains("baseurl: \"https://example.com:8/api\""), "{client}");
        assert!(!client.contains("hunter2") && !client.contains("ada"), "{client}");
    }
    assert!(!format!("{:?}", Client::new("//ada:hunter2@example.com")).contains("hunter2"));
}

#[tokio::test]
async fn operation_without_security_gets_no_credentials() {
    let server = Recorder::start().await;
    all().connect(&server.url).unwrap().without_any().await.unwrap();
    assert_eq!(shown(&server.only()), [""; 0]);
}

#[tokio::test]
async fn first_alternative_that_is_complete_is_chosen() {
    let server = Recorder::start().await;
    for (credentials, expected) in [
        (Credentials::new(), vec![]),
        (Credentials::new().machine("key"), vec![]),
        (Credentials::new().machine("key").session("id"), vec!["x-key: key", "cookie: session=id"]),
        (Credentials::new().machine("key").app("token"), vec!["authorization: Bearer token"]),
    ] {
        credentials.connect(&server.url).unwrap().with_choice().await.unwrap();
        assert_eq!(shown(&server.only()), expected);
    }
}

/// reqwest itself keeps `X-Key` on the way to another host.
#[tokio::test]
async fn redirect_to_another_origin_is_not_followed() {
    let elsewhere = Recorder::start().await;
    let response = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let server = Recorder::with_response(&response).await;
    let follows = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
    let client = all().connect_with(&server.url, follows).unwrap();
    let refused = client.with_header().await.unwrap_err();
    assert_eq!(refused.status().map(|status| status.as_u16()), Some(307));
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn debug_output_hides_credentials() {
    let server = Recorder::with_response("HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n").await;
    let client = all().connect(&server.url).unwrap();
    let unexpected = client.with_query(None).await.unwrap_err();
    let unreachable = all().connect("http://127.0.0.1:1").unwrap().with_query(None).await;
    let unreachable = unreachable.unwrap_err();
    let refused = Credentials::new().session("crumbs\r\n").connect(&server.url).unwrap();
    let refused = refused.with_cookie().await.unwrap_err();
    assert!(matches!(refused, Error::InvalidRequest(_)), "{refused}");
    for shown in [
        format!("{client:?} {:?}", all()),
        format!("{unexpected:?} {unexpected}"),
        format!("{unreachable:?} {unreachable}"),
        format!("{refused:?}"),
    ] {
        for secret in ["pass", "token", "username=", "machine-key", "link", "session-id", "crumbs"]
        {
            let names = shown.replace("link: ", "").replace("127.0.0.1", "");
            assert!(!names.contains(secret), "{secret}: {shown}");
        }
    }
    assert!(format!("{:?}", Credentials::new().app("x")).contains("app: Some([redacted])"));
}

#[tokio::test]
async fn custom_client_sends_no_credentials() {
    let server = Recorder::start().await;
    Client::new(&server.url).with_header().await.unwrap();
    assert_eq!(shown(&server.only()), [""; 0]);
}
