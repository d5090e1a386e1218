//! How a document's own words are shown, so that they can neither break a line, a list or a code span apart nor hide.
//!
//! Everything that comes from a document stands between backticks and passes through [`code`]; everything else in a
//! message is ours. A Markdown renderer finds no HTML, no link and no mention between backticks.

use serde_json::Value;

/// The longest text shown, in characters.
const LONGEST: usize = 80;

/// A text as code: one line, never empty, no backtick and nothing invisible in it, and not long.
pub fn code(text: &str) -> String {
    let mut out = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
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

/// A value as code: texts bare, the rest as JSON.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => code(text),
        other => code(&other.to_string()),
    }
}

/// `a, b and c`; of many only the first, and how many more.
pub fn list(items: &[String], longest: usize) -> String {
    let (shown, more) = items.split_at(items.len().min(longest));
    match (shown, more.len()) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What changes the order of what is read, or shows as nothing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_code_span() {
        assert_eq!(code("a`b\n<b>\u{202e}@you|"), "`a'b\\u{a}<b>\\u{202e}@you|`");
        assert_eq!(code(""), "`\"\"`");
        assert_eq!(code(&"x".repeat(200)).chars().count(), LONGEST + 3);
    }

    #[test]
    fn a_long_list_says_how_many_more() {
        let items: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(list(&items[..1], 2), "a");
        assert_eq!(list(&items[..2], 2), "a and b");
        assert_eq!(list(&items, 2), "a, b and 1 more");
        assert_eq!(list(&[], 2), "");
    }
}
