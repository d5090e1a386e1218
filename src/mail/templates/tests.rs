use std::collections::BTreeSet;

use chrono::TimeZone;

use super::*;

const LINK: &str = "https://stock.example.org/platform/set-password?uid=1&token=c8-0a";
const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Firefox/144.0";

fn site(prefix: &str, contact: Option<&str>) -> Site {
    Site {
        product: "InvenTree".to_owned(),
        contact: contact.map(|text| text.parse().unwrap()),
        prefix: prefix.to_owned(),
        url: "https://stock.example.org".to_owned(),
        languages: Arc::new(Languages::new(None, "InvenTree").unwrap()),
    }
}

fn request(language: &'static str, user_agent: &'static str) -> Request<'static> {
    let at = Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap();
    Request { at, address: "203.0.113.9", user_agent, language }
}

fn of(username: &str) -> [AccountLink<'_>; 1] {
    [AccountLink { username, link: LINK.to_owned() }]
}

fn confirm(prefix: &str, entries: &[AccountLink<'_>]) -> Message {
    let request = request("en", FIREFOX);
    let site = site(prefix, None);
    with_links(&site, "a@example.org", LinkPurpose::ConfirmAddress, entries, 3, &request)
}

fn reset(prefix: &str, entries: &[AccountLink<'_>]) -> Message {
    let (site, request) = (site(prefix, None), request("en", FIREFOX));
    with_links(&site, "a@example.org", LinkPurpose::ResetPassword, entries, 3, &request)
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|found| found.trim_start() == line)
}

/// One email of each kind.
fn all(site: &Site, request: &Request<'_>) -> Vec<Message> {
    let to = "a@example.org";
    let notices = Notice::all("Phone").map(|kind| {
        let [entry] = of("amy");
        notice(site, to, entry, kind, request)
    });
    let [one] = of("amy");
    let two = [one, AccountLink { username: "ben", link: LINK.to_owned() }];
    let mut mails = Vec::from(notices);
    for entries in [&two[..1], &two] {
        for purpose in [LinkPurpose::ConfirmAddress, LinkPurpose::ResetPassword] {
            mails.push(with_links(site, to, purpose, entries, 3, request));
        }
    }
    mails
}

#[test]
fn subjects_match_the_reference_after_the_prefix() {
    assert_eq!(
        confirm("[InvenTree] ", &of("alice")).subject,
        "[InvenTree] Please Confirm Your Email Address"
    );
    assert_eq!(reset("[InvenTree] ", &of("alice")).subject, "[InvenTree] Password Reset Email");
}

#[test]
fn line_breaks_in_the_prefix_cannot_inject_headers() {
    let mail = reset("[A]\r\nBcc: b@example.org\n ", &of("alice"));
    assert!(!mail.subject.contains(['\r', '\n']));
}

#[test]
fn text_part_has_link_and_username_on_separate_lines() {
    for mail in [confirm("", &of("alice")), reset("", &of("alice"))] {
        assert!(has_line(&mail.text, LINK));
        assert!(has_line(&mail.text, "alice"));
    }
}

#[test]
fn html_part_has_the_escaped_link_as_target_and_text() {
    let html = reset("", &of("alice")).html;
    let link = LINK.replace('&', "&#38;");
    assert!(html.contains(&format!("href=\"{link}\"")));
    assert!(html.contains(&format!(">{link}<")));
    assert!(!html.contains(LINK));
}

#[test]
fn username_is_escaped_in_html() {
    let html = confirm("", &of("<a href=\"x\" title='y'>&")).html;
    assert!(html.contains(">&#60;a href=&#34;x&#34; title=&#39;y&#39;&#62;&#38;</strong>"));
    assert!(!html.contains("<a href=\"x\""));
}

#[test]
fn username_cannot_add_lines_to_an_email() {
    let mail = confirm("", &of("al\r\n\nice\u{202e}\u{2028}\u{85}\u{200b}\0"));
    assert!(has_line(&mail.text, "alice"));
    assert!(mail.html.contains(">alice</strong>"));
}

#[test]
fn long_username_is_truncated() {
    let mail = confirm("", &of(&"x".repeat(5000)));
    assert!(has_line(&mail.text, &"x".repeat(MAX_USERNAME_LENGTH)));
}

#[test]
fn several_accounts_share_an_email_with_a_link_each() {
    let entries = ["amy", "bob"]
        .map(|username| AccountLink { username, link: format!("{LINK}&for={username}") });
    for mail in [confirm("", &entries), reset("", &entries)] {
        for AccountLink { username, link } in &entries {
            assert!(has_line(&mail.text, username) && has_line(&mail.text, link), "{}", mail.text);
            assert!(mail.html.contains(&link.replace('&', "&#38;")), "{}", mail.html);
        }
    }
}

#[test]
fn notice_escapes_client_text_on_one_line() {
    let request = request("en", "<b>\r\nhttp://evil.example.net/\u{202e}");
    let name = Notice::TokenCreated("<b>new</b>\r\n\u{202e}key");
    let [entry] = of("amy");
    let mail = notice(&site("", None), "a@example.org", entry, name, &request);
    assert!(has_line(&mail.text, "<b>new</b>key") && has_line(&mail.text, LINK), "{}", mail.text);
    assert!(mail.html.contains("&#60;b&#62;new") && !mail.html.contains("<b>"), "{}", mail.html);
    assert!(!mail.text.contains("evil") && !mail.html.contains("evil"), "{}", mail.text);
}

#[test]
fn email_states_time_client_and_expiry_in_the_request_language() {
    let site = site("[InvenTree] ", Some("help@example.org"));
    let entries = of("amy");
    let mail = with_links(
        &site,
        "a@example.org",
        LinkPurpose::ResetPassword,
        &entries,
        3,
        &request("de", FIREFOX),
    );
    assert_eq!(mail.subject, "[InvenTree] Zurücksetzen Ihres Passworts");
    for line in [
        "Guten Tag,",
        "Zeit: 2026-03-01 12:00 UTC",
        "Browser: Firefox unter Windows",
        "Netzwerk: 203.0.113.9",
        "Der Link funktioniert einmal und ist 3 Tage gültig.",
        "Fragen? Wenden Sie sich an help@example.org.",
    ] {
        assert!(has_line(&mail.text, line), "{line}: {}", mail.text);
        let html = line.replace("help@", "<a href=\"mailto:help@example.org\">help@");
        let html = html.replace("example.org.", "example.org</a>.");
        assert!(mail.html.contains(&html), "{html}: {}", mail.html);
    }
    assert!(mail.html.contains("<html lang=\"de\" dir=\"ltr\">"), "{}", mail.html);
    // The product, and the preview of mail readers: before the first visible line.
    let preview = "amy · Zeit: 2026-03-01 12:00 UTC · Browser: Firefox unter Windows";
    assert!(mail.html.split("<table").next().unwrap().contains(preview), "{}", mail.html);
    assert!(mail.html.contains("<strong>InvenTree</strong>") && has_line(&mail.text, "InvenTree"));
}

#[test]
fn html_email_supports_right_to_left_and_basic_css() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ar.json"), r#"{"mail/hello": "مرحبا"}"#).unwrap();
    let languages = Arc::new(Languages::new(Some(folder.path()), "InvenTree").unwrap());
    let site = Site { languages, ..site("", None) };
    for mail in all(&site, &request("ar", FIREFOX)) {
        assert!(
            mail.html.contains("<html lang=\"ar\" dir=\"rtl\">") && mail.html.contains("مرحبا")
        );
        assert!(mail.html.contains("align=\"right\"") && !mail.html.contains("align=\"left\""));
        // Colours of the button alone, so that the reader's own stay.
        assert_eq!(mail.html.matches("color: #").count(), mail.html.matches("bgcolor").count());
        assert!(!mail.html.contains("<style") && !mail.html.contains("opacity"));
    }
}

#[test]
fn no_email_sentence_is_missing_or_unused() {
    // Each sentence is its own key in this language.
    let english: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../../locales/en.json")).unwrap();
    let keys: BTreeSet<&String> = english.keys().filter(|key| key.starts_with("mail/")).collect();
    let named: serde_json::Map<_, _> =
        keys.iter().map(|key| ((*key).clone(), format!("⟦{key}⟧").into())).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = serde_json::Value::from(named).to_string();
    std::fs::write(folder.path().join("tlh.json"), file).unwrap();
    let languages = Arc::new(Languages::new(Some(folder.path()), "").unwrap());
    let site = Site { languages, ..site("", Some("help@example.org")) };
    let mails = all(&site, &request("tlh", FIREFOX));
    let shown: String =
        mails.iter().flat_map(|mail| [&*mail.subject, &mail.text, &mail.html]).collect();
    for key in &keys {
        assert!(shown.contains(&format!("⟦{key}⟧")), "{key} is not used");
    }
    for at in shown.match_indices("mail/").map(|(at, _)| at) {
        assert!(
            shown[..at].ends_with('⟦'),
            "no sentence {}",
            shown[at..].chars().take(30).collect::<String>()
        );
    }
}
