//! `serve --demo`, run as people run it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use inventree_auth::domain::factors::totp;
use serde_json::{Value, json};
use test_support::PASSWORD;

use crate::PROGRAM;

/// A running `serve --demo`, and its output.
struct Demo {
    process: Child,
    base: String,
    /// The words after each of `open`, `email` and so on.
    printed: Vec<String>,
    folder: tempfile::TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn demo() -> Demo {
    start(&["--bind", "127.0.0.1:0"])
}

fn start(arguments: &[&str]) -> Demo {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--demo"]).args(arguments).env("TMPDIR", folder.path());
    let process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut demo = Demo { process, base: String::new(), printed: Vec::new(), folder };
    for line in BufReader::new(demo.process.stdout.take().unwrap()).lines() {
        let line = line.unwrap().trim().to_owned();
        if let Some(home) = line.strip_prefix("open ") {
            demo.base = home.trim().strip_suffix("/platform/").unwrap().to_owned();
        }
        let is_last = line.starts_with("provider ");
        demo.printed.push(line);
        if is_last {
            break;
        }
    }
    demo
}

impl Demo {
    /// The text between the two, in what it said at its start.
    fn between(&self, before: &str, after: &str) -> String {
        let printed = self.printed.join("\n") + "\n";
        let rest = printed.split_once(before).unwrap_or_else(|| panic!("{printed}")).1;
        rest.split_once(after).unwrap_or_else(|| panic!("{printed}")).0.to_owned()
    }

    fn browser(&self) -> Browser<'_> {
        let cookies = BTreeMap::from([("csrftoken".to_owned(), "a".repeat(32))]);
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(policy).build().unwrap();
        Browser { demo: self, http, cookies }
    }
}

/// A browser with its cookies.
struct Browser<'d> {
    demo: &'d Demo,
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser<'_> {
    async fn send(&mut self, request: reqwest::RequestBuilder) -> (u16, String, String) {
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request
            .header("Cookie", pairs.join("; "))
            .header("X-CSRFToken", &self.cookies["csrftoken"])
            .send()
            .await
            .unwrap();
        for line in response.headers().get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
        let location = response.headers().get("location").map(|value| value.to_str().unwrap());
        let location = location.unwrap_or_default().to_owned();
        (response.status().as_u16(), location, response.text().await.unwrap())
    }

    /// A path, or a URL of this demo.
    async fn get(&mut self, path: &str) -> (u16, String, String) {
        let path = path.strip_prefix(&self.demo.base).unwrap_or(path);
        self.send(self.http.get(format!("{}{path}", self.demo.base))).await
    }

    async fn form(&mut self, path: &str, fields: &[(String, String)]) -> (u16, String, String) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(format!("{}{path}", self.demo.base)).body(body);
        self.send(request.header("Content-Type", "application/x-www-form-urlencoded")).await
    }

    async fn post(&mut self, path: &str, body: Value) -> (u16, String, String) {
        let request = self.http.post(format!("{}/platform/api/{path}", self.demo.base));
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        self.send(request).await
    }

    async fn user(&mut self) -> Value {
        serde_json::from_str(&self.get("/api/auth/user/").await.2).unwrap()
    }
}

#[tokio::test]
async fn demo_has_an_account_and_readable_email_and_deletes_its_data() {
    let mut demo = demo();
    let password = demo.between("sign in   demo, password ", "\n");
    let http = reqwest::Client::new();
    let post = |path: &str, body: serde_json::Value| {
        let request = http
            .post(format!("{}/api/auth/{path}", demo.base))
            .header("content-type", "application/json");
        request.body(body.to_string()).send()
    };
    let page = async |path: &str| http.get(format!("{}{path}", demo.base)).send().await.unwrap();
    let login = post("login/", json!({ "username": "demo", "password": password })).await.unwrap();
    assert_eq!(login.status(), 200);
    let banner = page("/platform/login").await.text().await.unwrap();
    // Inside a landmark; otherwise screen readers skip it.
    let header = banner.split("<header>").nth(1).unwrap().split("</header>").next().unwrap();
    assert!(
        header.contains("This is a demonstration")
            && header.contains("href=\"/platform/demo/mails/\"")
    );

    let account = json!({ "username": "<b>{{x", "password1": PASSWORD, "password2": PASSWORD });
    assert_eq!(post("registration/", account).await.unwrap().status(), 400);
    let account = json!({
        "username": "amy", "email": "amy@example.com", "password1": PASSWORD, "password2": PASSWORD,
    });
    assert_eq!(post("registration/", account).await.unwrap().status(), 201);
    let mut mails = String::new();
    for _ in 0..500 {
        mails = page("/platform/demo/mails/").await.text().await.unwrap();
        if mails.contains("Please Confirm Your Email Address") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(mails.contains("From inventree@localhost") && mails.contains("<time datetime=\"20"));
    let link =
        mails.split("href=\"").find(|rest| rest.starts_with(&format!("{}/accounts/", demo.base)));
    let link = link.unwrap_or_else(|| panic!("{mails}")).split('"').next().unwrap();
    let key = link.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    assert_eq!(
        post("registration/verify-email/", json!({ "key": key })).await.unwrap().status(),
        200
    );
    // The sign-in above is told too, so the latest email may be another one.
    let latest = page("/platform/demo/mails/0/").await.text().await.unwrap();
    let number = if latest.contains(&key) { 0 } else { 1 };
    let html = page(&format!("/platform/demo/mails/{number}/")).await;
    let policy = html.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("sandbox")
            && policy.contains("default-src 'none'")
            && !policy.contains("allow-scripts")
    );
    assert!(html.text().await.unwrap().contains(&key));
    assert_eq!(page("/platform/demo/mails/7/").await.status(), 404);
    // A foreign host name that resolves to this machine (DNS rebinding).
    for path in ["/platform/demo/mails/", "/platform/demo/mails/0/"] {
        let rebound = http.get(format!("{}{path}", demo.base)).header("host", "evil.example.net");
        assert_eq!(rebound.send().await.unwrap().status(), 404, "{path}");
    }

    assert_eq!(std::fs::read_dir(demo.folder.path()).unwrap().count(), 1);
    let pid = demo.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(demo.process.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(demo.folder.path()).unwrap().count(), 0);
}

