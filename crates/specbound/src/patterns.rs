//! Patterns of schemas. One with look-around or back-references takes steps that a client can
//! multiply, so its steps are counted; all others take time in proportion to the text.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use regex::Regex;

/// Most steps of a pattern with look-around on one text. Beyond them the text does not match.
const MAX_STEPS: usize = 100_000;

enum Pattern {
    Linear(Regex),
    Counted(fancy_regex::Regex),
    /// It does not compile.
    Never,
}

impl Pattern {
    fn compile(pattern: &str) -> Pattern {
        // Python's \w are letters, numbers and the underscore; Rust's has marks as well.
        let pattern = pattern.replace(r"\w", r"[\p{L}\p{N}_]");
        if let Ok(regex) = Regex::new(&pattern) {
            return Pattern::Linear(regex);
        }
        let counted = fancy_regex::RegexBuilder::new(&pattern).backtrack_limit(MAX_STEPS).build();
        counted.map_or(Pattern::Never, Pattern::Counted)
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Linear(regex) => regex.is_match(text),
            Pattern::Counted(regex) => regex.is_match(text).unwrap_or(false),
            Pattern::Never => false,
        }
    }
}

/// Whether a Python pattern is found in `text`; each is compiled once. A pattern that does not
/// compile matches nothing.
pub(crate) fn matches_pattern(pattern: &'static str, text: &str) -> bool {
    static COMPILED: LazyLock<RwLock<HashMap<&str, Arc<Pattern>>>> =
        LazyLock::new(Default::default);
    let known = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
    let found = known.unwrap_or_else(|| {
        let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(compiled.entry(pattern).or_insert_with(|| Arc::new(Pattern::compile(pattern))))
    });
    found.matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_around_is_enforced_in_bounded_time() {
        let name = r"^(?![0-9a-fA-F]{8}-)[a-z]([a-z0-9-]*[a-z0-9])?$";
        assert!(matches_pattern(name, "my-disk"));
        assert!(!matches_pattern(name, "my-disk-"));
        assert!(!matches_pattern(name, "deadbeef-0000"));
        let started = std::time::Instant::now();
        assert!(!matches_pattern(r"^(?=a)(a+)+$", &format!("{}b", "a".repeat(10_000))));
        assert!(started.elapsed().as_secs() < 5);
        assert!(!matches_pattern("(", "("));
    }
}
