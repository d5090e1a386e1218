//! A JSON reader with the words and positions of CPython's `json.loads`, which clients see.
//!
//! It follows `_json.c` of Python 3.11 step by step, within limits of its own: a text that nests
//! too deeply or has too many values is refused where the limit is passed, so that its memory is
//! bounded for any length. It must not panic, and must run in linear time.

use crate::body::{BodyError, FieldValue, MAX_FIELDS, Members};

/// Python gives up at about a thousand; no request of this API nests at all.
const MAX_DEPTH: usize = 128;
/// Python's `sys.get_int_max_str_digits()`.
pub(super) const MAX_INTEGER_DIGITS: usize = 4300;

type Parsed<T> = Result<T, BodyError>;

/// # Errors
///
/// Python's message for invalid JSON, or the limit that was passed.
pub(super) fn parse(bytes: &[u8]) -> Parsed<FieldValue> {
    Json::new(decode_utf8(bytes).map_err(BodyError::JsonParse)?).document()
}

/// Python's stream reader: its words for bad bytes, and no word for a character cut off at the very
/// end.
fn decode_utf8(bytes: &[u8]) -> Result<&str, String> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let start = error.valid_up_to();
    let (good, bad) = bytes.split_at(start);
    let (Some(length), Some(first)) = (error.error_len(), bad.first()) else {
        return std::str::from_utf8(good).map_err(|error| error.to_string());
    };
    let reason = match first {
        0x80..=0xc1 | 0xf5..=0xff => "invalid start byte",
        _ => "invalid continuation byte",
    };
    Err(match length {
        1 => format!("'utf-8' codec can't decode byte 0x{first:02x} in position {start}: {reason}"),
        _ => format!(
            "'utf-8' codec can't decode bytes in position {start}-{}: {reason}",
            start + length - 1
        ),
    })
}

/// A JSON text and how far it has been read, in bytes, always between two characters.
struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// How many more values may follow: members of objects and items of lists, at any depth.
    values_left: usize,
}

