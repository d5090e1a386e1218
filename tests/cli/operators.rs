//! The operators' commands: the binary and files on disk, mostly beside a running server.

use std::io::{BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use chrono::Duration;
use inventree_auth::domain::Clock;
use inventree_auth::domain::accounts::Revoked;
use inventree_auth::domain::housekeeping::CleanupJob;
use inventree_auth::domain::keys::digest;
use serde_json::{Value, json};
use test_support::place::Place;
use test_support::{PASSWORD, TestServer, reset_link};

use crate::PROGRAM;

const OTHER_PASSWORD: &str = "Quagga-Topaz-88";

/// The binary on one database, without a terminal.
struct Operator {
    folder: tempfile::TempDir,
    database: Place,
}

/// The output of a command.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The one-line error.
    fn refusal(&self) -> &str {
        assert_eq!(
            (self.code, self.out.as_str(), self.err.lines().count()),
            (1, "", 1),
            "{self:?}"
        );
        self.err.trim().strip_prefix("inventree-auth: ").unwrap()
    }
}

impl Operator {
    fn of(server: &TestServer) -> Operator {
        Operator { folder: tempfile::tempdir().unwrap(), database: server.place.clone() }
    }

    /// Without a database.
    fn alone() -> Operator {
        let folder = tempfile::tempdir().unwrap();
        Operator { database: Place::new(folder.path()), folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .arg("--database")
            .arg(self.database.argument())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--format", "json"]].concat()).json()
    }

    /// Runs with a password file.
    fn with_password(&self, arguments: &[&str], password: &str) -> Said {
        let file = self.folder.path().join("password");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        self.run(&[arguments, &["--password-file", file.to_str().unwrap()]].concat())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn token_of(key: &str) -> [(&str, &str); 1] {
    [("authorization", key)]
}

/// The token and session of a login, as header values.
async fn log_in(server: &TestServer, username: &str) -> (String, String) {
    let answer = server.log_in(username, PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let key = answer.json()["key"].as_str().unwrap().to_owned();
    (format!("Token {key}"), format!("sessionid={}", answer.cookie_value("sessionid")))
}

async fn status(server: &TestServer, header: (&str, &str)) -> u16 {
    server.get("user/", &[header]).await.status
}

#[tokio::test]
async fn user_added_beside_a_running_server_logs_in_at_once() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    let add = [
        "user",
        "add",
        "Amy",
        "--email",
        "Amy@Example.com",
        "--first-name",
        "Amy",
        "--last-name",
        "Pond",
    ];
    let said = operator.with_password(&add, PASSWORD);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let (token, _) = log_in(&server, "amy").await;
    let user = server.get("user/", &token_of(&token)).await.json();
    let expected = json!({
        "pk": 1, "username": "Amy", "email": "amy@example.com", "first_name": "Amy",
        "last_name": "Pond",
    });
    assert_eq!(user, expected);
    let addresses = server.get("emails/", &token_of(&token)).await.json();
    let row = &addresses["results"][0];
    assert_eq!(
        (&row["email"], &row["verified"], &row["primary"]),
        (&json!("amy@example.com"), &json!(false), &json!(true))
    );
    assert!(server.mails.lock().unwrap().is_empty());
}

#[tokio::test]
async fn user_added_with_an_address_can_reset_the_password() {
    let server = TestServer::start().await;
    let said = Operator::of(&server)
        .with_password(&["user", "add", "amy", "--email", "amy@example.com"], PASSWORD);
    assert_eq!(said.code, 0, "{said:?}");
    server.post("password/reset/", &[], json!({"email": "amy@example.com"})).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let body = json!({
        "uid": uid, "token": token, "new_password1": OTHER_PASSWORD,
        "new_password2": OTHER_PASSWORD,
    });
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
    assert_eq!(server.log_in("amy", OTHER_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn deactivated_user_is_refused_by_the_next_request_and_comes_back_with_nothing_open() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    server.register("bob", "").await;
    let (token, session) = log_in(&server, "amy").await;
    let (bobs, _) = log_in(&server, "bob").await;
    assert_eq!(status(&server, ("cookie", &session)).await, 200);
    assert_eq!(operator.json(&["user", "deactivate", "AMY"]), json!({"sessions": 2, "tokens": 2}));
    assert_eq!(
        server.get("user/", &token_of(&token)).await.json(),
        json!({"detail": "Invalid token."})
    );
    assert_eq!(status(&server, ("cookie", &session)).await, 401);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(status(&server, ("authorization", &bobs)).await, 200);

    assert_eq!(operator.json(&["user", "activate", "amy"])["active"], true);
    assert_eq!(status(&server, ("authorization", &token)).await, 401);
    assert_eq!(status(&server, ("cookie", &session)).await, 401);
    log_in(&server, "amy").await;
}

#[tokio::test]
async fn new_password_opens_and_whatever_was_open_with_the_old_one_is_closed() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    let (token, session) = log_in(&server, "amy").await;
    server.post("password/reset/", &[], json!({"email": "amy@example.com"})).await;
    let (uid, key) = reset_link(&server.take_mails(1).await[0]);
    let said = operator.with_password(&["user", "set-password", "amy"], OTHER_PASSWORD);
    assert_eq!(said.out, "amy has a new password: 2 sessions and 2 tokens revoked\n", "{said:?}");
    assert_eq!(status(&server, ("authorization", &token)).await, 401);
    assert_eq!(status(&server, ("cookie", &session)).await, 401);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(server.log_in("amy", OTHER_PASSWORD).await.status, 200);
    let body =
        json!({"uid": uid, "token": key, "new_password1": PASSWORD, "new_password2": PASSWORD});
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 400);
}

#[tokio::test]
async fn revoked_token_says_so_to_its_next_request_and_the_others_go_on() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    let first = server.register("amy", "").await;
    let (second, session) = log_in(&server, "amy").await;
    let listed = operator.json(&["token", "list", "amy"]);
    let id = listed[0]["id"].to_string();
    assert_eq!(operator.json(&["token", "revoke", &id]), json!({"sessions": 0, "tokens": 1}));
    assert_eq!(
        server.get("user/", &token_of(&first)).await.json(),
        json!({"detail": "Token has been revoked"})
    );
    assert_eq!(status(&server, ("authorization", &second)).await, 200);
    assert_eq!(status(&server, ("cookie", &session)).await, 200);
    assert_eq!(operator.json(&["token", "list"])[0]["state"], "revoked");
}

#[tokio::test]
async fn ended_session_opens_nothing_more_and_tokens_go_on() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    let (token, second) = log_in(&server, "amy").await;
    let (_, third) = log_in(&server, "amy").await;
    let id = operator.json(&["session", "list", "amy"])[1]["id"].to_string();
    assert_eq!(operator.json(&["session", "end", &id]), json!({"sessions": 1, "tokens": 0}));
    assert_eq!(status(&server, ("cookie", &second)).await, 401);
    assert_eq!(status(&server, ("cookie", &third)).await, 200);
    let said = operator.run(&["session", "end", "--user", "Amy"]);
    assert_eq!(
        said.out,
        "amy is signed out: 2 sessions revoked; still valid: 3 API tokens (`token list amy`)\n",
        "{said:?}"
    );
    assert_eq!(
        operator.json(&["session", "end", "--user", "Amy"]),
        json!({"sessions": 0, "tokens": 0})
    );
    assert_eq!(status(&server, ("cookie", &third)).await, 401);
    assert_eq!(status(&server, ("authorization", &token)).await, 200);
}

/// Commands use the clock of the machine, so expired rows are created in the past and the others
/// in the future.
#[tokio::test]
async fn clear_deletes_what_has_expired_and_nothing_else() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.clock.advance(Duration::days(-5000));
    server.register("amy", "").await;
    server.clock.advance(Duration::days(30_000));
    log_in(&server, "amy").await;
    let states = |of: &str| {
        let listed = operator.json(&[of, "list", "amy"]);
        listed.as_array().unwrap().iter().map(|row| row["state"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (states("session"), states("token")),
        (vec![json!("expired"), json!("live")], vec![json!("expired"), json!("live")])
    );
    assert_eq!(operator.json(&["sessions", "clear"]), json!({"sessions": 1, "tokens": 1}));
    assert_eq!((states("session"), states("token")), (vec![json!("live")], vec![json!("live")]));
    assert_eq!(operator.json(&["sessions", "clear"]), json!({"sessions": 0, "tokens": 0}));
}

#[tokio::test]
async fn server_clears_once_a_day_by_its_own_clock() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    let nothing = Some(Revoked { sessions: 0, tokens: 0 });
    assert_eq!(cleanup.run_if_due().await.unwrap(), nothing);
    assert_eq!(cleanup.run_if_due().await.unwrap(), None);
    server.clock.advance(Duration::days(7) - Duration::seconds(1));
    assert_eq!(cleanup.run_if_due().await.unwrap(), nothing);
    server.clock.advance(Duration::hours(23));
    assert_eq!(cleanup.run_if_due().await.unwrap(), None);
    server.clock.advance(Duration::hours(1));
    assert_eq!(cleanup.run_if_due().await.unwrap(), Some(Revoked { sessions: 1, tokens: 0 }));
}

#[tokio::test]
async fn sweep_that_fails_stays_due() {
    let server = TestServer::start().await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    server.app().store.close();
    for _ in 0..2 {
        assert!(cleanup.run_if_due().await.is_err());
    }
}

#[tokio::test]
async fn expired_token_says_so_for_a_month_before_it_is_forgotten() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    for (days, detail) in [(365 + 30, "Token has expired"), (1, "Invalid token.")] {
        server.clock.advance(Duration::days(days));
        cleanup.run_if_due().await.unwrap();
        assert_eq!(server.get("user/", &token_of(&token)).await.json(), json!({"detail": detail}));
    }
}

