//! Callbacks and webhooks, as the server sends them.

mod recorder;

use courier::client::types;
use courier::senders::{Credentials, Error, Exchange, Sender, multipart};
use recorder::Recorder;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;

fn sender() -> Sender {
    Sender::new(reqwest::Client::builder(), |_| true).unwrap()
}

fn event() -> types::Event {
    types::Event { id: 7, state: types::EventState::Here }
}

#[tokio::test]
async fn webhook_has_the_documented_body_and_credentials() {
    let receiver = Recorder::start().await;
    let url = format!("{}/hook?of=me#part", receiver.url);
    sender().parcel_lost(&url, &event()).await.unwrap();
    let request = receiver.only();
    assert_eq!(request.line, "POST /hook?of=me");
    assert_eq!(request.header("authorization"), None);
    let sent: serde_json::Value = serde_json::from_str(&request.text()).unwrap();
    // The server is the one who writes a member that is read-only.
    assert_eq!(sent, json!({"id": 7, "state": "here"}));

    let secured = sender().with_credentials(Credentials::new().app("token"));
    secured.parcel_lost(&url, &event()).await.unwrap();
    assert_eq!(receiver.only().header("authorization"), Some("Bearer token"));
    secured.new_get(&url).await.unwrap();
    assert_eq!(receiver.only().header("authorization"), None);
    assert!(!format!("{secured:?}").contains("token"));

    let keyed = sender().with_credentials(Credentials::new().link("hidden"));
    keyed.parcel_lost(&url, &event()).await.unwrap();
    assert_eq!(receiver.only().line, "POST /hook?of=me&key=hidden");
}

