use std::collections::BTreeSet;

use super::*;

fn languages() -> Languages {
    Languages::new(None, "{product}").unwrap()
}

/// The tag that is chosen for a cookie and a header.
fn chosen(cookie: Option<&str>, header: &'static str) -> String {
    let elements = header.split(',').map(|part| Cow::Borrowed(part.trim()));
    languages().choose(cookie, elements).tag.clone()
}

fn raw(text: &str) -> Sentences {
    serde_json::from_str(text).unwrap()
}

/// The sentences of one key: one, or one per plural category.
fn forms(sentence: &Sentence) -> Vec<&str> {
    match sentence {
        Sentence::Plain(text) => vec![text],
        Sentence::Plural(forms) => forms.values().map(String::as_str).collect(),
    }
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect()
}

#[test]
fn accept_language_is_matched_by_quality_and_similarity() {
    for (header, tag) in [
        ("", "en"),
        ("de", "de"),
        ("de-AT, en;q=0.5", "de"),
        ("en;q=0.3, fr;q=0.9", "fr"),
        ("sv, de;q=0.1", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("DE-de", "de"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("zh-CN", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-TW", "en"),
        ("zh-Hant-HK, ja;q=0.5", "ja"),
        ("*", "en"),
        ("de;q=x", "en"),
        ("de;q=2", "en"),
        ("tlh", "en"),
        ("-", "en"),
    ] {
        assert_eq!(chosen(None, header), tag, "{header}");
    }
}

#[test]
fn chosen_language_overrides_accept_language() {
    assert_eq!(chosen(Some("fr"), "de"), "fr");
    assert_eq!(chosen(Some("nonsense"), "de"), "de");
}

#[test]
fn plural_forms_are_those_of_the_language() {
    let text =
        r#"{"n": {"one": "{count} a", "few": "{count} b", "many": "{count} c", "other": "d"}}"#;
    let polish = Texts::new("pl".to_owned(), raw(text), "{product}");
    let message = [1, 3, 5, 22].map(|count| polish.count("n", count).unwrap());
    assert_eq!(message, ["1 a", "3 b", "5 c", "22 b"]);
    let chinese = Texts::new("zh-Hans".to_owned(), raw(r#"{"n": {"other": "{count} x"}}"#), "");
    assert_eq!(chinese.count("n", 1).unwrap(), "1 x");
}

#[test]
fn every_language_has_every_english_sentence() {
    let files: BTreeMap<&str, Sentences> =
        EMBEDDED.iter().map(|(tag, text)| (*tag, raw(text))).collect();
    let english = &files[ENGLISH];
    for (tag, sentences) in files.iter().filter(|(tag, _)| **tag != ENGLISH) {
        let own: BTreeSet<&String> =
            sentences.keys().filter(|key| !key.starts_with(MESSAGE)).collect();
        let missing: Vec<_> = english.keys().filter(|key| !own.contains(key)).collect();
        let unknown: Vec<_> = own.iter().filter(|key| !english.contains_key(**key)).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "{tag}: {missing:?} {unknown:?}");
    }
}

#[test]
fn every_sentence_has_its_placeholders_and_plural_forms() {
    let all = languages();
    let english = &all.0[0];
    for (tag, text) in EMBEDDED {
        let texts = Texts::new((*tag).to_owned(), raw(text), "{product}");
        let categories: BTreeSet<&str> = (0..=200).map(|count| texts.category(count)).collect();
        for (key, sentence) in &texts.sentences {
            // `other` is what the English one has in any case.
            let wanted =
                english.get(key).unwrap_or_else(|| key.strip_prefix(MESSAGE).unwrap_or(key));
            for form in forms(sentence) {
                assert!(!form.trim().is_empty(), "{tag}: {key}");
                let (found, wanted) = (placeholders(form), placeholders(wanted));
                let is_right = match sentence {
                    Sentence::Plain(_) => found == wanted,
                    // "one" may do without its number.
                    Sentence::Plural(_) => found.is_subset(&wanted),
                };
                assert!(is_right, "{tag}: {key}: {form}");
            }
            if let Sentence::Plural(forms) = sentence {
                let has = |category: &&str| forms.contains_key(*category);
                assert!(categories.iter().all(has), "{tag}: {key}");
                assert!(forms.contains_key("other"), "{tag}: {key}");
            }
        }
    }
}

#[test]
fn activity_detail_hides_row_ids_and_keeps_names() {
    let all = languages();
    for (english, shown, german) in [
        ("totp", "authenticator app", "Authenticator-App"),
        ("session 12", "", ""),
        ("token 5, my laptop", "my laptop", "my laptop"),
        ("1 session", "1 session", "1 Sitzung"),
        ("3 tokens", "3 tokens", "3 Token"),
        ("company, passkey", "company, passkey", "company, Passkey"),
        ("a5@example.org", "a5@example.org", "a5@example.org"),
        (
            "a5@example.org: ended 1 addresses, 2 providers",
            "a5@example.org: ended 1 address, 2 providers",
            "a5@example.org: 1 Adresse entfernt, 2 Anmeldedienste",
        ),
    ] {
        let message = ["en", "de"].map(|tag| all.get(tag).detail(english));
        assert_eq!(message, [shown, german]);
    }
}

#[test]
fn site_name_is_inserted_in_every_plural_form() {
    let text = r#"{"a": "{product}!", "n": {"one": "one {product}", "other": "all {product}"}}"#;
    let texts = Texts::new("en".to_owned(), raw(text), "Stock");
    assert_eq!(texts.get("a"), Some("Stock!"));
    assert_eq!([1, 2].map(|n| texts.count("n", n).unwrap()), ["one Stock", "all Stock"]);
}