#[tokio::test]
async fn more_than_a_batch_is_cleared_in_one_sweep() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let old = server.clock.now() - Duration::days(1);
    let insert = server.app().store.write(move |w| {
        for number in 0..1200 {
            w.session_insert(&digest(&number.to_string()), 1, old, old, "", "")?;
        }
        Ok::<_, inventree_auth::store::StoreError>(())
    });
    insert.await.unwrap();
    let ended = CleanupJob::new(server.app().clone()).run_if_due().await.unwrap();
    assert_eq!(ended, Some(Revoked { sessions: 1200, tokens: 0 }));
}

#[tokio::test]
async fn server_clears_by_itself_when_it_starts() {
    let mut first = TestServer::start().await;
    first.clock.advance(Duration::days(-15));
    first.register("amy", "").await;
    let operator = Operator::of(&first);
    first.stop().await;
    assert_eq!(operator.json(&["session", "list"]).as_array().unwrap().len(), 1);
    let second = TestServer::at(&operator.database).await;
    for _ in 0..500 {
        if second.app().store.read(|r| r.session_list(1)).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the expired session is still there");
}

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
        let said = operator.run(&[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        // No value contains blanks or line breaks.
        let compact: String = said.out.chars().filter(|letter| !letter.is_whitespace()).collect();
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
    let said = operator.run(&["user", "list"]);
    let expected = "\
ID  USERNAME     EMAIL          NAME     ACTIVE  ADMIN  LAST LOGIN
1   amy                         A\u{fffd}[31my  yes     yes
2   bartholomew  b@example.com           yes     no
";
    assert_eq!(said.out, expected);
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
        let said = operator.with_password(&["user", "add", name, "--email", email], PASSWORD);
        assert_eq!(said.code, 0, "{said:?}");
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
    let said = operator.run(&["user", "list", "--limit", "2", "--format", "json"]);
    assert_eq!(said.json().as_array().unwrap().len(), 2);
    assert_eq!(said.err, "Output truncated at 2; use --limit to see more.\n");
    assert_eq!(operator.run(&["user", "list", "--limit", "4"]).err, "");
}

#[test]
fn first_administrator_is_made_before_the_first_start_without_a_secret_key() {
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
        Place::File(_) => assert_eq!(files, ["auth.sqlite3", "password"]),
        Place::Server { .. } => assert_eq!(files, ["password"]),
    }
}

#[tokio::test]
async fn no_name_moves_the_cursor_or_turns_the_text_of_a_terminal() {
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
            let said = format!("{out}{err}").replace('\n', "");
            assert!(!said.contains(inventree_auth::text::is_unprintable), "{said:?}");
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
            let said = run(arguments, settings);
            assert!(said.refusal().starts_with(says), "{said:?}");
        }
    }
    // A valid but insecure setting is a warning.
    let smtp = [("INVENTREE_EMAIL_HOST", "mail.example.com")];
    let said = run(&["check-config"], &smtp);
    assert_eq!((said.code, said.out.as_str()), (0, "Configuration OK.\n"));
    assert!(
        said.err
            .starts_with("inventree-auth: warning: live links are sent to INVENTREE_EMAIL_HOST"),
        "{said:?}"
    );
    // The address is taken, so that `serve` terminates.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run(&["serve", "--bind", &address], &smtp);
    assert!(
        said.code == 1 && said.err.contains("live links are sent to INVENTREE_EMAIL_HOST"),
        "{said:?}"
    );
}

