use serde_json::json;

use super::*;
use crate::body::{self, BodyLimits};

const USERNAME_PATTERN: &str = r"^[\w.@+-]+$";
const FORMATS: Formats = Formats {
    pattern_messages: &[(
        USERNAME_PATTERN,
        "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ \
         characters.",
    )],
    lenient_values: true,
    ..Formats::DEFAULT
};
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

const USER: &[Property] = &[
    Property { read_only: true, required: true, ..Property::new("pk", Kind::Integer) },
    Property {
        required: true,
        max_length: Some(5),
        min_length: Some(2),
        pattern: Some(USERNAME_PATTERN),
        ..Property::new("username", Kind::Text)
    },
    Property { max_length: Some(20), ..Property::new("email", Kind::Email) },
    Property { required: true, ..Property::new("user", Kind::Integer) },
    Property::new("primary", Kind::Boolean),
];

fn run(properties: &[Property], kind: &str, body: &str, rules: Rules<'_>) -> Result<Value, String> {
    let bytes = multer::bytes::Bytes::copy_from_slice(body.as_bytes());
    let fields = body::parse(Some(kind), bytes, &BodyLimits::DEFAULT).unwrap();
    let (clean, errors) = check(properties, &fields, rules, &FORMATS);
    if errors.is_empty() {
        Ok(Value::Object(clean))
    } else {
        Err(serde_json::to_string(&errors).unwrap())
    }
}

