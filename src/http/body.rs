//! Request bodies: bytes and a `Content-Type` into named fields.
//!
//! It reads JSON, urlencoded and multipart bodies, and judges nothing but their form: what a field may hold is for
//! [`super::fields`], what an error answers for the error module. It must not panic, hang or overflow on any input.
//!
//! Where its rules come from: DRF 3.14 `parsers.py` with Django 4.2 under it. The JSON reader is written out here because
//! clients see the words and positions of CPython's `json.loads`; it follows `_json.c` of Python 3.11 step by step.

use std::collections::BTreeMap;

use futures::{FutureExt, stream};
use multer::bytes::Bytes;

/// Django's DATA_UPLOAD_MAX_NUMBER_FIELDS. Only forms are held to it, as there.
const MAX_FORM_FIELDS: usize = 1000;
/// Python gives up at about a thousand; no request of this API nests at all.
const MAX_DEPTH: usize = 128;
/// Python's `sys.get_int_max_str_digits()`.
const MAX_INTEGER_DIGITS: usize = 4300;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// The `Content-Type` as the client wrote it, empty if there was none.
    UnsupportedMediaType(String),
    /// What Python's decoder says, without DRF's `JSON parse error - `.
    JsonParse(String),
    /// What Django's parser says, without DRF's `Multipart form parse error - `.
    MultipartParse(String),
    /// A form of more than a thousand fields.
    TooManyFields,
    /// JSON of another kind than an object: the name of its Python type.
    NotAnObject(&'static str),
}

/// One value as the client sent it. Numbers are the text Python's `str()` would give, so that none loses digits.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    Null,
    Bool(bool),
    Integer(String),
    Float(String),
    Text(String),
    List(Vec<FieldValue>),
    Object(BTreeMap<String, FieldValue>),
    /// An uploaded file. Its content is dropped: no field of this API takes one.
    File,
}

impl FieldValue {
    /// The value's Python type, as error texts name it.
    pub fn python_type(&self) -> &'static str {
        match self {
            FieldValue::Null => "NoneType",
            FieldValue::Bool(_) => "bool",
            FieldValue::Integer(_) => "int",
            FieldValue::Float(_) => "float",
            FieldValue::Text(_) => "str",
            FieldValue::List(_) => "list",
            FieldValue::Object(_) => "dict",
            FieldValue::File => "InMemoryUploadedFile",
        }
    }
}

/// The fields of one request. Of a name sent more than once the last value counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    values: BTreeMap<String, FieldValue>,
    is_form: bool,
}

/// `<` before a letter, `/` or `!` opens a tag in HTML, closed or not.
fn has_tag(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!'))
}

impl<'a> FromIterator<(&'a str, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, String)>>(texts: I) -> Fields {
        let values = texts.into_iter().map(|(name, text)| (name.to_owned(), FieldValue::Text(text))).collect();
        Fields { values, is_form: false }
    }
}

impl Fields {
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.values.get(name)
    }

    /// Whether this was a form, urlencoded or multipart: those cannot say null, and send unfilled fields as "".
    pub fn is_form(&self) -> bool {
        self.is_form
    }

    /// A field's text, or that of a number; nothing for any other value.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            FieldValue::Text(text) | FieldValue::Integer(text) | FieldValue::Float(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// All texts without control characters.
    ///
    /// # Errors
    ///
    /// The name of a field that holds an HTML tag.
    pub fn scrubbed(mut self) -> Result<Fields, String> {
        for (name, value) in &mut self.values {
            if let FieldValue::Text(text) = value {
                if has_tag(text) {
                    return Err(name.clone());
                }
                text.retain(|letter| !letter.is_control());
            }
        }
        Ok(self)
    }

    /// Python's truth of a field: absent, null, false, 0 and empty are not.
    pub fn is_truthy(&self, name: &str) -> bool {
        match self.get(name) {
            None | Some(FieldValue::Null) => false,
            Some(FieldValue::Bool(value)) => *value,
            Some(FieldValue::Integer(text)) => text != "0",
            Some(FieldValue::Float(text)) => text != "0.0" && text != "-0.0",
            Some(FieldValue::Text(text)) => !text.is_empty(),
            Some(FieldValue::List(items)) => !items.is_empty(),
            Some(FieldValue::Object(members)) => !members.is_empty(),
            Some(FieldValue::File) => true,
        }
    }

    fn form(pairs: impl IntoIterator<Item = (String, FieldValue)>) -> Fields {
        Fields { values: pairs.into_iter().collect(), is_form: true }
    }

    pub(super) fn json(values: BTreeMap<String, FieldValue>) -> Fields {
        Fields { values, is_form: false }
    }
}

