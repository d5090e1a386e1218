//! The parts of OpenAPI that the library does not use, asked by raw requests.

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

    /// The status and the content of the answer, as text where it is no JSON.
    async fn get(&self, method: &str, path: &str) -> (u16, Value) {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        Server::sent(request).await
    }

    async fn sent(request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn stop(self) {
        self.connections.stop().await.unwrap();
    }
}

#[tokio::test]
async fn every_path_template_leads_to_its_operation() {
    let server = Server::start().await;
    for (method, path, answer) in [
        ("GET", "/tools/a", json!(["tool", "a"])),
        ("GET", "/tools/a%2Fb", json!(["tool", "a/b"])),
        ("GET", "/tools/mine", json!(["tool_mine", null])),
        ("GET", "/tools/mine/", json!(["tool_mine_slash", null])),
        ("PUT", "/tools/a", json!(["tool_put", "a"])),
        ("GET", "/tools/a.json", json!(["tool_json", "a"])),
        ("POST", "/tools/7:lend", json!(["tool_lend", 7])),
        ("GET", "/compare/main...next", json!(["compare", ["main", "next"]])),
    ] {
        assert_eq!(server.get(method, path).await, (200, answer), "{method} {path}");
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
