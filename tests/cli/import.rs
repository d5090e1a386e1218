//! Import from InvenTree: the binary reads a source, and a server then serves its accounts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use inventree_auth::domain::factors::totp;
use serde_json::{Value, json};
use test_support::inventree::Source;
use test_support::place::Place;
use test_support::{Answer, TestServer};

use crate::PROGRAM;

const OLD: &str = "inventree-test-1";
/// Hashes of [`OLD`] as Django stores them, with costs that a test can afford.
const PBKDF2: &str = "pbkdf2_sha256$1$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=";
const FORMATS: &[(&str, &str)] = &[
    ("pbkdf2", PBKDF2),
    ("sha1", "pbkdf2_sha1$3$saltsalt$3YaQrkIHuKKvlNDsU+09Qhzk19I="),
    (
        "argon2",
        "argon2$argon2id$v=19$m=64,t=2,p=8$c2FsdHNhbHQ$kFIMYGL8t9/KZYZt5VqTXVfV1Ez7BJuwRE7gSTQRIOU",
    ),
    ("bcrypt", "bcrypt_sha256$$2b$04$NbYKMWrTgjkKt3oh4Z8VcOdSuh9rjo1gaykMfPJ/.g6fe2TSSeNs."),
    (
        "scrypt",
        "scrypt$16$saltsalt$2$1$2Qs/X8iuPNJVVZofshTbd46BGOQGKjIoD1Eds8IHw324vBwknjDj2KoqjP6CJvUg8\
         SegUld1sL2wpiap5TFtvw==",
    ),
];
/// Dates by the clock of the test server.
const YESTERDAY: &str = "2026-02-28";
const TODAY: &str = "2026-03-01";
const NEXT_YEAR: &str = "2027-01-01";
/// A billion iterations.
const ABSURD: &str =
    "pbkdf2_sha256$1000000000$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=";

struct Move {
    folder: tempfile::TempDir,
    source: Source,
    place: Place,
}

impl Move {
    fn new() -> Move {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::new(folder.path());
        Move { place: Place::new(folder.path()), folder, source }
    }

    /// Three accounts with rows in every table.
    fn filled() -> Move {
        let new = Move::new();
        let source = &new.source;
        source.account(3, "ada", PBKDF2);
        source.account(40, "Bea", PBKDF2);
        source.account(41, "cyd", PBKDF2);
        source.address(7, 3, "ada@example.com", true, true);
        source.address(9, 3, "Ada@work.example.com", false, false);
        source.address(12, 40, "bea@example.com", true, true);
        source.link(5, 3, "github", "ada-1");
        source.link(8, 3, "google", "ada-2");
        source.token(3, "inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105", NEXT_YEAR, false);
        source.totp(41, true);
        new
    }

    fn database(&self) -> &Place {
        &self.place
    }

    fn import(&self, arguments: &[&str]) -> Output {
        import(&self.source.path, self.database(), arguments)
    }