#[tokio::test]
async fn lost_secret_key_file_is_not_replaced_unnoticed() {
    let mut server = TestServer::start().await;
    server.stop().await;
    let Place::File(database) = &server.place else { panic!("no file") };
    let key = std::path::PathBuf::from(format!("{}.secret_key", database.display()));
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let operator = Operator::of(&server);
    let said = operator.run(&["serve", "--bind", "127.0.0.1:0"]);
    let refusal = said.refusal();
    assert!(refusal.starts_with(&format!("{} is missing", key.display())), "{refusal}");
    assert!(refusal.contains("set INVENTREE_SECRET_KEY"), "{refusal}");
    assert!(!key.exists());
    // Each documented way out works.
    drop(TestServer::at_with(&server.place, &[("SECRET_KEY", &text)]).await);
    std::fs::write(&key, &text).unwrap();
    drop(TestServer::at(&server.place).await);
    std::fs::write(&key, "f".repeat(64)).unwrap();
    drop(TestServer::at(&server.place).await);
}

#[test]
fn administrators_are_made_and_unmade() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy"], PASSWORD);
    assert_eq!(operator.json(&["user", "make-admin", "amy"])["admin"], true);
    assert_eq!(operator.json(&["user", "remove-admin", "amy"])["admin"], false);
}

