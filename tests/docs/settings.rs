//! docs/settings.md is generated from the table of settings.

use std::collections::BTreeSet;

#[test]
fn settings_page_is_generated_from_the_table() {
    let path = crate::markdown::root().join("docs/settings.md");
    let expected = inventree_auth::config::page();
    if std::env::var_os("REFRESH_GENERATED").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    let refresh = "REFRESH_GENERATED=1 cargo test --test docs settings";
    assert!(found == expected, "docs/settings.md is stale: run `{refresh}`");
}

/// In the other documents too. Abbreviated names (`_FILE`) do not begin with the prefix.
#[test]
fn every_setting_that_a_document_names_exists() {
    let known: Vec<String> =
        inventree_auth::config::settings().map(|setting| setting.name).collect();
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