    fn done(&self) -> String {
        let output = self.import(&[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The error message; nothing was imported.
    fn refused(&self) -> String {
        let before = self.database().content();
        let output = self.import(&[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert_eq!(self.database().content(), before, "nothing may be written");
        String::from_utf8(output.stderr).unwrap()
    }

    async fn server(&self) -> TestServer {
        TestServer::at(self.database()).await
    }
}

fn import(from: &Path, database: &Place, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(["import", "inventree", "--from"])
        .arg(from)
        .arg("--database")
        .arg(database.argument());
    command.args(arguments).env_clear();
    for (key, value) in database.settings().iter().filter(|(key, _)| *key == "SECRET_KEY") {
        command.env(format!("INVENTREE_{key}"), value);
    }
    command.output().unwrap()
}

/// A one-line message that names the file and contains `text`.
fn assert_one_line(said: &str, text: &str) {
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains("inventree.sqlite3") && said.contains(text), "{said}");
}

#[tokio::test]
async fn every_account_logs_in_with_its_old_password_in_every_format() {
    let new = Move::new();
    for (id, (username, password)) in (1..).zip(FORMATS) {
        new.source.account(id, username, password);
    }
    let said = new.done();
    assert!(said.contains("accounts                 5 new"), "{said}");
    assert!(
        said.contains("argon2 1, bcrypt_sha256 1, pbkdf2_sha1 1, pbkdf2_sha256 1, scrypt 1"),
        "{said}"
    );
    let server = new.server().await;
    for (id, (username, _)) in (1..).zip(FORMATS) {
        assert_eq!(server.log_in(username, "inventree-test-2").await.status, 400, "{username}");
        let answer = server.log_in(username, OLD).await;
        assert_eq!(answer.status, 200, "{username}: {answer:?}");
        let token = format!("Token {}", answer.json()["key"].as_str().unwrap());
        let user = server.get("user/", &[("authorization", &token)]).await.json();
        let expected = json!({
            "pk": id, "username": username, "email": format!("{username}@example.com"),
            "first_name": "Ada", "last_name": "Lovelace",
        });
        assert_eq!(user, expected);
    }
}

#[tokio::test]
async fn accounts_that_could_not_log_in_before_cannot_now() {
    let new = Move::new();
    new.source.account(1, "asleep", PBKDF2);
    new.source.run("UPDATE auth_user SET is_active = 0");
    new.source.account(2, "linked", "!kq0RHXo5LLXtCxNYrandom");
    new.source.account(3, "strange", "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99");
    new.source.account(4, "absurd", ABSURD);
    let said = new.done();
    assert!(
        said.contains("account 3 \"strange\" cannot log in until its password is reset"),
        "{said}"
    );
    assert!(said.contains(
        "account 4 \"absurd\" cannot log in until its password is reset: its password hash has \
             excessive"
    ));
    assert!(!said.contains("asleep") && !said.contains("linked"), "{said}");
    let server = new.server().await;
    let unknown = server.log_in("nobody", OLD).await;
    for username in ["asleep", "linked", "strange", "absurd"] {
        let answer = server.log_in(username, OLD).await;
        assert_eq!((answer.status, answer.body), (400, unknown.body.clone()), "{username}");
    }
}

#[tokio::test]
async fn a_good_login_moves_the_password_to_argon2id_and_it_goes_on_working() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.source.account(2, "bea", PBKDF2);
    new.done();
    let server = new.server().await;
    let stored = async |id: i64| {
        let store = &server.app().store;
        store
            .read::<_, inventree_auth::store::StoreError>(|r| r.account_find(id))
            .await
            .unwrap()
            .unwrap()
            .password
    };
    assert_eq!(server.log_in("bea", "inventree-test-2").await.status, 400);
    assert_eq!(server.log_in("ada", OLD).await.status, 200);
    // Rehashing follows the response, with a delay.
    for _ in 0..1000 {
        if stored(1).await != PBKDF2 {
            break;
        }
        assert_eq!(server.log_in("ada", OLD).await.status, 200, "also while it is being moved");
    }
    assert!(stored(1).await.starts_with("$argon2id$"), "{}", stored(1).await);
    assert_eq!(server.log_in("ada", OLD).await.status, 200);
    assert_eq!(server.log_in("ada", "inventree-test-2").await.status, 400);
    assert_eq!(stored(2).await, PBKDF2, "a wrong password moves nothing");
}

#[tokio::test]
async fn a_password_changed_while_the_old_one_was_being_moved_wins() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.done();
    let server = new.server().await;
    let store = &server.app().store;
    let replaced = store
        .write::<_, inventree_auth::store::StoreError>(|w| {
            w.account_set_password(1, "$argon2id$the-changed-one")?;
            Ok((
                w.account_replace_password(1, PBKDF2, "$argon2id$the-moved-one")?,
                w.account_find(1)?.unwrap().password,
            ))
        })
        .await;
    assert_eq!(replaced.unwrap(), (false, "$argon2id$the-changed-one".to_owned()));
}

#[tokio::test]
async fn basic_credentials_and_a_changed_password_work_on_an_imported_account() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.done();
    let server = new.server().await;
    let basic = |password: &str| {
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(format!("ada:{password}"))
        )
    };
    assert_eq!(server.get("user/", &[("authorization", &basic(OLD))]).await.status, 200);
    // Immediately: the rehash in the background must neither refuse nor undo this change.
    let body = json!({
        "old_password": OLD, "new_password1": "Zebra-Quartz-78", "new_password2": "Zebra-Quartz-78",
    });
    let answer = server.post("password/change/", &[("authorization", &basic(OLD))], body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.log_in("ada", "Zebra-Quartz-78").await.status, 200);
    assert_eq!(server.log_in("ada", OLD).await.status, 400);
}

