//! Request bodies: parses bytes by their `Content-Type` into named fields.
//!
//! It reads JSON, urlencoded and multipart bodies, and checks their syntax only: the values of
//! fields are for [`super::fields`], and error bodies for the error module. It must not
//! panic, hang or overflow on any input, and takes memory for the bytes that it keeps and for
//! the values that [`BodyLimits`] allow, never more.
//!
//! Where its rules come from: DRF 3.14 `parsers.py` with Django 4.2 under it.

pub(crate) mod json;

use std::borrow::Cow;
use std::collections::HashMap;

use futures::{FutureExt, Stream, stream};
use memchr::memmem;
use multer::bytes::Bytes;
use thiserror::Error;
use zeroize::Zeroize;

use crate::body_reader::ReadError;

/// Limits of JSON bodies and forms. Beyond them a request is refused, with 413 or 400.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes of a body.
    pub bytes: usize,
    /// Fields of a form, or members and items in JSON, at any depth.
    pub values: usize,
    /// Lists and objects within each other. At most [`BodyLimits::MAX_DEPTH`]: more counts as that.
    pub depth: usize,
}

impl BodyLimits {
    /// Django's DATA_UPLOAD_MAX_MEMORY_SIZE and DATA_UPLOAD_MAX_NUMBER_FIELDS.
    pub const DEFAULT: BodyLimits = BodyLimits { bytes: 2_621_440, values: 1000, depth: 128 };
    /// More would need a larger stack.
    pub const MAX_DEPTH: usize = 512;
}

/// Limits of forms with files. Beyond them a request is refused, with 413 or 400. The other fields
/// of such a form have [`BodyLimits`].
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// Files of a form.
    pub files: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of the whole body.
    pub bytes: u64,
    /// Bytes of files on disk, of all requests together. Beyond it the response is 503.
    pub disk_bytes: u64,
}

impl UploadLimits {
    /// 100 files, as in Django; 16 MiB for each, and 64 MiB for all. 1 GiB on disk.
    pub const DEFAULT: UploadLimits =
        UploadLimits { files: 100, file_bytes: 16 << 20, bytes: 64 << 20, disk_bytes: 1 << 30 };
}

/// Of a parser's message: it may quote the input.
const MAX_MESSAGE_CHARS: usize = 200;

/// The content type of a form without files.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Why a body has no fields, or not those that are allowed. The messages are DRF's, for the client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The `Content-Type` as the client wrote it, empty if there was none.
    #[error("Unsupported media type \"{0}\" in request.")]
    UnsupportedMediaType(String),
    /// The message of Python's decoder.
    #[error("JSON parse error - {0}")]
    JsonParse(String),
    /// The message of Django's parser.
    #[error("Multipart form parse error - {0}")]
    MultipartParse(String),
    /// A form of more fields than this.
    #[error("The number of form fields exceeds {0}.")]
    TooManyFields(usize),
    /// JSON of more values than this.
    #[error("The number of JSON values exceeds {0}.")]
    TooManyValues(usize),
    /// JSON `null`.
    #[error("No data provided")]
    NoData,
    /// JSON of another kind than an object: the name of its Python type.
    #[error("Invalid data. Expected a dictionary, but got {0}.")]
    NotAnObject(&'static str),
    /// The name of a field whose text holds an HTML tag, its beginning if it is a long one.
    #[error("Remove HTML tags from this value")]
    HtmlTag(String),
}

/// One value as the client sent it. Numbers are the text Python's `str()` would give, so that none
/// loses digits.
#[derive(Clone, PartialEq)]
pub enum FieldValue {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction.
    Integer(String),
    /// Any other number.
    Float(String),
    /// A string, or a field of a form.
    Text(String),
    /// An array.
    List(Vec<FieldValue>),
    /// An object.
    Object(Members),
    /// A file for which the document has no place. Its content is dropped.
    File,
}

impl std::fmt::Debug for FieldValue {
    /// Its kind alone: the value may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.python_type())
    }
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

/// Values by name, sorted, in no more memory than they need. Of a name sent more than once the last
/// value counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members(Box<[(String, FieldValue)]>);

