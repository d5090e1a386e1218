use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::keywords::Bound;
use crate::{HasConstraints, Input, body};

const ROW: Property = Property::new("", Kind::Any);

#[derive(Debug, PartialEq, Deserialize)]
enum Colour {
    #[serde(rename = "red")]
    Red,
    #[serde(rename = "dark blue")]
    DarkBlue,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Text(String),
    Several(Vec<Either>),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Size {
    width: f64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    inner: Option<Box<Size>>,
}

/// A value of each kind that a type can ask for.
#[derive(Debug, PartialEq, Deserialize)]
struct Thing {
    title: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    count: Option<i32>,
    #[serde(default)]
    amount: Option<f64>,
    #[serde(default)]
    flag: Option<bool>,
    #[serde(default)]
    colour: Option<Colour>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    numbers: Option<Vec<u8>>,
    #[serde(default)]
    pair: Option<(i64, String)>,
    #[serde(default)]
    size: Option<Size>,
    #[serde(default)]
    sizes: Vec<Size>,
    #[serde(default)]
    map: BTreeMap<String, Either>,
    #[serde(default)]
    any: Value,
    #[serde(default)]
    id: Option<i64>,
}

const SIZE: &[Property] = &[
    Property {
        name: "width",
        kind: Kind::Number,
        required: true,
        maximum: Some(Bound { value: 100.0, exclusive: true }),
        ..ROW
    },
    Property { name: "name", kind: Kind::Text, nullable: true, ..ROW },
    Property { name: "inner", kind: Kind::Object, members: Some(|| SIZE), ..ROW },
];

impl HasConstraints for Thing {
    const PROPERTIES: &'static [Property] = &[
        Property { name: "id", kind: Kind::Integer, required: true, read_only: true, ..ROW },
        Property {
            name: "title",
            kind: Kind::Text,
            required: true,
            min_length: Some(2),
            max_length: Some(6),
            pattern: Some("^[a-zé ]+$"),
            ..ROW
        },
        Property { name: "email", kind: Kind::Email, nullable: true, ..ROW },
        Property {
            name: "count",
            kind: Kind::Integer,
            minimum: Some(Bound { value: -1.0, exclusive: false }),
            ..ROW
        },
        Property { name: "amount", kind: Kind::Number, nullable: true, ..ROW },
        Property { name: "flag", kind: Kind::Boolean, ..ROW },
        Property { name: "colour", ..ROW },
        Property { name: "tags", kind: Kind::Text, is_array: true, min_items: Some(1), ..ROW },
        Property { name: "numbers", kind: Kind::Integer, is_array: true, nullable: true, ..ROW },
        Property { name: "pair", ..ROW },
        Property { name: "size", kind: Kind::Object, members: Some(|| SIZE), ..ROW },
        Property {
            name: "sizes",
            kind: Kind::Object,
            is_array: true,
            max_items: Some(2),
            members: Some(|| SIZE),
            ..ROW
        },
        Property { name: "map", ..ROW },
        Property { name: "any", maximum: Some(Bound { value: 9.0, exclusive: false }), ..ROW },
    ];
}

static STRICT: Formats = Formats::DEFAULT;
static LENIENT: Formats = Formats { lenient_values: true, ..Formats::DEFAULT };

fn direct(text: &str, formats: &Formats) -> Option<Thing> {
    object(text.as_bytes(), Thing::PROPERTIES, formats, &BodyLimits::DEFAULT).ok()
}

fn by_the_tree(text: &str, formats: &'static Formats) -> Option<Thing> {
    let fields = body::json_fields(text.as_bytes(), &BodyLimits::DEFAULT).ok()?;
    Input::<Thing>::new(fields, formats).read().ok()
}

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

/// Members with values that are good, odd and bad.
const MEMBERS: &[(&str, &[&str])] = &[
    ("title", &["\"abc\"", "\" ab \"", "\"é\\u00e9\"", "\"x\"", "\"toolong\"", "12", "null"]),
    ("email", &["\"a@b\"", "\"a\"", "null", "\"\"", "\"a@\\u0000\""]),
    ("count", &["0", "-0", "-1", "-2", "\"7\"", "2147483648", "1.0", "1e2", "true", "00"]),
    ("amount", &["1", "-0", "-0.0", "2.5e3", "1e999", "\"3\"", "null", "123456789012345678901"]),
    ("flag", &["true", "false", "1", "\"yes\"", "null", "tru"]),
    ("colour", &["\"red\"", "\"dark\\u0020blue\"", "\"green\"", "{\"red\": null}", "null", "7"]),
    ("tags", &["[\"a\", \" b\\n\"]", "[]", "[1]", "[null]", "\"a\"", "[\"\\ud83d\\ude00\"]"]),
    ("numbers", &["[1, 255]", "[256]", "[]", "null", "[-1]", "[1.5]", "[\"1\"]"]),
    ("pair", &["[1, \"a\"]", "[1]", "[1, \"a\", 2]", "null", "[\"a\", 1]", "{}"]),
    (
        "size",
        &[
            "{\"width\": 1.5, \"more\": [1]}",
            "{\"width\": 100}",
            "{}",
            "{\"width\": 2, \"inner\": {\"width\": 1, \"name\": null}}",
            "{\"width\": 1, \"width\": 2}",
            "null",
            "[1]",
        ],
    ),
    (
        "sizes",
        &["[]", "[{\"width\": 1}]", "[{\"width\": 1}, {\"width\": 2}, {\"width\": 3}]", "[1]"],
    ),
    (
        "map",
        &[
            "{\"a\": 1, \"b\": \"x\", \"c\": [1, [\"y\"]]}",
            "{\"a\": 1, \"a\": 2}",
            "{}",
            "{\"a\": null}",
        ],
    ),
    (
        "any",
        &["{\"x\": [null, true, 1.5, {}]}", "10", "9", "null", "\" a \"", "18446744073709551615"],
    ),
    ("id", &["1", "\"x\"", "null"]),
    ("unknown", &["1", "[[[{\"a\": 1}]]]", "\"\\ud800\"", "{"]),
    ("titl\\u0065", &["\"abc\""]),
];

