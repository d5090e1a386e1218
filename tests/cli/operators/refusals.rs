//! Input and databases that are refused in one line.

use super::*;

#[test]
fn invalid_input_fails_with_one_line_and_writes_nothing() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy", "--email", "amy@example.com"], PASSWORD);
    let before = operator.json(&["user", "list"]);
    for (arguments, password, says) in [
        (
            &["user", "add", "AMY"][..],
            PASSWORD,
            "username: A user with that username already exists.",
        ),
        (
            &["user", "add", "a b", "--email", "nonsense"],
            PASSWORD,
            "username: Enter a valid username. This value may contain only letters, numbers, and \
             @/./+/-/_ characters. \
             email: Enter a valid email address.",
        ),
        (&["user", "add", ""], PASSWORD, "username: This field may not be blank."),
        (
            &["user", "add", "bob", "--last-name", &"x".repeat(151)],
            PASSWORD,
            "last_name: Ensure this field has no more than 150 characters.",
        ),
        (
            &["user", "add", "1234567"],
            "1234567",
            "password: The password is too similar to the username. \
             This password is too short. It must contain at least 8 characters. \
             This password is too common. This password is entirely numeric.",
        ),
        (
            &["user", "add", "bob", "--first-name", "Bobby-Quartz"],
            "bobby-quartz",
            "password: The password is too similar to the first name.",
        ),
        (&["user", "add", "bob"], " ", "password: This field may not be blank."),
        (
            &["user", "set-password", "amy"],
            "amy@example",
            "password: The password is too similar to the email address.",
        ),
        (&["user", "set-password", "nobody"], PASSWORD, "user nobody not found"),
    ] {
        assert_eq!(operator.with_password(arguments, password).refusal(), says, "{arguments:?}");
    }
    for (arguments, says) in [
        (&["user", "show", "nobody"][..], "user nobody not found"),
        (&["user", "deactivate", "nobody"], "user nobody not found"),
        (&["user", "activate", "nobody"], "user nobody not found"),
        (&["user", "make-admin", "nobody"], "user nobody not found"),
        (&["token", "list", "nobody"], "user nobody not found"),
        (&["token", "revoke", "7"], "token 7 not found"),
        (&["session", "list", "nobody"], "user nobody not found"),
        (&["session", "end", "7"], "session 7 not found"),
        (&["session", "end", "--user", "nobody"], "user nobody not found"),
        (
            &["user", "add", "bob", "--password-file", "/no/such/file"],
            "/no/such/file: No such file or directory (os error 2)",
        ),
        (
            &["user", "list", "--config", "/no/such/file"],
            "/no/such/file: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(operator.run(arguments).refusal(), says, "{arguments:?}");
    }
    for arguments in [
        &["session", "end"][..],
        &["session", "end", "7", "--user", "amy"],
        &["user", "add", "bob", PASSWORD],
    ] {
        assert_eq!(operator.run(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(operator.json(&["user", "list"]), before);
}

#[test]
fn verified_address_is_taken() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy", "--email", "amy@example.com"], PASSWORD);
    operator.database.execute("UPDATE email_addresses SET verified = TRUE");
    let output =
        operator.with_password(&["user", "add", "bob", "--email", "AMY@example.com"], PASSWORD);
    assert_eq!(output.refusal(), "email: A user is already registered with this e-mail address.");
    assert_eq!(operator.json(&["user", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn missing_database_is_not_created() {
    let operator = Operator::alone();
    for arguments in [
        &["user", "list"][..],
        &["user", "show", "amy"],
        &["user", "deactivate", "amy"],
        &["token", "list"],
        &["token", "revoke", "1"],
        &["session", "list"],
        &["sessions", "clear"],
    ] {
        let output = operator.run(arguments);
        let parts: &[&str] = match &operator.database {
            TestDatabase::File(_) => &["the database", "No such file"],
            TestDatabase::Server { .. } => &["is not a database of this server"],
        };
        let refusal = output.refusal();
        assert!(parts.iter().all(|part| refusal.contains(part)), "{output:?}");
    }
    let output = operator.with_password(&["user", "add", "amy"], "short");
    assert!(output.refusal().starts_with("password: "), "{output:?}");
    assert!(!operator.database.exists());
}

#[test]
fn foreign_file_is_refused_and_unchanged() {
    let operator = Operator::alone();
    let TestDatabase::File(file) = &operator.database else { panic!("about a file") };
    let foreign = rusqlite::Connection::open(file).unwrap();
    foreign.execute_batch("CREATE TABLE auth_user (id INTEGER)").unwrap();
    drop(foreign);
    let whole = std::fs::read(file).unwrap();
    for content in [whole.as_slice(), b"no database at all, and long enough to tell", b""] {
        std::fs::write(file, content).unwrap();
        assert!(operator.run(&["user", "list"]).refusal().contains("cannot open the database"));
        operator.with_password(&["user", "add", "amy"], PASSWORD).refusal();
        assert_eq!(std::fs::read(file).unwrap(), content);
    }
}

#[test]
fn listing_does_not_wait_for_a_writer() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy"], PASSWORD);
    let lock = operator.database.lock();
    assert_eq!(operator.json(&["user", "list"])[0]["username"], "amy");
    let output = operator.run(&["user", "deactivate", "amy"]);
    let why = match &operator.database {
        TestDatabase::File(_) => "database is locked",
        TestDatabase::Server { .. } => "lock timeout",
    };
    assert!(output.refusal().contains(why), "{output:?}");
    drop(lock);
    assert_eq!(operator.json(&["user", "show", "amy"])["active"], true);
}

#[tokio::test]
async fn no_output_has_a_secret_or_its_digest() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    let registered = server.register("amy", "amy@example.com").await;
    let (token, session) = log_in(&server, "amy").await;
    let hash = server.app().store.read(|r| r.account_find(1)).await.unwrap().unwrap().password;
    let mut secrets = vec![
        PASSWORD.to_owned(),
        OTHER_PASSWORD.to_owned(),
        hash,
        "argon2".to_owned(),
        "inv-".to_owned(),
    ];
    for secret in [&registered, &token, &session] {
        let key = secret.trim_start_matches("Token ").trim_start_matches("sessionid=");
        secrets.extend([key.to_owned(), hex(&digest(key)), hex(&digest(key)).to_uppercase()]);
    }
    let mut output = String::new();
    for format in ["table", "json"] {
        for arguments in [
            &["user", "list"][..],
            &["user", "show", "amy"],
            &["token", "list"],
            &["token", "list", "amy"],
            &["session", "list"],
            &["session", "list", "amy"],
            &["user", "activate", "amy"],
            &["user", "make-admin", "amy"],
            &["token", "revoke", "1"],
            &["session", "end", "--user", "amy"],
            &["session", "clear"],
        ] {
            let Said { code, out, err } =
                operator.run(&[arguments, &["--format", format]].concat());
            assert_eq!(code, 0, "{arguments:?}: {err}");
            output += &(out + &err);
        }
    }
    for format in ["table", "json"] {
        for (arguments, password) in [
            (&["user", "add", "amy"][..], PASSWORD),
            (&["user", "add", format], OTHER_PASSWORD),
            (&["user", "set-password", "amy"], OTHER_PASSWORD),
            (&["user", "deactivate", "amy"], OTHER_PASSWORD),
        ] {
            let arguments = [arguments, &["--format", format]].concat();
            let Said { out, err, .. } = match arguments[1] {
                "deactivate" => operator.run(&arguments),
                _ => operator.with_password(&arguments, password),
            };
            output += &(out + &err);
        }
    }
    for secret in secrets {
        assert!(!output.contains(&secret), "{secret}: {output}");
    }
}
