//! Callbacks and webhooks, which the server sends.

use serde_json::Map;

use super::*;

const WEBHOOK: &str = "/webhooks/thing";

/// `small` as a document of 3.1 with webhooks.
fn with_webhooks(webhooks: Value) -> Value {
    let mut document = small();
    document["openapi"] = json!("3.1.0");
    document["webhooks"] = webhooks;
    document
}

fn post(operation: Value) -> Value {
    let mut operation = operation;
    operation["responses"] = json!({"204": {"description": ""}});
    json!({ "post": operation })
}

#[test]
fn sender_names_do_not_change_operation_names() {
    let body = json!({"content": {"application/json": {"schema": {
        "type": "object", "properties": {"word": {"type": "string"}}}}}});
    let document = with_webhooks(json!({
        "thing-create": post(json!({"requestBody": body})),
        "new": post(json!({})),
        "ThingCreate": post(json!({})),
    }));
    let (with, without) = (taken(&document), taken(&small()));
    assert_eq!(with.server_trait, without.server_trait);
    for name in ["fn thing_create2<", "fn thing_create3<", "fn new2<"] {
        assert!(with.senders.contains(name), "{name}: {}", with.senders);
        assert!(!with.client.contains(name), "{name}");
    }
    assert!(without.senders.is_empty());
}

#[test]
fn unsupported_webhooks_are_omitted() {
    let mut document = with_webhooks(json!({"thing": post(json!({}))}));
    document["webhooks"]["thing"]["post"]["responses"] = json!({"900": {"description": ""}});
    let generated = taken(&document);
    assert!(generated.senders.is_empty(), "{}", generated.senders);
    let noted = generated.unenforced.iter().any(|item| item.path == format!("{WEBHOOK}/post"));
    assert!(noted, "{:?}", generated.unenforced);
}

#[test]
fn unsupported_webhook_does_not_affect_the_others() {
    let mut hooks = json!({"ring": {"$ref": "#/components/pathItems/ring"}, "list": {"post": []}});
    hooks["good"] = post(json!({}));
    hooks["status"] = json!({"post": {"responses": {"900": {"description": ""}}}});
    hooks["body"] = post(json!({"requestBody": {"content": {"application/json": {"schema": 7}}}}));
    hooks["traced"] = json!({"trace": {"responses": {}}});
    let mut document = with_webhooks(hooks);
    document["components"]["pathItems"]["ring"] = json!({"$ref": "#/components/pathItems/ring"});
    let generated = taken(&document);
    assert!(generated.senders.contains("fn good<"), "{}", generated.senders);
    for at in ["ring", "list/post", "status/post", "body/post", "traced/trace"] {
        let at = format!("/webhooks/{at}");
        let listed = generated.unenforced.iter().any(|item| item.path == at);
        assert!(listed, "{at}: {:?}", generated.unenforced);
    }
}

/// Each operation that has a callback has methods for all its URLs.
#[test]
fn excessive_callbacks_are_omitted() {
    let mut callback = Map::new();
    for n in 0..5 {
        callback.insert(format!("https://example.com/{n}"), post(json!({})));
    }
    let mut document = small();
    document["components"]["callbacks"]["many"] = Value::Object(callback);
    for n in 0..5 {
        let mut operation = post(json!({}));
        let many = json!({"$ref": "#/components/callbacks/many"});
        operation["post"]["callbacks"] = json!({"many": many});
        document["paths"][format!("/p{n}")] = operation;
    }
    let generated = taken(&document);
    assert_eq!(generated.senders.matches("pub async fn ").count(), 20);
    let says = "more than 20 callbacks and webhooks";
    assert!(generated.unenforced.iter().any(|item| item.reason.contains(says)));
}

#[test]
fn callback_with_an_unsupported_expression_is_listed() {
    let mut document = small();
    let callbacks = json!({"done": {"{$request.cookie.a}": post(json!({}))}});
    put(&mut document, &format!("{POST}/callbacks"), callbacks);
    let generated = taken(&document);
    assert!(generated.senders.is_empty());
    let at = format!("{POST}/callbacks/done/{{$request.cookie.a}}");
    let says = "this is no URL with runtime expressions: no code sends it";
    assert!(
        generated.unenforced.iter().any(|item| item.path == at && item.reason == says),
        "{:?}",
        generated.unenforced
    );
}

/// The document's own security is that of its callers.
#[test]
fn sender_has_the_credentials_of_its_webhook_only() {
    let security = json!([{"basicAuth": []}]);
    let mut document = with_webhooks(json!({"thing": post(json!({}))}));
    document["security"] = security.clone();
    assert!(!taken(&document).senders.contains("Credentials"));
    document["webhooks"]["thing"]["post"]["security"] = security;
    let senders = taken(&document).senders;
    assert!(senders.contains("pub fn basic_auth(") && !senders.contains("token_auth"), "{senders}");
}
