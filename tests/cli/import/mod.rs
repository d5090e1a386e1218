//! Import from InvenTree: the binary reads a source, and a server then serves its accounts.

mod accounts;
mod dumps;
mod runs;
mod servers;
mod sources;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use inventree_auth::domain::factors::totp;
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::inventree::Source;
use test_support::{Response, TestServer};

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
    database: TestDatabase,
}

impl Move {
    fn new() -> Move {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::new(folder.path());
        Move { database: TestDatabase::new(folder.path()), folder, source }
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
        source.static_token(41, "k3vx2m7q", true);
        new
    }

    /// `filled`, and the rows that engines store differently.
    fn filled_with_oddities() -> Move {
        let new = Move::filled();
        new.source.account(44, "Zoë \u{5f20}\u{1f511} 'it''s' \\back", PBKDF2);
        new.source.run(
            "UPDATE auth_user SET last_name = 'two' || char(10) || 'lines', is_superuser = 1,
                 last_login = '2026-02-03 04:05:06' WHERE id = 40;
             UPDATE users_apitoken SET last_seen = '1999-12-31', name = 'tab' || char(9);
             INSERT INTO auth_group (id, name) VALUES (1, 'Stock, keepers');
             INSERT INTO auth_user_groups (user_id, group_id) VALUES (3, 1), (40, 1);",
        );
        new
    }

    fn database(&self) -> &TestDatabase {
        &self.database
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

fn import(from: &Path, database: &TestDatabase, arguments: &[&str]) -> Output {
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

/// Tables that an import fills.
const FILLED: [&str; 8] = [
    "accounts",
    "email_addresses",
    "tokens",
    "social_accounts",
    "totp_devices",
    "recovery_codes",
    "groups",
    "group_members",
];

/// A one-line message that names the file and contains `text`.
fn assert_one_line(printed: &str, text: &str) {
    assert_eq!(printed.trim_end().lines().count(), 1, "{printed}");
    assert!(printed.contains("inventree.sqlite3") && printed.contains(text), "{printed}");
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
) -> Response {
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
