//! Links, anchors and pictures of the documents.

use std::path::{Component, Path, PathBuf};

use crate::markdown::{anchors, documents, exists, links, root};

/// `docs/../SECURITY.md` is `SECURITY.md`.
fn resolve(folder: &Path, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{target} leaves the repository"),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

/// The reason why a link of a document is broken, if it is.
fn broken(document: &str, text: &str, link: &str) -> Option<String> {
    let (target, anchor) =
        link.split_once('#').map_or((link, None), |(target, anchor)| (target, Some(anchor)));
    let path = match target {
        "" => PathBuf::from(document),
        target => resolve(Path::new(document).parent()?, target),
    };
    if !exists(&path) {
        return Some(format!("{document}: {link}: there is no {}", path.display()));
    }
    let anchor = anchor?;
    let text = if target.is_empty() {
        text.to_owned()
    } else {
        std::fs::read_to_string(root().join(&path)).ok()?
    };
    (!anchors(&text).iter().any(|known| known == anchor))
        .then(|| format!("{document}: {link}: no such heading"))
}

#[test]
fn every_link_resolves_to_a_file_and_heading() {
    let mut faults = Vec::new();
    let mut checked = 0;
    let mut all: Vec<(String, String)> =
        documents().into_iter().map(|page| (page.path, page.text)).collect();
    let summary = "docs/SUMMARY.md".to_owned();
    all.push((summary.clone(), std::fs::read_to_string(root().join(summary)).unwrap()));
    for (path, text) in &all {
        for link in links(text) {
            if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
                continue;
            }
            checked += 1;
            faults.extend(broken(path, text, &link));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked >= 60, "{checked} links were found");
}

#[test]
fn broken_links_are_detected() {
    assert!(broken("README.md", "", "docs/settings.md#email").is_none());
    assert!(broken("docs/pages.md", "", "../SECURITY.md#known-limits").is_none());
    assert!(broken("README.md", "# A b", "#a-b").is_none());
    assert!(broken("README.md", "", "docs/no-such-page.md").is_some());
    assert!(broken("README.md", "", "docs/settings.md#no-such-heading").is_some());
}

#[test]
fn every_picture_is_made_by_the_browser_test() {
    let scripts = std::fs::read_dir(root().join("tests/pages")).unwrap();
    let scripts = scripts.map(|file| file.unwrap().path());
    let scripts =
        scripts.filter(|path| path.extension().is_some_and(|extension| extension == "js"));
    let walk: String = scripts.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let pictures: Vec<String> = documents().iter().flat_map(|page| links(&page.text)).collect();
    let pictures = pictures
        .iter()
        .filter_map(|link| link.strip_suffix(".png"))
        .filter_map(|name| name.rsplit('/').next());
    let pictures: Vec<&str> = pictures.collect();
    assert!(pictures.len() >= 4, "{pictures:?}");
    for name in pictures {
        assert!(
            walk.contains(&format!(", \"{name}\"")),
            "{name}: the browser test does not make it"
        );
        let file = root().join(format!("docs/screens/{name}.png"));
        assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
}

#[test]
fn readme_has_at_most_250_lines() {
    let lines = include_str!("../../README.md").lines().count();
    assert!(lines <= 250, "{lines} lines: the rest belongs in docs/");
}
