//! docs/settings.md lists the server's settings.

use std::collections::BTreeSet;

#[test]
fn settings_page_lists_each_setting_once_and_no_other() {
    let page = include_str!("../../docs/settings.md");
    let listed = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: Vec<&str> = listed.collect();
    let once: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(once.len(), listed.len(), "a setting is listed twice");
    let known: Vec<String> = inventree_auth::config::settings().map(|(name, _)| name).collect();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    let missing: Vec<&&str> = known.difference(&once).collect();
    let unknown: Vec<&&str> = once.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}; unknown: {unknown:?}");
}

/// In the other documents too. Abbreviated names (`_FILE`) do not begin with the prefix.
#[test]
fn every_setting_that_a_document_names_exists() {
    let known: Vec<String> = inventree_auth::config::settings().map(|(name, _)| name).collect();
    // Settings of a test, not of the server.
    let others = ["INVENTREE_DATABASE", "INVENTREE_PASSWORDS"];
    let mut unknown = BTreeSet::new();
    for document in crate::markdown::documents() {
        let is_name =
            |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
        for name in document
            .text
            .split(|letter| !is_name(letter))
            .filter(|word| word.starts_with("INVENTREE_"))
        {
            let is_of_provider = name.starts_with("INVENTREE_SSO_");
            if !known.iter().any(|setting| setting == name)
                && !others.contains(&name)
                && !is_of_provider
            {
                unknown.insert(format!("{}: {name}", document.path));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}
