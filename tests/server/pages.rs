//! The pages as served; `tests/pages/run` tests them in a browser.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::json;
use test_support::{PASSWORD, Response, TestServer, confirmation_key, reset_link};

use crate::second_factor::Browser;

/// The pages that are the same for every user.
pub const PAGES: [&str; 9] = [
    "/platform/",
    "/platform/login",
    "/platform/register",
    "/platform/reset-password",
    "/platform/set-password",
    "/accounts/confirm-email/no-such-key/",
    "/platform/second-factor",
    "/platform/leaked-password",
    "/platform/factors",
];

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = server.http.get(format!("{}{path}", server.base));
    server
        .run(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
        .await
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

/// The assets that a page loads.
fn loaded(page: &str) -> Vec<String> {
    let names = page.split('"').skip(1).step_by(2).filter(|text| text.contains("?v="));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn pages_have_no_inline_code_and_no_other_origins() {
    let server = TestServer::start().await;
    for path in PAGES {
        let response = get(&server, path, &[("Accept", "text/html")]).await;
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        let policy = response.header("content-security-policy");
        let expected = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
            data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors \
            'none'";
        assert_eq!(policy, expected, "{path}");
        let page = text(&response);
        assert!(!page.contains("{{") && !page.contains("}}"), "{path}: {page}");
        assert!(
            !page.contains("style=")
                && !page.contains("<style")
                && !page.contains(" onclick=")
                && !page.contains(" onload="),
            "{path}"
        );
        assert!(!page.contains("://"), "{path}: {page}");
        assert_eq!(page.matches("<script").count(), 2, "{path}");
        assert!(page.contains("<script type=\"module\" src=\"/platform/"), "{path}");
        assert!(page.contains("<html lang=\"en\""), "{path}");
        // This one has no form, and needs no script.
        assert_eq!(page.contains("<noscript>"), path != "/platform/leaked-password", "{path}");
        assert_eq!(page.matches("<h1>").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn form_without_its_script_sends_nothing() {
    let server = TestServer::start().await;
    let mut forms = 0;
    for path in PAGES {
        let page = text(&get(&server, path, &[]).await);
        for form in page.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next()) {
            // The choice of a language works without scripts.
            if form.starts_with(" class=\"language\" method=\"post\"") {
                continue;
            }
            assert!(form.starts_with(" method=\"post\""), "{path}: {form}");
            let buttons: Vec<&str> =
                form.split("<button").skip(1).filter_map(|rest| rest.split('>').next()).collect();
            assert_eq!(buttons.len(), 1, "{path}: {form}");
            assert!(buttons[0].ends_with(" disabled"), "{path}: {form}");
            forms += 1;
        }
    }
    assert_eq!(forms, 12);
}

#[tokio::test]
async fn pages_and_their_assets_are_under_60_kb_compressed() {
    let server = TestServer::start().await;
    let mut paths: Vec<String> = PAGES.map(str::to_owned).into();
    let mut read = 0;
    while let Some(path) = paths.get(read).cloned() {
        read += 1;
        for path in loaded(&text(&get(&server, &path, &[]).await)) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    assert_eq!(paths.len(), PAGES.len() + 16, "{paths:?}");
    let mut sent = 0;
    for path in &paths {
        let plain = get(&server, path, &[]).await;
        let packed = get(&server, path, &[("Accept-Encoding", "gzip, br")]).await;
        assert_eq!(
            (plain.header("content-encoding"), packed.header("content-encoding")),
            ("", "gzip"),
            "{path}"
        );
        assert_ne!(plain.header("etag"), packed.header("etag"));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain.body).unwrap();
        assert_eq!(encoder.finish().unwrap(), packed.body, "{path}");
        sent += packed.body.len();
        let is_kept = path.contains("?v=");
        assert_eq!(plain.header("cache-control").contains("immutable"), is_kept, "{path}");
        let known = get(&server, path, &[("If-None-Match", plain.header("etag"))]).await;
        assert_eq!(known.status, 304);
        // A browser updates its stored headers from a 304.
        assert_eq!(
            known.header("content-security-policy"),
            plain.header("content-security-policy"),
            "{path}"
        );
    }
    println!("{} files, {sent} bytes compressed", paths.len());
    assert!(sent < 60_000, "{sent}");
}

#[tokio::test]
async fn opening_an_emailed_link_consumes_nothing() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let confirm = format!("/accounts/confirm-email/{key}/");
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let reset = format!("/platform/set-password?uid={uid}&token={token}");
    for path in [&confirm, &reset] {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            let response =
                server.run(server.http.request(method, format!("{}{path}", server.base))).await;
            assert_eq!(response.status, 200);
        }
        let posted = server.run(server.http.post(format!("{}{path}", server.base))).await;
        assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD, OPTIONS"));
        // The key is not in the page, neither in its text nor in its asset URLs.
        assert!(!text(&get(&server, path, &[]).await).contains(&key));
    }
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
    let body = json!({
        "uid": uid, "token": token, "new_password1": "Quagga-Topaz-88",
        "new_password2": "Quagga-Topaz-88",
    });
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
}

#[tokio::test]
async fn alternative_paths_redirect_to_the_page_with_their_query() {
    let server = TestServer::start().await;
    for (path, target) in [
        ("/.well-known/change-password", "/platform/#password"),
        ("/accounts/login/?next=/platform/", "/platform/login?next=/platform/"),
        ("/accounts/authenticate/", "/platform/second-factor"),
    ] {
        let response = get(&server, path, &[]).await;
        assert_eq!((response.status, response.header("location")), (302, target), "{path}");
    }
}

#[tokio::test]
async fn root_redirects_browsers_but_not_api_clients() {
    let server = TestServer::start().await;
    let accept = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let browser = get(&server, "/", &[accept]).await;
    assert_eq!((browser.status, browser.header("location")), (302, "/platform/"));
    let head =
        server.run(server.http.head(format!("{}/", server.base)).header(accept.0, accept.1)).await;
    assert_eq!((head.status, head.header("location")), (302, "/platform/"));
    for accept in
        ["application/json", "*/*", "application/json, text/html;q=0.1", "text/html;q=0, */*"]
    {
        let program = get(&server, "/", &[("Accept", accept)]).await;
        assert_eq!(
            (program.status, program.json()["detail"].as_str()),
            (404, Some("API endpoint not found"))
        );
    }
}

#[tokio::test]
async fn pages_follow_accept_language() {
    let server = TestServer::start().await;
    for (accepted, tag, title) in
        [("de-AT, en;q=0.5", "de", "Anmelden"), ("fr", "fr", "Connexion"), ("tlh", "en", "Sign in")]
    {
        let page = get(&server, "/platform/login", &[("Accept-Language", accepted)]).await;
        assert_eq!(page.header("content-language"), tag);
        assert!(
            page.header("vary").contains("Accept-Language")
                && page.header("vary").contains("Cookie")
        );
        let html = text(&page);
        assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"ltr\">")), "{html}");
        assert!(html.contains(&format!("<h1>{title}</h1>")), "{html}");
        let texts = loaded(&html).into_iter().find(|path| path.contains("/texts/")).unwrap();
        assert!(texts.starts_with(&format!("/platform/texts/{tag}.js?v=")), "{texts}");
        let texts = get(&server, &texts, &[]).await;
        assert_eq!((texts.status, texts.header("content-language")), (200, tag));
        let known = [("Accept-Language", accepted), ("If-None-Match", page.header("etag"))];
        let known = get(&server, "/platform/login", &known).await;
        assert_eq!((known.status, known.header("content-language")), (304, tag));
    }
}