impl<'a> Json<'a> {
    fn new(text: &'a str) -> Json<'a> {
        // And the document itself.
        Json { text, at: 0, depth: 0, values_left: MAX_FIELDS + 1 }
    }

    fn document(mut self) -> Parsed<FieldValue> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
        }
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        if self.rest().is_empty() { Ok(value) } else { Err(self.error("Extra data", self.at)) }
    }

    fn value(&mut self) -> Parsed<FieldValue> {
        self.values_left = self.values_left.checked_sub(1).ok_or(BodyError::TooManyValues)?;
        match self.peek() {
            Some(b'"') => self.string().map(FieldValue::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            _ if self.eat("null") => Ok(FieldValue::Null),
            _ if self.eat("true") => Ok(FieldValue::Bool(true)),
            _ if self.eat("false") => Ok(FieldValue::Bool(false)),
            _ => match ["NaN", "Infinity", "-Infinity"]
                .into_iter()
                .find(|word| self.rest().starts_with(word))
            {
                Some(word) => Err(BodyError::JsonParse(format!(
                    "Out of range float values are not JSON compliant: '{word}'"
                ))),
                None => self.number(),
            },
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Parsed<FieldValue>) -> Parsed<FieldValue> {
        if self.depth == MAX_DEPTH {
            return Err(BodyError::JsonParse("Recursion limit exceeded".to_owned()));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Parsed<FieldValue> {
        let mut members = Vec::new();
        if self.eat("}") {
            return Ok(FieldValue::Object(Members::default()));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(
                    self.error("Expecting property name enclosed in double quotes", self.at)
                );
            }
            let name = self.string()?;
            self.skip_space();
            if !self.eat(":") {
                return Err(self.error("Expecting ':' delimiter", self.at));
            }
            self.skip_space();
            members.push((name, self.value()?));
            if self.ends_with("}")? {
                return Ok(FieldValue::Object(members.into()));
            }
        }
    }

    fn list(&mut self) -> Parsed<FieldValue> {
        let mut values = Vec::new();
        if self.eat("]") {
            return Ok(FieldValue::List(values));
        }
        loop {
            values.push(self.value()?);
            if self.ends_with("]")? {
                values.shrink_to_fit();
                return Ok(FieldValue::List(values));
            }
        }
    }

    /// After an element: whether `close` follows; otherwise it must be a comma.
    fn ends_with(&mut self, close: &str) -> Parsed<bool> {
        self.skip_space();
        if self.eat(close) {
            return Ok(true);
        }
        if !self.eat(",") {
            return Err(self.error("Expecting ',' delimiter", self.at));
        }
        self.skip_space();
        Ok(false)
    }

    fn string(&mut self) -> Parsed<String> {
        let begin = self.at;
        self.at += 1;
        let mut read = String::new();
        loop {
            let rest = self.rest();
            let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let plain = rest.bytes().position(is_special).unwrap_or(rest.len());
            read.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(read);
                }
                Some(b'\\') => read.push(self.escape(begin)?),
                Some(_) => return Err(self.error("Invalid control character at", self.at)),
                None => return Err(self.error("Unterminated string starting at", begin)),
            }
        }
    }

    /// Reads the escape that starts here, in the string that started at `begin`.
    fn escape(&mut self, begin: usize) -> Parsed<char> {
        let c = match self.text.as_bytes().get(self.at + 1) {
            Some(b'u') => return self.unicode_escape(),
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(_) => return Err(self.error("Invalid \\escape", self.at)),
            None => return Err(self.error("Unterminated string starting at", begin)),
        };
        self.at += 2;
        Ok(c)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let unit = self.unit().ok_or_else(|| self.error("Invalid \\uXXXX escape", self.at + 1))?;
        self.at += 6;
        if !(0xd800..=0xdbff).contains(&unit) {
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let Some(low @ 0xdc00..=0xdfff) = self.unit() else {
            return Ok(char::REPLACEMENT_CHARACTER);
        };
        self.at += 6;
        Ok(char::from_u32(0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00)))
            .unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The value of a `\uXXXX` that starts here. As in `_json.c` it counts only if something
    /// follows it.
    fn unit(&self) -> Option<u32> {
        let digits = self.rest().strip_prefix("\\u")?.get(..4).filter(|_| self.rest().len() > 6)?;
        digits.chars().try_fold(0, |unit, digit| Some(unit << 4 | digit.to_digit(16)?))
    }

    fn number(&mut self) -> Parsed<FieldValue> {
        let rest = self.rest().as_bytes();
        let digits =
            |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let mut end = match rest.get(sign) {
            Some(b'0') => sign + 1,
            Some(b'1'..=b'9') => sign + digits(sign),
            _ => return Err(self.error("Expecting value", self.at)),
        };
        let (integer_end, integer_digits) = (end, end - sign);
        if rest.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let exponent = end + 1 + usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            if digits(exponent) > 0 {
                end = exponent + digits(exponent);
            }
        }
        let text = &self.rest()[..end];
        if end > integer_end {
            let value = text.parse().map_err(|_| self.error("Expecting value", self.at))?;
            self.at += end;
            return Ok(FieldValue::Float(python_float(value)));
        }
        if integer_digits > MAX_INTEGER_DIGITS {
            return Err(BodyError::JsonParse(format!(
                "Exceeds the limit ({MAX_INTEGER_DIGITS} digits) for integer string conversion: \
                 value has {integer_digits} digits; use sys.set_int_max_str_digits() to increase \
                 the limit"
            )));
        }
        self.at += end;
        Ok(FieldValue::Integer(if text == "-0" { "0" } else { text }.to_owned()))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn skip_space(&mut self) {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().bytes().take_while(|byte| is_space(byte)).count();
    }

    /// Python counts lines and columns from 1, characters from 0, and all of them in code points.
    fn error(&self, message: &str, at: usize) -> BodyError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let place = format!("line {line} column {column} (char {})", before.chars().count());
        BodyError::JsonParse(format!("{message}: {place}"))
    }
}