/// Reads a whole body. An empty one has no fields, whatever its type.
pub async fn parse(content_type: Option<&str>, bytes: Bytes) -> Result<Fields, BodyError> {
    let content_type = content_type.unwrap_or_default().trim();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_form = matches!(media_type.as_str(), "application/x-www-form-urlencoded" | "multipart/form-data");
    if bytes.is_empty() {
        return Ok(Fields { is_form, ..Fields::default() });
    }
    match media_type.as_str() {
        "application/json" => json(&bytes),
        "application/x-www-form-urlencoded" => urlencoded(&bytes),
        // The bytes are all here, so a reader that still wants to wait for some would wait for ever.
        "multipart/form-data" => multipart(content_type, bytes)
            .now_or_never()
            .unwrap_or_else(|| Err(BodyError::MultipartParse("incomplete multipart stream".to_owned()))),
        _ => Err(BodyError::UnsupportedMediaType(content_type.to_owned())),
    }
}

fn urlencoded(bytes: &[u8]) -> Result<Fields, BodyError> {
    // Django takes bytes that are no UTF-8 for latin-1; escaped ones that are none become replacement characters.
    let text = std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), |text| text.to_owned());
    if text.split('&').count() > MAX_FORM_FIELDS {
        return Err(BodyError::TooManyFields);
    }
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unquote(name), FieldValue::Text(unquote(value)))
    });
    Ok(Fields::form(pairs))
}

/// `+` and `%xx` decoded; a `%` that starts no escape stays as it is.
fn unquote(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return String::from_utf8_lossy(&decoded).into_owned(),
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_value(*high) << 4 | hex_value(*low));
                tail
            }
            [byte, tail @ ..] => {
                decoded.push(if *byte == b'+' { b' ' } else { *byte });
                tail
            }
        };
    }
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

async fn multipart(content_type: &str, bytes: Bytes) -> Result<Fields, BodyError> {
    let boundary = boundary(content_type)?;
    let delimiter = format!("--{boundary}");
    // A body without a single delimiter is all preamble: Django finds no fields in it and no fault.
    if !bytes.windows(delimiter.len()).any(|window| window == delimiter.as_bytes()) {
        return Ok(Fields::form([]));
    }
    let broken = |error: multer::Error| BodyError::MultipartParse(error.to_string());
    let mut parts = multer::Multipart::new(stream::iter([Ok::<_, std::convert::Infallible>(bytes)]), boundary);
    let mut fields = Vec::new();
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        count += 1;
        if count > MAX_FORM_FIELDS {
            return Err(BodyError::TooManyFields);
        }
        let Some(name) = part.name().map(|name| name.trim().to_owned()) else { continue };
        let is_file = part.file_name().is_some_and(|file| !file.is_empty());
        let content = part.bytes().await.map_err(broken)?;
        let text = || FieldValue::Text(String::from_utf8_lossy(&content).into_owned());
        fields.push((name, if is_file { FieldValue::File } else { text() }));
    }
    Ok(Fields::form(fields))
}

fn boundary(content_type: &str) -> Result<String, BodyError> {
    let boundary = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        name.trim().eq_ignore_ascii_case("boundary").then_some(unquoted)
    });
    // RFC 2046: up to 201 printable characters, the last of them no blank.
    match boundary {
        Some(text)
            if (1..=201).contains(&text.len())
                && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
                && !text.ends_with(' ') =>
        {
            Ok(text.to_owned())
        }
        bad => Err(BodyError::MultipartParse(format!("Invalid boundary in multipart: {}", bad.unwrap_or("None")))),
    }
}

