//! Requirements of OWASP ASVS 5.0 that no other test covers. docs/asvs.md names the test of each
//! requirement.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use chrono::{DateTime, Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, TestServer, reset_link};

use crate::PROGRAM;
use crate::pages::PAGES;

const OTHER_PASSWORD: &str = "Quagga-Topaz-88";

async fn get(server: &TestServer, path: &str) -> test_support::Response {
    let url = format!("{}{path}", server.base);
    server.page(server.http.get(url).header("accept", "text/html, */*")).await
}

async fn text(server: &TestServer, path: &str) -> String {
    let response = get(server, path).await;
    assert_eq!(response.status, 200, "{path}");
    String::from_utf8(response.body).unwrap()
}

/// The scripts of the pages, as served.
async fn script(server: &TestServer) -> String {
    let mut scripts = String::new();
    for entry in std::fs::read_dir("src/http/pages/assets").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // The reference of the API has its own path.
        if name.ends_with(".js") && name != "reference.js" {
            scripts.push_str(&text(server, &format!("/platform/{name}")).await);
        }
    }
    scripts
}

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    let found = tag.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split('"').next());
    found.unwrap_or_default()
}

#[tokio::test]
async fn fresh_server_has_no_account() {
    let server = TestServer::with(&[("LOGIN_ENABLE_REG", "false")]).await;
    assert_eq!(server.database.number("SELECT COUNT(*) FROM accounts"), 0);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM tokens"), 0);
    for name in ["admin", "root", "inventree"] {
        for password in ["admin", "root", "inventree", "password"] {
            assert_eq!(server.log_in(name, password).await.status, 400, "{name} {password}");
        }
    }
}

#[tokio::test]
async fn password_does_not_expire() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    server.clock.advance(Duration::days(4000));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn password_fields_are_masked_and_open_to_password_managers() {
    let server = TestServer::start().await;
    let mut fields = 0;
    for path in PAGES {
        let page = text(&server, path).await;
        for tag in page.split("<input").skip(1).filter_map(|rest| rest.split('>').next()) {
            if attribute(tag, "name").contains("password") {
                assert_eq!(attribute(tag, "type"), "password", "{path}: {tag}");
                let purpose = attribute(tag, "autocomplete");
                assert!(["current-password", "new-password"].contains(&purpose), "{path}: {tag}");
                fields += 1;
            }
        }
    }
    assert!(fields >= 8, "{fields}");
    // Pasting is not blocked.
    let script = script(&server).await.to_lowercase();
    for word in ["paste", "readtext", "contextmenu"] {
        assert!(!script.contains(word), "{word}");
    }
}

#[tokio::test]
async fn reset_does_not_bypass_an_enforced_second_factor() {
    let mut server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    server.stop().await;

    let server = TestServer::at_with(&server.database, &[("LOGIN_ENFORCE_MFA", "true")]).await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let mails = server.take_mails(1).await;
    let (uid, token) = reset_link(&mails[0]);
    let body = json!({
        "uid": uid, "token": token, "new_password1": OTHER_PASSWORD,
        "new_password2": OTHER_PASSWORD,
    });
    let reset = server.post("password/reset/confirm/", &[], body).await;
    assert_eq!(reset.status, 200, "{reset:?}");
    assert!(reset.cookie("sessionid").is_none());
    let login = server.log_in("amy", OTHER_PASSWORD).await;
    assert_eq!(login.status, 403, "{login:?}");
    assert!(!login.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn no_path_serves_a_file_or_a_directory_listing() {
    let server = TestServer::start().await;
    for path in [
        "/.git/HEAD",
        "/.git/",
        "/.svn/entries",
        "/.env",
        "/auth.sqlite3",
        "/auth.sqlite3.secret_key",
        "/static/",
        "/platform/api/",
        "/accounts/",
        "/api/auth/../../Cargo.toml",
        "/platform/%2e%2e/Cargo.toml",
        "/platform/../../etc/passwd",
        "//etc/passwd",
        "/etc/passwd",
        "/platform/account.js/..%2f..%2fCargo.toml",
    ] {
        let response = get(&server, path).await;
        assert!((400..500).contains(&response.status), "{path}: {response:?}");
    }
}

#[tokio::test]
async fn pages_keep_nothing_in_browser_storage() {
    let server = TestServer::start().await;
    let script = script(&server).await.to_lowercase();
    for store in ["localstorage", "sessionstorage", "indexeddb", "caches.", "serviceworker"] {
        assert!(!script.contains(store), "{store}");
    }
    // The script sets two cookies: the CSRF token and the chosen language.
    let written = script.matches("document.cookie =").count();
    let known = ["csrftoken", "django_language"]
        .map(|name| script.matches(&format!("document.cookie = `{name}=")).count());
    assert_eq!((written, known), (2, [1, 1]));
}

#[tokio::test]
async fn account_page_offers_sign_out() {
    let server = TestServer::start().await;
    let page = text(&server, "/platform/").await;
    let button = page.split_once("<button id=\"signout\">").expect("a button").1;
    assert!(button.starts_with("Sign out</button>"), "{button}");
    assert!(script(&server).await.contains("/api/auth/logout/"));
}

#[tokio::test]
async fn server_writes_only_its_database_and_key_readable_by_their_owner() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    server.log_in("amy", "wrong").await;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(server.directory.path()).unwrap() {
        let entry = entry.unwrap();
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
            assert_eq!(mode & 0o077, 0, "{entry:?}");
        }
        files.push(entry.file_name().into_string().unwrap());
    }
    files.sort();
    let database = ["", "-shm", "-wal", ".secret_key"].map(|end| format!("auth.sqlite3{end}"));
    assert_eq!(files, database);
}

