//! Administrators, passwords, and the dialogue at a terminal.

use super::*;

#[test]
fn first_administrator_is_created_without_a_secret_key() {
    let operator = Operator::alone();
    assert_eq!(operator.with_password(&["user", "add", "root", "--admin"], PASSWORD).code, 0);
    assert_eq!(operator.json(&["user", "show", "root"])["admin"], true);
    let mut files: Vec<_> = std::fs::read_dir(operator.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    files.sort();
    // No other file beside the database: only the server creates a key.
    match &operator.database {
        TestDatabase::File(_) => assert_eq!(files, ["auth.sqlite3", "password"]),
        TestDatabase::Server { .. } => assert_eq!(files, ["password"]),
    }
}

#[tokio::test]
async fn names_cannot_control_the_terminal() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let hostile = "A\u{1b}[2J\u{9b}2J\u{7f}\u{202e}y";
    let named = server
        .app()
        .store
        .write(move |w| w.account_update_names(1, "amy", "amy", "amy", hostile, ""));
    named.await.unwrap();
    let operator = Operator::of(&server);
    for arguments in [&["user", "list"][..], &["user", "show", "amy"], &["user", "show", hostile]] {
        for format in ["table", "json"] {
            let Said { out, err, .. } = operator.run(&[arguments, &["--format", format]].concat());
            let printed = format!("{out}{err}").replace('\n', "");
            assert!(!printed.contains(inventree_auth::text::is_unprintable), "{printed:?}");
        }
    }
    // JSON contains the stored value.
    assert_eq!(operator.json(&["user", "show", "amy"])["first_name"], hostile);
}

/// `check-config` and `serve` report the same.
#[test]
fn weak_secret_key_and_admin_password_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], settings: &[(&str, &str)]| {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(folder.path()).env_clear().stdin(Stdio::null());
        Said::of(command.envs(settings.iter().copied()).output().unwrap())
    };
    for (settings, says) in [
        (
            &[("INVENTREE_SECRET_KEY", "x")][..],
            "INVENTREE_SECRET_KEY: expected a random text of 32 characters or more",
        ),
        (
            &[("INVENTREE_ADMIN_USER", "root"), ("INVENTREE_ADMIN_PASSWORD", "a")],
            "INVENTREE_ADMIN_PASSWORD: This password is too short.",
        ),
    ] {
        for arguments in [&["check-config"][..], &["serve", "--bind", "127.0.0.1:0"]] {
            let printed = run(arguments, settings);
            assert!(printed.refusal().starts_with(says), "{printed:?}");
        }
    }
    // A valid but insecure setting is a warning.
    let smtp = [("INVENTREE_EMAIL_HOST", "mail.example.com")];
    let printed = run(&["check-config"], &smtp);
    assert_eq!((printed.code, printed.out.as_str()), (0, "Configuration OK.\n"));
    assert!(
        printed
            .err
            .starts_with("inventree-auth: warning: live links are sent to INVENTREE_EMAIL_HOST"),
        "{printed:?}"
    );
    // The address is taken, so that `serve` terminates.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let printed = run(&["serve", "--bind", &address], &smtp);
    assert!(
        printed.code == 1 && printed.err.contains("live links are sent to INVENTREE_EMAIL_HOST"),
        "{printed:?}"
    );
}

#[tokio::test]
async fn missing_secret_key_file_is_not_replaced_silently() {
    let mut server = TestServer::start().await;
    server.stop().await;
    let TestDatabase::File(database) = &server.database else { panic!("no file") };
    let key = std::path::PathBuf::from(format!("{}.secret_key", database.display()));
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let operator = Operator::of(&server);
    let printed = operator.run(&["serve", "--bind", "127.0.0.1:0"]);
    let refusal = printed.refusal();
    assert!(refusal.starts_with(&format!("{} is missing", key.display())), "{refusal}");
    assert!(refusal.contains("set INVENTREE_SECRET_KEY"), "{refusal}");
    assert!(!key.exists());
    // Each documented way out works.
    drop(TestServer::at_with(&server.database, &[("SECRET_KEY", &text)]).await);
    std::fs::write(&key, &text).unwrap();
    drop(TestServer::at(&server.database).await);
    std::fs::write(&key, "f".repeat(64)).unwrap();
    drop(TestServer::at(&server.database).await);
}

#[test]
fn administrator_role_is_granted_and_revoked() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy"], PASSWORD);
    assert_eq!(operator.json(&["user", "make-admin", "amy"])["admin"], true);
    assert_eq!(operator.json(&["user", "remove-admin", "amy"])["admin"], false);
}

#[tokio::test]
async fn password_from_standard_input_is_not_trimmed() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    let mut child = operator
        .command(&["user", "add", "amy", "--password-file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("  {PASSWORD} \r\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(server.log_in("amy", &format!("  {PASSWORD} ")).await.status, 200);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a terminal: `script`, of Debian's bsdutils"]
fn terminal_prompt_asks_for_the_password_twice() {
    let operator = Operator::alone();
    let twice = [("Password: ", PASSWORD), ("Repeat password: ", PASSWORD)];
    let (code, shown) = at_a_terminal(&operator, "user add amy", &twice);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(operator.json(&["user", "show", "amy"])["has_password"], true);

    let differing = [("Password: ", PASSWORD), ("Repeat password: ", OTHER_PASSWORD)];
    let (code, shown) = at_a_terminal(&operator, "user add bob", &differing);
    assert!(code == 1 && shown.contains("the passwords do not match"), "{shown}");
    assert_eq!(operator.run(&["user", "show", "bob"]).refusal(), "user bob not found");
    // No prompt for a taken or unknown name.
    for (arguments, says) in
        [("user add AMY", "already exists"), ("user set-password bob", "user bob not found")]
    {
        let (code, shown) = at_a_terminal(&operator, arguments, &[]);
        assert!(code == 1 && shown.contains(says), "{shown}");
    }
}

#[test]
fn password_needs_a_terminal_or_a_file() {
    let operator = Operator::alone();
    let printed = operator.run(&["user", "add", "amy"]);
    assert!(printed.refusal().contains("use --password-file"), "{printed:?}");
    assert!(!operator.database.exists());
}
