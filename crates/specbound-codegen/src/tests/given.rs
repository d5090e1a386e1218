//! `x-rust-type`: a type of the user in place of a generated one.

use super::*;

const MONEY: &str = "/components/schemas/Money";

/// `small` with a component `Money`, to which members of `Thing` refer.
fn with_money(rust_type: Value) -> Value {
    let money = json!({
        "type": "object", "required": ["amount"], "x-rust-type": rust_type,
        "properties": {
            "amount": {"type": "integer", "minimum": 1},
            "part": {"type": "object", "properties": {"a": {"type": "string"}}},
        },
    });
    let mut document = small();
    document["openapi"] = json!("3.1.0");
    put(&mut document, MONEY, money);
    let money = json!({"$ref": "#/components/schemas/Money"});
    let other = json!({"$ref": "#/components/schemas/Plain"});
    for (member, schema) in [
        ("price", money.clone()),
        ("list", json!({"type": "array", "items": money})),
        ("either", json!({"oneOf": [money, other]})),
    ] {
        put(&mut document, &format!("{THING}/properties/{member}"), schema);
    }
    document
}

fn refused_at(document: &Value) -> Vec<String> {
    match refusal(document) {
        Error::Unsupported(items) => items.into_iter().map(|item| item.path).collect(),
        other => panic!("{other}"),
    }
}

/// Whether the code has all of these.
fn assert_has(generated: &Generated, all: &[&str]) {
    let (server, client) = (dense(&generated.server), dense(&generated.client));
    for text in all {
        for code in [&server, &client] {
            let types =
                code.split_once("pubmodtypes{").unwrap().1.split_once("pubmoderror").unwrap();
            assert!(code.contains(text), "{text} is not in {}", types.0);
        }
    }
}

#[test]
fn x_rust_type_of_a_schema_is_used_where_it_is_referred_to() {
    let generated = taken(&with_money(json!("my_types::Money")));
    let expected = [
        "pubprice:::std::option::Option<my_types::Money>,",
        "publist:::std::vec::Vec<my_types::Money>,",
        "pubenumThingRequestEither{Money(my_types::Money),Plain(Plain),}",
        // The alternative with a place for the most members, as with a generated type.
        "0usize=>{<my_types::Moneyas::serde::Deserialize>::deserialize(&value)",
        "(unknown(&[\"amount\",\"part\"]),0usize)",
        // A whole body or response implements traits that the crate of the type does not know.
        "pubstructMoney(pubmy_types::Money);",
    ];
    assert_has(&generated, &expected);
    let server = dense(&generated.server);
    for text in ["specbound_given", "SpecboundGiven", "structMoneyPart", "\"x-rust-type"] {
        assert!(!server.contains(text), "{text}");
    }
    assert!(server.contains("implschemars::JsonSchemafortypes::Money{"));
    assert!(generated.unenforced.is_empty(), "{:?}", generated.unenforced);
}

#[test]
fn x_rust_type_of_a_member_is_the_type_of_its_field() {
    let mut document = small();
    document["openapi"] = json!("3.1.0");
    let members = json!({
        "count": {"type": "integer", "x-rust-type": "u8"},
        "old": {"type": ["string", "null"], "x-rust-type": "crate::Text<'static, u8>"},
        "tags": {
            "type": "array", "items": {"type": "string"},
            "x-rust-type": "std::collections::BTreeSet<String>", "x-rust-name": "labels",
        },
        "plain": {"$ref": "#/components/schemas/Plain", "x-rust-type": "::other::Plain"},
        "preset": {"type": "integer", "default": 3, "x-rust-type": "a::B"},
        "either": {"type": ["integer", "string"], "x-rust-type": "a::Either"},
        "secret": {"type": "string", "format": "password", "x-rust-type": "a::Secret"},
    });
    put(&mut document, &format!("{THING}/properties"), members);
    put(&mut document, &format!("{THING}/required"), json!(["tags", "old", "plain"]));
    let generated = taken(&document);
    let expected = [
        "pubcount:::std::option::Option<u8>,",
        "Option::deserialize\")]pubold:::std::option::Option<crate::Text<'static,u8>>,",
        "#[serde(rename=\"tags\")]publabels:std::collections::BTreeSet<String>,",
        "pubplain:::other::Plain,",
        "pubpreset:::std::option::Option<a::B>,",
        "pubeither:::std::option::Option<a::Either>,",
        "pubsecret:::std::option::Option<a::Secret>,",
        ".field(\"secret\",&::std::format_args!(\"[redacted]\"))",
    ];
    assert_has(&generated, &expected);
    assert!(!generated.server.contains("enum ThingEither"));
}