#[tokio::test]
async fn password_comes_from_standard_input_and_is_trimmed_as_every_login_trims_it() {
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
    log_in(&server, "amy").await;
}

/// A terminal made by `script` (Debian's bsdutils). Each answer is typed after its prompt.
#[cfg(target_os = "linux")]
fn at_a_terminal(operator: &Operator, arguments: &str, dialogue: &[(&str, &str)]) -> (i32, String) {
    let command = format!("{} {arguments} --database {}", PROGRAM, operator.database.argument());
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().expect("script, of Debian's bsdutils");
    let (mut keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut screen) = (Vec::new(), BufReader::new(screen).bytes());
    for (question, answer) in dialogue {
        while !shown.ends_with(question.as_bytes()) {
            let shown_so_far = String::from_utf8_lossy(&shown);
            let next =
                screen.next().unwrap_or_else(|| panic!("{question} was not asked: {shown_so_far}"));
            shown.push(next.unwrap());
        }
        writeln!(keyboard, "{answer}").unwrap();
    }
    shown.extend(screen.map(Result::unwrap));
    (child.wait().unwrap().code().unwrap(), String::from_utf8(shown).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a terminal: `script`, of Debian's bsdutils"]
fn password_is_asked_for_twice_at_a_terminal() {
    let operator = Operator::alone();
    let twice = [("Password: ", PASSWORD), ("Again: ", PASSWORD)];
    let (code, shown) = at_a_terminal(&operator, "user add amy", &twice);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(operator.json(&["user", "show", "amy"])["has_password"], true);

    let differing = [("Password: ", PASSWORD), ("Again: ", OTHER_PASSWORD)];
    let (code, shown) = at_a_terminal(&operator, "user add bob", &differing);
    assert!(code == 1 && shown.contains("the two passwords differ"), "{shown}");
    assert_eq!(operator.run(&["user", "show", "bob"]).refusal(), "there is no user bob");
    // No prompt for a taken or unknown name.
    for (arguments, says) in
        [("user add AMY", "already exists"), ("user set-password bob", "there is no user bob")]
    {
        let (code, shown) = at_a_terminal(&operator, arguments, &[]);
        assert!(code == 1 && shown.contains(says), "{shown}");
    }
}

#[test]
fn without_a_terminal_and_a_file_there_is_no_password() {
    let operator = Operator::alone();
    let said = operator.run(&["user", "add", "amy"]);
    assert!(said.refusal().contains("use --password-file"), "{said:?}");
    assert!(!operator.database.exists());
}

#[test]
fn bad_input_is_one_line_and_writes_nothing() {
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
        (&["user", "set-password", "nobody"], PASSWORD, "there is no user nobody"),
    ] {
        assert_eq!(operator.with_password(arguments, password).refusal(), says, "{arguments:?}");
    }
    for (arguments, says) in [
        (&["user", "show", "nobody"][..], "there is no user nobody"),
        (&["user", "deactivate", "nobody"], "there is no user nobody"),
        (&["user", "activate", "nobody"], "there is no user nobody"),
        (&["user", "make-admin", "nobody"], "there is no user nobody"),
        (&["token", "list", "nobody"], "there is no user nobody"),
        (&["token", "revoke", "7"], "there is no token 7"),
        (&["session", "list", "nobody"], "there is no user nobody"),
        (&["session", "end", "7"], "there is no session 7"),
        (&["session", "end", "--user", "nobody"], "there is no user nobody"),
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
fn address_that_somebody_has_proved_is_taken() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy", "--email", "amy@example.com"], PASSWORD);
    operator.database.execute("UPDATE email_addresses SET verified = TRUE");
    let said =
        operator.with_password(&["user", "add", "bob", "--email", "AMY@example.com"], PASSWORD);
    assert_eq!(said.refusal(), "email: A user is already registered with this e-mail address.");
    assert_eq!(operator.json(&["user", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn database_that_is_not_there_is_not_made() {
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
        let said = operator.run(arguments);
        let parts: &[&str] = match &operator.database {
            Place::File(_) => &["the database", "No such file"],
            Place::Server { .. } => &["is not a database of this server"],
        };
        let refusal = said.refusal();
        assert!(parts.iter().all(|part| refusal.contains(part)), "{said:?}");
    }
    let said = operator.with_password(&["user", "add", "amy"], "short");
    assert!(said.refusal().starts_with("password: "), "{said:?}");
    assert!(!operator.database.exists());
}

#[test]
fn file_that_is_no_database_of_this_server_is_left_as_it_is() {
    let operator = Operator::alone();
    let Place::File(file) = &operator.database else { panic!("about a file") };
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
fn looking_waits_for_no_writer() {
    let operator = Operator::alone();
    operator.with_password(&["user", "add", "amy"], PASSWORD);
    let lock = operator.database.lock();
    assert_eq!(operator.json(&["user", "list"])[0]["username"], "amy");
    let said = operator.run(&["user", "deactivate", "amy"]);
    let why = match &operator.database {
        Place::File(_) => "database is locked",
        Place::Server { .. } => "lock timeout",
    };
    assert!(said.refusal().contains(why), "{said:?}");
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
    let mut said = String::new();
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
            said += &(out + &err);
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
            said += &(out + &err);
        }
    }
    for secret in secrets {
        assert!(!said.contains(&secret), "{secret}: {said}");
    }
}

/// A device of the first account. Its secret opens with no key.
async fn add_device(server: &TestServer) {
    let epoch = chrono::DateTime::UNIX_EPOCH;
    let write = server
        .app()
        .store
        .write(move |w| w.totp_device_insert(1, "phone", true, b"sealed", epoch).map(|_| ()));
    write.await.map_err(|e: inventree_auth::store::StoreError| e).unwrap();
}

#[tokio::test]
async fn lost_second_factor_is_listed_and_reset() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    add_device(&server).await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 403);
    assert_eq!(
        operator.json(&["user", "factors", "AMY"]),
        json!([{
            "id": 1, "kind": "totp", "name": "phone", "created": "1970-01-01T00:00:00Z",
            "last_used": null,
        }])
    );
    let reset = operator.run(&["user", "reset-factors", "amy"]);
    assert_eq!((reset.code, reset.out.as_str()), (0, "1 second factor of amy is removed\n"));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(operator.json(&["user", "reset-factors", "amy"]), json!({ "removed": 0 }));
    assert_eq!(operator.run(&["user", "factors", "bob"]).refusal(), "there is no user bob");
}

#[tokio::test]
async fn operator_renames_an_account_sets_its_addresses_and_deletes_it() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "amy@example.com").await;
    server.register("bob", "bob@example.com").await;
    assert_eq!(operator.json(&["user", "rename", "amy", "amelia"])["username"], "amelia");
    assert!(operator.run(&["user", "rename", "amelia", "BOB"]).refusal().contains("already"));
    assert!(
        operator.run(&["user", "rename", "amelia", "a b"]).refusal().contains("valid username")
    );
    let address =
        |change: &str, email: &str| operator.run(&["user", "address", "amelia", change, email]);
    assert_eq!(address("add", "Two@example.com").code, 0);
    assert!(address("primary", "two@example.com").refusal().contains("unverified"));
    assert_eq!(address("prove", "two@example.com").code, 0);
    assert_eq!(address("primary", "two@example.com").code, 0);
    assert_eq!(address("remove", "amy@example.com").code, 0);
    assert!(address("add", "no address").refusal().contains("valid email"));
    assert_eq!(address("remove", "none@example.com").code, 1);
    let shown = operator.json(&["user", "show", "amelia"]);
    assert_eq!(shown["email"], "two@example.com", "{shown}");
    assert!(operator.run(&["user", "delete", "amelia"]).refusal().contains("--yes"));
    assert_eq!(operator.run(&["user", "delete", "amelia", "--yes"]).code, 0);
    assert_eq!(operator.run(&["user", "show", "amelia"]).refusal(), "there is no user amelia");
    assert_eq!(server.place.number("SELECT COUNT(*) FROM email_addresses"), 1);
    assert_eq!(server.place.number("SELECT COUNT(*) FROM audit WHERE event = 'deleted'"), 1);
}