#[tokio::test]
async fn language_choice_works_without_scripts_and_rejects_other_sites() {
    let server = TestServer::start().await;
    let choose = async |body: &'static str, headers: &[(&str, &str)]| {
        let request = server.http.post(format!("{}/platform/language", server.base));
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
            request.header(*name, *value)
        };
        server.run(headers.iter().fold(request, add)).await
    };
    let chosen = choose("language=de&next=/platform/register", &[]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, "/platform/register"));
    let cookie = chosen.header("set-cookie").split(';').next().unwrap().to_owned();
    let headers = [("Cookie", cookie.as_str()), ("Accept-Language", "fr")];
    let page = get(&server, "/platform/register", &headers).await;
    assert_eq!(page.header("content-language"), "de");
    let html = text(&page);
    assert!(html.contains("<option value=\"de\" lang=\"de\" selected>Deutsch</option>"), "{html}");
    assert!(html.contains("name=\"next\" value=\"/platform/register\""), "{html}");
    for (body, status) in [
        ("language=tlh&next=/platform/", 400),
        ("language=de&next=//evil.example.net/", 400),
        ("next=/platform/", 400),
    ] {
        assert_eq!(choose(body, &[]).await.status, status, "{body}");
    }
    let foreign = choose("language=de", &[("Sec-Fetch-Site", "cross-site")]).await;
    assert_eq!((foreign.status, foreign.header("set-cookie")), (403, ""));
}

/// A browser that was led on sends its GET as one of this site, and one of those makes a token.
#[tokio::test]
async fn next_parameter_cannot_target_the_api() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let mut browser = Browser::new(&server);
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(browser.post("login/", body).await.status, 200);
    for (next, is_page) in [
        ("/api/user/token/?name=phone", false),
        ("/api/auth/logout/", false),
        ("/./api/auth/logout/", false),
        ("/platform/../api/auth/logout/", false),
        ("/x/y/../../api/auth/logout/", false),
        ("/api/auth/social/company/connect/", true),
        ("/api-doc/", true),
        ("/shop/api/", true),
    ] {
        let url = format!("{}/platform/login?next={next}", server.base);
        let led = browser.send(server.http.get(url)).await;
        let expected = if is_page { next } else { "/platform/" };
        assert_eq!((led.status, led.header("location")), (302, expected));
        let asked = browser.post("links/reset/", json!({ "email": "a@b.org", "next": next })).await;
        assert_eq!(asked.status, if is_page { 200 } else { 400 }, "{next}");
        let form = server.http.post(format!("{}/platform/language", server.base));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let chosen = browser.send(form.body(format!("language=de&next={next}"))).await;
        assert_eq!(chosen.status, if is_page { 303 } else { 400 }, "{next}");
    }
}