#[tokio::test]
async fn unexpired_tokens_work_and_expired_or_revoked_ones_say_why_not() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.source.account(2, "asleep", PBKDF2);
    new.source.run("UPDATE auth_user SET is_active = 0 WHERE id = 2");
    let key = |letter: &str| format!("inv-{}-20260105", letter.repeat(40));
    new.source.token(1, &key("a"), NEXT_YEAR, false);
    new.source.token(1, &key("b"), TODAY, false);
    new.source.token(1, &key("c"), YESTERDAY, false);
    new.source.token(1, &key("d"), NEXT_YEAR, true);
    new.source.token(2, &key("e"), NEXT_YEAR, false);
    new.done();
    let bytes = new.database().bytes();
    assert!(
        !bytes.windows(40).any(|window| window == [b'a'; 40]),
        "a key lies in the database in clear"
    );
    let server = new.server().await;
    let who =
        async |key: &str| server.get("user/", &[("authorization", &format!("Token {key}"))]).await;
    for letter in ["a", "b"] {
        assert_eq!(who(&key(letter)).await.json()["username"], "ada", "{letter}");
    }
    for (letter, why) in [
        ("c", "Token has expired"),
        ("d", "Token has been revoked"),
        ("e", "User inactive or deleted."),
        ("f", "Invalid token."),
        ("A", "Invalid token."),
    ] {
        let answer = who(&key(letter)).await;
        assert_eq!((answer.status, answer.json()), (401, json!({ "detail": why })), "{letter}");
    }
}

#[tokio::test]
async fn addresses_and_social_links_are_listed_as_before() {
    let new = Move::filled();
    let said = new.done();
    assert!(said.contains("2 addresses were converted to lower case"), "{said}");
    let server = new.server().await;
    let key = "Token inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105";
    let list = async |path: &str| {
        server.get(path, &[("authorization", key)]).await.json()["results"].clone()
    };
    assert_eq!(
        list("emails/").await,
        json!([
            { "id": 7, "user": 3, "email": "ada@example.com", "verified": true, "primary": true },
            {
                "id": 9, "user": 3, "email": "ada@work.example.com", "verified": false,
                "primary": false,
            },
        ])
    );
    let at = "2026-01-05T08:09:10.123456Z";
    assert_eq!(
        list("social/").await,
        json!([
            { "id": 5, "provider": "github", "uid": "ada-1", "last_login": at, "date_joined": at },
            { "id": 8, "provider": "google", "uid": "ada-2", "last_login": at, "date_joined": at },
        ])
    );
}

/// The code that the imported device shows now.
fn hex_code(server: &TestServer) -> String {
    let secret = [0xfe, 0xed, 0xc0, 0xde, 0x00];
    totp::code(&secret, server.clock.stamp() / 30, totp::DIGITS)
}

/// Both steps of a sign-in at the pages.
async fn sign_in_with_code(
    server: &TestServer,
    username: &str,
    password: &str,
    code: &str,
) -> Answer {
    let post = |path: &str, cookies: String, body: Value| {
        let request = server.http.post(format!("{}/platform/api/{path}/", server.base));
        let csrf = "a".repeat(32);
        let request = request.header("Cookie", format!("csrftoken={csrf}; {cookies}"));
        let request =
            request.header("X-CSRFToken", csrf).header("Content-Type", "application/json");
        server.run(request.body(body.to_string()))
    };
    let first = json!({ "username": username, "password": password });
    let first = post("login", String::new(), first).await;
    let pending = format!("second_factor={}", first.cookie_value("second_factor"));
    post("second-factor", pending, json!({ "code": code })).await
}