/// Also the last administrator, where the operator enforces a second factor.
#[tokio::test]
async fn administrator_whose_device_is_lost_signs_in_to_set_up_another() {
    let admin =
        [("ADMIN_USER", "root"), ("ADMIN_PASSWORD", PASSWORD), ("LOGIN_ENFORCE_MFA", "true")];
    let server = TestServer::with(&admin).await;
    add_device(&server).await;
    let sign_in = || async {
        let csrf = "a".repeat(32);
        let body = json!({ "username": "root", "password": PASSWORD }).to_string();
        let request = server.http.post(format!("{}/platform/api/login/", server.base));
        let request = request.header("Cookie", format!("csrftoken={csrf}"));
        let request =
            request.header("X-CSRFToken", csrf).header("Content-Type", "application/json");
        server.run(request.body(body)).await
    };
    assert!(sign_in().await.cookie("sessionid").is_none());
    assert_eq!(Operator::of(&server).run(&["user", "reset-factors", "root"]).code, 0);
    let cookie = format!("sessionid={}", sign_in().await.cookie_value("sessionid"));
    let factors = server.http.get(format!("{}/platform/api/factors/", server.base));
    assert_eq!(server.run(factors.header("Cookie", cookie)).await.status, 200);
}

#[tokio::test]
async fn created_token_opens_its_account_and_its_key_is_printed_once() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    let made = operator.run(&["token", "create", "amy", "--for", "backup", "--days", "30"]);
    let authorization = format!("Token {}", made.out.trim());
    assert_eq!(server.get("user/", &[("Authorization", &authorization)]).await.status, 200);
    let listed = operator.run(&["token", "list", "amy"]);
    assert!(listed.out.contains("backup") && !listed.out.contains(made.out.trim()), "{listed:?}");
    let blank = operator.run(&["token", "create", "amy", "--for", " "]);
    assert_eq!(blank.refusal(), "name: This field may not be blank.");
    assert_eq!(operator.run(&["token", "create", "amy", "--for", "x", "--days", "366"]).code, 2);
}