#[tokio::test]
async fn language_is_added_by_one_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("locales")).unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join("locales").join(name), text).unwrap();
    };
    write("tlh.json", r#"{"language.name": "tlhIngan Hol", "login.title": "yI'el <b>"}"#);
    write("ar.json", r#"{"language.name": "العربية", "login.title": "تسجيل الدخول"}"#);
    write("de.json", r#"{"login.title": "Einlass"}"#);
    let place = folder.path().to_str().unwrap();
    let server = TestServer::with(&[("CUSTOMIZE_DIR", place)]).await;
    for (tag, direction, title, other) in [
        ("tlh", "ltr", "yI&#39;el &#60;b&#62;", "Forgot your password?"),
        ("ar", "rtl", "تسجيل الدخول", "Forgot your password?"),
        ("de", "ltr", "Einlass", "Passwort vergessen?"),
    ] {
        let page = get(&server, "/platform/login", &[("Accept-Language", tag)]).await;
        assert_eq!(page.header("content-language"), tag);
        let html = text(&page);
        assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"{direction}\">")), "{html}");
        assert!(html.contains(&format!("<h1>{title}</h1>")) && html.contains(other), "{html}");
        assert!(html.contains(">tlhIngan Hol</option>"), "{html}");
    }
}

#[tokio::test]
async fn product_name_setting_is_on_pages_and_in_subjects() {
    let server = TestServer::with(&[("PRODUCT_NAME", "Parts & <Co>")]).await;
    let page = get(&server, "/platform/login", &[("Accept-Language", "de")]).await;
    assert!(text(&page).contains("Konten bei Parts &#38; &#60;Co&#62;"), "{}", text(&page));
    server.register("amy", "amy@example.com").await;
    let mails = server.take_mails(1).await;
    assert!(mails[0].subject.starts_with("[Parts & <Co>] "), "{}", mails[0].subject);
}

#[tokio::test]
async fn optional_address_label_follows_the_setting() {
    for (required, is_optional) in [("false", true), ("true", false)] {
        let server = TestServer::with(&[("LOGIN_MAIL_REQUIRED", required)]).await;
        let page = text(&get(&server, "/platform/register", &[]).await);
        assert_eq!(page.contains("(optional)"), is_optional, "{required}");
    }
}

/// The contents of all files below a folder of the repository.
fn sources(folder: &str) -> String {
    let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    all
}

/// Without what stands beside a value, and without numbers.
fn trimmed(part: &str) -> &str {
    part.trim_matches(|c: char| matches!(c, ' ' | '.') || c.is_ascii_digit())
}

#[test]
fn every_page_text_is_defined_and_used() {
    let used: String =
        ["templates/pages", "src/http/pages", "src/http/pages/assets"].map(sources).concat();
    let texts: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../locales/en.json")).unwrap();
    let of_languages = sources("src/languages");
    // Keys built at run time; `mail/` is checked where emails are rendered.
    let computed = ["mail/", "strength.", "event.", "page/", "detail/"];
    for name in texts.keys().filter(|name| !computed.iter().any(|known| name.starts_with(known))) {
        let uses = [format!("\"{name}\""), format!("texts.{name}")];
        let is_used = |all: &str| uses.iter().any(|way| all.contains(way));
        assert!(is_used(&used) || is_used(&of_languages), "{name} is not used");
    }
    // A message that the server never sends needs no sentence at the page.
    let folders = ["src/domain", "src/domain/email_addresses", "src/domain/factors", "src/http"];
    let sent = folders.map(sources).concat() + &sources("crates/specbound/src");
    // A literal may go on in the next line.
    let sent: String = sent.split("\\\n").map(|line| format!("{} ", line.trim())).collect();
    let sent = sent.replace("  ", " ");
    for message in texts.keys().filter_map(|name| name.strip_prefix("page/")) {
        for part in message.split(['{', '}']).step_by(2).map(trimmed) {
            assert!(sent.contains(part), "{message} is never sent");
        }
    }
    let quoted = ["texts[\"", "page.text(\"", "page.fill(\"", " fill(\"", " count(\""];
    for call in quoted {
        for named in used.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(texts.contains_key(named), "the texts have no {named}");
        }
    }
    for named in used.split("texts.").skip(1) {
        let name: String = named.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
        let is_rust =
            ["js", "get", "tag", "detail", "direction", "for", "page"].contains(&name.as_str());
        assert!(
            name.is_empty() || is_rust || texts.contains_key(&name),
            "the texts have no {name}"
        );
    }
}

#[tokio::test]
async fn mailbox_page_exists_in_the_demo_only() {
    let server = TestServer::start().await;
    for path in ["/platform/demo/mails/", "/platform/demo/mails/0/"] {
        assert_eq!(get(&server, path, &[]).await.status, 404);
    }
    assert!(!text(&get(&server, "/platform/login", &[]).await).contains("demonstration"));
}