/// The one message about the field `x` of this kind, or its clean value.
fn one(kind: Kind, value: Value) -> Result<Value, String> {
    let field = [Property::new("x", kind)];
    run(
        &field,
        JSON,
        &json!({ "x": value }).to_string(),
        Rules { row_ids: &["x"], ..Rules::default() },
    )
    .map(|clean| clean["x"].clone())
    .map_err(|errors| {
        errors.trim_start_matches(r#"{"x":[""#).trim_end_matches(r#""]}"#).replace("\\\"", "\"")
    })
}

#[test]
fn every_field_error_is_reported_in_declaration_order() {
    let errors = run(
        USER,
        JSON,
        r#"{"primary": "x", "email": "nonsense-that-is-too-long"}"#,
        Rules::default(),
    );
    assert_eq!(
        errors.unwrap_err(),
        concat!(
            r#"{"username":["This field is required."],"#,
            r#""email":["Ensure this field has no more than 20 characters.","#,
            r#""Enter a valid email address."],"#,
            r#""user":["This field is required."],"primary":["Must be a valid boolean."]}"#
        )
    );
}

#[test]
fn valid_fields_are_cleaned_and_unknown_ones_dropped() {
    let body = r#"{"pk": 9, "username": " \t12\u001f", "user": "7", "primary": "on", "more": 1}"#;
    let clean = run(USER, JSON, body, Rules::default()).unwrap();
    assert_eq!(clean, json!({"username": "12", "user": 7, "primary": true}));
}

#[test]
fn text_fields_accept_numbers_and_refuse_other_types() {
    for (value, result) in [
        (json!(" a "), Ok(json!("a"))),
        (json!(42), Ok(json!("42"))),
        (json!(1.0), Ok(json!("1.0"))),
        (json!(null), Err("This field may not be null.")),
        (json!(""), Err("This field may not be blank.")),
        (json!(" \u{a0}"), Err("This field may not be blank.")),
        (json!(true), Err("Not a valid string.")),
        (json!(["a"]), Err("Not a valid string.")),
        (json!({"b": 1}), Err("Not a valid string.")),
    ] {
        assert_eq!(one(Kind::Text, value.clone()), result.map_err(str::to_owned), "{value}");
    }
    let long = run(
        &[Property::new("x", Kind::Text)],
        JSON,
        r#"{"x": 123456789012345678901234}"#,
        Rules::default(),
    );
    assert_eq!(long.unwrap(), json!({"x": "123456789012345678901234"}));
}

#[test]
fn all_text_errors_are_reported_and_lengths_count_characters() {
    let username = |text: &str| {
        let body = json!({"username": text}).to_string();
        run(USER, JSON, &body, Rules { partial: true, ..Rules::default() })
    };
    const BAD_NAME: &str = "Enter a valid username. This value may contain only letters, \
        numbers, and @/./+/-/_ characters.";
    assert_eq!(username("éñüß٣").unwrap(), json!({"username": "éñüß٣"}));
    assert_eq!(
        username("a").unwrap_err(),
        r#"{"username":["Ensure this field has at least 2 characters."]}"#
    );
    assert_eq!(
        username("a b\0cd").unwrap_err(),
        [
            r#"{"username":[""#,
            BAD_NAME,
            r#"","Ensure this field has no more than 5 characters.","#,
            r#""Null characters are not allowed."]}"#
        ]
        .concat()
    );
    let other = [Property { pattern: Some("^[0-9]+$"), ..Property::new("x", Kind::Text) }];
    let mismatch = run(&other, JSON, r#"{"x": "a"}"#, Rules::default());
    assert_eq!(
        mismatch.unwrap_err(),
        r#"{"x":["This value does not match the required pattern."]}"#
    );
}

#[test]
fn email_takes_any_value_as_text() {
    for value in [
        json!(5),
        json!(true),
        json!(["a@example.com"]),
        json!({}),
        json!("nonsense"),
        json!("a@b.com,c@d.com"),
    ] {
        assert_eq!(one(Kind::Email, value), Err("Enter a valid email address.".to_owned()));
    }
    assert_eq!(one(Kind::Email, json!(null)), Err("This field may not be null.".to_owned()));
    assert_eq!(one(Kind::Email, json!("")), Err("This field may not be blank.".to_owned()));
    assert_eq!(one(Kind::Email, json!("  a@example.com ")), Ok(json!("a@example.com")));
}

#[test]
fn ids_are_numbers_or_digits() {
    for (value, result) in [
        (json!(7), Ok(json!(7))),
        (json!("7"), Ok(json!(7))),
        (json!(" +07 "), Ok(json!(7))),
        (json!(-1), Ok(json!(-1))),
        (json!(null), Err("This field may not be null.")),
        (json!(""), Err("This field may not be null.")),
        (json!("me"), Err("Incorrect type. Expected pk value, received str.")),
        (json!(" "), Err("Incorrect type. Expected pk value, received str.")),
        (json!(true), Err("Incorrect type. Expected pk value, received bool.")),
        (json!(1.5), Err("Incorrect type. Expected pk value, received float.")),
        (json!([1]), Err("Incorrect type. Expected pk value, received list.")),
        (json!({}), Err("Incorrect type. Expected pk value, received dict.")),
        (
            json!("99999999999999999999"),
            Err("Invalid pk \"99999999999999999999\" - object does not exist."),
        ),
    ] {
        assert_eq!(one(Kind::Integer, value.clone()), result.map_err(str::to_owned), "{value}");
    }
}

#[test]
fn booleans_are_parsed_like_drf() {
    for value in
        [json!(true), json!(1), json!(1.0), json!("yes"), json!("On"), json!("TRUE"), json!("1")]
    {
        assert_eq!(one(Kind::Boolean, value), Ok(json!(true)));
    }
    for value in [json!(false), json!(0), json!("no"), json!("f")] {
        assert_eq!(one(Kind::Boolean, value), Ok(json!(false)));
    }
    for value in [json!(""), json!("tRUE"), json!(2), json!([]), json!({})] {
        assert_eq!(one(Kind::Boolean, value), Err("Must be a valid boolean.".to_owned()));
    }
    assert_eq!(one(Kind::Boolean, json!(null)), Err("This field may not be null.".to_owned()));
}

#[test]
fn numbers_and_free_values_pass_through() {
    assert_eq!(one(Kind::Number, json!("1.5")), Ok(json!(1.5)));
    assert_eq!(one(Kind::Number, json!("inf")), Err("A valid number is required.".to_owned()));
    let free = json!({"a": [1, 1.5, "x", null, true]});
    assert_eq!(one(Kind::Any, free.clone()), Ok(free));
}

#[test]
fn arrays_check_their_items() {
    let field = [Property { is_array: true, ..Property::new("x", Kind::Text) }];
    let run = |body| run(&field, JSON, body, Rules::default());
    assert_eq!(run(r#"{"x": ["a", 1]}"#).unwrap(), json!({"x": ["a", "1"]}));
    assert_eq!(run(r#"{"x": ["a", true]}"#).unwrap_err(), r#"{"x":["Not a valid string."]}"#);
    assert_eq!(
        run(r#"{"x": "a"}"#).unwrap_err(),
        r#"{"x":["Expected a list of items but got type \"str\"."]}"#
    );
}

#[test]
fn rules_override_required_and_blank() {
    let patch = Rules { partial: true, also_required: &["email"], ..Rules::default() };
    assert_eq!(run(USER, JSON, "{}", patch).unwrap(), json!({}));
    let email = &USER[2..3];
    let required = Rules { also_required: &["email"], ..Rules::default() };
    assert_eq!(
        run(email, JSON, "{}", required).unwrap_err(),
        r#"{"email":["This field is required."]}"#
    );
    let blank = Rules { blank_allowed: &["email"], ..Rules::default() };
    assert_eq!(run(email, JSON, r#"{"email": " "}"#, blank).unwrap(), json!({"email": ""}));
}

#[test]
fn untrimmed_text_keeps_its_whitespace() {
    let text = [Property { max_length: Some(4), ..Property::new("x", Kind::Text) }];
    let untrimmed = Rules { untrimmed: &["x"], ..Rules::default() };
    assert_eq!(run(&text, JSON, r#"{"x": " a\t"}"#, untrimmed).unwrap(), json!({"x": " a\t"}));
    assert_eq!(run(&text, JSON, r#"{"x": " a\t"}"#, Rules::default()).unwrap(), json!({"x": "a"}));
    for (sent, message) in [
        ("  \t ", "This field may not be blank."),
        ("  a  ", "Ensure this field has no more than 4 characters."),
    ] {
        let refused = run(&text, FORM, &format!("x={sent}"), untrimmed).unwrap_err();
        assert_eq!(refused, format!(r#"{{"x":["{message}"]}}"#));
    }
}

#[test]
fn empty_form_fields_are_absent_unless_required_or_nullable() {
    let email = &USER[2..3];
    assert_eq!(run(email, FORM, "email=", Rules::default()).unwrap(), json!({}));
    assert_eq!(run(email, JSON, "", Rules::default()).unwrap(), json!({}));
    let blank = Rules { blank_allowed: &["email"], ..Rules::default() };
    assert_eq!(run(email, FORM, "email=", blank).unwrap(), json!({"email": ""}));
    let required = Rules { also_required: &["email"], ..Rules::default() };
    assert_eq!(
        run(email, FORM, "email=", required).unwrap_err(),
        r#"{"email":["This field may not be blank."]}"#
    );
    let nullable = [Property { nullable: true, ..Property::new("x", Kind::Text) }];
    assert_eq!(run(&nullable, FORM, "x=", Rules::default()).unwrap(), json!({"x": null}));
    let absent_boolean = run(USER, FORM, "username=ab&user=1&primary=", Rules::default());
    assert_eq!(absent_boolean.unwrap(), json!({"username": "ab", "user": 1}));
}

#[test]
fn errors_of_one_field_are_grouped() {
    let mut errors = FieldErrors::default();
    assert!(errors.is_empty());
    errors.add("b", vec!["1".to_owned()]);
    errors.add("a", vec!["2".to_owned()]);
    errors.add("b", vec!["3".to_owned()]);
    assert_eq!(serde_json::to_string(&errors).unwrap(), r#"{"b":["1","3"],"a":["2"]}"#);
}

/// The one message about the field `x` of this property, or its clean value.
fn of(field: Property, value: Value) -> Result<Value, String> {
    match run(&[field], JSON, &json!({ "x": value }).to_string(), Rules::default()) {
        Ok(clean) => Ok(clean["x"].clone()),
        Err(errors) => Err(serde_json::from_str::<Value>(&errors).unwrap()["x"][0]
            .as_str()
            .unwrap()
            .to_owned()),
    }
}

#[test]
fn row_id_out_of_range_has_its_own_message() {
    assert_eq!(of(Property::new("x", Kind::Integer), json!("7")), Ok(json!(7)));
    for value in
        [json!("seven"), json!(1.5), json!(true), json!([]), json!("123456789012345678901234")]
    {
        assert_eq!(
            of(Property::new("x", Kind::Integer), value),
            Err("A valid integer is required.".to_owned())
        );
    }
}

#[test]
fn number_bounds_are_enforced() {
    let from = |exclusive| Some(Bound { value: 1.0, exclusive });
    let to = |exclusive| Some(Bound { value: 3.5, exclusive });
    for kind in [Kind::Integer, Kind::Number] {
        let within =
            Property { minimum: from(false), maximum: to(false), ..Property::new("x", kind) };
        assert_eq!(of(within, json!(1)).unwrap().as_f64(), Some(1.0));
        let low = of(within, json!(0));
        assert_eq!(low, Err("Ensure this value is greater than or equal to 1.".to_owned()));
        assert_eq!(
            of(within, json!(4)),
            Err("Ensure this value is less than or equal to 3.5.".to_owned())
        );
        let inside =
            Property { minimum: from(true), maximum: to(true), ..Property::new("x", kind) };
        assert_eq!(of(inside, json!(1)), Err("Ensure this value is greater than 1.".to_owned()));
        assert_eq!(of(inside, json!(4)), Err("Ensure this value is less than 3.5.".to_owned()));
        assert_eq!(of(inside, json!(2)).unwrap().as_f64(), Some(2.0));
    }
    let exact = Property { maximum: to(true), ..Property::new("x", Kind::Number) };
    assert_eq!(of(exact, json!(3.5)), Err("Ensure this value is less than 3.5.".to_owned()));
}

#[test]
fn nested_members_use_their_own_table() {
    const INNER: &[Property] = &[
        Property { required: true, max_length: Some(3), ..Property::new("word", Kind::Text) },
        Property::new("n", Kind::Integer),
    ];
    let field = Property { members: Some(|| INNER), ..Property::new("x", Kind::Object) };
    assert_eq!(of(field, json!({"word": " a ", "other": 1})), Ok(json!({"word": "a"})));
    assert_eq!(of(field, json!({})), Err("word: This field is required.".to_owned()));
    let text = "Invalid data. Expected a dictionary, but got str.";
    assert_eq!(of(field, json!("a")), Err(text.to_owned()));
    let list = Property { is_array: true, min_items: Some(1), max_items: Some(2), ..field };
    assert_eq!(of(list, json!([])), Err("Ensure this field has at least 1 elements.".to_owned()));
    assert_eq!(
        of(list, json!([{}, {}, {}])),
        Err("Ensure this field has no more than 2 elements.".to_owned())
    );
    let second = of(list, json!([{"word": "a"}, {"word": "long"}]));
    assert_eq!(second, Err("word: Ensure this field has no more than 3 characters.".to_owned()));
}

#[test]
fn parameter_text_bounds_are_enforced() {
    assert!(text_fits("äb", Some(2), Some(2), Some("^.b$")));
    assert!(!text_fits("a", Some(2), None, None));
    assert!(!text_fits("abc", None, Some(2), None));
    assert!(!text_fits("ab", None, None, Some("^[0-9]+$")));
}

#[test]
fn text_without_a_limit_is_as_long_as_its_body() {
    let long = "ä".repeat(MAX_TEXT_BYTES + 1);
    let read = |row: Property, formats: &Formats| {
        let bytes = json!({ "x": long }).to_string().into();
        let fields = body::parse(Some(JSON), bytes, &BodyLimits::DEFAULT).unwrap();
        let (clean, errors) = check(&[row], &fields, Rules::default(), formats);
        errors.is_empty().then(|| clean["x"] == json!(long))
    };
    let row = Property::new("x", Kind::Text);
    assert_eq!(read(row, &Formats::DEFAULT), Some(true));
    let short = Property { max_length: Some(MAX_TEXT_BYTES), ..row };
    assert_eq!(read(short, &Formats::DEFAULT), None);
    // A lenient host has the limit of its reference.
    assert_eq!(read(row, &Formats { lenient_values: true, ..Formats::DEFAULT }), None);
}

#[test]
fn json_values_must_have_their_types_and_are_not_changed() {
    let read = |kind: Kind, sent: &str, content_type: &str| {
        let bytes = multer::bytes::Bytes::copy_from_slice(sent.as_bytes());
        let fields = body::parse(Some(content_type), bytes, &BodyLimits::DEFAULT).unwrap();
        let row = [Property::new("x", kind)];
        let (clean, errors) = check(&row, &fields, Rules::default(), &Formats::DEFAULT);
        errors.is_empty().then(|| clean["x"].clone())
    };
    let json = |kind, value: Value| read(kind, &json!({ "x": value }).to_string(), JSON);
    for (kind, value) in [
        (Kind::Text, json!(" a b ")),
        (Kind::Text, json!("")),
        (Kind::Text, json!("a\0")),
        (Kind::Integer, json!(-7)),
        (Kind::Number, json!(1.5)),
        (Kind::Boolean, json!(false)),
    ] {
        assert_eq!(json(kind, value.clone()), Some(value));
    }
    assert_eq!(json(Kind::Integer, json!(7.0)), Some(json!(7)));
    for (kind, value) in [
        (Kind::Text, json!(7)),
        (Kind::Text, json!(1.5)),
        (Kind::Text, json!(true)),
        (Kind::Email, json!("")),
        (Kind::Integer, json!("7")),
        (Kind::Integer, json!(7.5)),
        (Kind::Integer, json!(true)),
        (Kind::Number, json!("1.5")),
        (Kind::Number, json!(true)),
        (Kind::Boolean, json!("true")),
        (Kind::Boolean, json!(1)),
    ] {
        assert_eq!(json(kind, value.clone()), None, "{value}");
    }
    // The values of a form are all text.
    for (kind, sent, value) in [
        (Kind::Integer, "x=7", json!(7)),
        (Kind::Number, "x=1.5", json!(1.5)),
        (Kind::Boolean, "x=true", json!(true)),
        (Kind::Text, "x=+7+", json!(" 7 ")),
    ] {
        assert_eq!(read(kind, sent, FORM), Some(value), "{sent}");
    }
    assert_eq!(read(Kind::Integer, "x=seven", FORM), None);
}
