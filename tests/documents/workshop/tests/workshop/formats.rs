//! Formats of text in requests: the document's own standard holds in every place of a schema.

use serde_json::{Value, json};
use specbound::TextFormat;

use super::Server;

impl Server {
    async fn texts(&self, path: &str, mail: &str, body: Value) -> (u16, Value) {
        let request = self.client.post(format!("{}/texts{path}", self.base)).json(&body);
        Server::sent(request.header("x-mail", mail)).await
    }

    async fn links(&self, form: &'static str) -> (u16, Value) {
        let request = self.client.post(format!("{}/links", self.base));
        let media = "application/x-www-form-urlencoded";
        Server::sent(request.header("content-type", media).body(form)).await
    }
}

/// A text of each format, and one that has not the format.
fn examples(format: TextFormat) -> (&'static str, &'static str) {
    match format.name() {
        "base64url" => ("-_-_", "+/+/"),
        "byte" => ("Zm8=", "Zm8"),
        "date" => ("2024-02-29", "2023-02-29"),
        "date-time" => ("2024-02-29T12:00:00Z", "2024-02-29 12:00:00Z"),
        "date-time-local" => ("2024-02-29T12:00:00", "2024-02-29T12:00:00Z"),
        "duration" => ("P1DT2H", "1 day"),
        "email" | "idn-email" => ("ada@example.com", "ada"),
        "hostname" | "idn-hostname" => ("example.com", "example_com"),
        "ipv4" => ("192.0.2.1", "192.0.2.256"),
        "ipv6" => ("2001:db8::1", "2001:db8"),
        "iri" => ("http://ä.example/", "/ä"),
        "iri-reference" => ("/ä", "a b"),
        "json-pointer" => ("/a/0", "a/0"),
        "regex" => ("^a+$", "("),
        "relative-json-pointer" => ("1/a", "/a"),
        "time" => ("12:00:00Z", "12:00:00"),
        "time-local" => ("12:00:00", "12:00:00Z"),
        "uri" => ("https://example.com/a?b#c", "/a?b#c"),
        "uri-reference" => ("/a?b#c", "a b"),
        "uri-template" => ("/a{?b}", "/a{?b"),
        "uuid" => ("123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        other => panic!("no example of {other}"),
    }
}

#[tokio::test]
async fn every_format_of_text_is_enforced_in_a_body() {
    let server = Server::start().await;
    for format in TextFormat::ALL {
        let (good, bad) = examples(*format);
        let (status, response) = server.texts("", "a@b", json!({ format.name(): good })).await;
        assert_eq!((status, &response[1][4][format.name()]), (200, &json!(good)), "{response}");
        let (status, response) = server.texts("", "a@b", json!({ format.name(): bad })).await;
        assert_eq!(status, 400, "{response}");
        let told = response[format.name()][0].as_str().unwrap_or_default();
        assert!(told.contains("valid"), "{response}");
    }
    server.stop().await;
}

#[tokio::test]
async fn formats_are_enforced_in_every_place_of_a_schema() {
    let server = Server::start().await;
    let good = json!({
        "password": "(", "plate": "any text", "many": ["a:b"], "named": {"a": "a:b"},
        "place": "/a", "other": "a_b",
    });
    let (status, response) = server.texts("", "a@b", good.clone()).await;
    assert_eq!(status, 200, "{response}");
    let bad = json!({"many": ["a:b", "/"], "named": {"a": "/"}, "place": "a", "other": "a"});
    let (status, response) = server.texts("", "a@b", bad).await;
    let expected = json!({
        "many": ["1: This value is no valid uri."],
        "named": ["a: This value is no valid uri."],
        "place": ["This value matches no alternative."],
        "other": ["This value is not allowed."],
    });
    assert_eq!((status, response), (400, expected));
    server.stop().await;
}

#[tokio::test]
async fn formats_of_parameters_and_forms_are_enforced() {
    let server = Server::start().await;
    let path = "?from=urn:a&hosts=a.b&hosts=c&span=01:02:03Z%2004:05:06Z";
    let (status, response) = server.texts(path, "ada@example.com", json!({})).await;
    assert_eq!(status, 200, "{response}");
    assert_eq!(response[1][0], "urn:a");
    assert_eq!(response[1][1], json!(["a.b", "c"]));
    let (status, response) =
        server.texts("?from=a&hosts=a.b&hosts=-&span=1", "a@b", json!({})).await;
    let expected = json!({
        "from": ["Expected a valid uri."],
        "hosts": ["Expected a valid hostname, at most 9 characters."],
        "span": ["0: This value is no valid time."],
    });
    assert_eq!((status, response), (400, expected));
    let (status, response) = server.texts("", "ada", json!({})).await;
    assert_eq!((status, response), (400, json!({ "X-Mail": ["Expected a valid email."] })));

    assert_eq!(server.links("site=a:b&mail=a@b&since=P1D").await.0, 200);
    assert_eq!(server.links("since=").await.0, 200);
    // A form without fields, which has no bytes.
    assert_eq!(server.links("").await.0, 200);
    let expected = json!({
        "site": ["This value is no valid uri."],
        "mail": ["Enter a valid email address."],
        "since": ["This value is no valid duration."],
    });
    assert_eq!(server.links("site=a&mail=a&since=P").await, (400, expected));
    server.stop().await;
}

#[tokio::test]
async fn rules_of_the_host_hold_in_bodies_and_parameters() {
    let server = Server::start().await;
    let (good, bad) = ("ada@example.com", "ada@example.invalid");
    assert_eq!(server.texts("", good, json!({"email": good})).await.0, 200);
    for (mail, body, field) in [(bad, good, "X-Mail"), (good, bad, "email")] {
        let (status, response) = server.texts("", mail, json!({"email": body})).await;
        assert_eq!((status, response[field].is_array()), (400, true), "{response}");
    }
    server.stop().await;
}
