//! A JSON reader with the messages and positions of CPython's `json.loads`, which clients see.
//!
//! It follows `_json.c` of Python 3.11 step by step, within additional limits: a text that nests
//! too deeply or has too many values is refused where the limit is passed, so that its memory is
//! bounded for any length. It must not panic, and must run in linear time.

use std::borrow::Cow;

use super::{BodyError, BodyLimits, FieldValue};

/// Python's `sys.get_int_max_str_digits()`.
pub(crate) const MAX_INTEGER_DIGITS: usize = 4300;

pub(crate) type Parsed<T> = Result<T, BodyError>;

/// # Errors
///
/// Python's message for invalid JSON, or the limit that was passed.
pub(crate) fn parse(bytes: &[u8], limits: &BodyLimits) -> Parsed<FieldValue> {
    Json::new(bytes, limits)?.document()
}

/// Python's stream reader: its words for bad bytes, and no word for a character cut off at the very
/// end.
fn decode_utf8(bytes: &[u8]) -> Parsed<&str> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let start = error.valid_up_to();
    let (good, bad) = bytes.split_at(start);
    let (Some(length), Some(first)) = (error.error_len(), bad.first()) else {
        return std::str::from_utf8(good).map_err(|error| BodyError::JsonParse(error.to_string()));
    };
    let reason = match first {
        0x80..=0xc1 | 0xf5..=0xff => "invalid start byte",
        _ => "invalid continuation byte",
    };
    Err(BodyError::JsonParse(match length {
        1 => format!("'utf-8' codec can't decode byte 0x{first:02x} in position {start}: {reason}"),
        _ => format!(
            "'utf-8' codec can't decode bytes in position {start}-{}: {reason}",
            start + length - 1
        ),
    }))
}

/// A number as it was sent.
pub(crate) enum Number<'a> {
    Integer(&'a str),
    Float(&'a str),
}

/// A JSON text and how far it has been read, in bytes, always between two characters.
pub(crate) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// How many more lists and objects may open here.
    depth_left: usize,
    /// How many more values may follow: members of objects and items of lists, at any depth.
    values_left: usize,
    max_values: usize,
}

impl<'a> Json<'a> {
    /// At the first value.
    pub(crate) fn new(bytes: &'a [u8], limits: &BodyLimits) -> Parsed<Json<'a>> {
        let text = decode_utf8(bytes)?;
        let mut json = Json {
            text,
            at: 0,
            depth_left: limits.depth.min(BodyLimits::MAX_DEPTH),
            // And the document itself.
            values_left: limits.values.saturating_add(1),
            max_values: limits.values,
        };
        if text.starts_with('\u{feff}') {
            return Err(json.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
        }
        json.skip_space();
        Ok(json)
    }

    fn document(mut self) -> Parsed<FieldValue> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// After the last value.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.peek().is_none() { Ok(()) } else { Err(self.error("Extra data", self.at)) }
    }

    fn value(&mut self) -> Parsed<FieldValue> {
        match self.begin()? {
            Some(b'"') => self.string().map(|text| FieldValue::Text(text.into_owned())),
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            _ if self.skip_word("null") => Ok(FieldValue::Null),
            _ if self.skip_word("true") => Ok(FieldValue::Bool(true)),
            _ if self.skip_word("false") => Ok(FieldValue::Bool(false)),
            _ => match ["NaN", "Infinity", "-Infinity"]
                .into_iter()
                .find(|word| self.rest().starts_with(word))
            {
                Some(word) => Err(BodyError::JsonParse(format!(
                    "Out of range float values are not JSON compliant: '{word}'"
                ))),
                None => Ok(match self.number()? {
                    Number::Integer(text) => FieldValue::Integer(text.to_owned()),
                    Number::Float(text) => {
                        let value =
                            text.parse().map_err(|_| self.error("Expecting value", self.at));
                        FieldValue::Float(python_float(value?))
                    }
                }),
            },
        }
    }

    /// Counts the value that begins here. Returns its first byte.
    #[inline]
    pub(crate) fn begin(&mut self) -> Parsed<Option<u8>> {
        let left = self.values_left.checked_sub(1);
        self.values_left = left.ok_or(BodyError::TooManyValues(self.max_values))?;
        Ok(self.peek())
    }

    fn object(&mut self) -> Parsed<FieldValue> {
        let mut members = Vec::new();
        let mut is_first = true;
        while self.has_next(b'}', &mut is_first)? {
            let name = self.name()?.into_owned();
            members.push((name, self.value()?));
        }
        Ok(FieldValue::Object(members.into()))
    }

    fn list(&mut self) -> Parsed<FieldValue> {
        let mut values = Vec::new();
        let mut is_first = true;
        while self.has_next(b']', &mut is_first)? {
            values.push(self.value()?);
        }
        values.shrink_to_fit();
        Ok(FieldValue::List(values))
    }

    /// At the bracket that opens a list or an object, or after one of its elements: whether another
    /// element follows, and no `close`.
    #[inline]
    pub(crate) fn has_next(&mut self, close: u8, is_first: &mut bool) -> Parsed<bool> {
        if *is_first {
            let deeper = || BodyError::JsonParse("Recursion limit exceeded".to_owned());
            self.depth_left = self.depth_left.checked_sub(1).ok_or_else(deeper)?;
            self.at += 1;
        }
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            self.depth_left += 1;
            return Ok(false);
        }
        if !std::mem::take(is_first) {
            if self.peek() != Some(b',') {
                return Err(self.error("Expecting ',' delimiter", self.at));
            }
            self.at += 1;
            self.skip_space();
        }
        Ok(true)
    }