#[test]
fn demo_leaves_existing_databases_untouched() {
    let mut command = Command::new(PROGRAM);
    let output = command.args(["serve", "--demo", "--database", "real.sqlite3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot be used with"));
}

#[test]
fn demo_accepts_other_machines_only_on_request() {
    let mut command = Command::new(PROGRAM);
    let output = command.args(["serve", "--demo", "--bind", "0.0.0.0:0"]).output().unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && printed.contains("--demo-remote"), "{printed}");
    let mut command = Command::new(PROGRAM);
    let output = command.args(["serve", "--demo-remote", "--bind", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let demo = start(&["--bind", "0.0.0.0:0", "--demo-remote"]);
    assert!(demo.base.starts_with("http://localhost:"), "{}", demo.base);
}

#[tokio::test]
async fn second_account_of_the_demo_has_a_second_factor() {
    let demo = demo();
    let password = demo.between("sign in   sam, password ", "\n");
    let secret = demo.between("secret ", " for an authenticator app");
    let recovery = demo.between("recovery code: ", ",");
    let mut browser = demo.browser();
    let first = json!({ "username": "sam@example.com", "password": password });
    assert_eq!(browser.post("login/", first.clone()).await.2, r#"{"second_factor":true}"#);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let code = totp::code(&secret, i64::try_from(now / 30).unwrap(), totp::DIGITS);
    let response = browser.post("second-factor/", json!({ "code": code })).await;
    assert_eq!(response.0, 200, "{response:?}");
    assert_eq!(browser.user().await["username"], "sam");
    let mut other = demo.browser();
    assert_eq!(other.post("login/", first).await.0, 200);
    let response = other.post("second-factor/", json!({ "code": recovery })).await;
    assert_eq!(response.0, 200, "{response:?}");
}

/// The hidden fields of a page's first form of `main`.
fn hidden(page: &str) -> Vec<(String, String)> {
    let main = page.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
    let inputs = main.split("<input type=\"hidden\" name=\"").skip(1);
    let pair = |input: &str| {
        let (name, rest) = input.split_once('"').unwrap();
        let value = rest.strip_prefix(" value=\"").unwrap().split('"').next().unwrap();
        (name.to_owned(), value.replace("&#38;", "&"))
    };
    inputs.map(pair).collect()
}

#[tokio::test]
async fn demo_provider_signs_up_and_in_by_the_code_of_real_ones() {
    let demo = demo();
    const LOGIN: &str = "/api/auth/social/demo/login/";
    const AUTHORIZE: &str = "/platform/demo/provider/authorize";
    for _ in ["sign up", "sign in"] {
        let mut browser = demo.browser();
        let fields =
            [("csrfmiddlewaretoken", "a".repeat(32)), ("next", "/platform/factors".into())];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let (status, _, leaving) = browser.form(LOGIN, &fields).await;
        assert_eq!(status, 200, "{leaving}");
        let url = leaving.split("rel=\"noreferrer\"").next().unwrap().rsplit("href=\"").next();
        let url = url.unwrap().split('"').next().unwrap().replace("&#38;", "&");
        let (status, _, page) = browser.get(&url).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("<h1>Demo provider</h1>"), "{page}");
        let mut choice = hidden(&page);
        // Without the choice of a person, or for another site, there is no code.
        assert_eq!(browser.form(AUTHORIZE, &choice).await.0, 400);
        choice.push(("person".to_owned(), "robin".to_owned()));
        let elsewhere = choice.iter().map(|(name, value)| match name.as_str() {
            "redirect_uri" => (name.clone(), "https://evil.example.net/".to_owned()),
            _ => (name.clone(), value.clone()),
        });
        assert_eq!(browser.form(AUTHORIZE, &elsewhere.collect::<Vec<_>>()).await.0, 400);
        let (status, callback, _) = browser.form(AUTHORIZE, &choice).await;
        assert_eq!(status, 303);
        let (status, location, page) = browser.get(&callback).await;
        assert_eq!((status, location.as_str()), (302, "/platform/factors"), "{page}");
        assert_eq!(browser.user().await["username"], "robin");
        // The code was redeemed.
        let code = callback.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let redeem = [("code".to_owned(), code.to_owned())];
        let (status, _, body) = browser.form("/platform/demo/provider/token", &redeem).await;
        assert_eq!((status, body.as_str()), (400, r#"{"error":"invalid_grant"}"#));
    }
}