#[tokio::test]
async fn an_account_with_a_totp_device_is_told_that_a_second_factor_is_needed() {
    let new = Move::filled();
    new.source.account(42, "dee", PBKDF2);
    new.source.totp(42, false);
    let said = new.done();
    assert!(said.contains("TOTP devices             2 new"), "{said}");
    let server = new.server().await;
    let answer = server.log_in("cyd", OLD).await;
    assert_eq!(
        (answer.status, answer.json()),
        (403, json!({ "detail": "MFA required for this user" }))
    );
    assert_eq!(server.log_in("cyd", "inventree-test-2").await.status, 400);
    assert_eq!(
        server.log_in("dee", OLD).await.status,
        200,
        "a device that was never confirmed is no second factor"
    );
    let signed_in = sign_in_with_code(&server, "cyd", OLD, &hex_code(&server)).await;
    assert!(signed_in.cookie("sessionid").is_some(), "{signed_in:?}");
    let bytes = new.database().bytes();
    assert!(
        !bytes.windows(10).any(|window| window == b"feedc0de00"),
        "a TOTP key lies in the database in clear"
    );
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_brings_back_no_ended_token() {
    let new = Move::filled();
    new.done();
    let key = [("authorization", "Token inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105")];
    let mut server = new.server().await;
    assert_eq!(
        server
            .send(reqwest::Method::PATCH, "user/", &key, json!({ "username": "ada2" }))
            .await
            .status,
        200
    );
    assert_eq!(server.post("emails/9/remove/", &key, Value::Null).await.status, 200);
    assert_eq!(server.post("logout/", &key, Value::Null).await.status, 200);
    server.stop().await;
    let before = new.database().content();

    let said = new.done();

    assert!(said.contains("Nothing to import: all rows exist already"), "{said}");
    assert!(said.contains("accounts                 0 new         3 existing"), "{said}");
    assert!(new.database().content() == before, "something changed");
    let server = new.server().await;
    assert_eq!(server.get("user/", &key).await.status, 401);
    assert_eq!(server.log_in("ada2", OLD).await.status, 200);
}

#[tokio::test]
async fn a_later_run_brings_what_is_new_in_the_source_alone() {
    let new = Move::filled();
    new.done();
    new.source.account(43, "eve", PBKDF2);
    new.source.address(20, 43, "eve@example.com", true, true);
    let said = new.done();
    assert!(said.contains("accounts                 1 new         3 existing"), "{said}");
    assert!(said.contains("email addresses          1 new         3 existing"), "{said}");
    let server = new.server().await;
    assert_eq!(server.log_in("eve", OLD).await.status, 200);
}

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let new = Move::filled();
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(new.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    let output = new.import(&["--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("accounts                 3 new") && said.contains("nothing was written"),
        "{said}"
    );
    assert_eq!(files(), before);

    new.done();
    new.source.account(43, "eve", PBKDF2);
    let (bytes, before) = (new.database().content(), files());
    let said = String::from_utf8(new.import(&["--dry-run"]).stdout).unwrap();
    assert!(said.contains("accounts                 1 new         3 existing"), "{said}");
    assert!(new.database().content() == bytes, "something changed");
    assert_eq!(files(), before);
}

#[test]
fn conflicts_within_the_source_name_both_sides_and_nothing_is_written() {
    let new = Move::filled();
    new.source.account(50, "ADA", PBKDF2);
    new.source.address(30, 50, "ADA@example.com", true, true);
    new.source.account(51, "fay", PBKDF2);
    new.source.address(31, 51, "BEA@example.com", true, false);
    new.source.address(32, 51, "fay@example.com", false, true);
    new.source.address(33, 51, "fay@home.example.com", false, true);
    new.source.address(34, 51, "Fay@example.com", false, false);
    new.source.link(60, 51, "github", "ada-1");
    new.source.token(51, "inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105", NEXT_YEAR, false);
    new.source.address(35, 999, "nobody@example.com", false, false);
    let said = new.refused();
    let conflicts: Vec<&str> =
        said.lines().filter_map(|line| line.split_once("conflict: ").map(|(_, is)| is)).collect();
    assert_eq!(
        conflicts,
        [
            "username \"ADA\" of account 50 in the file is taken by account 3 \"ada\" in the file",
            "address \"bea@example.com\" is verified for two accounts: account 51 \"fay\" in the \
             file and account 40 \"Bea\" in the file",
            "account 51 \"fay\" in the file has two primary addresses: \"fay@home.example.com\" \
             and \"fay@example.com\"",
            "account 51 \"fay\" in the file has the address \"fay@example.com\" twice, in \
             different case",
            "table account_emailaddress, row 35: its account 999 is not in the file",
            "\"ada-1\" at \"github\" is linked to two accounts: account 51 \"fay\" in the file and \
             account 3 \"ada\" in the file",
            "the API token in row 2 belongs to two accounts: account 51 \"fay\" in the file and \
             account 3 \"ada\" in the file",
        ]
    );
    assert!(said.ends_with("7 conflicts: nothing was imported\n"), "{said}");
    assert!(!new.database().exists(), "a database that was made for it is taken away again");
}

#[tokio::test]
async fn conflicts_with_accounts_made_here_name_both_sides_and_nothing_is_written() {
    let new = Move::filled();
    let mut server = new.server().await;
    // Ids 1, 2 and 3; an account in the source has the id 3.
    server.register("bea", "other@example.com").await;
    server.register("gus", "gus@example.com").await;
    server.register("hal", "hal@example.com").await;
    server.stop().await;
    let said = new.refused();
    assert!(
        said.contains("conflict: account 3 is \"ada\" in the file and \"hal\" in the database"),
        "{said}"
    );
    let name = "conflict: username \"Bea\" of account 40 in the file is taken by account 1 \"bea\" \
        in the database";
    assert!(said.contains(name), "{said}");
    assert!(said.ends_with("2 conflicts: nothing was imported\n"), "{said}");
}

#[test]
fn a_truncated_source_is_one_line_and_nothing_written() {
    let new = Move::filled();
    let whole = std::fs::read(&new.source.path).unwrap();
    for length in [1, 50, 4096, 10_000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&new.source.path, &whole[..length]).unwrap();
        let said = new.refused();
        assert_one_line(&said, "");
        assert!(!new.database().exists(), "{length}");
    }
    std::fs::write(&new.source.path, b"").unwrap();
    assert_one_line(&new.refused(), "or empty");
}

#[test]
fn a_source_with_overwritten_pages_is_one_line_and_nothing_written() {
    let new = Move::filled();
    let mut bytes = std::fs::read(&new.source.path).unwrap();
    bytes[4096..8192].fill(0x5a);
    std::fs::write(&new.source.path, &bytes).unwrap();
    assert_one_line(&new.refused(), "damaged");
}

#[test]
fn a_source_copied_while_it_was_being_written_is_one_line_and_nothing_written() {
    let new = Move::filled();
    new.source.run("PRAGMA cache_size = 1; BEGIN");
    for id in 100..400 {
        new.source.account(id, &format!("half{id}"), PBKDF2);
    }
    let copy = Move::new();
    for suffix in ["", "-journal"] {
        let name = |folder: &Path| folder.join(format!("inventree.sqlite3{suffix}"));
        std::fs::copy(name(new.folder.path()), name(copy.folder.path())).unwrap();
    }
    assert_one_line(&copy.refused(), "half-written");
    new.source.run("ROLLBACK");
    assert!(new.done().contains("accounts                 3 new"));
}

#[test]
fn a_foreign_source_is_one_line_and_nothing_written() {
    let new = Move::new();
    std::fs::write(
        &new.source.path,
        "a text that is no database, and longer than the header of one would be".repeat(9),
    )
    .unwrap();
    assert_one_line(&new.refused(), "not an SQLite database");

    let new = Move::new();
    new.source.run("DROP TABLE users_apitoken");
    assert_one_line(
        &new.refused(),
        "not an InvenTree database of API version 291: it has no table users_apitoken",
    );

    let new = Move::new();
    new.source.run("ALTER TABLE users_apitoken RENAME COLUMN expiry TO ends");
    assert_one_line(&new.refused(), "its table users_apitoken has no column expiry");
}

#[test]
fn a_newer_source_is_one_line_and_nothing_written() {
    let new = Move::filled();
    new.source.run(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('users', '0013_more', '')",
    );
    assert_one_line(&new.refused(), "newer than API version 291");

    let new = Move::filled();
    new.source.run("CREATE TABLE mfa_authenticator (id integer PRIMARY KEY)");
    assert_one_line(&new.refused(), "newer than API version 291");
}

#[test]
fn a_row_that_cannot_be_read_is_named_without_its_content() {
    let new = Move::filled();
    new.source.run("UPDATE auth_user SET date_joined = 'secret-looking' WHERE id = 40");
    let said = new.refused();
    assert_one_line(&said, "table auth_user, row 40");
    assert!(!said.contains("secret-looking"), "{said}");
}

#[tokio::test]
async fn groups_move_in_with_their_members() {
    let new = Move::filled();
    new.source
        .db
        .execute_batch(
            "INSERT INTO auth_group (id, name) VALUES (1, 'Stock, keepers'), (2, 'Nobody');
             INSERT INTO auth_user_groups (user_id, group_id) VALUES (3, 1), (40, 1);",
        )
        .unwrap();
    let said = new.import(&[]);
    assert!(said.status.success(), "{said:?}");
    let out = String::from_utf8(said.stdout).unwrap();
    assert!(out.lines().any(|line| line.starts_with("group members") && line.contains(" 2 new")));
    let members = "SELECT COUNT(*) FROM group_members m JOIN groups g ON g.id = m.group_id \
        WHERE g.name = 'Stock, keepers' AND m.account_id IN (3, 40)";
    assert_eq!(new.place.number(members), 2);
    // A second import leaves a membership that was ended here ended.
    new.place.execute("DELETE FROM group_members WHERE account_id = 3");
    assert!(new.import(&[]).status.success());
    assert_eq!(new.place.number(members), 1);
}

#[tokio::test]
async fn server_on_inventrees_own_database_is_refused_and_nothing_is_changed() {
    let new = Move::filled();
    let path = &new.source.path;
    let before = std::fs::read(path).unwrap();
    for arguments in
        [vec!["serve", "--bind", "127.0.0.1:0", "--database"], vec!["migrate", "--database"]]
    {
        let output = Command::new(PROGRAM).env_clear().args(&arguments).arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("is InvenTree's own database: import its accounts"), "{said}");
        assert!(said.contains("`inventree-auth import inventree`"), "{said}");
        assert_eq!(std::fs::read(path).unwrap(), before, "{arguments:?}");
    }
    let wal = path.with_extension("sqlite3-wal");
    assert!(!wal.exists());
}