#[tokio::test]
async fn webhook_responses_are_typed() {
    let response = "HTTP/1.1 410 Gone\r\ncontent-type: application/json\r\n\
                  content-length: 11\r\n\r\n{\"size\": 1}";
    let receiver = Recorder::with_response(response).await;
    match sender().parcel_lost(&receiver.url, &event()).await {
        Err(Error::ErrorResponse(gone)) => assert_eq!(gone.into_inner().size, Some(1)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn webhook_form_is_sent() {
    let receiver = Recorder::start().await;
    let form = multipart::NewPutForm {
        title: "x".to_owned(),
        size: None,
        tags: Vec::new(),
        label: Some(multipart::File::new("PNG")),
        secret: None,
        count: 3,
    };
    sender().new_put(&receiver.url, Some(form)).await.unwrap();
    assert!(receiver.only().text().contains("filename=\"label\""));
}

#[tokio::test]
async fn callback_url_comes_from_the_request() {
    let receiver = Recorder::start().await;
    let body = json!({"urls": {"arrived": format!("{}/here?a=1", receiver.url)}});
    let exchange = Exchange::new("POST", "/watch/7").body(&body);
    sender().watch_arrived(&exchange, &event()).await.unwrap();
    assert_eq!(receiver.only().line, "POST /here?a=1");

    let missing = sender().watch_arrived(&Exchange::new("POST", "/"), &event()).await.unwrap_err();
    let says = "Invalid Request: the exchange has no $request.body#/urls/arrived";
    assert_eq!(missing.to_string(), says);
}

#[tokio::test]
async fn runtime_expressions_are_evaluated() {
    let receiver = Recorder::start().await;
    let mut headers = HeaderMap::new();
    headers.insert("x-base", HeaderValue::from_str(&receiver.url).unwrap());
    let exchange = Exchange::new("POST", "/watch/7?q=a%20b%26c")
        .path("parcel", "p/7")
        .headers(&headers)
        .response(204, &HeaderMap::new(), &());
    sender().on_every(&exchange, 5, Some(2)).await.unwrap();
    let request = receiver.only();
    let expected =
        "POST /p%2F7?q=a%20b%26c&m=POST&s=204&u=%2Fwatch%2F7%3Fq%3Da%2520b%2526c&limit=5";
    assert_eq!(request.line, expected);
    assert_eq!(request.header("x-try"), Some("2"));

    let mut headers = HeaderMap::new();
    let location = HeaderValue::from_str(&format!("{}/there", receiver.url)).unwrap();
    headers.insert("location", location);
    let moved = Exchange::new("POST", "/watch/7").response(201, &headers, &json!({}));
    let unexpected = sender().watch_moved(&moved).await.unwrap_err();
    assert!(matches!(unexpected, Error::UnexpectedResponse(_)), "{unexpected:?}");
    assert_eq!(receiver.only().line, "PUT /there");
}

/// The receiver is the one that `allow` has seen, and its path that of the document.
#[tokio::test]
async fn callback_path_values_cannot_change_the_path() {
    let receiver = Recorder::start().await;
    let mut headers = HeaderMap::new();
    headers.insert("x-base", HeaderValue::from_str(&format!("{}/api", receiver.url)).unwrap());
    for value in ["..", ".", ""] {
        let exchange = Exchange::new("POST", "/watch/7?q=")
            .path("parcel", value)
            .headers(&headers)
            .response(204, &HeaderMap::new(), &());
        let refused = sender().on_every(&exchange, 5, None).await.unwrap_err();
        let says = "Invalid Request: the segment of $request.path.parcel in the path must not be \
                    empty, `.` or `..`";
        assert_eq!(refused.to_string(), says);
    }
    assert!(receiver.seen().is_empty());
}

/// The receiver is one that a client chose.
#[tokio::test]
async fn response_has_a_limit_of_bytes_and_of_time() {
    let response = |length: usize| {
        let body = format!("{{\"size\": {}1}}", " ".repeat(length - 11));
        let kind = "content-type: application/json";
        format!("HTTP/1.1 410 Gone\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let receiver = Recorder::with_response(&response(1 << 20)).await;
    let refused = sender().parcel_lost(&receiver.url, &event()).await;
    assert!(matches!(refused, Err(Error::ErrorResponse(_))), "{refused:?}");
    let longer = Recorder::with_response(&response((1 << 20) + 1)).await;
    let refused = sender().parcel_lost(&longer.url, &event()).await.unwrap_err();
    assert_eq!(refused.to_string(), "Error: the response is longer than 1048576 bytes");
    let roomy = sender().with_max_response_bytes(2 << 20).parcel_lost(&longer.url, &event()).await;
    assert!(matches!(roomy, Err(Error::ErrorResponse(_))), "{roomy:?}");

    // It takes connections, and never responds.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let hasty = sender().with_timeout(std::time::Duration::from_millis(20));
    match hasty.new_get(&url).await {
        Err(Error::CommunicationError(error)) => assert!(error.is_timeout(), "{error}"),
        other => panic!("{other:?}"),
    }
}

/// A client that names a host of the server's own network must get nothing from it.
#[tokio::test]
async fn target_is_an_allowed_http_url_and_redirects_are_not_followed() {
    let receiver = Recorder::start().await;
    for (url, why) in [
        ("file:///etc/passwd", "the target is neither http nor https"),
        ("/relative", "the target is no absolute URL"),
        ("http://ada:pass@example.com/", "the target has a user name or a password"),
        (receiver.url.as_str(), "this target is not allowed"),
    ] {
        let careful = Sender::new(reqwest::Client::builder(), |url| {
            url.host_str().is_some_and(|host| host.ends_with(".example.com"))
        });
        let refused = careful.unwrap().new_get(url).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("Invalid Request: {why}"));
    }
    let response = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
        receiver.url
    );
    let redirects = Recorder::with_response(&response).await;
    let follows = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
    let refused = Sender::new(follows, |_| true).unwrap().new_get(&redirects.url).await;
    assert_eq!(refused.unwrap_err().status().map(|status| status.as_u16()), Some(307));
    assert!(receiver.seen().is_empty());
}
