//! Tables and JSON, without control characters for the terminal.

use super::*;

#[tokio::test]
async fn json_has_these_keys_in_this_order() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.clock.advance(Duration::days(27_000));
    server.register("amy", "amy@example.com").await;
    let account = concat!(
        r#"{"id":1,"username":"amy","email":"amy@example.com","first_name":"","last_name":"","#,
        r#""active":true,"admin":false,"last_login":"2100-02-01T12:00:00Z","#,
        r#""date_joined":"2100-02-01T12:00:00Z""#,
    );
    let details = concat!(
        r#""has_password":true,"mfa":false,"#,
        r#""addresses":[{"email":"amy@example.com","verified":false,"primary":true}],"#,
        r#""social_accounts":[],"groups":[],"tokens":1,"sessions":1}"#,
    );
    let token = concat!(
        r#"[{"id":1,"username":"amy","name":"","created":"2100-02-01T12:00:00Z","#,
        r#""expiry":"2101-02-01","last_seen":null,"state":"live"}]"#,
    );
    let session = concat!(
        r#"[{"id":1,"username":"amy","created":"2100-02-01T12:00:00Z","#,
        r#""expires":"2100-02-08T12:00:00Z","state":"live","user_agent":""}]"#,
    );
    for (arguments, expected) in [
        (vec!["user", "list"], format!("[{account}}}]")),
        (vec!["user", "show", "amy"], format!("{account},{details}")),
        (vec!["user", "activate", "amy"], format!("{account},{details}")),
        (vec!["token", "list"], token.to_owned()),
        (vec!["session", "list"], session.to_owned()),
        (vec!["user", "deactivate", "amy"], r#"{"sessions":1,"tokens":1}"#.to_owned()),
        (vec!["user", "list", "--search", "nobody"], "[]".to_owned()),
    ] {
        let output = operator.run(&[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(output.code, 0, "{output:?}");
        // No value contains blanks or line breaks.
        let compact: String = output.out.chars().filter(|letter| !letter.is_whitespace()).collect();
        assert_eq!(compact, expected, "{arguments:?}");
    }
}

#[test]
fn tables_are_aligned_and_keep_control_characters_out_of_the_terminal() {
    let operator = Operator::alone();
    operator.with_password(
        &["user", "add", "amy", "--first-name", "A\u{1b}[31my", "--admin"],
        PASSWORD,
    );
    operator.with_password(&["user", "add", "bartholomew", "--email", "b@example.com"], PASSWORD);
    let output = operator.run(&["user", "list"]);
    let expected = "\
ID  USERNAME     EMAIL          NAME     ACTIVE  ADMIN  LAST LOGIN
1   amy                         A\u{fffd}[31my  yes     yes
2   bartholomew  b@example.com           yes     no
";
    assert_eq!(output.out, expected);
    let shown = operator.run(&["user", "show", "bartholomew"]).out;
    assert!(shown.contains("\npassword       set\n"), "{shown}");
    assert!(shown.contains("\naddress        b@example.com (unverified, primary)\n"), "{shown}");
}

#[test]
fn list_is_by_name_and_finds_parts_of_names_and_addresses() {
    let operator = Operator::alone();
    for (name, email) in
        [("zoe", "zoe@example.org"), ("Amy_1", ""), ("amyx1", "pond@example.com"), ("Émile", "")]
    {
        let output = operator.with_password(&["user", "add", name, "--email", email], PASSWORD);
        assert_eq!(output.code, 0, "{output:?}");
    }
    for (search, found) in [
        ("", vec!["Amy_1", "amyx1", "zoe", "Émile"]),
        ("AMY", vec!["Amy_1", "amyx1"]),
        ("y_1", vec!["Amy_1"]),
        ("%", vec![]),
        ("\\", vec![]),
        ("Example", vec!["amyx1", "zoe"]),
        ("émi", vec!["Émile"]),
    ] {
        let listed = operator.json(&["user", "list", "--search", search]);
        let names: Vec<_> =
            listed.as_array().unwrap().iter().map(|user| user["username"].clone()).collect();
        assert_eq!(names, found, "{search}");
    }
    let output = operator.run(&["user", "list", "--limit", "2", "--format", "json"]);
    assert_eq!(output.json().as_array().unwrap().len(), 2);
    assert_eq!(output.err, "Output truncated at 2; use --limit to see more.\n");
    assert_eq!(operator.run(&["user", "list", "--limit", "4"]).err, "");
}
