use super::*;

fn read(content_type: &str, body: impl AsRef<[u8]>) -> Result<Fields, BodyError> {
    parse(Some(content_type), Bytes::copy_from_slice(body.as_ref()), &BodyLimits::DEFAULT)
}

#[test]
fn debug_output_contains_no_value() {
    let fields = read(
        "application/json",
        r#"{"password": "hunter2", "more": [{"password": "hunter2"}, 7]}"#,
    )
    .unwrap();
    let shown = format!("{fields:?}");
    assert!(
        shown.contains("password") && !shown.contains("hunter2") && !shown.contains('7'),
        "{shown}"
    );
}

fn text(value: &str) -> Option<FieldValue> {
    Some(FieldValue::Text(value.to_owned()))
}

#[test]
fn empty_body_of_any_type_has_no_fields() {
    for content_type in
        [None, Some("text/plain"), Some("multipart/form-data"), Some("application/json")]
    {
        let fields = parse(content_type, Bytes::new(), &BodyLimits::DEFAULT).unwrap();
        assert!(fields.values.is_empty());
        assert_eq!(fields.is_form(), content_type == Some("multipart/form-data"));
    }
}

#[test]
fn unsupported_content_type_is_quoted_verbatim() {
    for content_type in
        ["text/plain", "Text/CSV; charset=x", "application/vnd.api+json", "application/jsonx", ""]
    {
        let refused = BodyError::UnsupportedMediaType(content_type.to_owned());
        assert_eq!(read(content_type, "{}"), Err(refused));
    }
    let untyped = parse(None, Bytes::from_static(b"x"), &BodyLimits::DEFAULT);
    assert_eq!(untyped, Err(BodyError::UnsupportedMediaType(String::new())));
}

#[test]
fn json_content_type_is_case_insensitive() {
    let fields = read(
        "Application/JSON; charset=UTF-8",
        r#" {"a": "x", "b": [1, {"c": null}], "a": true} "#,
    )
    .unwrap();
    assert!(!fields.is_form());
    assert_eq!(fields.get("a"), Some(&FieldValue::Bool(true)), "the last of duplicate keys counts");
    let inner = FieldValue::Object(vec![("c".to_owned(), FieldValue::Null)].into());
    assert_eq!(
        fields.get("b"),
        Some(&FieldValue::List(vec![FieldValue::Integer("1".to_owned()), inner]))
    );
    assert_eq!(fields.get("c"), None);
}

#[test]
fn non_object_json_is_named_like_in_python() {
    for (body, name) in
        [("[]", "list"), ("\"x\"", "str"), ("5", "int"), ("5.0", "float"), ("true", "bool")]
    {
        assert_eq!(read("application/json", body), Err(BodyError::NotAnObject(name)));
    }
    assert_eq!(read("application/json", "null"), Err(BodyError::NoData));
}

#[test]
fn urlencoded_fields_are_decoded_leniently() {
    let body = "a=1&a=2&b=x+y%20z&c=%zz%4&d&=e&&f=%C3%A4%ff&g==&%68=ä";
    let fields = read("application/x-www-form-urlencoded; charset=utf-8", body).unwrap();
    assert!(fields.is_form());
    for (name, value) in [
        ("a", "2"),
        ("b", "x y z"),
        ("c", "%zz%4"),
        ("d", ""),
        ("", "e"),
        ("f", "ä\u{fffd}"),
        ("g", "="),
        ("h", "ä"),
    ] {
        assert_eq!(fields.get(name).cloned(), text(value), "{name}");
    }
    let latin = read("application/x-www-form-urlencoded", b"a=\xe4").unwrap();
    assert_eq!(latin.get("a").cloned(), text("ä"));
}

#[test]
fn forms_have_at_most_a_thousand_fields() {
    let urlencoded =
        |count| read("application/x-www-form-urlencoded", vec!["a=1"; count].join("&"));
    assert!(urlencoded(1000).is_ok());
    assert_eq!(urlencoded(1001), Err(BodyError::TooManyFields(1000)));
    let multipart = |count| {
        let part = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
        read("multipart/form-data; boundary=B", part.repeat(count) + "--B--\r\n")
    };
    assert!(multipart(1000).is_ok());
    assert_eq!(multipart(1001), Err(BodyError::TooManyFields(1000)));
}

#[test]
fn multipart_fields_are_text_and_files_are_files() {
    let body = "--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nünï\r\n\
                --x y\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n\
                --x y\r\nContent-Type: text/plain\r\n\r\nnameless\r\n\
                --x y\r\nContent-Disposition: form-data; name=\"f\"; \
                filename=\"f.txt\"\r\n\r\nfile\r\n--x y--\r\n";
    let fields = read("Multipart/Form-Data; BOUNDARY=\"x y\"", body).unwrap();
    assert!(fields.is_form());
    assert_eq!(fields.get("a").cloned(), text("ünï"));
    assert_eq!(fields.get("empty").cloned(), text(""));
    assert_eq!(fields.get("f"), Some(&FieldValue::File));
    assert_eq!(fields.values.iter().count(), 3);
}

#[test]
fn malformed_multipart_is_refused_with_a_reason() {
    let parse_error = |text: &str| Err(BodyError::MultipartParse(text.to_owned()));
    assert_eq!(
        read("multipart/form-data", "x"),
        parse_error("Invalid boundary in multipart: None")
    );
    assert_eq!(
        read("multipart/form-data; boundary=", "x"),
        parse_error("Invalid boundary in multipart: ")
    );
    assert_eq!(
        read("multipart/form-data; boundary=abc", "x"),
        Ok(Fields::form(Vec::new())),
        "recorded: no fields, no fault"
    );
    for body in [
        "--abc",
        "--abc\r\n",
        "--abc\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv",
        "--abcx",
    ] {
        assert!(matches!(
            read("multipart/form-data; boundary=abc", body),
            Err(BodyError::MultipartParse(_))
        ));
    }
}
