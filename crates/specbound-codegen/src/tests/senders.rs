//! Callbacks and webhooks, which the server sends.

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
fn names_of_senders_leave_those_of_operations_alone() {
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
fn webhooks_that_cannot_be_read_are_left_out() {
    let mut document = with_webhooks(json!({"thing": post(json!({}))}));
    document["webhooks"]["thing"]["post"]["responses"] = json!({"900": {"description": ""}});
    let generated = taken(&document);
    assert!(generated.senders.is_empty(), "{}", generated.senders);
    let noted = generated.unenforced.iter().any(|item| item.path == format!("{WEBHOOK}/post"));
    assert!(noted, "{:?}", generated.unenforced);
}

#[test]
fn callback_without_an_expression_that_can_be_read_is_listed() {
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
fn sender_has_the_credentials_that_a_webhook_names_itself() {
    let security = json!([{"basicAuth": []}]);
    let mut document = with_webhooks(json!({"thing": post(json!({}))}));
    document["security"] = security.clone();
    assert!(!taken(&document).senders.contains("Credentials"));
    document["webhooks"]["thing"]["post"]["security"] = security;
    let senders = taken(&document).senders;
    assert!(senders.contains("pub fn basic_auth(") && !senders.contains("token_auth"), "{senders}");
}
