//! One change, exactly one severity and exactly these words.

use super::*;

#[test]
fn schema_change_breaks_in_one_direction_only() {
    // keyword, new value (null: removed), severity when sent, when read, what breaks in both
    let cases = [
        ("name/maxLength", json!(5), Breaking, Compatible),
        ("name/maxLength", json!(20), Compatible, Breaking),
        ("name/maxLength", json!(null), Compatible, Breaking),
        ("name/minLength", json!(5), Breaking, Compatible),
        ("name/pattern", json!("^b"), Unclear, Unclear),
        ("name/pattern", json!(null), Compatible, Breaking),
        ("kind/pattern", json!("^b"), Breaking, Compatible),
        ("name/type", json!("integer"), Breaking, Breaking),
        ("name/type", json!(null), Compatible, Breaking),
        ("size/type", json!("number"), Compatible, Breaking),
        ("name/format", json!("email"), Breaking, Compatible),
        ("size/format", json!("int64"), Compatible, Breaking),
        ("size/format", json!("uuid"), Breaking, Breaking),
        ("size/format", json!(null), Compatible, Breaking),
        ("size/minimum", json!(0), Compatible, Breaking),
        ("size/minimum", json!(2), Breaking, Compatible),
        ("size/maximum", json!(2), Breaking, Compatible),
        ("size/exclusiveMinimum", json!(true), Breaking, Compatible),
        ("size/multipleOf", json!(8), Breaking, Compatible),
        ("size/multipleOf", json!(2), Compatible, Breaking),
        ("size/multipleOf", json!(3), Breaking, Breaking),
        ("size/nullable", json!(null), Breaking, Compatible),
        ("name/nullable", json!(true), Compatible, Breaking),
        ("kind/enum", json!(["a"]), Breaking, Compatible),
        ("kind/enum", json!(["a", "b", "c"]), Compatible, Breaking),
        ("kind/enum", json!(null), Compatible, Breaking),
        ("name/enum", json!(["a"]), Breaking, Compatible),
        ("kind/default", json!("b"), Breaking, Compatible),
        ("kind/default", json!(null), Breaking, Compatible),
        ("size/default", json!(4), Unclear, Compatible),
        // It is required: no default applies.
        ("name/default", json!("b"), Compatible, Compatible),
        ("list/maxItems", json!(2), Breaking, Compatible),
        ("list/minItems", json!(2), Breaking, Compatible),
        ("list/uniqueItems", json!(true), Breaking, Compatible),
        ("list/items", json!(null), Compatible, Breaking),
        ("list/items/maxLength", json!(2), Breaking, Compatible),
        ("map/additionalProperties", json!(false), Breaking, Compatible),
        ("map/additionalProperties", json!(null), Compatible, Breaking),
        ("map/additionalProperties/maxLength", json!(1), Breaking, Compatible),
        ("closed/additionalProperties", json!(null), Compatible, Breaking),
        ("closed/additionalProperties", json!({"type": "string"}), Compatible, Breaking),
        ("closed/properties", json!({"a": {}}), Compatible, Breaking),
        ("name/allOf", json!([{"maxLength": 1}, {"minLength": 1}]), Breaking, Compatible),
        ("name/not", json!({"maxLength": 1}), Breaking, Compatible),
        ("barred/not/maxLength", json!(2), Unclear, Unclear),
        ("one/oneOf", json!([{"type": "string"}]), Breaking, Compatible),
        (
            "one/oneOf",
            json!([{"type": "string"}, {"$ref": "#/components/schemas/Cat"}, {"type": "integer"}]),
            Compatible,
            Breaking,
        ),
        ("one/anyOf", json!([{"type": "string"}]), Breaking, Compatible),
        ("one/discriminator", json!({"propertyName": "a"}), Breaking, Compatible),
        ("name/xml", json!({"name": "n"}), Breaking, Breaking),
        ("name/title", json!("Name"), Compatible, Compatible),
        ("name/deprecated", json!(true), Compatible, Compatible),
        ("name/readOnly", json!(true), Breaking, Compatible),
        ("name/writeOnly", json!(true), Compatible, Breaking),
        ("shown/readOnly", json!(null), Compatible, Compatible),
        ("secret/writeOnly", json!(null), Compatible, Compatible),
        ("shown/maxLength", json!(1), Compatible, Compatible),
        ("shown/type", json!(null), Compatible, Breaking),
        ("secret/type", json!(null), Compatible, Compatible),
        ("secret/maxLength", json!(1), Breaking, Compatible),
        ("new", json!({}), Compatible, Compatible),
        ("name", json!(null), Breaking, Breaking),
        ("shown", json!(null), Compatible, Breaking),
        ("secret", json!(null), Breaking, Compatible),
        ("name/maxLength", json!("many"), Unclear, Unclear),
        ("name/unknown", json!(1), Unclear, Unclear),
    ];
    for (place, value, sent, read) in cases {
        for (schema, severity) in
            [("Sent", sent), ("Read", read), ("Both", sent.max(read)), ("Unused", Compatible)]
        {
            let mut old = document();
            old["components"]["schemas"]["Unused"] = old["components"]["schemas"]["Sent"].clone();
            let mut new = old.clone();
            let path = format!("/components/schemas/{schema}/properties/{place}");
            match &value {
                Value::Null => drop(take(&mut new, &path)),
                value => put(&mut new, &path, value.clone()),
            }
            let verdicts = compare(&old, &new);
            assert!(!verdicts.is_empty());
            for verdict in &verdicts {
                assert_eq!(
                    verdict.severity, severity,
                    "{schema} {place} {value}: {}",
                    verdict.message
                );
            }
        }
    }
}

