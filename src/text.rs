//! Makes untrusted text safe for a terminal.

use std::fmt::Write;

/// Whether a character moves the cursor, breaks the line, or hides or reorders the text around it:
/// control characters (C0, DEL, C1), bidi controls, line and paragraph separators, zero-width and
/// tag characters.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text for one line of a terminal.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Text for a terminal, with its line breaks and tabs.
pub fn lines(text: &str) -> String {
    let is_kept = |c| matches!(c, '\n' | '\t') || !is_unprintable(c);
    text.chars().map(|c| if is_kept(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Equivalent JSON for a terminal: unprintable characters only occur in strings, and are escaped
/// there.
pub fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_unprintable(c) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\u{9b}2Jc\u{7f}d\u{202e}e\u{2066}f\u{e0041}g\rh\u{2028}i";

    #[test]
    fn unprintable_characters_are_replaced() {
        for text in
            [one_line(HOSTILE), lines(HOSTILE), json(&serde_json::to_string(HOSTILE).unwrap())]
        {
            assert!(!text.contains(is_unprintable), "{text:?}");
        }
        assert_eq!(one_line("a\nb\tc"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(lines("a\nb\tc"), "a\nb\tc");
        assert_eq!(lines("Zoë 東京 🦀"), "Zoë 東京 🦀");
    }

    #[test]
    fn sanitized_json_is_equivalent() {
        let pretty =
            serde_json::to_string_pretty(&serde_json::json!({ "name": HOSTILE, "n": [1, "ö"] }))
                .unwrap();
        let read: serde_json::Value = serde_json::from_str(&json(&pretty)).unwrap();
        assert_eq!(read["name"], HOSTILE);
        assert_eq!(read["n"][1], "ö");
    }
}
