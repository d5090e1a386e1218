//! The fields of structs: their names and their types, where the document chooses them.

use super::*;

/// The fields of a struct of the server's types, by name, each with the name in the JSON.
fn named(generated: &Generated, name: &str) -> Vec<(String, String)> {
    let wire = |(field, says): (String, String)| {
        let wire = says.split_once("rename = \"").map(|(_, rest)| rest.split('"').next().unwrap());
        (field.clone(), wire.unwrap_or(&field).to_owned())
    };
    assert_eq!(fields(&generated.server, name), fields(&generated.client, name));
    let mut all: Vec<_> = fields(&generated.server, name).into_iter().map(wire).collect();
    all.sort();
    all
}

fn listed(generated: &Generated) -> Vec<String> {
    generated.unenforced.iter().map(ToString::to_string).collect()
}

fn pairs<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.map(|(field, wire)| (field.to_owned(), wire.to_owned())).to_vec()
}

/// `small` with these members of `Thing`.
fn with_members(members: Value) -> Value {
    let mut document = small_with(&format!("{THING}/properties"), members);
    put(&mut document, &format!("{THING}/required"), json!([]));
    document
}

#[test]
fn x_rust_name_names_the_field_of_a_member() {
    let mut document = with_members(json!({
        "id": {"type": "integer", "readOnly": true, "x-rust-name": "key"},
        "kind": {"type": "string", "enum": ["a"], "x-rust-name": "type"},
        "N": {"type": "array", "items": {"type": "string"}, "x-rust-name": "numberOf"},
        "plain": {"$ref": "#/components/schemas/Plain", "x-rust-name": "other"},
        "secret": {"type": "string", "format": "password", "default": "x", "x-rust-name": "_pin"},
    }));
    put(&mut document, &format!("{THING}/required"), json!(["N"]));
    let generated = taken(&document);
    let sent = [("_pin", "secret"), ("number_of", "N"), ("other", "plain"), ("r#type", "kind")];
    assert_eq!(named(&generated, "ThingRequest"), pairs(sent));
    let answered = [sent[0], ("key", "id"), sent[1], sent[2], sent[3]];
    assert_eq!(named(&generated, "Thing"), pairs(answered));
    // The list is a part of the JSON even if it is empty, and the secret of no log.
    let server = dense(&generated.server);
    assert!(server.contains("#[serde(rename=\"N\",default)]pubnumber_of:"), "{server}");
    assert!(server.contains("field(\"_pin\",&::std::format_args!(\"[redacted]\")"), "{server}");
    assert!(!server.contains("x-fields"), "{server}");
    // The table is of the JSON.
    assert!(row(&server, "N").contains("required:true"), "{server}");
    assert_eq!(listed(&generated), Vec::<String>::new());
}

#[test]
fn x_rust_name_of_a_member_stands_in_the_default_of_its_struct() {
    let members = json!({
        "count": {"type": "integer", "default": 3, "x-rust-name": "number"},
        "word": {"type": "string"},
    });
    let server = dense(&taken(&with_members(members)).server);
    assert!(server.contains("rename=\"count\",default="), "{server}");
    let (_, made) = server.split_once("DefaultforThing{").unwrap();
    assert!(made.split_once("number:").is_some_and(|(before, _)| before.len() < 60), "{made}");
    assert!(!made.contains("count:"), "{made}");
}

#[test]
fn x_rust_name_of_a_member_that_cannot_be_had_is_listed() {
    let text = |name: &str| json!({"type": "string", "x-rust-name": name});
    let document = with_members(json!({
        "a": text("self"),
        "b": text("two words"),
        "c": {"type": "string", "x-rust-name": 1},
        "d": text("same"),
        "e": text("same"),
        "f": text("g"),
        "g": {"type": "string"},
        // Two that change their names.
        "h": text("i"),
        "i": text("h"),
    }));
    let generated = taken(&document);
    let fields = [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
        ("e", "e"),
        ("f", "f"),
        ("g", "g"),
        ("h", "i"),
        ("i", "h"),
        ("same", "d"),
    ];
    assert_eq!(named(&generated, "Thing"), pairs(fields));
    let at = |member: &str| format!("{THING}/properties/{member}/x-rust-name");
    let line = |member: &str, reason: &str| format!("{}: {reason}: this is `{member}`", at(member));
    let expected = [
        line("a", "\"self\" is no name of a Rust field"),
        line("b", "\"two words\" is no name of a Rust field"),
        line("c", "1 is no name of a Rust field"),
        line("e", "another member has the field `same`"),
        line("f", "another member has the field `g`"),
    ];
    assert_eq!(listed(&generated), expected);
}