#[test]
fn each_property_change_has_a_message() {
    check(vec![
        (
            vec![Set("@Sent/required", json!(["name", "kind"]))],
            Breaking,
            "`kind` is now required in requests: clients that do not send it are refused.",
        ),
        (
            vec![Set("@Read/required", json!(["name", "kind"]))],
            Compatible,
            "`kind` is now required in responses: clients always find it.",
        ),
        (
            vec![Set("@Both/required", json!(["name", "shown"]))],
            Compatible,
            "`shown` is now required in responses: clients always find it.",
        ),
        (
            vec![Remove("@Both/required")],
            Breaking,
            "`name` is no longer required in responses: clients that rely on it may find it \
             missing.",
        ),
        (
            vec![Remove("@Both.name")],
            Breaking,
            "`name` is gone in requests and responses: requests that include it may be rejected or \
             ignored, and clients \
             that read it find it missing.",
        ),
        (
            vec![Set("@Sent.name/maxLength", json!(5))],
            Breaking,
            "`name` must now have at most `5` characters (before: `10`) in requests: clients that \
             send anything else are refused.",
        ),
        (
            vec![Set("@Read.kind/enum", json!(["a", "b", "c"]))],
            Breaking,
            "`c` is a new value of `kind` in responses: clients that know only the values before \
             do not expect it.",
        ),
        (
            vec![Set("@Unused/required", json!([]))],
            Compatible,
            "`a` is no longer required: no request or response that both documents have carries \
             it.",
        ),
    ]);
}