fn json(bytes: &[u8]) -> Result<Fields, BodyError> {
    let text = decode_utf8(bytes).map_err(BodyError::JsonParse)?;
    match Json::new(text).document().map_err(BodyError::JsonParse)? {
        FieldValue::Object(values) => Ok(Fields::json(values)),
        other => Err(BodyError::NotAnObject(other.python_type())),
    }
}

/// Python's stream reader: its words for bad bytes, and no word for a character cut off at the very end.
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
        _ => format!("'utf-8' codec can't decode bytes in position {start}-{}: {reason}", start + length - 1),
    })
}

/// A JSON text and how far it has been read, in bytes, always between two characters.
struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Json<'a> {
    fn new(text: &'a str) -> Json<'a> {
        Json { text, at: 0, depth: 0 }
    }

    fn document(mut self) -> Result<FieldValue, String> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
        }
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        if self.rest().is_empty() { Ok(value) } else { Err(self.error("Extra data", self.at)) }
    }

    fn value(&mut self) -> Result<FieldValue, String> {
        match self.peek() {
            Some(b'"') => self.string().map(FieldValue::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            _ if self.eat("null") => Ok(FieldValue::Null),
            _ if self.eat("true") => Ok(FieldValue::Bool(true)),
            _ if self.eat("false") => Ok(FieldValue::Bool(false)),
            _ => match ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| self.rest().starts_with(word)) {
                Some(word) => Err(format!("Out of range float values are not JSON compliant: '{word}'")),
                None => self.number(),
            },
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<FieldValue, String>) -> Result<FieldValue, String> {
        if self.depth == MAX_DEPTH {
            return Err("Recursion limit exceeded".to_owned());
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<FieldValue, String> {
        let mut values = BTreeMap::new();
        if self.eat("}") {
            return Ok(FieldValue::Object(values));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("Expecting property name enclosed in double quotes", self.at));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.eat(":") {
                return Err(self.error("Expecting ':' delimiter", self.at));
            }
            self.skip_space();
            values.insert(name, self.value()?);
            if self.ends_with("}")? {
                return Ok(FieldValue::Object(values));
            }
        }
    }

    fn list(&mut self) -> Result<FieldValue, String> {
        let mut values = Vec::new();
        if self.eat("]") {
            return Ok(FieldValue::List(values));
        }
        loop {
            values.push(self.value()?);
            if self.ends_with("]")? {
                return Ok(FieldValue::List(values));
            }
        }
    }

    /// After an element: whether `close` follows; otherwise it must be a comma.
    fn ends_with(&mut self, close: &str) -> Result<bool, String> {
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

    fn string(&mut self) -> Result<String, String> {
        let begin = self.at;
        self.at += 1;
        let mut read = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(|c| matches!(c, '"' | '\\' | '\0'..='\x1f')).unwrap_or(rest.len());
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
    fn escape(&mut self, begin: usize) -> Result<char, String> {
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

    fn unicode_escape(&mut self) -> Result<char, String> {
        let unit = self.unit().ok_or_else(|| self.error("Invalid \\uXXXX escape", self.at + 1))?;
        self.at += 6;
        if !(0xd800..=0xdbff).contains(&unit) {
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let Some(low @ 0xdc00..=0xdfff) = self.unit() else { return Ok(char::REPLACEMENT_CHARACTER) };
        self.at += 6;
        Ok(char::from_u32(0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00))).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The value of a `\uXXXX` that starts here. As in `_json.c` it counts only if something follows it.
    fn unit(&self) -> Option<u32> {
        let digits = self.rest().strip_prefix("\\u")?.get(..4).filter(|_| self.rest().len() > 6)?;
        digits.chars().try_fold(0, |unit, digit| Some(unit << 4 | digit.to_digit(16)?))
    }

    fn number(&mut self) -> Result<FieldValue, String> {
        let rest = self.rest().as_bytes();
        let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
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
            return Err(format!(
                "Exceeds the limit ({MAX_INTEGER_DIGITS} digits) for integer string conversion: \
                 value has {integer_digits} digits; use sys.set_int_max_str_digits() to increase the limit"
            ));
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
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Python counts lines and columns from 1, characters from 0, and all of them in code points.
    fn error(&self, message: &str, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        format!("{message}: line {line} column {column} (char {})", before.chars().count())
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
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{mantissa}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: impl AsRef<[u8]>) -> Result<Fields, BodyError> {
        parse(Some(content_type), Bytes::copy_from_slice(body.as_ref())).now_or_never().unwrap()
    }

    fn json_error(body: impl AsRef<[u8]>) -> String {
        match read("application/json", body) {
            Err(BodyError::JsonParse(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn text(value: &str) -> Option<FieldValue> {
        Some(FieldValue::Text(value.to_owned()))
    }

    #[test]
    fn an_empty_body_has_no_fields_whatever_its_type() {
        for content_type in [None, Some("text/plain"), Some("multipart/form-data"), Some("application/json")] {
            let fields = parse(content_type, Bytes::new()).now_or_never().unwrap().unwrap();
            assert!(fields.values.is_empty());
            assert_eq!(fields.is_form(), content_type == Some("multipart/form-data"));
        }
    }

    #[test]
    fn other_types_are_refused_as_the_client_wrote_them() {
        for content_type in ["text/plain", "Text/CSV; charset=x", "application/vnd.api+json", "application/jsonx", ""] {
            let refused = BodyError::UnsupportedMediaType(content_type.to_owned());
            assert_eq!(read(content_type, "{}"), Err(refused));
        }
        let untyped = parse(None, Bytes::from_static(b"x")).now_or_never().unwrap();
        assert_eq!(untyped, Err(BodyError::UnsupportedMediaType(String::new())));
    }

    #[test]
    fn json_is_read_whatever_the_case_of_its_type() {
        let fields =
            read("Application/JSON; charset=UTF-8", r#" {"a": "x", "b": [1, {"c": null}], "a": true} "#).unwrap();
        assert!(!fields.is_form());
        assert_eq!(fields.get("a"), Some(&FieldValue::Bool(true)), "the last of duplicate keys counts");
        let inner = FieldValue::Object(BTreeMap::from([("c".to_owned(), FieldValue::Null)]));
        assert_eq!(fields.get("b"), Some(&FieldValue::List(vec![FieldValue::Integer("1".to_owned()), inner])));
        assert_eq!(fields.get("c"), None);
    }

    #[test]
    fn json_errors_have_pythons_words_and_positions() {
        for (body, error) in [
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{]", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\":1,}", "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"),
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
            ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
            ("{\"a\":NaN", "Out of range float values are not JSON compliant: 'NaN'"),
            ("-Infinity", "Out of range float values are not JSON compliant: '-Infinity'"),
        ] {
            assert_eq!(json_error(body), error, "{body}");
        }
    }

    #[test]
    fn bad_utf8_has_pythons_words() {
        for (body, error) in [
            (&b"\xff"[..], "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
            (b"{\"\xc3\"}", "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte"),
            (b"\"\xe2\x82\"", "'utf-8' codec can't decode bytes in position 1-2: invalid continuation byte"),
            (b"\"\xe2\x82", "Unterminated string starting at: line 1 column 1 (char 0)"),
        ] {
            assert_eq!(json_error(body), error);
        }
    }

    #[test]
    fn json_that_is_no_object_is_named_as_python_names_it() {
        for (body, name) in
            [("[]", "list"), ("\"x\"", "str"), ("5", "int"), ("5.0", "float"), ("true", "bool"), ("null", "NoneType")]
        {
            assert_eq!(read("application/json", body), Err(BodyError::NotAnObject(name)));
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
            match Json::new(sent).document() {
                Ok(FieldValue::Integer(text) | FieldValue::Float(text)) => assert_eq!(text, kept),
                other => panic!("{other:?}"),
            }
        }
        assert!(json_error("1".repeat(4301)).starts_with("Exceeds the limit (4300 digits)"));
    }

    #[test]
    fn escapes_are_decoded_and_lone_surrogates_replaced() {
        let body = r#"{"a": "\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00", "b": "\ud800x\udc00\ud800\u0041"}"#;
        let fields = read("application/json", body).unwrap();
        assert_eq!(fields.get("a").cloned(), text("\"\\/\x08\x0c\n\r\tä😀"));
        assert_eq!(fields.get("b").cloned(), text("\u{fffd}x\u{fffd}\u{fffd}A"));
    }

    #[test]
    fn deep_json_is_refused_without_overflowing_the_stack() {
        assert_eq!(json_error("[".repeat(1_000_000)), "Recursion limit exceeded");
        assert_eq!(json_error("{\"a\":".repeat(129)), "Recursion limit exceeded");
        let deepest = "[".repeat(128) + &"]".repeat(128);
        assert_eq!(read("application/json", deepest), Err(BodyError::NotAnObject("list")));
    }

    #[test]
    fn urlencoded_fields_are_decoded_leniently() {
        let body = "a=1&a=2&b=x+y%20z&c=%zz%4&d&=e&&f=%C3%A4%ff&g==&%68=ä";
        let fields = read("application/x-www-form-urlencoded; charset=utf-8", body).unwrap();
        assert!(fields.is_form());
        for (name, value) in [
            ("a", "2"),
            ("b", "x y z"),
            ("c", "%zz%4"),
            ("d", ""),
            ("", "e"),
            ("f", "ä\u{fffd}"),
            ("g", "="),
            ("h", "ä"),
        ] {
            assert_eq!(fields.get(name).cloned(), text(value), "{name}");
        }
        let latin = read("application/x-www-form-urlencoded", b"a=\xe4").unwrap();
        assert_eq!(latin.get("a").cloned(), text("ä"));
    }

    #[test]
    fn forms_are_limited_to_a_thousand_fields() {
        let urlencoded = |count| read("application/x-www-form-urlencoded", vec!["a=1"; count].join("&"));
        assert!(urlencoded(1000).is_ok());
        assert_eq!(urlencoded(1001), Err(BodyError::TooManyFields));
        let multipart = |count| {
            let part = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
            read("multipart/form-data; boundary=B", part.repeat(count) + "--B--\r\n")
        };
        assert!(multipart(1000).is_ok());
        assert_eq!(multipart(1001), Err(BodyError::TooManyFields));
    }

    #[test]
    fn multipart_fields_are_text_and_files_are_files() {
        let body = "--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nünï\r\n\
                    --x y\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n\
                    --x y\r\nContent-Type: text/plain\r\n\r\nnameless\r\n\
                    --x y\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nfile\r\n--x y--\r\n";
        let fields = read("Multipart/Form-Data; BOUNDARY=\"x y\"", body).unwrap();
        assert!(fields.is_form());
        assert_eq!(fields.get("a").cloned(), text("ünï"));
        assert_eq!(fields.get("empty").cloned(), text(""));
        assert_eq!(fields.get("f"), Some(&FieldValue::File));
        assert_eq!(fields.values.len(), 3);
    }

    #[test]
    fn bad_multipart_is_told_apart() {
        let parse_error = |text: &str| Err(BodyError::MultipartParse(text.to_owned()));
        assert_eq!(read("multipart/form-data", "x"), parse_error("Invalid boundary in multipart: None"));
        assert_eq!(read("multipart/form-data; boundary=", "x"), parse_error("Invalid boundary in multipart: "));
        assert_eq!(
            read("multipart/form-data; boundary=abc", "x"),
            Ok(Fields::form([])),
            "recorded: no fields, no fault"
        );
        for body in ["--abc", "--abc\r\n", "--abc\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv", "--abcx"] {
            assert!(matches!(read("multipart/form-data; boundary=abc", body), Err(BodyError::MultipartParse(_))));
        }
    }
}
