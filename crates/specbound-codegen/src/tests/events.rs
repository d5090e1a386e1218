//! Server-sent events.

use super::*;

fn response(version: &str, media: Value) -> Value {
    let tick = json!({"type": "object", "properties": {"count": {"type": "integer"}}});
    json!({
        "openapi": version,
        "info": {"title": "Events", "version": "1"},
        "paths": {"/a": {"get": {
            "operationId": "a",
            "responses": {"200": {
                "description": "",
                "content": {"text/event-stream; charset=utf-8": media},
            }},
        }}},
        "components": {"schemas": {
            "Tick": tick,
            "Event": {"type": "object", "properties": {
                "event": {"type": "string"},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {"$ref": "#/components/schemas/Tick"},
                },
            }},
        }},
    })
}

#[test]
fn events_have_the_type_of_their_data() {
    let tick = json!({"$ref": "#/components/schemas/Tick"});
    let whole = json!({"$ref": "#/components/schemas/Event"});
    let inline = json!({"type": "object", "properties": {"data": {
        "type": "object", "properties": {"x": {"type": "integer"}},
    }}});
    let any = json!({"oneOf": [whole, inline]});
    for (version, media, expected) in [
        ("3.0.3", json!({"schema": tick}), "Events<types::Tick>"),
        ("3.0.3", json!({"schema": {"type": "array", "items": tick}}), "Events<types::Tick>"),
        ("3.0.3", json!({"schema": {"type": "string"}}), "Events<TextData>"),
        ("3.0.3", json!({}), "Events<TextData>"),
        ("3.2.0", json!({"itemSchema": whole}), "Events<types::Tick>"),
        ("3.2.0", json!({"itemSchema": inline}), "Events<types::AResponse200Event>"),
        ("3.2.0", json!({"itemSchema": any}), "Events<TextData>"),
    ] {
        let generated = generated(&response(version, media)).unwrap_or_else(|e| panic!("{e}"));
        let server = dense(&generated.server);
        assert!(server.contains(&format!("Outcome<200u16,{expected}>")), "{expected}: {server}");
        assert!(server.contains("produces:&[\"text/event-stream\"]"));
    }
}