#[test]
fn files_given_the_wrong_way_round_are_refused_and_left_alone() {
    let new = Move::filled();
    let other = tempfile::tempdir().unwrap();
    let second = Source::new(other.path());
    let before = std::fs::read(&second.path).unwrap();
    let output = import(&new.source.path, &Place::File(second.path.clone()), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_one_line(&String::from_utf8(output.stderr).unwrap(), "is not a database of this server");
    assert!(std::fs::read(&second.path).unwrap() == before, "the file changed");
}

#[test]
fn a_database_server_is_refused_without_repeating_its_password() {
    let new = Move::new();
    let output = import("postgresql://inventree:s3cret@db/inventree".as_ref(), new.database(), &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.trim_end().lines().count()), (Some(1), 1), "{said}");
    assert!(
        said.contains("importing from a database server is not supported")
            && !said.contains("s3cret"),
        "{said}"
    );
    assert!(!new.database().exists());
}

#[test]
fn a_source_in_use_is_read_as_of_its_last_commit_and_not_written() {
    let new = Move::filled();
    new.source.run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    new.source.account(44, "ivy", PBKDF2);
    let before = std::fs::read(&new.source.path).unwrap();
    new.source.run("BEGIN IMMEDIATE");
    new.source.account(45, "joe", PBKDF2);
    let said = new.done();
    assert!(said.contains("accounts                 4 new"), "{said}");
    assert!(std::fs::read(&new.source.path).unwrap() == before, "the source changed");
    new.source.run("COMMIT");
}