#[test]
fn x_rust_name_of_a_member_holds_in_inner_and_merged_objects() {
    let inner = json!({"type": "object", "properties": {"a": {
        "type": "object", "x-rust-name": "first",
        "properties": {"b": {"type": "string", "x-rust-name": "second"}},
    }}});
    let mut document = with_members(json!({"inner": inner}));
    put(
        &mut document,
        &format!("{THING}/allOf"),
        json!([{"properties": {
            "base": {"type": "string", "x-rust-name": "ground"},
        }}]),
    );
    let generated = taken(&document);
    assert_eq!(named(&generated, "Thing"), pairs([("ground", "base"), ("inner", "inner")]));
    assert_eq!(named(&generated, "ThingInner"), pairs([("first", "a")]));
    assert_eq!(named(&generated, "ThingInnerFirst"), pairs([("second", "b")]));
}

#[test]
fn x_rust_name_names_the_tag_and_the_members_of_alternatives() {
    let one = |kind: &str| {
        json!({"type": "object", "required": ["kind"], "properties": {
            "kind": {"type": "string", "enum": [kind], "x-rust-name": "type"},
            kind: {"type": "string", "x-rust-name": "value"},
        }})
    };
    let either = json!({"oneOf": [one("a"), one("b")]});
    let server = dense(&taken(&with_members(json!({"either": either}))).server);
    assert!(server.contains("#[serde(tag=\"kind\")]pubenumThingEither{"), "{server}");
    for kind in ["a", "b"] {
        let field = format!("#[serde(rename=\"{kind}\",skip_serializing_if=");
        assert!(server.contains(&field), "{field}: {server}");
    }
    assert_eq!(server.matches("value:::std::option::Option<").count(), 2, "{server}");
}

#[test]
fn members_beside_one_called_extra_have_a_field() {
    let text = json!({"type": "string"});
    let chosen = json!({"type": "string", "x-rust-name": "extra_"});
    let count = json!({"type": "integer", "default": 3});
    let mut document = with_members(json!({"extra": text, "more": chosen, "count": count}));
    put(&mut document, &format!("{THING}/additionalProperties"), json!({"type": "boolean"}));
    let generated = taken(&document);
    let fields =
        [("count", "count"), ("extra", "extra"), ("extra_", "more"), ("extra__", "extra__")];
    assert_eq!(named(&generated, "Thing"), pairs(fields));
    let server = dense(&generated.server);
    let others = "#[serde(flatten)]pubextra__:::std::collections::HashMap<";
    assert!(server.contains(others), "{server}");
    // Alone, it has typify's name.
    put(&mut document, &format!("{THING}/properties"), json!({"word": text}));
    assert!(dense(&taken(&document).server).contains("#[serde(flatten)]pubextra:::std"));
}

/// The second was once among the members without a name, and lost where there were none.
#[test]
fn members_of_one_rust_name_have_a_field_each() {
    let text = json!({"type": "string"});
    let object = json!({"type": "object", "properties": {"a": text}});
    let members = json!({"foo-bar": text, "foo_bar": object, "fooBar": text, "type": text});
    let mut document = with_members(members);
    put(&mut document, &format!("{THING}/required"), json!(["fooBar", "foo-bar"]));
    let generated = taken(&document);
    let fields = [
        ("foo_bar", "foo-bar"),
        ("foo_bar2", "fooBar"),
        ("foo_bar3", "foo_bar"),
        ("type_", "type"),
    ];
    assert_eq!(named(&generated, "Thing"), pairs(fields));
    let server = dense(&generated.server);
    assert!(server.contains("pubfoo_bar2:::std::string::String,"), "{server}");
    assert!(server.contains("pubfoo_bar3:::std::option::Option<ThingFooBar3>,"), "{server}");
}

#[test]
fn x_rust_name_names_the_field_of_a_file() {
    let mut document = with_members(json!({
        "drawing": {"type": "string", "format": "binary", "x-rust-name": "plan"},
        "word": {"type": "string"},
    }));
    let form = json!({"schema": {"$ref": "#/components/schemas/Thing"}});
    let content = json!({"multipart/form-data": form});
    put(&mut document, &format!("{POST}/requestBody/content"), content);
    let generated = taken(&document);
    assert!(dense(&generated.server).contains("pubplan:Option<crate::runtime::File>"));
    assert!(dense(&generated.server).contains("plan:sent.one(\"drawing\")"));
    assert!(dense(&generated.client).contains("rename=\"drawing\",skip_serializing"));
    assert!(dense(&generated.client).contains("pubplan:::std::option::Option<File>"));
}
