//! Quotes text from a document so that it cannot break a line, a list or a code span, or be
//! invisible.
//!
//! All text from a document passes through [`code`] and is shown between backticks, where a
//! Markdown renderer finds no HTML, link or mention. The rest of a message is written here.

use serde_json::Value;

/// Longest text shown, in characters.
const MAX_SHOWN_CHARS: usize = 80;

/// A text as a code span: one line, not empty, no backticks or invisible characters, limited in
/// length.
pub fn code(text: &str) -> String {
    let mut out = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == MAX_SHOWN_CHARS {
            out.push('…');
            break;
        }
        match c {
            '`' => out.push('\''),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    if text.is_empty() {
        out.push_str("\"\"");
    }
    out.push('`');
    out
}

/// A value as a code span: a string without quotes, other values as JSON.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => code(text),
        other => code(&other.to_string()),
    }
}

/// `a, b and c`; beyond the limit `a, b and 7 more`.
pub fn list(items: &[String], longest: usize) -> String {
    let (shown, more) = items.split_at(items.len().min(longest));
    match (shown, more.len()) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Characters that change the reading order or are invisible.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_escape_its_code_span() {
        assert_eq!(code("a`b\n<b>\u{202e}@you|"), "`a'b\\u{a}<b>\\u{202e}@you|`");
        assert_eq!(code(""), "`\"\"`");
        assert_eq!(code(&"x".repeat(200)).chars().count(), MAX_SHOWN_CHARS + 3);
    }

    #[test]
    fn long_list_ends_with_the_number_of_omitted_items() {
        let items: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(list(&items[..1], 2), "a");
        assert_eq!(list(&items[..2], 2), "a and b");
        assert_eq!(list(&items, 2), "a, b and 1 more");
        assert_eq!(list(&[], 2), "");
    }
}
