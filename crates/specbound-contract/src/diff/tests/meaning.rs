//! Changes of meaning, each reported where it is, and edits without any.

use super::*;

#[test]
fn semantic_changes_are_reported_at_their_path() {
    let operation = json!({"operationId": "new", "responses": {}});
    let changes: Vec<(Vec<Edit>, &[&str])> = vec![
        // operations and paths
        (vec![Remove("@me")], &["@me"]),
        (vec![Set("/paths/~1me~1{id}/put", operation.clone())], &["/paths/~1me~1{id}/put"]),
        (vec![Rename("@login", "/paths/~1login~1/put")], &["@login", "/paths/~1login~1/put"]),
        (vec![Set("@login/operationId", json!("other"))], &["@login/operationId"]),
        (vec![Set("@login/deprecated", json!(true))], &["@login/deprecated"]),
        (vec![Remove("/paths/~1login~1")], &["/paths/~1login~1"]),
        (vec![Set("/paths/~1new", json!({"get": operation}))], &["/paths/~1new"]),
        (
            vec![Rename("/paths/~1login~1", "/paths/~1login")],
            &["/paths/~1login", "/paths/~1login~1"],
        ),
        (vec![Remove("@login/tags/1")], &["@login/tags/user"]),
        (vec![Set("@login/tags/-", json!("more"))], &["@login/tags/more"]),
        (vec![Remove("@me/tags")], &["@me/tags/auth"]),
        // parameters
        (vec![Remove("@me/parameters/0")], &["@me/parameters/query:limit"]),
        (
            vec![Set("@me/parameters/-", json!({"in": "query", "name": "q"}))],
            &["@me/parameters/query:q"],
        ),
        (
            vec![Set("@login/parameters", json!([{"in": "query", "name": "q"}]))],
            &["@login/parameters/query:q"],
        ),
        (
            vec![Set("@me/parameters/0/name", json!("q"))],
            &["@me/parameters/query:limit", "@me/parameters/query:q"],
        ),
        (
            vec![Set("@me/parameters/0/required", json!(true))],
            &["@me/parameters/query:limit/required"],
        ),
        (
            vec![Set("@me/parameters/0/explode", json!(false))],
            &["@me/parameters/query:limit/explode"],
        ),
        (
            vec![Set("@me/parameters/0/schema/type", json!("string"))],
            &["@me/parameters/query:limit/schema/type"],
        ),
        (
            vec![Set("/paths/~1me~1{id}/parameters/0/schema/type", json!("string"))],
            &[
                "/paths/~1me~1{id}/delete/parameters/path:id/schema/type",
                "@me/parameters/path:id/schema/type",
            ],
        ),
        // bodies and responses
        (vec![Remove("@login/requestBody")], &["@login/requestBody"]),
        (vec![Remove("@login/requestBody/required")], &["@login/requestBody/required"]),
        (
            vec![Remove("@login/requestBody/content/multipart~1form-data")],
            &["@login/requestBody/content/multipart~1form-data"],
        ),
        (
            vec![Set("@login/requestBody/content/text~1plain", json!({}))],
            &["@login/requestBody/content/text~1plain"],
        ),
        (
            vec![Rename(
                "@login/requestBody/content/multipart~1form-data",
                "@login/requestBody/content/x-a~1b",
            )],
            &[
                "@login/requestBody/content/multipart~1form-data",
                "@login/requestBody/content/x-a~1b",
            ],
        ),
        (
            vec![Set(
                "@login/requestBody/content/application~1json/schema/$ref",
                json!("#/components/schemas/Other"),
            )],
            &["@login/requestBody/content/application~1json/schema/$ref"],
        ),
        (vec![Remove("@login/responses/200")], &["@login/responses/200"]),
        (vec![Remove("@login/responses/204")], &["@login/responses/204"]),
        (vec![Set("@login/responses/400", json!({"description": "d"}))], &["@login/responses/400"]),
        (vec![Remove("@me/responses/default")], &["@me/responses/default"]),
        (
            vec![Rename("@login/responses/204", "@login/responses/205")],
            &["@login/responses/204", "@login/responses/205"],
        ),
        (vec![Remove("@login/responses/200/content")], &["@login/responses/200/content"]),
        (
            vec![Set("@login/responses/204/content", json!({"application/json": {"schema": {}}}))],
            &["@login/responses/204/content"],
        ),
        (
            vec![Remove("@login/responses/200/content/application~1json/schema")],
            &["@login/responses/200/content/application~1json/schema"],
        ),
        (
            vec![Remove("@login/responses/200/headers/description")],
            &["@login/responses/200/headers"],
        ),
        // security
        (vec![Remove("@login/security/1")], &[r#"@login/security/{"basicAuth":[]}"#]),
        (vec![Remove("@login/security/2")], &["@login/security/{}"]),
        (vec![Set("@login/security/-", json!({"k": []}))], &[r#"@login/security/{"k":[]}"#]),
        (vec![Set("@me/security", json!([{"k": []}]))], &[r#"@me/security/{"k":[]}"#]),
        (vec![Set("/security", json!([{"k": []}]))], &[r#"@me/security/{"k":[]}"#]),
        (
            vec![Set("@login/security/1", json!({"basicAuth": ["scope"]}))],
            &[r#"@login/security/{"basicAuth":["scope"]}"#, r#"@login/security/{"basicAuth":[]}"#],
        ),
        (
            vec![Remove("/components/securitySchemes/basicAuth")],
            &["/components/securitySchemes/basicAuth"],
        ),
        (
            vec![Set("/components/securitySchemes/x-new", json!({"type": "http"}))],
            &["/components/securitySchemes/x-new"],
        ),
        (
            vec![Rename("/components/securitySchemes/basicAuth", "/components/securitySchemes/b")],
            &["/components/securitySchemes/b", "/components/securitySchemes/basicAuth"],
        ),
        (
            vec![Set("/components/securitySchemes/tokenAuth/name", json!("X-Token"))],
            &["/components/securitySchemes/tokenAuth/name"],
        ),
        (
            vec![Set("/components/securitySchemes/basicAuth/scheme", json!("bearer"))],
            &["/components/securitySchemes/basicAuth/scheme"],
        ),
        // schemas
        (vec![Remove("/components/schemas/Other")], &["/components/schemas/Other"]),
        (
            vec![Rename("/components/schemas/Other", "/components/schemas/description")],
            &["/components/schemas/Other", "/components/schemas/description"],
        ),
        (vec![Remove("@schema/required/1")], &["@schema/required/password"]),
        (vec![Set("@schema/required/-", json!("id"))], &["@schema/required/id"]),
        (
            vec![Remove("/components/schemas/Only/required")],
            &["/components/schemas/Only/required/a"],
        ),
        (vec![Set("@schema/properties/new", json!({}))], &["@schema/properties/new"]),
        (vec![Remove("@schema/properties/id")], &["@schema/properties/id"]),
        (
            vec![Rename("@schema/properties/id", "@schema/properties/pk")],
            &["@schema/properties/id", "@schema/properties/pk"],
        ),
        (vec![Remove("@schema/properties/email/nullable")], &["@schema/properties/email/nullable"]),
        (
            vec![Set("@schema/properties/kind/nullable", json!(true))],
            &["@schema/properties/kind/nullable"],
        ),
        (vec![Remove("@schema/properties/id/readOnly")], &["@schema/properties/id/readOnly"]),
        (
            vec![Set("@schema/properties/kind/readOnly", json!(true))],
            &["@schema/properties/kind/readOnly"],
        ),
        (
            vec![Set("@schema/properties/password/writeOnly", json!(false))],
            &["@schema/properties/password/writeOnly"],
        ),
        (
            vec![Set("@schema/properties/kind/writeOnly", json!(true))],
            &["@schema/properties/kind/writeOnly"],
        ),
        (vec![Set("@schema/properties/id/type", json!("number"))], &["@schema/properties/id/type"]),
        (
            vec![Set("@schema/properties/email/format", json!("uri"))],
            &["@schema/properties/email/format"],
        ),
        (vec![Remove("@schema/properties/email/format")], &["@schema/properties/email/format"]),
        (
            vec![Set("@schema/properties/email/maxLength", json!(11))],
            &["@schema/properties/email/maxLength"],
        ),
        (
            vec![Remove("@schema/properties/email/minLength")],
            &["@schema/properties/email/minLength"],
        ),
        (
            vec![Set("@schema/properties/email/pattern", json!("^b$"))],
            &["@schema/properties/email/pattern"],
        ),
        (vec![Remove("@schema/properties/email/title")], &["@schema/properties/email/title"]),
        (
            vec![Set("@schema/properties/password/default", json!("y"))],
            &["@schema/properties/password/default"],
        ),
        (vec![Remove("@schema/properties/kind/enum/1")], &["@schema/properties/kind/enum/b"]),
        (
            vec![Set("@schema/properties/kind/enum/-", json!(null))],
            &["@schema/properties/kind/enum/null"],
        ),
        (vec![Remove("@schema/properties/kind/enum")], &["@schema/properties/kind/enum"]),
        (
            vec![Set("@schema/properties/list/items/type", json!("integer"))],
            &["@schema/properties/list/items/type"],
        ),
        (
            vec![Set("@schema/properties/other/$ref", json!("#/components/schemas/Login"))],
            &["@schema/properties/other/$ref"],
        ),
        (
            vec![Set("@schema/properties/other", json!({"type": "object", "required": ["a"]}))],
            &["@schema/properties/other"],
        ),
        (vec![Remove("@schema/properties/both/allOf/1")], &["@schema/properties/both"]),
        (
            vec![Set("@schema/additionalProperties", json!(false))],
            &["@schema/additionalProperties"],
        ),
        (
            vec![Set("@schema/discriminator", json!({"propertyName": "kind"}))],
            &["@schema/discriminator"],
        ),
        (vec![Set("@schema/not", json!({}))], &["@schema/not"]),
        // properties with the names of annotations
        (vec![Remove("@schema/properties/description")], &["@schema/properties/description"]),
        (vec![Remove("@schema/properties/example")], &["@schema/properties/example"]),
        (vec![Remove("@schema/properties/title")], &["@schema/properties/title"]),
        (vec![Remove("@schema/properties/default")], &["@schema/properties/default"]),
        (vec![Remove("@schema/properties/x-foo")], &["@schema/properties/x-foo"]),
        // the document
        (vec![Set("/info/title", json!("Other"))], &["/info/title"]),
        (vec![Set("/info/version", json!("2"))], &["/info/version"]),
        (vec![Set("/servers/0/url", json!("http://b"))], &["/servers/0/url"]),
        (vec![Set("/servers/-", json!({"url": "/b"}))], &["/servers/1"]),
    ];
    let source = document();
    for (number, (edits, expected)) in changes.into_iter().enumerate() {
        let expected: Vec<String> = expected.iter().map(|path| full(path)).collect();
        let server = edited(edits);
        let forth = diff(&source, &server);
        assert_eq!(paths(&forth), expected, "change {number}");
        let back = diff(&server, &source);
        assert_eq!(paths(&back), expected, "change {number}, reversed");
        for (forth, back) in forth.iter().zip(&back) {
            assert_eq!((&forth.old, &forth.new), (&back.new, &back.old));
            assert_ne!(forth.old, forth.new);
        }
    }
}

#[test]
fn non_semantic_edits_are_not_reported() {
    let edits = vec![
        // annotations
        vec![
            Set("/info/description", json!("new")),
            Remove("/info/license"),
            Set("/info/x-a", json!(1)),
        ],
        vec![Remove("/externalDocs"), Remove("/tags"), Set("/x-a", json!({}))],
        vec![Set("/servers/0/description", json!("new"))],
        vec![Set("@login/description", json!("new")), Set("@login/summary", json!("new"))],
        vec![Set("@login/externalDocs", json!({"url": "u"})), Set("@login/x-a", json!([]))],
        vec![
            Set("@login/responses/204/description", json!("new")),
            Set("@login/responses/x-a", json!({})),
        ],
        vec![Set("/paths/x-a", json!({})), Set("/paths/~1login~1/summary", json!("new"))],
        vec![Remove("@login/requestBody/content/application~1json/example")],
        vec![Set("@login/requestBody/content/application~1json/examples", json!({"a": {}}))],
        vec![Set("@login/requestBody/description", json!("new"))],
        vec![
            Set("@me/parameters/0/description", json!("new")),
            Set("@me/parameters/0/example", json!(1)),
        ],
        vec![Remove("@schema/description"), Remove("@schema/properties/email/example")],
        vec![Set("@schema/properties/title/description", json!("d")), Set("@schema/x-a", json!(1))],
        vec![Set("@schema/properties/other/description", json!("beside a reference"))],
        vec![Remove("/components/securitySchemes/tokenAuth/description")],
        vec![Set("/components/examples", json!({"a": {"value": 1}}))],
        // order
        vec![Set("@schema/required", json!(["password", "email"]))],
        vec![Set("@schema/properties/kind/enum", json!(["c", "a", "b"]))],
        vec![Set(
            "@schema/properties/both/allOf",
            json!([{"type": "object"}, {"$ref": "#/components/schemas/Other"}]),
        )],
        vec![Set("@login/tags", json!(["user", "auth"]))],
        vec![Set("@login/security", json!([{}, {"basicAuth": []}, {"tokenAuth": []}]))],
        vec![Rename("@me/parameters/0", "@me/parameters/-")],
        // defaults
        vec![Remove("@me/parameters/0/required"), Set("@me/parameters/1/required", json!(false))],
        vec![
            Set("@me/parameters/0/style", json!("form")),
            Set("@me/parameters/0/explode", json!(true)),
        ],
        vec![
            Set("@me/parameters/0/allowReserved", json!(false)),
            Set("@me/deprecated", json!(false)),
        ],
        vec![Set("@me/security", json!([])), Set("@login/parameters", json!([]))],
        vec![
            Set("@schema/properties/kind/nullable", json!(false)),
            Set("@schema/minProperties", json!(0)),
        ],
        vec![
            Set("@schema/additionalProperties", json!({})),
            Set("/components/schemas/Other/required", json!([])),
        ],
        vec![Set("@schema/properties/id/maximum", json!(9.0))],
        vec![Set("@schema/properties/id/exclusiveMaximum", json!(false))],
        // inheritance
        vec![Rename("@login/security", "/security"), Set("@me/security", json!([]))],
        vec![
            Set(
                "@me/parameters/-",
                json!({
                    "in": "path", "name": "id", "required": true, "schema": {"type": "integer"},
                }),
            ),
            Set(
                "/paths/~1me~1{id}/delete/parameters",
                json!([{
                    "in": "path", "name": "id", "required": true, "schema": {"type": "integer"},
                }]),
            ),
            Remove("/paths/~1me~1{id}/parameters"),
        ],
    ];
    for (number, edits) in edits.into_iter().enumerate() {
        let found = diff(&document(), &edited(edits));
        assert_eq!(found, [], "edit {number}");
    }
}