#[tokio::test]
async fn audit_entries_have_a_time_in_utc_and_the_client() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    server.log_in("amy", "wrong").await;
    server.flush_deferred().await;
    let mut command = Command::new(PROGRAM);
    command.args(["audit", "--format", "json", "--database"]).arg(server.database.argument());
    let output = command.output().unwrap();
    let entries: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len(), 2, "{entries:?}");
    for entry in entries {
        let time = entry["at"].as_str().unwrap();
        assert!(time.ends_with('Z') && DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
        assert_eq!(entry["client"], "127.0.0.1");
        assert_eq!(entry["username"], "amy");
    }
}

/// The binary and its standard error.
struct Logging {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
    address: String,
    /// The line that names the address.
    first: String,
    _folder: tempfile::TempDir,
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Logging {
    fn start(json: bool) -> Logging {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--bind", "127.0.0.1:0"]).env("TZ", "Asia/Kathmandu");
        command.env("INVENTREE_DB_NAME", folder.path().join("auth.sqlite3"));
        command.env("INVENTREE_JSON_LOG", json.to_string());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (address, first) = Default::default();
        let mut logging = Logging { process, lines, address, first, _folder: folder };
        logging.first = logging.next("listening");
        let address = logging.first.split("127.0.0.1:").nth(1).unwrap();
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        logging.address = format!("http://127.0.0.1:{port}");
        logging
    }

    /// The next line with this text in it.
    fn next(&mut self, text: &str) -> String {
        self.lines
            .find(|line| line.as_ref().is_ok_and(|line| line.contains(text)))
            .unwrap()
            .unwrap()
    }
}

#[tokio::test]
async fn refused_request_is_a_json_log_line_with_time_zone_request_id_and_status() {
    let mut logging = Logging::start(true);
    let http = reqwest::Client::new();
    for (method, path, status, operation) in [
        (Method::GET, "user/", 401, "auth_user_retrieve"),
        (Method::POST, "login/", 400, "auth_login_create"),
        (Method::POST, "emails/7/remove/", 401, "auth_emails_remove_create"),
    ] {
        let response = http
            .request(method, format!("{}/api/auth/{path}", logging.address))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path}");
        let line: Value = serde_json::from_str(&logging.next("\"request")).unwrap();
        DateTime::parse_from_rfc3339(line["time"].as_str().unwrap()).unwrap();
        assert_eq!(line["request_id"], response.headers()["x-request-id"].to_str().unwrap());
        assert_eq!((&line["status"], &line["operation"]), (&json!(status), &json!(operation)));
        assert!(line["remote"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
}

#[test]
fn text_log_lines_have_their_time_in_utc() {
    let line = Logging::start(false).first.clone();
    let time = line.split_whitespace().next().unwrap();
    let time = DateTime::parse_from_rfc3339(time).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!(time.offset().local_minus_utc(), 0);
    assert!((Utc::now() - time.to_utc()).abs() < Duration::minutes(10), "{line}");
}

#[tokio::test]
async fn client_text_cannot_start_a_log_line() {
    let mut logging = Logging::start(false);
    let http = reqwest::Client::new();
    for path in ["user/%0d%0aINFO forged", "%0aforged/?error=%0d%0aforged", "logout/"] {
        let request = http.get(format!("{}/api/auth/{path}", logging.address));
        request
            .header("user-agent", "a\tforged")
            .header("x-forwarded-for", "forged")
            .send()
            .await
            .unwrap();
    }
    http.get(format!("{}/api/auth/providers/", logging.address)).send().await.unwrap();
    loop {
        let line = logging.next("");
        assert!(!line.contains("forged"), "{line}");
        if line.contains("auth_providers_list") {
            break;
        }
    }
}
