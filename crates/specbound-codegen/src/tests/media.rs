//! Content types: which are JSON, and which are bytes.

use super::*;

/// The operation `swap`, whose body and response have this content.
fn swap(content: Value) -> Value {
    let mut document = small();
    let operation = json!({
        "operationId": "swap",
        "requestBody": {"required": true, "content": content},
        "responses": {"200": {"description": "", "content": content}},
    });
    put(&mut document, "/paths/~1swap", json!({"post": operation}));
    document
}

/// The server's method, in dense code.
fn method(document: &Value) -> String {
    let code = dense(&taken(document).server_trait);
    let (_, method) = code.split_once("asyncfnswap(").unwrap();
    method.split_once(';').unwrap().0.to_owned()
}

fn plain() -> Value {
    json!({"schema": {"$ref": "#/components/schemas/Plain"}})
}

#[test]
fn text_json_is_json() {
    let document = swap(json!({"text/json": plain()}));
    let method = method(&document);
    assert!(method.contains("Body<types::Plain,content::TextJson>"), "{method}");
    assert!(method.contains("Outcome<200u16,JsonAs<types::Plain,content::TextJson>>"), "{method}");
    let client = dense(&taken(&document).client);
    assert!(client.contains("\"text/json\""), "{client}");
    assert!(client.contains("body:&'atypes::Plain"), "{client}");
    // Beside JSON it is the same body.
    let method = self::method(&swap(json!({"text/json": plain(), "application/json": plain()})));
    assert!(method.contains("Body<types::Plain,content::JsonOrTextJson>"), "{method}");
}

#[test]
fn ranges_with_an_object_or_a_list_are_json() {
    for range in ["*/*", "application/*", "*/*; charset=utf-8"] {
        let document = swap(json!({range: plain()}));
        let method = method(&document);
        assert!(method.contains("Body<types::Plain,content::Json>"), "{range}: {method}");
        assert!(method.contains("Outcome<200u16,types::Plain>"), "{range}: {method}");
        let generated = taken(&document);
        assert!(generated.unenforced.is_empty(), "{:?}", generated.unenforced);
        assert!(dense(&generated.client).contains("body:&'atypes::Plain"), "{range}");
    }
    for schema in [
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"allOf": [plain()["schema"], {"type": "object"}]}),
        json!({"oneOf": [plain()["schema"], {"type": "array", "items": {}}]}),
    ] {
        let method = method(&swap(json!({"*/*": {"schema": schema}})));
        assert!(method.contains("types::SwapResponse200>"), "{schema}: {method}");
    }
}

#[test]
fn ranges_of_anything_else_are_bytes() {
    for entry in [
        json!({}),
        json!({"schema": {}}),
        json!({"schema": {"type": "string", "format": "binary"}}),
        json!({"schema": {"type": "string"}}),
        json!({"schema": {"oneOf": [plain()["schema"], {"type": "string"}]}}),
    ] {
        let method = method(&swap(json!({"*/*": entry})));
        assert!(method.contains("RawBody<"), "{entry}: {method}");
        assert!(method.contains("Bytes<media::ApplicationOctetStream>"), "{entry}: {method}");
    }
    // JSON has a content type of its own.
    let method = method(&swap(json!({"*/*": plain(), "application/json": plain()})));
    assert!(method.contains("EitherBody<Body<types::Plain,content::Json>,RawBody<"), "{method}");
    // No images are JSON.
    let method = self::method(&swap(json!({"image/*": plain()})));
    assert!(method.contains("RawBody<"), "{method}");
}