impl From<Vec<(String, FieldValue)>> for Members {
    fn from(mut sent: Vec<(String, FieldValue)>) -> Members {
        // Stable, so that of one name the last value stays the last.
        sent.sort_by(|(a, _), (b, _)| a.cmp(b));
        sent.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
        Members(sent.into_boxed_slice())
    }
}

impl Members {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        let found = self.0.binary_search_by(|(member, _)| member.as_str().cmp(name));
        found.ok().and_then(|place| self.0.get(place)).map(|(_, value)| value)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The fields of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields {
    values: Members,
    is_form: bool,
    /// All values of the names that a form has more than once, in their order.
    repeated: Vec<(String, FieldValue)>,
}

/// `<` before a letter, `/` or `!` opens a tag in HTML, closed or not.
fn has_tag(text: &str) -> bool {
    text.split('<')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!'))
}

/// A field can be a password: its memory is overwritten.
impl Drop for Fields {
    fn drop(&mut self) {
        for (_, value) in self.values.0.iter_mut().chain(&mut self.repeated) {
            if let FieldValue::Text(text) = value {
                text.zeroize();
            }
        }
    }
}

impl<'a> FromIterator<(&'a str, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, String)>>(texts: I) -> Fields {
        let fields =
            texts.into_iter().map(|(name, text)| (name.to_owned(), FieldValue::Text(text)));
        Fields::json(fields.collect::<Vec<_>>().into())
    }
}

impl Fields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.values.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FieldValue)> {
        self.values.iter()
    }

    /// Whether this was a form, urlencoded or multipart: those cannot say null, and send unfilled
    /// fields as "".
    pub fn is_form(&self) -> bool {
        self.is_form
    }

    /// A field's text, or that of a number; nothing for any other value.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            FieldValue::Text(text) | FieldValue::Integer(text) | FieldValue::Float(text) => {
                Some(text.clone())
            }
            _ => None,
        }
    }

    /// All texts without control characters.
    ///
    /// # Errors
    ///
    /// [`BodyError::HtmlTag`].
    pub fn sanitized(mut self) -> Result<Fields, BodyError> {
        for (name, value) in self.values.0.iter_mut().chain(&mut self.repeated) {
            if let FieldValue::Text(text) = value {
                if has_tag(text) {
                    let name = name.chars().take(MAX_MESSAGE_CHARS).collect();
                    return Err(BodyError::HtmlTag(name));
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

    /// The items of a list in a form, where it has the name once for each.
    pub(crate) fn items(&self, name: &str) -> Vec<FieldValue> {
        let items = self.repeated.iter().filter(|(known, _)| known == name);
        let items: Vec<FieldValue> = items.map(|(_, value)| value.clone()).collect();
        if items.is_empty() { self.get(name).cloned().into_iter().collect() } else { items }
    }

    pub(crate) fn form(fields: Vec<(String, FieldValue)>) -> Fields {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        fields.iter().for_each(|(name, _)| *counts.entry(name).or_default() += 1);
        let repeated = match counts.len() == fields.len() {
            true => Vec::new(),
            false => fields.iter().filter(|(name, _)| counts[name.as_str()] > 1).cloned().collect(),
        };
        Fields { values: fields.into(), is_form: true, repeated }
    }

    pub(crate) fn json(values: Members) -> Fields {
        Fields { values, is_form: false, repeated: Vec::new() }
    }
}

/// Reads a whole body. An empty one has no fields, whatever its type.
///
/// # Errors
///
/// A malformed body. Errors of single fields are found later.
pub fn parse(
    content_type: Option<&str>,
    bytes: Bytes,
    limits: &BodyLimits,
) -> Result<Fields, BodyError> {
    let content_type = content_type.unwrap_or_default().trim();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_form = matches!(media_type.as_str(), FORM | "multipart/form-data");
    if bytes.is_empty() {
        let mut none = Fields::default();
        none.is_form = is_form;
        return Ok(none);
    }
    match media_type.as_str() {
        "application/json" => json_fields(&bytes, limits),
        FORM => urlencoded(&bytes, limits.values),
        // The bytes are all here, so a reader that still wants to wait for some would wait for
        // ever.
        "multipart/form-data" => {
            multipart(content_type, bytes, limits.values).now_or_never().unwrap_or_else(|| {
                Err(BodyError::MultipartParse("incomplete multipart stream".to_owned()))
            })
        }
        _ => Err(BodyError::UnsupportedMediaType(content_type.to_owned())),
    }
}

pub(crate) fn json_fields(bytes: &[u8], limits: &BodyLimits) -> Result<Fields, BodyError> {
    match json::parse(bytes, limits)? {
        FieldValue::Object(values) => Ok(Fields::json(values)),
        FieldValue::Null => Err(BodyError::NoData),
        other => Err(BodyError::NotAnObject(other.python_type())),
    }
}

fn urlencoded(bytes: &[u8], max: usize) -> Result<Fields, BodyError> {
    // Django takes bytes that are no UTF-8 for latin-1; escaped ones that are none become
    // replacement characters.
    let text = std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), Cow::Borrowed);
    if text.bytes().filter(|byte| *byte == b'&').count() >= max {
        return Err(BodyError::TooManyFields(max));
    }
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unquote(name), FieldValue::Text(unquote(value)))
    });
    Ok(Fields::form(pairs.collect()))
}