#[test]
fn nothing_that_is_printed_holds_a_secret_or_a_progress_bar() {
    let new = Move::filled();
    for arguments in [&["--dry-run"][..], &[]] {
        let output = new.import(arguments);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        for secret in
            ["VTsM5G6D", "saltsalt", "aaaaaaaa", "feedc0de", "provider-secret", "\x1b", "\r"]
        {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

/// A real InvenTree database: `INVENTREE_DATABASE=FILE INVENTREE_PASSWORDS=FILE cargo test
/// --release --test cli import -- --ignored --nocapture`, with the passwords of its accounts in the
/// second file, one per line.
#[tokio::test]
#[ignore = "needs a database of InvenTree"]
async fn a_whole_inventree_database_moves_in() {
    let variable =
        |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} names no file"));
    let from = PathBuf::from(variable("INVENTREE_DATABASE"));
    let passwords = std::fs::read_to_string(variable("INVENTREE_PASSWORDS")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = Place::new(folder.path());
    let output = import(&from, &database, &[]);
    assert!(output.status.success(), "{output:?}");
    println!("{}", String::from_utf8_lossy(&output.stdout));

    let source =
        rusqlite::Connection::open_with_flags(&from, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap();
    let rows = |sql: &str| -> Vec<(i64, String, bool)> {
        let mut statement = source.prepare(sql).unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let server = TestServer::at(&database).await;
    let (mut tokens, mut logins, mut factors) = (0, 0, 0);
    for (user, key, good) in rows(&format!(
        "SELECT user_id, key, NOT revoked AND expiry >= '{TODAY}' FROM users_apitoken"
    )) {
        let authorization = format!("Token {key}");
        let answer = server.get("user/", &[("authorization", &authorization)]).await;
        let active: bool = source
            .query_row("SELECT is_active FROM auth_user WHERE id = ?", [user], |row| row.get(0))
            .unwrap();
        assert_eq!(
            answer.status,
            if good && active { 200 } else { 401 },
            "token of account {user}"
        );
        if !(good && active) {
            continue;
        }
        tokens += 1;
        assert_eq!(answer.json()["pk"], user);
        let listed =
            server.get("emails/", &[("authorization", &authorization)]).await.json()["results"]
                .clone();
        let expected: Vec<Value> = rows(&format!(
            "SELECT id, email, verified FROM account_emailaddress WHERE user_id = \
                {user} ORDER BY id"
        ))
        .into_iter()
        .map(|(id, email, verified)| json!([id, email.to_ascii_lowercase(), verified]))
        .collect();
        let listed: Vec<Value> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["id"], row["email"], row["verified"]]))
            .collect();
        assert_eq!(listed, expected, "addresses of account {user}");
    }
    for (user, username, active) in
        rows("SELECT id, username, is_active FROM auth_user WHERE password NOT LIKE '!%'")
    {
        let mut statuses = Vec::new();
        for password in passwords.lines() {
            let status = server.log_in(&username, password).await.status;
            statuses.push(status);
            if status != 400 {
                break;
            }
        }
        match statuses.last() {
            Some(200) if active => logins += 1,
            Some(403) if active => factors += 1,
            _ => assert!(!active, "account {user} opens with none of the passwords"),
        }
    }
    println!(
        "{logins} accounts logged in, {factors} were asked for a second factor, {tokens} tokens \
         were good"
    );
    assert!(logins > 0);
}