/// Python's `repr` of a float: the shortest digits, an exponent only outside 1e-4 to 1e16.
fn python_float(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, exponent) =
        exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: impl AsRef<[u8]>) -> String {
        match parse(text.as_ref()) {
            Err(BodyError::JsonParse(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn member(object: &FieldValue, name: &str) -> FieldValue {
        match object {
            FieldValue::Object(members) => members.get(name).unwrap().clone(),
            other => panic!("{other:?}"),
        }
    }

    fn text(value: &str) -> FieldValue {
        FieldValue::Text(value.to_owned())
    }

    #[test]
    fn json_errors_have_pythons_words_and_positions() {
        for (body, error) in [
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{]", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            (
                "{\"a\":1,}",
                "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
            ),
            (" ", "Expecting value: line 1 column 2 (char 1)"),
            ("nul", "Expecting value: line 1 column 1 (char 0)"),
            ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
            ("-", "Expecting value: line 1 column 1 (char 0)"),
            ("{}x", "Extra data: line 1 column 3 (char 2)"),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            ("{\"ä\"\n 1}", "Expecting ':' delimiter: line 2 column 2 (char 6)"),
            ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
            ("{\"a", "Unterminated string starting at: line 1 column 2 (char 1)"),
            ("\"\\", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"a\tb\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"),
            ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("\"\\u0041", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            (
                "\u{feff}{}",
                "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
            ),
            ("{\"a\":NaN", "Out of range float values are not JSON compliant: 'NaN'"),
            ("-Infinity", "Out of range float values are not JSON compliant: '-Infinity'"),
        ] {
            assert_eq!(error_of(body), error, "{body}");
        }
    }

    #[test]
    fn bad_utf8_has_pythons_words() {
        for (body, error) in [
            (
                &b"\xff"[..],
                "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            ),
            (
                b"{\"\xc3\"}",
                "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte",
            ),
            (
                b"\"\xe2\x82\"",
                "'utf-8' codec can't decode bytes in position 1-2: invalid continuation byte",
            ),
            (b"\"\xe2\x82", "Unterminated string starting at: line 1 column 1 (char 0)"),
        ] {
            assert_eq!(error_of(body), error);
        }
    }

    #[test]
    fn numbers_keep_their_digits_and_read_as_python_prints_them() {
        for (sent, kept) in [
            ("123456789012345678901234", "123456789012345678901234"),
            ("-0", "0"),
            ("1.0", "1.0"),
            ("1e3", "1000.0"),
            ("1E16", "1e+16"),
            ("0.00001", "1e-05"),
            ("-1.5e-7", "-1.5e-07"),
            ("1e999", "inf"),
            ("-0.0", "-0.0"),
        ] {
            match parse(sent.as_bytes()) {
                Ok(FieldValue::Integer(text) | FieldValue::Float(text)) => assert_eq!(text, kept),
                other => panic!("{other:?}"),
            }
        }
        assert!(error_of("1".repeat(4301)).starts_with("Exceeds the limit (4300 digits)"));
    }

    #[test]
    fn escapes_are_decoded_and_lone_surrogates_replaced() {
        let body =
            r#"{"a": "\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00", "b": "\ud800x\udc00\ud800\u0041"}"#;
        let object = parse(body.as_bytes()).unwrap();
        assert_eq!(member(&object, "a"), text("\"\\/\x08\x0c\n\r\tä😀"));
        assert_eq!(member(&object, "b"), text("\u{fffd}x\u{fffd}\u{fffd}A"));
    }

    #[test]
    fn deep_json_is_refused_without_overflowing_the_stack() {
        assert_eq!(error_of("[".repeat(1_000_000)), "Recursion limit exceeded");
        assert_eq!(error_of("{\"a\":".repeat(129)), "Recursion limit exceeded");
        let deepest = "[".repeat(128) + &"]".repeat(128);
        assert!(parse(deepest.as_bytes()).is_ok());
    }

    #[test]
    fn values_are_limited_at_any_depth() {
        let list = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        let members = |count: usize| format!("{{{}}}", vec!["\"a\":0"; count].join(","));
        let objects = |count: usize| format!("[{}]", vec!["{\"\":0}"; count / 2].join(","));
        for text in [list(1000), members(1000), objects(1000)] {
            assert!(parse(text.as_bytes()).is_ok());
        }
        for text in [list(1001), members(1001), objects(1002)] {
            assert_eq!(parse(text.as_bytes()), Err(BodyError::TooManyValues));
        }
    }

    #[test]
    fn large_texts_are_read_in_linear_time() {
        let size = 2_500_000;
        for text in [
            format!("\"{}\"", "\\u0041".repeat(size / 6)),
            format!("\"{}\"", "\\\"".repeat(size / 2)),
            format!("{}1", " ".repeat(size)),
            format!("1e{}", "9".repeat(size)),
            format!("0.{}", "1".repeat(size)),
        ] {
            assert!(parse(text.as_bytes()).is_ok());
        }
        for text in [
            format!("-{}", "1".repeat(size)),
            "\n".repeat(size),
            format!("\"{}", "\u{e4}".repeat(size / 2)),
        ] {
            assert!(parse(text.as_bytes()).is_err());
        }
    }
}
