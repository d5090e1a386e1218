use super::*;

fn parse(bytes: &[u8]) -> Parsed<FieldValue> {
    super::parse(bytes, &BodyLimits::DEFAULT)
}

fn error_of(text: impl AsRef<[u8]>) -> String {
    match parse(text.as_ref()) {
        Err(BodyError::JsonParse(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn member(object: &FieldValue, name: &str) -> FieldValue {
    match object {
        FieldValue::Object(members) => members.get(name).unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.to_owned())
}

#[test]
fn json_errors_match_pythons_messages_and_positions() {
    for (body, error) in [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{]", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (
            "{\"a\":1,}",
            "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
        ),
        (" ", "Expecting value: line 1 column 2 (char 1)"),
        ("nul", "Expecting value: line 1 column 1 (char 0)"),
        ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
        ("-", "Expecting value: line 1 column 1 (char 0)"),
        ("{}x", "Extra data: line 1 column 3 (char 2)"),
        ("01", "Extra data: line 1 column 2 (char 1)"),
        ("{\"ä\"\n 1}", "Expecting ':' delimiter: line 2 column 2 (char 6)"),
        ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
        ("{\"a", "Unterminated string starting at: line 1 column 2 (char 1)"),
        ("\"\\", "Unterminated string starting at: line 1 column 1 (char 0)"),
        ("\"a\tb\"", "Invalid control character at: line 1 column 3 (char 2)"),
        ("\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"),
        ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        ("\"\\u0041", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
        ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        ("{\"a\":NaN", "Out of range float values are not JSON compliant: 'NaN'"),
        ("-Infinity", "Out of range float values are not JSON compliant: '-Infinity'"),
    ] {
        assert_eq!(error_of(body), error, "{body}");
    }
}

#[test]
fn invalid_utf8_error_matches_python() {
    for (body, error) in [
        (&b"\xff"[..], "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (
            b"{\"\xc3\"}",
            "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte",
        ),
        (
            b"\"\xe2\x82\"",
            "'utf-8' codec can't decode bytes in position 1-2: invalid continuation byte",
        ),
        (b"\"\xe2\x82", "Unterminated string starting at: line 1 column 1 (char 0)"),
    ] {
        assert_eq!(error_of(body), error);
    }
}

#[test]
fn numbers_keep_their_digits_and_display_like_python() {
    for (sent, kept) in [
        ("123456789012345678901234", "123456789012345678901234"),
        ("-0", "0"),
        ("1.0", "1.0"),
        ("1e3", "1000.0"),
        ("1E16", "1e+16"),
        ("0.00001", "1e-05"),
        ("-1.5e-7", "-1.5e-07"),
        ("1e999", "inf"),
        ("-0.0", "-0.0"),
    ] {
        match parse(sent.as_bytes()) {
            Ok(FieldValue::Integer(text) | FieldValue::Float(text)) => assert_eq!(text, kept),
            other => panic!("{other:?}"),
        }
    }
    assert!(error_of("1".repeat(4301)).starts_with("Exceeds the limit (4300 digits)"));
}

#[test]
fn escapes_are_decoded_and_lone_surrogates_replaced() {
    let body = r#"{"a": "\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00", "b": "\ud800x\udc00\ud800\u0041"}"#;
    let object = parse(body.as_bytes()).unwrap();
    assert_eq!(member(&object, "a"), text("\"\\/\x08\x0c\n\r\tä😀"));
    assert_eq!(member(&object, "b"), text("\u{fffd}x\u{fffd}\u{fffd}A"));
}

#[test]
fn deep_json_is_refused_without_overflowing_the_stack() {
    assert_eq!(error_of("[".repeat(1_000_000)), "Recursion limit exceeded");
    assert_eq!(error_of("{\"a\":".repeat(129)), "Recursion limit exceeded");
    let deepest = "[".repeat(128) + &"]".repeat(128);
    assert!(parse(deepest.as_bytes()).is_ok());
}

#[test]
fn values_are_limited_at_any_depth() {
    let list = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    let members = |count: usize| format!("{{{}}}", vec!["\"a\":0"; count].join(","));
    let objects = |count: usize| format!("[{}]", vec!["{\"\":0}"; count / 2].join(","));
    for text in [list(1000), members(1000), objects(1000)] {
        assert!(parse(text.as_bytes()).is_ok());
    }
    for text in [list(1001), members(1001), objects(1002)] {
        assert_eq!(parse(text.as_bytes()), Err(BodyError::TooManyValues(1000)));
    }
}

#[test]
fn large_texts_are_read_in_linear_time() {
    let size = 2_500_000;
    for text in [
        format!("\"{}\"", "\\u0041".repeat(size / 6)),
        format!("\"{}\"", "\\\"".repeat(size / 2)),
        format!("{}1", " ".repeat(size)),
        format!("1e{}", "9".repeat(size)),
        format!("0.{}", "1".repeat(size)),
    ] {
        assert!(parse(text.as_bytes()).is_ok());
    }
    for text in [
        format!("-{}", "1".repeat(size)),
        "\n".repeat(size),
        format!("\"{}", "\u{e4}".repeat(size / 2)),
    ] {
        assert!(parse(text.as_bytes()).is_err());
    }
}

#[test]
fn limits_are_set_by_the_server() {
    let limits = BodyLimits { values: 3, depth: 2, ..BodyLimits::DEFAULT };
    let parse = |text: &str| super::parse(text.as_bytes(), &limits);
    assert!(parse("[[1, 2]]").is_ok());
    assert_eq!(parse("[[1, 2, 3]]"), Err(BodyError::TooManyValues(3)));
    assert!(parse("[[[]]]").is_err());
    let limits = BodyLimits { values: usize::MAX, depth: usize::MAX, ..limits };
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(super::parse(deep(BodyLimits::MAX_DEPTH).as_bytes(), &limits).is_ok());
    assert!(super::parse(deep(BodyLimits::MAX_DEPTH + 1).as_bytes(), &limits).is_err());
}
