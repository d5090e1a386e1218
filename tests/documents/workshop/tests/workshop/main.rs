//! The parts of OpenAPI that the library does not use, asked by raw requests.

mod formats;

use serde_json::{Value, json};
use specbound::connections::Connections;

struct Server {
    connections: Connections,
    client: reqwest::Client,
    base: String,
}

impl Server {
    async fn start() -> Server {
        let connections = workshop::start().await.unwrap();
        let base = format!("http://{}", connections.address());
        Server { connections, client: reqwest::Client::new(), base }
    }

    /// The status and the content of the response, as text where it is no JSON.
    async fn get(&self, method: &str, path: &str) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        Server::sent(request).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        Server::sent(self.client.post(format!("{}{path}", self.base)).json(&body)).await
    }

    async fn sent(request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn stop(self) {
        self.connections.stop().await.unwrap();
    }
}

#[tokio::test]
async fn every_path_template_is_routed_to_its_operation() {
    let server = Server::start().await;
    for (method, path, response) in [
        ("GET", "/tools/a", json!(["tool", "a"])),
        ("GET", "/tools/a%2Fb", json!(["tool", "a/b"])),
        ("GET", "/tools/mine", json!(["tool_mine", null])),
        ("GET", "/tools/mine/", json!(["tool_mine_slash", null])),
        ("PUT", "/tools/a", json!(["tool_put", "a"])),
        ("GET", "/tools/a.json", json!(["tool_json", "a"])),
        ("POST", "/tools/7:lend", json!(["tool_lend", 7])),
        ("GET", "/compare/main...next", json!(["compare", ["main", "next"]])),
    ] {
        assert_eq!(server.get(method, path).await, (200, response), "{method} {path}");
    }
    for (method, path, status) in [
        ("GET", "/tools/a/", 404),
        ("GET", "/tools/", 404),
        ("PUT", "/tools/longer", 404),
        ("POST", "/tools/x:lend", 405),
        ("PUT", "/tools/mine", 405),
        ("GET", "/compare/main", 404),
    ] {
        assert_eq!(server.get(method, path).await.0, status, "{method} {path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_keyword_of_a_request_is_enforced_at_any_depth() {
    let server = Server::start().await;
    let good = json!({
        "item": "wheel", "count": 12, "tags": ["a", "b"], "matrix": [[1, 2], [9]],
        "prices": {"eur": 1.5}, "mark": "x", "id": 7,
        "wheel": {"kind": "plate", "area": 0.5, "parts": [{"kind": "bolt", "length": 3}]},
    });
    let (status, response) = server.post("/orders", good.clone()).await;
    assert_eq!(status, 200, "{response}");
    assert_eq!(response[1]["wheel"]["parts"][0]["length"], 3);
    assert_eq!(response[1]["prices"]["eur"], 1.5);

    let bad = json!({
        "count": 7, "tags": ["a", "a", "too long"], "matrix": [[1, 2, 3], [10], "x"],
        "prices": {"a": -1, "b": 1, "c": "x"}, "mark": "secret", "other": 1,
        "wheel": {"kind": "plate", "area": 0, "parts": [{"kind": "bolt"}, {"kind": "nut"}, 1]},
    });
    let (status, response) = server.post("/orders", bad).await;
    assert_eq!(status, 400);
    let expected = json!({
        "item": ["This field is required."],
        "count": ["Ensure this value is a multiple of 6."],
        "tags": ["Ensure this field has no more than 5 characters."],
        "matrix": [
            "0: Ensure this field has no more than 2 elements.",
            "1.0: Ensure this value is less than or equal to 9.",
            "2: Expected a list of items.",
        ],
        "prices": [
            "Ensure this field has no more than 2 members.",
            "a: Ensure this value is greater than or equal to 0.",
            "c: A valid number is required.",
        ],
        "wheel": [
            "area: Ensure this value is greater than 0.",
            "parts.0.length: This field is required.",
            "parts.1.kind: Not a valid choice.",
            "parts.2: Expected a dictionary.",
        ],
        "mark": ["This value is not allowed."],
        "other": ["This field is not allowed."],
    });
    assert_eq!(response, expected, "{response:#}");

    let few = server.post("/orders", json!({"item": "a"})).await;
    let told = json!({"non_field_errors": ["Ensure this field has at least 2 members."]});
    assert_eq!(few, (400, told));
    let form = server.client.post(format!("{}/orders", server.base));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let (status, response) = Server::sent(form.body("item=a&count=12&tags=x&tags=y")).await;
    assert_eq!((status, &response[1]["count"]), (200, &json!(12)), "{response}");
    assert_eq!(response[1]["tags"], json!(["x", "y"]));
    server.stop().await;
}

#[test]
fn debug_output_shows_no_secret() {
    let sent = json!({"item": "wheel", "pass": "hunter2", "code": "hunter2"});
    let order: workshop::api::types::OrderRequest = serde_json::from_value(sent).unwrap();
    let shown = format!("{order:?}");
    assert!(shown.contains(r#"item: "wheel""#) && shown.contains("pass: [redacted]"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn parameters_of_every_style_are_read_and_checked() {
    let server = Server::start().await;
    let get = |path: &str, cookie: &str| {
        let request = server.client.get(format!("{}{path}", server.base));
        Server::sent(request.header("cookie", cookie).header("x-sizes", "1,2.5"))
    };
    let path = "/parts/;ids=1,2/.width=3.unit=cm?filter[width]=4&tags=a|b&page=2&step=10\
                &either=abc&where=%7B%22width%22%3A5%7D";
    let (status, response) = get(path, "other=1; session=abc").await;
    assert_eq!(status, 200, "{response}");
    let expected = json!({
        "ids": [1, 2], "size": {"width": 3, "unit": "cm"}, "filter": {"width": 4},
        "tags": ["a", "b"], "page": 2, "step": 10, "either": "abc", "where": {"width": 5},
        "session": "abc", "sizes": [1.0, 2.5],
    });
    let mut told = response[1].clone();
    for member in ["filter", "where"] {
        told[member].as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    assert_eq!(told, expected);

    // All problems of one place at once.
    let path = "/parts/;ids=1/.width=3?filter[width]=1&filter[depth]=1&tags=a|a&step=7&either=long\
                &where=%7B";
    let (status, response) = get(path, "session=abc").await;
    let expected = json!({
        "filter": ["depth: This field is not allowed."],
        "tags": ["Ensure the elements of this field are unique."],
        "page": ["This field is required."],
        "step": ["Ensure this value is a multiple of 5."],
        "either": ["Ensure this field has no more than 3 characters."],
        "where": ["This is no valid JSON."],
    });
    assert_eq!((status, response), (400, expected));
    let (status, response) = get("/parts/;ids=1/.width=3?page=x", "session=ab").await;
    assert_eq!((status, response), (400, json!({"page": ["Expected an integer, at least 1."]})));
    let (status, response) = get("/parts/;ids=1/.width=3?page=1", "session=ab").await;
    assert_eq!(
        (status, response),
        (400, json!({"session": ["Expected a text, at least 3 characters."]}))
    );
    assert_eq!(get("/parts/;ids=1,2,3/.width=3?page=1", "a=b").await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn json_types_are_strict_and_a_required_body_is_enforced() {
    let server = Server::start().await;
    let (status, response) = server.post("/orders", json!({"item": " a ", "count": 12.0})).await;
    assert_eq!((status, &response[1]["item"]), (200, &json!(" a ")), "{response}");
    assert_eq!(response[1]["count"], 12);
    let expected =
        json!({"item": ["Not a valid string."], "count": ["A valid integer is required."]});
    // Members with bad values count as members: there are two at least.
    let bad = server.post("/orders", json!({"item": 7, "count": "12"})).await;
    assert_eq!(bad, (400, expected));
    let empty = server.client.post(format!("{}/orders", server.base));
    let expected = json!({"non_field_errors": ["No data provided"]});
    assert_eq!(Server::sent(empty).await, (400, expected));
    server.stop().await;
}

#[tokio::test]
async fn optional_body_may_be_missing_though_its_members_are_required() {
    let server = Server::start().await;
    for path in ["/drafts", "/texts"] {
        let missing = server.client.post(format!("{}{path}", server.base));
        let (status, response) = Server::sent(missing).await;
        assert_eq!(status, 200, "{response}");
        let body = response[1].as_array().and_then(|parts| parts.last()).unwrap_or(&response[1]);
        assert_eq!(*body, Value::Null, "{path}");
    }
    let expected = json!({
        "item": ["This field is required."],
        "non_field_errors": ["Ensure this field has at least 2 members."],
    });
    assert_eq!(server.post("/drafts", json!({})).await, (400, expected));
    let (status, response) = server.post("/drafts", json!({"item": "a", "count": 6})).await;
    assert_eq!((status, &response[1]["item"]), (200, &json!("a")));
    server.stop().await;
}

#[tokio::test]
async fn bodies_of_every_kind_are_read() {
    let server = Server::start().await;
    let send = |method: &str, path: &str, kind: &str, body: &'static str| {
        let url = format!("{}{path}", server.base);
        let request = server.client.request(method.parse().unwrap(), url);
        Server::sent(request.header("content-type", kind).body(body))
    };
    const JSON: &str = "application/json";
    const PATCH: &str = "application/merge-patch+json";
    let (status, response) = send("POST", "/batch", JSON, r#"[{"width": 1}, {"width": 2}]"#).await;
    assert_eq!((status, &response[1][1]["width"]), (200, &json!(2)));
    let (status, response) = send("POST", "/batch", JSON, r#"[{"width": 0}, {"x": 1}]"#).await;
    let expected = json!({"non_field_errors": [
        "0.width: Ensure this value is greater than or equal to 1.",
        "1.width: This field is required.",
        "1.x: This field is not allowed.",
    ]});
    assert_eq!((status, response), (400, expected));
    assert_eq!(send("POST", "/batch", JSON, "").await.0, 400);
    assert_eq!(send("POST", "/batch", "text/plain", "[]").await.0, 415);
    // `*/*` with an object is JSON. Browsers send text/plain to other origins without asking.
    for (path, good) in [("/anything", JSON), ("/text", "text/json")] {
        let size = (200, json!({"width": 2}));
        assert_eq!(send("POST", path, good, r#"{"width": 2}"#).await, size, "{path}");
        assert_eq!(send("POST", path, good, r#"{"width": 0}"#).await.0, 400, "{path}");
        assert_eq!(send("POST", path, "text/plain", r#"{"width": 2}"#).await.0, 415, "{path}");
        let sent = server.client.post(server.base.clone() + path).header("content-type", good);
        let response = sent.header("accept", good).body(r#"{"width": 2}"#).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], good);
    }
    assert_eq!(send("PUT", "/word", JSON, r#""abc""#).await, (200, json!(["word", "abc"])));
    assert_eq!(send("PUT", "/word", JSON, "").await, (200, json!(["word", null])));
    assert_eq!(send("PUT", "/word", JSON, r#""abcd""#).await.0, 400);
    let (status, response) = send("PATCH", "/sizes", PATCH, r#"{"width": 3}"#).await;
    assert_eq!((status, &response[1]["width"]), (200, &json!(3)), "{response}");
    let csv = send("PATCH", "/sizes", "text/csv; charset=utf-8", "1,2").await;
    assert_eq!(csv, (200, json!(["size_patch", "1,2"])));
    assert_eq!(send("PATCH", "/sizes", "text/csv", "longer than ten").await.0, 413);
    assert_eq!(send("PATCH", "/sizes", "text/html", "x").await.0, 415);
    let drawn = send("PUT", "/drawing", "image/png", "bytes").await;
    assert_eq!(drawn, (200, json!(["drawing", ["image/png", 5]])));
    assert_eq!(send("PUT", "/drawing", "text/plain", "bytes").await.0, 415);
    server.stop().await;
}

#[tokio::test]
async fn bodies_have_the_limits_of_the_server() {
    let server = Server::start().await;
    let send = |method: &str, path: &str, body: String| {
        let request = server.client.request(method.parse().unwrap(), server.base.clone() + path);
        Server::sent(request.header("content-type", "application/json").body(body))
    };
    let numbers = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for path in ["/batch", "/orders"] {
        let detail = json!({"detail": "The number of JSON values exceeds 40."});
        assert_ne!(send("POST", path, numbers(40)).await, (400, detail.clone()));
        assert_eq!(send("POST", path, numbers(41)).await, (400, detail));
        let detail = json!({"detail": "JSON parse error - Recursion limit exceeded"});
        assert_ne!(send("POST", path, deep(8)).await, (400, detail.clone()));
        assert_eq!(send("POST", path, deep(9)).await, (400, detail));
        let detail = json!({"detail": "The request body is larger than 4096 bytes."});
        assert_eq!(send("POST", path, format!("[{}1]", " ".repeat(4094))).await, (413, detail));
    }
    server.stop().await;
}

#[tokio::test]
async fn range_and_default_responses_accept_any_status_in_range() {
    let server = Server::start().await;
    let get = async |status: u16| server.get("GET", &format!("/weather?status={status}")).await;
    assert_eq!(get(200).await, (200, json!("sunny")));
    assert_eq!(get(418).await, (418, json!("cloudy")));
    assert_eq!(get(503).await, (503, json!("stormy")));
    assert_eq!(get(302).await, (302, json!("stormy")));
    // No status of `default`.
    assert_eq!(get(600).await.0, 500);
    let response = server.client.get(format!("{}/weather?status=200", server.base)).send().await;
    assert_eq!(response.unwrap().headers()["x-cool"], "yes");
    assert_eq!(server.get("GET", "/weather?status=x").await.0, 400);
    server.stop().await;
}

#[tokio::test]
async fn an_operation_requires_its_scopes() {
    let server = Server::start().await;
    let send = async |method: &str, token: &str, badge: &str| {
        let path = format!("{}/keys", server.base);
        let mut request = server.client.request(method.parse().unwrap(), path);
        for (name, value) in [("authorization", token), ("badge", badge)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let response = request.send().await.unwrap();
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge.unwrap_or_default())
    };
    // One alternative is enough.
    assert_eq!(send("GET", "Bearer keys:read", "").await.0, 200);
    assert_eq!(send("GET", "Bearer other admin", "").await.0, 200);
    let realm = "Bearer realm=\"workshop\"".to_owned();
    assert_eq!(send("GET", "", "").await, (401, realm.clone()));
    let lacks =
        |scope: &str| (403, format!("{realm}, error=\"insufficient_scope\", scope=\"{scope}\""));
    assert_eq!(send("GET", "Bearer keys:write", "").await, lacks("admin"));
    // All scopes of all schemes of an alternative.
    assert_eq!(send("POST", "Bearer keys:write keys:read", "foreman").await.0, 200);
    assert_eq!(send("POST", "Bearer keys:read", "foreman").await, lacks("keys:read keys:write"));
    let all = "Bearer keys:read keys:write";
    assert_eq!(send("POST", all, "").await, (401, realm.clone()));
    assert_eq!(send("POST", all, "apprentice").await, (403, String::new()));
    // A caller without the scope is as good as an anonymous one.
    assert_eq!(send("HEAD", "Bearer keys:read", "").await.0, 200);
    assert_eq!(send("HEAD", "Bearer other", "").await.0, 404);
    server.stop().await;
}