fn random_object(numbers: &mut Numbers) -> String {
    let mut members = Vec::new();
    let is_good = numbers.below(3) > 0;
    for (name, values) in MEMBERS {
        // The first of the values are good ones.
        let value = if is_good {
            values[numbers.below(2).min(values.len() - 1)]
        } else {
            numbers.one(values)
        };
        if *name == "title" || numbers.below(4) == 0 {
            members.push(format!("\"{name}\"{}:{value}", numbers.one(&["", " ", "\n"])));
        }
    }
    for _ in 0..numbers.below(4) {
        let (one, other) = (numbers.below(members.len()), numbers.below(members.len()));
        members.swap(one, other);
    }
    if numbers.below(8) == 0 {
        members.push(members[0].clone());
    }
    let comma = numbers.one(&[",", ", ", " ,\t"]);
    let mut text = format!("{{{}}}", members.join(comma));
    if numbers.below(4) == 0 {
        let at = numbers.below(text.len());
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            text.replace_range(
                at..=at,
                numbers.one(&["", "\"", "{", "}", "[", "]", ",", ":", "0", "\\", "é"]),
            );
        }
    }
    text
}

#[test]
fn direct_parsing_agrees_with_the_tree() {
    for formats in [&STRICT, &LENIENT] {
        let mut numbers = Numbers(0x5eed);
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..30_000 {
            let text = random_object(&mut numbers);
            let by_the_tree = by_the_tree(&text, formats);
            match direct(&text, formats) {
                Some(thing) => {
                    assert_eq!(Some(thing), by_the_tree, "{text}");
                    taken += 1;
                }
                None => refused += usize::from(by_the_tree.is_none()),
            }
        }
        assert!(taken > 3000 && refused > 10_000, "{taken} {refused}");
    }
}

#[test]
fn valid_input_is_parsed_directly() {
    for text in [
        r#"{"title": "abc"}"#,
        r#" { "title" : " a\u0062c", "unknown": [{"a": [1, null]}], "id": 7 } "#,
        r#"{"title":"ab","email":null,"count":-1,"amount":1,"flag":true,"colour":"red",
            "tags":["x"],"numbers":[1],"pair":[1,"a"],"size":{"width":1,"name":null,
            "inner":{"width":2}},"sizes":[{"width":3}],"map":{"a":1,"b":["c"]},"any":{"x":[1.5]}}"#,
        r#"{"any":1,"flag":false,"title":"ab"}"#,
    ] {
        for formats in [&STRICT, &LENIENT] {
            let thing = direct(text, formats);
            assert!(thing.is_some(), "{text}");
            assert_eq!(thing, by_the_tree(text, formats), "{text}");
        }
    }
}

#[test]
fn any_json_is_parsed_as_by_the_tree() {
    for text in ["[1, \"a\", [2]]", "7", "\"x\"", "-0", "[1.5]", "{}", "[", "[1]x"] {
        let direct = value::<Either>(text.as_bytes(), &BodyLimits::DEFAULT).ok();
        let tree = crate::body::json::parse(text.as_bytes(), &BodyLimits::DEFAULT).ok();
        let by_the_tree = tree
            .and_then(|tree| serde_json::from_value::<Either>(crate::fields::as_json(&tree)).ok());
        assert_eq!(direct, by_the_tree, "{text}");
    }
}

#[test]
fn limits_apply_to_direct_parsing() {
    let text = r#"{"title": "abc", "any": [[1, 2]]}"#;
    let read = |values: usize, depth: usize| {
        let limits = BodyLimits { values, depth, ..BodyLimits::DEFAULT };
        object::<Thing>(text.as_bytes(), Thing::PROPERTIES, &Formats::DEFAULT, &limits).is_ok()
    };
    assert!(read(5, 3));
    assert!(!read(4, 3) && !read(5, 2));
}