/// The type of the user may read what the document forbids.
#[test]
fn requests_with_x_rust_type_are_checked_by_a_table() {
    let table = |document: &Value| {
        let server = dense(&taken(document).server);
        let (_, of_plain) = server.split_once("HasConstraintsfortypes::Plain{").unwrap();
        of_plain.split_once("impl").unwrap().0.contains("constSCHEMA")
    };
    let at = "/components/schemas/Plain/properties/word";
    assert!(!table(&small_with(at, json!({"type": "string"}))));
    assert!(table(&small_with(at, json!({"type": "string", "x-rust-type": "a::Word"}))));
}

#[test]
fn x_rust_type_as_typify_reads_it_needs_the_name_of_its_crate() {
    let document = with_money(json!({
        "crate": "my-types", "version": "1", "path": "my_types::Money",
        "parameters": [{"$ref": "#/components/schemas/Plain"}, {"type": "boolean"}],
    }));
    let read = |crates| {
        let settings = Settings { crates, runtime: "crate::runtime", ..Settings::default() };
        generate(&document.to_string(), &settings).unwrap_or_else(|e| panic!("{e}"))
    };
    let expected = [
        "pubprice:::std::option::Option<my_types::Money<Plain,bool>>,",
        "pubstructMoney(pubmy_types::Money<Plain,bool>);",
    ];
    assert_has(&read(&["my-types"]), &expected);
    let generated = ["pubprice:::std::option::Option<Money>,", "pubstructMoney{pubamount:i64,"];
    assert_has(&read(&["other"]), &generated);
}

#[test]
fn x_rust_type_that_is_no_path_is_refused() {
    for other in [json!("my types"), json!(""), json!(1), json!("&str"), json!({"path": "a::B"})] {
        let document = with_money(other.clone());
        assert_eq!(refused_at(&document), [format!("{MONEY}/x-rust-type")], "{other}");
    }
    let word = "/components/schemas/Plain/properties/word";
    let document = small_with(word, json!({"type": "string", "x-rust-type": "a::"}));
    assert_eq!(refused_at(&document), [format!("{word}/x-rust-type")]);
    // Of a crate that is named, the path must be one of it.
    let document = with_money(json!({"crate": "a", "version": "1", "path": "b::C"}));
    let settings = Settings { crates: &["a"], ..Settings::default() };
    assert!(generate(&document.to_string(), &settings).is_err());
}

#[test]
fn x_rust_type_leaves_the_type_of_a_parameter() {
    let limit = format!("{GET}/parameters/1/schema");
    let mut document =
        small_with(&limit, json!({"type": "integer", "minimum": 1, "x-rust-type": "a::B"}));
    let generated = taken(&document);
    assert!(dense(&generated.server).contains("publimit:Option<i64>"));
    let listed = |generated: &Generated| {
        generated.unenforced.iter().map(|item| item.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&generated), [format!("{limit}/x-rust-type")]);
    put(&mut document, MONEY, json!({"type": "string", "x-rust-type": "a::B"}));
    put(&mut document, &limit, json!({"$ref": "#/components/schemas/Money"}));
    let generated = taken(&document);
    assert!(dense(&generated.client).contains("limit:Option<&'astr>"), "a plain text");
    assert_eq!(listed(&generated), [format!("{limit}/x-rust-type")]);
}