#[test]
fn each_operation_change_has_a_message() {
    let cat = || json!({"$ref": "#/components/schemas/Cat"});
    check(vec![
        (
            vec![Remove("/paths/~1send~1")],
            Breaking,
            "`/send/` is gone, with `POST`: requests to it are refused or redirected.",
        ),
        (
            vec![Set("/paths/~1new", json!({"get": {"responses": {}}}))],
            Compatible,
            "`/new` is new, with `GET`: no client knows it yet.",
        ),
        (
            vec![Remove("/paths/~1send~1/post")],
            Breaking,
            "`POST /send/` is gone: clients that call it are refused.",
        ),
        (
            vec![Set("/paths/~1send~1/get", json!({"responses": {}}))],
            Compatible,
            "`GET /send/` is new: no client knows it yet.",
        ),
        (
            vec![Set("/paths/~1send~1/post/operationId", json!("post"))],
            Compatible,
            "the operation id is now `post`, not `send`: nothing changes on the wire, but \
             generated clients may name a function by it.",
        ),
        (
            vec![Set("/paths/~1send~1/post/tags/-", json!("two"))],
            Compatible,
            "tag `two` is new: some generators sort operations into modules by tag, the wire has \
             none.",
        ),
        (
            vec![Set("/paths/~1send~1/post/deprecated", json!(true))],
            Compatible,
            "`POST /send/` is deprecated now: it still works.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/parameters/1")],
            Breaking,
            "query parameter `limit` is gone: requests that include it may be rejected or ignored.",
        ),
        (
            vec![Set(
                "/paths/~1read~1{id}~1/get/parameters/-",
                json!({"in": "query", "name": "q"}),
            )],
            Compatible,
            "query parameter `q` is new and may be left out.",
        ),
        (
            vec![Set(
                "/paths/~1read~1{id}~1/get/parameters/-",
                json!({"in": "header", "name": "q", "required": true}),
            )],
            Breaking,
            "header parameter `q` is new and required: clients that do not send it are refused.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/1/required", json!(true))],
            Breaking,
            "`limit` is now required in requests: clients that do not send it are refused.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/1/style", json!("pipeDelimited"))],
            Breaking,
            "`limit` is written differently: `style` is now `pipeDelimited` (before: nothing) in \
             requests: clients that \
             send what was right before are refused.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/1/schema/minimum", json!(0))],
            Compatible,
            "`limit` must now be at least `0` (before: `1`) in requests: what clients send is \
             still taken.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/0/schema/type", json!("string"))],
            Compatible,
            "`id` is now of type `string`, not `integer` in requests: what clients send is still \
             taken.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/requestBody")],
            Breaking,
            "the request body is gone: requests that include one may be rejected or ignored.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/requestBody", json!({"content": {}}))],
            Compatible,
            "a request body may be sent now.",
        ),
        (
            vec![Set(
                "/paths/~1read~1{id}~1/get/requestBody",
                json!({"required": true, "content": {}}),
            )],
            Breaking,
            "a request body is required now: clients that send none are refused.",
        ),
        (
            vec![Set("/paths/~1both~1/put/requestBody/required", json!(true))],
            Breaking,
            "a body is now required in requests: clients that send none are refused.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/requestBody/required")],
            Compatible,
            "a body is no longer required in requests.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/requestBody/content/text~1plain")],
            Breaking,
            "`text/plain` is no longer a content type of requests: clients that send it are \
             refused.",
        ),
        (
            vec![Set("/paths/~1send~1/post/requestBody/content/a~1b", json!({}))],
            Compatible,
            "`a/b` is a new content type of requests.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/responses/200/content/text~1plain")],
            Breaking,
            "`text/plain` is no longer a content type of the response: clients that read it fail.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/responses/200/content/a~1b", json!({}))],
            Compatible,
            "`a/b` is a new content type of the response: clients get it when they ask.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/responses/200/content/text~1plain/schema", cat())],
            Compatible,
            "the body has a schema now, where anything was allowed in responses: clients read \
             nothing new.",
        ),
        (
            vec![Remove(
                "/paths/~1read~1{id}~1/get/responses/200/content/application~1json/schema",
            )],
            Breaking,
            "the body has no schema any more in responses: clients that read it lose the \
             guarantee.",
        ),
        (
            vec![Set("/paths/~1send~1/post/responses/201", json!({"description": "d"}))],
            Breaking,
            "status `201` is new: clients that know only the statuses before do not expect it.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/responses/204")],
            Breaking,
            "status `204` is gone: clients that wait for it take the response for a failure.",
        ),
        (
            vec![Set("/paths/~1send~1/post/responses/400", json!({"description": "d"}))],
            Compatible,
            "status `400` is documented now and describes a failure.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/responses/404")],
            Compatible,
            "status `404` is no longer documented: clients that handle it lose nothing.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/responses/200/headers/X-Count/required")],
            Breaking,
            "header `X-Count` may now be missing: clients that rely on it fail.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/responses/200/headers/X-New", json!({}))],
            Compatible,
            "header `X-New` is new in responses: clients read nothing new.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/security/1")],
            Breaking,
            "`basic` is no longer accepted: clients that authenticate by it are refused.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/security/2")],
            Breaking,
            "credentials are required now: clients that send none are refused.",
        ),
        (
            vec![Set("/paths/~1both~1/put/security", json!([{"key": []}]))],
            Breaking,
            "it was open to all and now asks for `key`: clients without credentials are refused.",
        ),
        (
            vec![Set("/paths/~1send~1/post/security/-", json!({"key": [], "basic": []}))],
            Compatible,
            "`basic` with `key` is accepted now, beside what was.",
        ),
        (
            vec![Set("/components/securitySchemes/key/name", json!("X-Other"))],
            Breaking,
            "`name` of security scheme `key` is now `X-Other` (before: `X-Key`): clients that \
             authenticate the old way are \
             refused.",
        ),
        (vec![Set("/servers/-", json!({"url": "c"}))], Compatible, "server `c` is new."),
        (
            vec![Remove("/servers/1")],
            Breaking,
            "server `http://b` is gone: clients that call it fail.",
        ),
        (
            vec![Set("/info/version", json!("2"))],
            Compatible,
            "`version` of the document changed: that only names the document.",
        ),
        (
            vec![Remove("@Unused")],
            Compatible,
            "schema `Unused` is gone; its uses are reported separately. Generated code loses a \
             type.",
        ),
        (
            vec![Remove("@Cat")],
            Unclear,
            "schema `Cat` is gone, but the new document refers to it without having it: judge by \
             hand.",
        ),
    ]);
}