#[tokio::test]
async fn groups_are_made_joined_left_and_removed_and_each_change_is_audited() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    server.register("bob", "").await;
    assert_eq!(operator.run(&["group", "add", "Stock keepers"]).code, 0);
    assert_eq!(operator.run(&["group", "add", "Admins"]).code, 0);
    let refused = operator.run(&["group", "add", "Admins"]);
    assert_eq!(refused.refusal(), "there is a group Admins already");
    for name in ["", " Admins", "a\nb", &"x".repeat(151)] {
        let refused = operator.run(&["group", "add", name]);
        assert!(refused.refusal().starts_with("name: Enter a name of at most 150"), "{refused:?}");
    }
    let joined = operator.run(&[
        "user",
        "groups",
        "AMY",
        "--add",
        "Stock keepers",
        "--add",
        "Admins",
        "--format",
        "json",
    ]);
    assert_eq!(joined.json(), json!(["Admins", "Stock keepers"]));
    // All or nothing.
    let refused = operator.run(&["user", "groups", "bob", "--add", "Admins", "--remove", "None"]);
    assert_eq!(refused.refusal(), "group: there is no group None");
    let left = operator.run(&["user", "groups", "amy", "--remove", "Admins"]);
    assert_eq!(left.out, "Stock keepers\n");
    let listed = operator.run(&["group", "list", "--format", "json"]).json();
    let row = |name: &str, members: i64| json!({ "name": name, "members": members });
    assert_eq!(listed, json!([row("Admins", 0), row("Stock keepers", 1)]));
    let members = operator.run(&["group", "members", "Stock keepers", "--format", "json"]).json();
    assert_eq!(members.as_array().unwrap().len(), 1);
    assert_eq!(members[0]["username"], "amy");
    let shown = operator.run(&["user", "show", "amy", "--format", "json"]).json();
    assert_eq!(shown["groups"], json!(["Stock keepers"]));
    assert_eq!(operator.run(&["group", "remove", "Stock keepers"]).code, 0);
    let refused = operator.run(&["group", "remove", "Stock keepers"]);
    assert_eq!(refused.refusal(), "there is no group Stock keepers");
    assert_eq!(operator.run(&["user", "groups", "amy"]).out, "");
    let trail = operator.run(&["audit", "--format", "json"]).json();
    let count = |event: &str| {
        trail.as_array().unwrap().iter().filter(|entry| entry["event"] == event).count()
    };
    let counts = ["group_added", "group_joined", "group_left", "group_removed"].map(count);
    assert_eq!(counts, [2, 2, 1, 1], "{trail}");
}
