//! A short text that a pattern matches. It never guesses: a text that does not match is none.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Most characters of a text.
const MAX_CHARS: usize = 1_000;

/// A text of `min` to `max` characters that the pattern matches, if one is found.
pub fn text(pattern: &str, min: usize, max: usize) -> Option<String> {
    let matcher = fancy_regex::Regex::new(pattern).ok()?;
    let hir = regex_syntax::parse(pattern).ok()?;
    // Each repetition a few times more often, until the text is long enough.
    let texts = (0..=min.min(MAX_CHARS)).filter_map(|more| {
        let mut text = String::new();
        write(&hir, more, &mut text)?;
        Some(text)
    });
    let fits = |text: &String| (min..=max).contains(&text.chars().count());
    let mut few = texts.filter(fits).take(MAX_TRIED);
    few.find(|text| matcher.is_match(text).unwrap_or(false))
}

/// Most texts that are held against the pattern: each may take it a million steps.
const MAX_TRIED: usize = 4;

/// `None` if the text is too long, or nothing matches.
fn write(hir: &Hir, more: usize, text: &mut String) -> Option<()> {
    if text.len() > 4 * MAX_CHARS {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            let first = class.ranges().first()?.start();
            let has = |c: &char| class.ranges().iter().any(|r| r.start() <= *c && *c <= r.end());
            text.push("x1aA".chars().chain('!'..='~').find(has).unwrap_or(first));
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Capture(capture) => write(&capture.sub, more, text)?,
        HirKind::Repetition(repetition) => {
            let least = repetition.min as usize;
            let most = repetition.max.map_or(usize::MAX, |max| max as usize);
            for _ in 0..least.saturating_add(more).min(most) {
                let before = text.len();
                write(&repetition.sub, more, text)?;
                // An empty text stays empty, however often it stands.
                if text.len() == before {
                    break;
                }
            }
        }
        HirKind::Concat(parts) => {
            for part in parts {
                write(part, more, text)?;
            }
        }
        HirKind::Alternation(parts) => write(parts.first()?, more, text)?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_their_patterns() {
        for (pattern, min, max, expected) in [
            ("^(0|[1-9][0-9]*)$", 0, 20, Some("0")),
            ("^[a-z]{3}-\\d+$", 0, 20, Some("xxx-1")),
            ("^[a-z]+$", 4, 6, Some("xxxx")),
            ("lamp", 0, 9, Some("lamp")),
            ("^(?:a|b)?$", 0, 9, Some("")),
            ("^$", 1, 9, None),
            ("^[^x1aA]{2}$", 0, 9, Some("!!")),
            ("^(?!ab)x", 0, 9, None),
            ("^(([a-z]+)+)+$", 40, 40, None),
            ("(\\b){4000000000}", 1_000, 1_000, None),
            ("(a*)*b{900000}", 0, 9, None),
        ] {
            let found = text(pattern, min, max);
            assert_eq!(found.as_deref(), expected, "{pattern}");
        }
    }
}
