//! The project's Markdown documents, and their prose.

use std::path::{Path, PathBuf};

pub struct Document {
    /// Relative to the repository.
    pub path: String,
    pub text: String,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// README.md, the pages of the book in order, other pages of docs/, other documents in the root,
/// and the READMEs of the crates.
pub fn documents() -> Vec<Document> {
    let mut paths = vec!["README.md".to_owned()];
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed = links(&summary)
        .into_iter()
        .filter(|target| !target.starts_with(".."))
        .map(|page| format!("docs/{page}"));
    paths.extend(listed);
    for folder in ["docs", "."] {
        let mut others: Vec<String> = std::fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| {
                entry.unwrap().path().strip_prefix(root()).unwrap().to_string_lossy().into_owned()
            })
            .map(|path| path.trim_start_matches("./").to_owned())
            .filter(|path| {
                path.ends_with(".md") && !path.ends_with("SUMMARY.md") && !paths.contains(path)
            })
            .collect();
        others.sort_unstable();
        paths.append(&mut others);
    }
    let crates =
        std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let crates = crates.chain([root().join("generated")]).map(|folder| folder.join("README.md"));
    let mut readmes: Vec<String> = crates
        .map(|path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned())
        .collect();
    readmes.sort_unstable();
    paths.append(&mut readmes);
    let read = |path: String| Document {
        text: std::fs::read_to_string(root().join(&path)).unwrap(),
        path,
    };
    paths.into_iter().map(read).collect()
}

/// The targets of links and pictures, outside of code.
pub fn links(text: &str) -> Vec<String> {
    let text = without_code(text);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// The text without code blocks and without texts in backticks.
pub fn without_code(text: &str) -> String {
    let mut lines = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line);
        }
    }
    // Text in backticks may continue on the next line; a blank line ends it.
    let paragraphs = lines.join("\n");
    paragraphs.split("\n\n").map(without_backticks).collect::<Vec<_>>().join("\n\n")
}

fn without_backticks(paragraph: &str) -> String {
    let mut rest = paragraph;
    let mut kept = String::new();
    while let Some(begin) = rest.find('`') {
        let ticks = rest[begin..].bytes().take_while(|byte| *byte == b'`').count();
        let (before, after) = (&rest[..begin], &rest[begin + ticks..]);
        kept.push_str(before);
        let Some(end) = after.find(&"`".repeat(ticks)) else {
            kept.push_str(after);
            return kept;
        };
        // A placeholder that keeps the surrounding words apart.
        kept.push('_');
        rest = &after[end + ticks..];
    }
    kept.push_str(rest);
    kept
}

/// The anchors of headings, as GitHub and mdBook generate them.
pub fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let Some(heading) = line
            .trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#') && !is_code)
        else {
            continue;
        };
        let slug: String = heading
            .to_lowercase()
            .chars()
            .filter_map(|letter| match letter {
                ' ' => Some('-'),
                letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
                _ => None,
            })
            .collect();
        let again = found.iter().filter(|other| **other == slug).count();
        found.push(if again == 0 { slug } else { format!("{slug}-{again}") });
    }
    found
}

pub fn exists(path: &Path) -> bool {
    root().join(path).exists()
}

#[test]
fn code_is_removed_from_prose() {
    assert_eq!(without_code("a `b` c\n```sh\nd\n```\ne ``f ` g`` h"), "a _ c\ne _ h");
    assert_eq!(without_code("a `b\nc` d\n\ne ` f"), "a _ d\n\ne  f");
    assert_eq!(links("[a](b.md#c) `[x](y)` ![d](e.png)"), ["b.md#c", "e.png"]);
    assert_eq!(
        anchors("# At rest\n## A (RFC 1), b\n## At rest"),
        ["at-rest", "a-rfc-1-b", "at-rest-1"]
    );
}
