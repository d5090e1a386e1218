//! The operators' commands: the binary and files on disk, mostly beside a running server.

mod administrators;
mod clearing;
mod factors;
mod output;
mod refusals;
mod running;

use std::io::{BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use chrono::Duration;
use inventree_auth::domain::Clock;
use inventree_auth::domain::housekeeping::CleanupJob;
use inventree_auth::domain::keys::digest;
use inventree_auth::domain::revocation::Revoked;
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::{PASSWORD, TestServer, reset_link};

use crate::PROGRAM;

const OTHER_PASSWORD: &str = "Quagga-Topaz-88";

/// The binary on one database, without a terminal.
struct Operator {
    folder: tempfile::TempDir,
    database: TestDatabase,
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
        Operator { folder: tempfile::tempdir().unwrap(), database: server.database.clone() }
    }

    /// Without a database.
    fn alone() -> Operator {
        let folder = tempfile::tempdir().unwrap();
        Operator { database: TestDatabase::new(folder.path()), folder }
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
    let response = server.log_in(username, PASSWORD).await;
    assert_eq!(response.status, 200, "{response:?}");
    let key = response.json()["key"].as_str().unwrap().to_owned();
    (format!("Token {key}"), format!("sessionid={}", response.cookie_value("sessionid")))
}

async fn status(server: &TestServer, header: (&str, &str)) -> u16 {
    server.get("user/", &[header]).await.status
}

/// A terminal made by `script` (Debian's bsdutils). Each reply is typed after its prompt.
#[cfg(target_os = "linux")]
fn at_a_terminal(operator: &Operator, arguments: &str, dialogue: &[(&str, &str)]) -> (i32, String) {
    let command = format!("{} {arguments} --database {}", PROGRAM, operator.database.argument());
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().expect("script, of Debian's bsdutils");
    let (mut keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut screen) = (Vec::new(), BufReader::new(screen).bytes());
    for (question, response) in dialogue {
        while !shown.ends_with(question.as_bytes()) {
            let shown_so_far = String::from_utf8_lossy(&shown);
            let next =
                screen.next().unwrap_or_else(|| panic!("{question} was not asked: {shown_so_far}"));
            shown.push(next.unwrap());
        }
        writeln!(keyboard, "{response}").unwrap();
    }
    shown.extend(screen.map(Result::unwrap));
    (child.wait().unwrap().code().unwrap(), String::from_utf8(shown).unwrap())
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
