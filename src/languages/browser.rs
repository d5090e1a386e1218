//! Names a browser by its User-Agent header, such as "Firefox on Windows".
//!
//! The header is the choice of a stranger, so no email or page repeats it: only known names, or the
//! name of a program such as `curl`.

use super::Texts;

/// The more telling parts first: most browsers name others too.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

/// An iPhone names Mac OS, and Android names Linux.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
];

/// Maximum length of the name of a program.
const MAX_PROGRAM_LENGTH: usize = 40;

/// `None` for a header without a name.
pub fn name(texts: &Texts, user_agent: &str) -> Option<String> {
    let of = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    match (of(&BROWSERS), of(&SYSTEMS)) {
        (Some(browser), Some(system)) => {
            let sentence = texts.get("sessions.browser")?;
            Some(sentence.replace("{browser}", browser).replace("{system}", system))
        }
        (Some(name), None) | (None, Some(name)) => Some(name.to_owned()),
        (None, None) => program(user_agent),
    }
}

/// Must not contain a dot: a mail client would turn a domain into a link.
fn program(user_agent: &str) -> Option<String> {
    let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let name: String = user_agent.chars().take_while(is_name).take(MAX_PROGRAM_LENGTH).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use crate::languages::Languages;

    #[test]
    fn browsers_and_programs_have_their_usual_names() {
        let languages = Languages::new(None, "").unwrap();
        let chrome = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) \
            Chrome/141.0 Mobile Safari/537.36";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/141.0 Safari/537.36 Edg/141.0";
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1";
        for (user_agent, name) in [
            (chrome, Some("Chrome on Android")),
            (edge, Some("Edge on Windows")),
            (safari, Some("Safari on iPhone")),
            ("Mozilla/5.0 (X11; CrOS x86_64) Chrome/141.0", Some("Chrome on ChromeOS")),
            ("Firefox/144.0", Some("Firefox")),
            ("curl/8.5.0", Some("curl")),
            ("evil.example.net is new", Some("evil")),
            ("http://evil.example.net/", Some("http")),
            ("<b>hi</b>", None),
            ("", None),
        ] {
            assert_eq!(super::name(languages.get("en"), user_agent).as_deref(), name);
        }
        let german = super::name(languages.get("de"), edge).unwrap();
        assert_eq!(german, "Edge unter Windows");
    }
}