    /// The name of a member, up to its value.
    #[inline]
    pub(crate) fn name(&mut self) -> Parsed<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.error("Expecting property name enclosed in double quotes", self.at));
        }
        let name = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.error("Expecting ':' delimiter", self.at));
        }
        self.at += 1;
        self.skip_space();
        Ok(name)
    }

    #[inline]
    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, str>> {
        let begin = self.at;
        self.at += 1;
        let plain = self.plain_text();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut read = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(read));
                }
                Some(b'\\') => read.push(self.escape(begin)?),
                Some(_) => return Err(self.error("Invalid control character at", self.at)),
                None => return Err(self.error("Unterminated string starting at", begin)),
            }
            read.push_str(self.plain_text());
        }
    }

    /// The text up to the next quote, backslash or control character.
    #[inline]
    fn plain_text(&mut self) -> &'a str {
        let rest = self.rest();
        let length = plain_length(rest.as_bytes());
        self.at += length;
        rest.get(..length).unwrap_or_default()
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

    /// A number, whose value is not looked at.
    #[inline]
    pub(crate) fn number(&mut self) -> Parsed<Number<'a>> {
        let (rest, text) = (self.rest().as_bytes(), self.rest());
        let digits = |from: usize| {
            let rest = rest.get(from..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let sign = usize::from(rest.first() == Some(&b'-'));
        let integer_end = match rest.get(sign) {
            Some(b'0') => sign + 1,
            Some(b'1'..=b'9') => sign + digits(sign),
            _ => return Err(self.error("Expecting value", self.at)),
        };
        let mut end = integer_end;
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            end += if fraction > 0 { 1 + fraction } else { 0 };
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let exponent = end + 1 + usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let power = digits(exponent);
            end = if power > 0 { exponent + power } else { end };
        }
        let integer_digits = integer_end - sign;
        if end == integer_end && integer_digits > MAX_INTEGER_DIGITS {
            return Err(BodyError::JsonParse(format!(
                "Exceeds the limit ({MAX_INTEGER_DIGITS} digits) for integer string conversion: \
                 value has {integer_digits} digits; use sys.set_int_max_str_digits() to increase \
                 the limit"
            )));
        }
        self.at += end;
        let text = text.get(..end).unwrap_or_default();
        Ok(match end > integer_end {
            true => Number::Float(text),
            false => Number::Integer(if text == "-0" { "0" } else { text }),
        })
    }

    #[inline]
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(crate) fn skip_word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Python counts lines and columns from 1, characters from 0, and all of them in code points.
    #[cold]
    fn error(&self, message: &str, at: usize) -> BodyError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let place = format!("line {line} column {column} (char {})", before.chars().count());
        BodyError::JsonParse(format!("{message}: {place}"))
    }
}

/// How many bytes come before the first quote, backslash or control character; eight are looked at
/// together.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (n, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // The lowest bit of each of these is that of the first byte below a number. Higher ones
        // may be wrong, by a borrow.
        let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let special = (below(word, b' ') | is(b'"') | is(b'\\')) & HIGH;
        if special != 0 {
            return n * 8 + (special.trailing_zeros() / 8) as usize;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    chunks.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
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
mod tests;
