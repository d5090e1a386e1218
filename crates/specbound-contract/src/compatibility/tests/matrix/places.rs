//! The places that carry a schema, and schemas within schemas.

use serde_json::{Value, json};

use Sent::{Both, Client, Server};
use ValueForm::{Json, Text};

/// Who sends the value of a place.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sent {
    Client,
    Server,
    Both,
}

/// How a place writes its value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ValueForm {
    Json,
    Text,
}

/// A place that carries a schema: its name, and a document with the schema there.
pub(super) struct Place {
    pub name: &'static str,
    pub sent: Sent,
    pub written: ValueForm,
    pub document: fn(Value) -> Value,
}

pub(super) fn api(operation: Value) -> Value {
    json!({"paths": {"/a/{id}": {"post": with_responses(operation)}}})
}

pub(super) fn with_responses(mut operation: Value) -> Value {
    if operation.get("responses").is_none() {
        operation["responses"] = json!({"204": {"description": "d"}});
    }
    operation
}

pub(super) fn body(schema: Value) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

pub(super) fn response(schema: Value) -> Value {
    json!({"200": {"description": "d", "content": {"application/json": {"schema": schema}}}})
}

pub(super) fn parameter(location: &str, schema: Value) -> Value {
    api(json!({"parameters": [
        {"in": location, "name": "id", "required": location == "path", "schema": schema}
    ]}))
}

pub(super) fn called(operation: Value) -> Value {
    api(json!({"callbacks": {"done": {"{$request.body#/url}": {
        "post": with_responses(operation)
    }}}}))
}

pub(super) const PLACES: [Place; 20] = [
    Place {
        name: "request body",
        sent: Client,
        written: Json,
        document: |schema| api(json!({"requestBody": body(schema)})),
    },
    Place {
        name: "body of a form",
        sent: Client,
        written: Json,
        document: |schema| {
            let content = json!({"multipart/form-data": {"schema": {
                "type": "object", "properties": {"part": schema},
            }}});
            api(json!({"requestBody": {"content": content}}))
        },
    },
    Place {
        name: "query parameter",
        sent: Client,
        written: Text,
        document: |schema| parameter("query", schema),
    },
    Place {
        name: "path parameter",
        sent: Client,
        written: Text,
        document: |schema| parameter("path", schema),
    },
    Place {
        name: "header parameter",
        sent: Client,
        written: Text,
        document: |schema| parameter("header", schema),
    },
    Place {
        name: "cookie parameter",
        sent: Client,
        written: Text,
        document: |schema| parameter("cookie", schema),
    },
    Place {
        name: "parameter of a path",
        sent: Client,
        written: Text,
        document: |schema| {
            let mut document = api(json!({}));
            document["paths"]["/a/{id}"]["parameters"] =
                json!([{"in": "query", "name": "q", "schema": schema}]);
            document
        },
    },
    Place {
        name: "parameter with content",
        sent: Client,
        written: Json,
        document: |schema| {
            let content = json!({"application/json": {"schema": schema}});
            api(json!({"parameters": [{"in": "query", "name": "q", "content": content}]}))
        },
    },
    Place {
        name: "component parameter",
        sent: Client,
        written: Text,
        document: |schema| {
            let mut document = api(json!({"parameters": [{"$ref": "#/components/parameters/Q"}]}));
            document["components"] =
                json!({"parameters": {"Q": {"in": "query", "name": "q", "schema": schema}}});
            document
        },
    },
    Place {
        name: "component request body",
        sent: Client,
        written: Json,
        document: |schema| {
            let mut document =
                api(json!({"requestBody": {"$ref": "#/components/requestBodies/B"}}));
            document["components"] = json!({"requestBodies": {"B": body(schema)}});
            document
        },
    },
    Place {
        name: "response body",
        sent: Server,
        written: Json,
        document: |schema| api(json!({"responses": response(schema)})),
    },
    Place {
        name: "body of a failure",
        sent: Server,
        written: Json,
        document: |schema| {
            let mut responses = response(schema);
            responses["default"] = responses["200"].take();
            responses["200"] = json!({"description": "d"});
            api(json!({"responses": responses}))
        },
    },
    Place {
        name: "response header",
        sent: Server,
        written: Text,
        document: |schema| {
            let headers = json!({"X-Count": {"schema": schema}});
            api(json!({"responses": {"200": {"description": "d", "headers": headers}}}))
        },
    },
    Place {
        name: "component response",
        sent: Server,
        written: Json,
        document: |schema| {
            let mut document =
                api(json!({"responses": {"200": {"$ref": "#/components/responses/R"}}}));
            document["components"] = json!({"responses": {"R": response(schema)["200"]}});
            document
        },
    },
    Place {
        name: "request of a callback",
        sent: Server,
        written: Json,
        document: |schema| called(json!({"requestBody": body(schema)})),
    },
    Place {
        name: "response to a callback",
        sent: Client,
        written: Json,
        document: |schema| called(json!({"responses": response(schema)})),
    },
    Place {
        name: "parameter of a callback",
        sent: Server,
        written: Text,
        document: |schema| {
            called(json!({"parameters": [{"in": "query", "name": "q", "schema": schema}]}))
        },
    },
    Place {
        name: "request of a webhook",
        sent: Server,
        written: Json,
        document: |schema| {
            let operation = with_responses(json!({"requestBody": body(schema)}));
            json!({"paths": {}, "webhooks": {"done": {"post": operation}}})
        },
    },
    Place {
        name: "response to a webhook",
        sent: Client,
        written: Json,
        document: |schema| {
            let operation = json!({"responses": response(schema)});
            json!({"paths": {}, "webhooks": {"done": {"post": operation}}})
        },
    },
    Place {
        name: "schema sent and read",
        sent: Both,
        written: Json,
        document: |schema| {
            let to = json!({"$ref": "#/components/schemas/A"});
            let mut document =
                api(json!({"requestBody": body(to.clone()), "responses": response(to)}));
            document["components"] = json!({"schemas": {"A": schema}});
            document
        },
    },
];

/// A schema within another one, by name. Each hands a change on to the whole.
pub(super) type Within = (&'static str, fn(Value) -> Value);

pub(super) const WITHIN: [Within; 12] = [
    ("itself", |schema| schema),
    ("property", |schema| json!({"type": "object", "properties": {"p": schema}})),
    ("items", |schema| json!({"type": "array", "items": schema})),
    ("further member", |schema| json!({"type": "object", "additionalProperties": schema})),
    ("member of allOf", |schema| {
        let object = json!({"type": "object", "properties": {"p": schema}});
        json!({"allOf": [object, {"minProperties": 1}]})
    }),
    ("member of anyOf", |schema| json!({"anyOf": [schema, {"type": "boolean"}]})),
    ("member of oneOf", |schema| json!({"oneOf": [schema, {"type": "boolean"}]})),
    ("prefix item", |schema| json!({"type": "array", "prefixItems": [schema]})),
    ("matching member", |schema| json!({"type": "object", "patternProperties": {"^x": schema}})),
    ("dependent schema", |schema| {
        let dependent = json!({"a": {"properties": {"p": schema}}});
        json!({"type": "object", "dependentSchemas": dependent})
    }),
    ("then", |schema| {
        let branch = json!({"properties": {"p": schema}});
        json!({"if": {"required": ["a"]}, "then": branch, "type": "object"})
    }),
    ("else", |schema| {
        let branch = json!({"properties": {"p": schema}});
        json!({"if": {"required": ["a"]}, "else": branch, "type": "object"})
    }),
];