/// `+` and `%xx` decoded; a `%` that starts no escape stays as it is.
fn unquote(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return lossy(decoded),
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

/// Invalid UTF-8 becomes replacement characters.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

async fn multipart(content_type: &str, bytes: Bytes, max: usize) -> Result<Fields, BodyError> {
    let boundary = boundary(content_type)?;
    // A body without a single delimiter is all preamble: Django finds no fields in it and no fault.
    if memmem::find(&bytes, format!("--{boundary}").as_bytes()).is_none() {
        return Ok(Fields::form(Vec::new()));
    }
    let broken = |error: multer::Error| {
        BodyError::MultipartParse(error.to_string().chars().take(MAX_MESSAGE_CHARS).collect())
    };
    let mut parts =
        multer::Multipart::new(stream::iter([Ok::<_, std::convert::Infallible>(bytes)]), boundary);
    let mut fields = Vec::new();
    let mut count = 0;
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        count += 1;
        if count > max {
            return Err(BodyError::TooManyFields(max));
        }
        let Some(name) = part.name().map(|name| name.trim().to_owned()) else { continue };
        let is_file = is_file(&part);
        let mut content = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            if !is_file {
                content.extend_from_slice(&chunk);
            }
        }
        fields.push((
            name,
            if is_file { FieldValue::File } else { FieldValue::Text(lossy(content)) },
        ));
    }
    Ok(Fields::form(fields))
}

/// Whether a part of a form is a file that was chosen.
fn is_file(part: &multer::Field<'_>) -> bool {
    part.file_name().is_some_and(|file| !file.is_empty())
}

/// The text of the first field with this name in a multipart form of at most `max` parts, which is
/// read no further; `None` if there is none, or the form is malformed or incomplete.
///
/// # Errors
///
/// That of the pieces.
pub(crate) async fn multipart_field(
    pieces: impl Stream<Item = Result<Bytes, ReadError>> + Send,
    boundary: String,
    name: &str,
    max: usize,
) -> Result<Option<String>, ReadError> {
    let mut parts = multer::Multipart::new(pieces, boundary);
    let found = async {
        for _ in 0..max {
            let Some(mut part) = parts.next_field().await? else { break };
            if part.name().is_none_or(|sent| sent.trim() != name) || is_file(&part) {
                continue;
            }
            let mut content = Vec::new();
            while let Some(chunk) = part.chunk().await? {
                content.extend_from_slice(&chunk);
            }
            return Ok(Some(lossy(content)));
        }
        Ok(None)
    };
    match found.await {
        Ok(found) => Ok(found),
        Err(multer::Error::StreamReadFailed(cause)) => {
            cause.downcast_ref().map_or(Ok(None), |why| Err(*why))
        }
        Err(_) => Ok(None),
    }
}

pub(crate) fn boundary(content_type: &str) -> Result<String, BodyError> {
    let boundary = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let unquoted =
            value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
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
        bad => Err(BodyError::MultipartParse(format!(
            "Invalid boundary in multipart: {}",
            bad.unwrap_or("None")
        ))),
    }
}

#[cfg(test)]
mod tests;
