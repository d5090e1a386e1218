//! Forms with files.

use super::*;

/// A document whose only operation takes this form.
fn form(version: &str, media: Value) -> Value {
    json!({
        "openapi": version,
        "info": {"title": "Forms", "version": "1"},
        "paths": {"/a": {"post": {
            "operationId": "a",
            "requestBody": {"required": true, "content": {"multipart/form-data": media}},
            "responses": {"204": {"description": ""}},
        }}},
        "components": {"schemas": {
            "Base": {
                "type": "object",
                "required": ["image", "text"],
                "properties": {
                    "image": {"type": "string", "format": "binary"},
                    "text": {"type": "string", "maxLength": 3},
                },
            },
        }},
    })
}

#[test]
fn files_of_3_0_have_the_format_binary() {
    let media = json!({
        "schema": {"allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"type": "object", "properties": {
                "more": {"type": "array", "items": {"type": "string", "format": "binary"}},
                "kept": {"type": "string", "format": "byte"},
                "type": {"type": "string", "format": "binary"},
            }},
        ]},
        "encoding": {"image": {"contentType": "image/*, application/PDF"}},
    });
    let generated = generated(&form("3.0.3", media)).unwrap_or_else(|e| panic!("{e}"));
    let server = dense(&generated.server);
    let files = server.split_once("pubstructA{").unwrap().1.split_once('}').unwrap().0;
    for field in [
        "pubimage:crate::runtime::File",
        "pubmore:Vec<crate::runtime::File>",
        "pubtype_:Option<crate::runtime::File>",
    ] {
        assert!(files.contains(field), "{files}");
    }
    assert!(server.contains("FormBody<types::AForm,files::A,content::Multipart>"), "{server}");
    assert!(server.contains("content_types:&[\"image/*\",\"application/pdf\"]"), "{server}");
    let fields = server.split_once("pubstructAForm{").unwrap().1.split_once('}').unwrap().0;
    assert!(fields.contains("text") && fields.contains("kept") && !fields.contains("image"));
}

#[test]
fn files_of_3_1_have_a_content_type_or_an_empty_schema() {
    let media = json!({"schema": {"type": "object", "required": ["any"], "properties": {
        "png": {"type": "string", "contentMediaType": "image/png"},
        "coded": {"type": "string", "contentEncoding": "base64"},
        "any": {},
        "text": {"type": "string"},
        "number": {"type": ["integer", "null"]},
    }}});
    let generated = generated(&form("3.1.0", media)).unwrap_or_else(|e| panic!("{e}"));
    let server = dense(&generated.server);
    let files = server.split_once("pubstructA{").unwrap().1.split_once('}').unwrap().0;
    for field in ["pubany:crate::runtime::File", "pubcoded:Option<", "pubpng:Option<"] {
        assert!(files.contains(field), "{files}");
    }
    assert!(!files.contains("text") && !files.contains("number"), "{files}");
    assert!(server.contains("content_types:&[\"image/png\"]"), "{server}");
}

#[test]
fn encoding_of_non_file_members_is_refused() {
    for encoding in [json!({"text": {"contentType": "a/b"}}), json!({"image": {"style": "form"}})] {
        let name = encoding.as_object().unwrap().keys().next().unwrap().clone();
        let media = json!({"schema": {"$ref": "#/components/schemas/Base"}, "encoding": encoding});
        let error = generated(&form("3.0.3", media)).unwrap_err().to_string();
        let at =
            format!("/paths/~1a/post/requestBody/content/multipart~1form-data/encoding/{name}");
        assert!(error.starts_with(&at), "{error}");
    }
}

/// `a_1` and `a1` are different methods, and the types of both would be called `A1`.
#[test]
fn forms_of_operations_with_similar_names_are_distinct() {
    let form = json!({"multipart/form-data": {"schema": {
        "type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}}});
    let mut document = small();
    for (n, id) in ["a_1", "a1", "A-1", "a__1"].into_iter().enumerate() {
        document["paths"][format!("/a{n}")]["post"] = json!({
            "operationId": id, "requestBody": {"content": form},
            "responses": {"204": {"description": ""}},
        });
    }
    let client = taken(&document).client;
    let names: Vec<&str> = client
        .split("pub struct ")
        .filter_map(|rest| rest.split([' ', '{']).next())
        .filter(|name| name.ends_with("Form"))
        .collect();
    let distinct: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!((names.len(), distinct.len()), (4, 4), "{names:?}");
}

/// Else the export of the server would differ from the document.
#[test]
fn form_with_files_has_the_type_that_its_document_says() {
    let file = json!({"type": "string", "format": "binary"});
    let base = json!({"type": "object", "required": ["a"], "properties": {"a": {"enum": [1, 2]}}});
    let form = |schema: Value| {
        let mut document = small_with("/components/schemas/Base", base.clone());
        let body = json!({"multipart/form-data": {"schema": schema}});
        put(&mut document, &format!("{POST}/requestBody/content"), body);
        dense(&generated(&document).unwrap().server)
    };
    let all = json!([{"$ref": "#/components/schemas/Base"}, {"properties": {"plan": file}}]);
    let typed = "types:&[crate::runtime::Type::Object],all_of:&[&constraints::C_BASE,";
    let server = form(json!({"allOf": all}));
    assert!(server.contains("all_of:&[&constraints::C_BASE,") && !server.contains(typed));
    assert!(form(json!({"type": "object", "allOf": all})).contains(typed));
}
