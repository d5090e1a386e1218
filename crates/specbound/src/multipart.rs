//! Forms with files (RFC 7578): parts as they arrive, files to [`Spool`], other fields to
//! [`Fields`].
//!
//! Memory is bounded, whatever a client sends: by [`Spool`] for its files, by [`HEAD_BYTES`] and a
//! piece for the head of a part, and by the server's limits for other fields. It must never believe
//! a declared length, wait without a timeout, or go on behind a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, stream};
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http_body_util::BodyExt;
use thiserror::Error;

use crate::ApiError;
use crate::body::{BodyError, BodyLimits, FieldValue, Fields, json};
use crate::fields::{FieldErrors, Kind, MISSING, Property};
use crate::files::{FileRow, Receiving, SentFiles, Spool};
use crate::lazy_body::{BODY_TIMEOUT, SMALL_BODY_BYTES, UnreadForm, late, too_large};

/// Bytes before the content of a part: its delimiter and its headers.
const HEAD_BYTES: usize = 16_384;

/// Characters of a file name that are kept.
const MAX_NAME_CHARS: usize = 255;

/// A form as it was sent, and the faults of its parts.
#[derive(Default)]
pub(crate) struct SentForm {
    pub fields: Fields,
    pub files: SentFiles,
    pub errors: FieldErrors,
}

/// Reads a whole form.
///
/// # Errors
///
/// 400 for a malformed form or too many parts, 408, 413, and 503 when other requests have taken
/// all room. Faults of single parts are among the form's errors.
pub(crate) async fn read(
    form: UnreadForm,
    files: &'static [FileRow],
    properties: &'static [Property],
) -> Result<SentForm, ApiError> {
    let mut reader = Reader {
        files,
        properties,
        count: 0,
        spool: Spool::new(),
        texts: Vec::new(),
        values: 0,
        text_bytes: 0,
        sent: SentForm::default(),
    };
    if let Some((boundary, body)) = form.start()? {
        reader.parts(&form, boundary, body).await?;
    }
    let mut sent = reader.sent;
    sent.fields = Fields::form(reader.texts);
    for row in files {
        let faulty = sent.errors.iter().any(|(name, _)| name == row.name);
        if let Some(fault) = missing(row, sent.files.count(row.name)).filter(|_| !faulty) {
            sent.errors.add(row.name, vec![fault]);
        }
    }
    Ok(sent)
}

fn missing(row: &FileRow, count: usize) -> Option<String> {
    if count == 0 {
        return row.required.then(|| MISSING.to_owned());
    }
    if !row.is_array && count > 1 {
        return Some(format!("Expected one file, but got {count}."));
    }
    if let Some(min) = row.min_items.filter(|min| count < *min) {
        return Some(format!("Ensure this field has at least {min} elements."));
    }
    let max = row.max_items.filter(|max| count > *max)?;
    Some(format!("Ensure this field has no more than {max} elements."))
}

struct Reader {
    files: &'static [FileRow],
    properties: &'static [Property],
    /// Files so far, those that are dropped included.
    count: usize,
    spool: Spool,
    texts: Vec<(String, FieldValue)>,
    /// Values of fields so far, those within JSON included.
    values: usize,
    text_bytes: usize,
    sent: SentForm,
}

type Part = multer::Field<'static>;

impl Reader {
    async fn parts(
        &mut self,
        form: &UnreadForm,
        boundary: String,
        body: dropshot::Body,
    ) -> Result<(), ApiError> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let pieces = pieces(body, form.uploads.bytes, Arc::clone(&waiting));
        let mut parts = multer::Multipart::new(pieces, boundary);
        loop {
            waiting.store(0, Ordering::Relaxed);
            let Some(part) = parts.next_field().await.map_err(failed)? else { return Ok(()) };
            let head = PartHead::read(part.headers())?;
            let Some(name) = head.name.clone() else { continue };
            let row = self.files.iter().find(|row| row.name == name);
            match row {
                Some(row) => self.file(form, row, head, part, &waiting).await?,
                None if head.has_file => {
                    self.count_file(form)?;
                    self.dropped(form, &name, part, &waiting).await?;
                    self.push(form.limits, name, FieldValue::File)?;
                }
                None => self.text(form, name, head, part, &waiting).await?,
            }
        }
    }

    async fn file(
        &mut self,
        form: &UnreadForm,
        row: &'static FileRow,
        head: PartHead,
        mut part: Part,
        waiting: &AtomicUsize,
    ) -> Result<(), ApiError> {
        self.count_file(form)?;
        // RFC 7578, section 4.4.
        let content_type = head.content_type.as_deref().unwrap_or("text/plain");
        let mut is_kept = row.takes(content_type);
        let (mut file, mut length) = (Receiving::default(), 0);
        while let Some(piece) = next(&mut part, waiting).await? {
            length += piece.len() as u64;
            within_file(form, row.name, length)?;
            is_kept &= row.max_length.is_none_or(|max| length <= max);
            if is_kept {
                self.spool.write(&mut file, &piece, &form.permit).await?;
            }
        }
        // A browser sends an input of files without a choice so.
        if length == 0 && head.has_file && head.file_name.is_none() {
            return Ok(());
        }
        if !row.takes(content_type) {
            let allowed = row.content_types.join(", ");
            let sent: String = content_type.chars().take(MAX_NAME_CHARS).collect();
            let fault = format!("Unsupported media type \"{sent}\". Allowed are: {allowed}.");
            self.sent.errors.add(row.name, vec![fault]);
        } else if let Some(max) = row.max_length.filter(|max| length > *max) {
            let fault = format!("Ensure this file has no more than {max} bytes.");
            self.sent.errors.add(row.name, vec![fault]);
        } else {
            let (name, content_type) = (head.file_name, head.content_type);
            let file = self.spool.finish(file, name, content_type, &form.permit).await?;
            self.sent.files.push(row.name, file);
        }
        Ok(())
    }

    fn count_file(&mut self, form: &UnreadForm) -> Result<(), ApiError> {
        self.count += 1;
        let max = form.uploads.files;
        if self.count <= max {
            return Ok(());
        }
        let detail = format!("The number of files exceeds {max}.");
        Err(ApiError::detail(http::StatusCode::BAD_REQUEST, &detail))
    }

    /// A file for which the document has no place.
    async fn dropped(
        &mut self,
        form: &UnreadForm,
        name: &str,
        mut part: Part,
        waiting: &AtomicUsize,
    ) -> Result<(), ApiError> {
        let mut length = 0;
        while let Some(piece) = next(&mut part, waiting).await? {
            length += piece.len() as u64;
            within_file(form, name, length)?;
        }
        Ok(())
    }

    async fn text(
        &mut self,
        form: &UnreadForm,
        name: String,
        head: PartHead,
        mut part: Part,
        waiting: &AtomicUsize,
    ) -> Result<(), ApiError> {
        let mut content = Vec::new();
        while let Some(piece) = next(&mut part, waiting).await? {
            let before = self.text_bytes;
            self.text_bytes += piece.len();
            if self.text_bytes > form.limits.bytes {
                return Err(too_large(form.limits.bytes));
            }
            let more = self.text_bytes.saturating_sub(before.max(SMALL_BODY_BYTES));
            form.permit.take_memory(more)?;
            content.extend_from_slice(&piece);
        }
        let charset = head.charset.unwrap_or_else(|| "utf-8".to_owned());
        let is_known =
            ["utf-8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known));
        let Some(text) = String::from_utf8(content).ok().filter(|_| is_known) else {
            self.sent.errors.add(&name, vec!["The text must be UTF-8.".to_owned()]);
            return self.push(form.limits, name, FieldValue::Null);
        };
        // OpenAPI sends objects as JSON.
        let row = self.properties.iter().find(|row| row.name == name);
        let is_json = head
            .content_type
            .as_deref()
            .is_some_and(|media| is_json(media) && row.is_none_or(|row| row.kind != Kind::Text));
        let is_object = row.is_some_and(|row| row.kind == Kind::Object);
        if !is_json && !is_object {
            return self.push(form.limits, name, FieldValue::Text(text));
        }
        let values = form.limits.values.saturating_sub(self.values);
        match json::parse(text.as_bytes(), &BodyLimits { values, ..*form.limits }) {
            Ok(value) => self.push(form.limits, name, value),
            Err(BodyError::JsonParse(why)) => {
                self.sent.errors.add(&name, vec![format!("JSON parse error - {why}")]);
                self.push(form.limits, name, FieldValue::Null)
            }
            Err(BodyError::TooManyValues(_)) => {
                Err(BodyError::TooManyValues(form.limits.values).into())
            }
            Err(other) => Err(other.into()),
        }
    }

    fn push(
        &mut self,
        limits: &BodyLimits,
        name: String,
        value: FieldValue,
    ) -> Result<(), ApiError> {
        self.values += count(&value);
        if self.values > limits.values {
            return Err(BodyError::TooManyFields(limits.values).into());
        }
        self.texts.push((name, value));
        Ok(())
    }
}

fn is_json(media: &str) -> bool {
    let base = media.split(';').next().unwrap_or_default().trim();
    base.eq_ignore_ascii_case("application/json") || base.to_ascii_lowercase().ends_with("+json")
}

fn count(value: &FieldValue) -> usize {
    match value {
        FieldValue::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        FieldValue::Object(members) => {
            1 + members.iter().map(|(_, value)| count(value)).sum::<usize>()
        }
        _ => 1,
    }
}

fn within_file(form: &UnreadForm, name: &str, length: u64) -> Result<(), ApiError> {
    let max = form.uploads.file_bytes;
    if length <= max {
        return Ok(());
    }
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    let detail = format!("The file \"{name}\" is larger than {max} bytes.");
    Err(ApiError::detail(http::StatusCode::PAYLOAD_TOO_LARGE, &detail))
}

async fn next(part: &mut Part, waiting: &AtomicUsize) -> Result<Option<bytes::Bytes>, ApiError> {
    waiting.store(0, Ordering::Relaxed);
    part.chunk().await.map_err(failed)
}

/// Why no further piece of a body came.
#[derive(Debug, Error)]
enum NoPiece {
    #[error("the body did not arrive in time")]
    Late,
    #[error("the body broke off")]
    Broken,
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the head of a part is longer than {HEAD_BYTES} bytes")]
    LongHead,
}

fn failed(error: multer::Error) -> ApiError {
    let multer::Error::StreamReadFailed(cause) = &error else {
        return malformed(&error.to_string());
    };
    match cause.downcast_ref::<NoPiece>() {
        Some(NoPiece::Late) => late(),
        Some(NoPiece::TooLarge(max)) => too_large(*max),
        Some(NoPiece::LongHead) => malformed(&NoPiece::LongHead.to_string()),
        Some(NoPiece::Broken) | None => {
            let detail = "The request body could not be read.";
            ApiError::detail(http::StatusCode::BAD_REQUEST, detail)
        }
    }
}

fn malformed(why: &str) -> ApiError {
    BodyError::MultipartParse(why.chars().take(MAX_NAME_CHARS).collect()).into()
}

struct Pieces {
    body: dropshot::Body,
    read: u64,
    max: u64,
    /// Bytes that the parser has been given since it gave something back.
    waiting: Arc<AtomicUsize>,
}

/// The body in pieces, each within a time.
fn pieces(
    body: dropshot::Body,
    max: u64,
    waiting: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<bytes::Bytes, NoPiece>> + Send + 'static {
    stream::unfold(Some(Pieces { body, read: 0, max, waiting }), |pieces| async {
        let mut pieces = pieces?;
        // The parser takes all that is ready at once: one piece at a time keeps its buffer small.
        tokio::task::yield_now().await;
        match pieces.next().await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), Some(pieces))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<bytes::Bytes>, NoPiece> {
        if self.waiting.load(Ordering::Relaxed) > HEAD_BYTES {
            return Err(NoPiece::LongHead);
        }
        loop {
            let frame = tokio::time::timeout(BODY_TIMEOUT, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| NoPiece::Late)? else { return Ok(None) };
            let Ok(piece) = frame.map_err(|_| NoPiece::Broken)?.into_data() else { continue };
            self.read += piece.len() as u64;
            if self.read > self.max {
                return Err(NoPiece::TooLarge(self.max));
            }
            self.waiting.fetch_add(piece.len(), Ordering::Relaxed);
            return Ok(Some(piece));
        }
    }
}

/// The headers of a part.
#[derive(Debug, Default, PartialEq)]
struct PartHead {
    name: Option<String>,
    /// Whether there is a `filename`, if only an empty one.
    has_file: bool,
    file_name: Option<String>,
    content_type: Option<String>,
    charset: Option<String>,
}

impl PartHead {
    fn read(headers: &HeaderMap) -> Result<PartHead, ApiError> {
        let text = |name| {
            let value = headers.get(name).map(|value| value.as_bytes().to_vec());
            value.map(String::from_utf8).transpose()
        };
        let not_utf8 = |_| malformed("the headers of a part must be UTF-8");
        let mut head =
            PartHead { content_type: text(CONTENT_TYPE).map_err(not_utf8)?, ..PartHead::default() };
        if let Some(content_type) = &head.content_type {
            let all = parameters(content_type).unwrap_or_default();
            head.charset = all.into_iter().find(|(name, _)| name == "charset").map(|(_, v)| v);
        }
        let Some(disposition) = text(CONTENT_DISPOSITION).map_err(not_utf8)? else {
            return Ok(head);
        };
        let bad = || malformed("a part needs \"Content-Disposition: form-data; name=…\"");
        let kind = disposition.split(';').next().unwrap_or_default().trim();
        let all = parameters(&disposition).filter(|_| kind.eq_ignore_ascii_case("form-data"));
        for (name, value) in all.ok_or_else(bad)? {
            match name.as_str() {
                "name" if head.name.is_none() => head.name = Some(value),
                "filename" if !head.has_file => {
                    head.has_file = true;
                    head.file_name = last_part(&value);
                }
                "name" | "filename" => {
                    return Err(malformed("a part has two names"));
                }
                // RFC 7578, section 4.2: no `filename*`.
                _ => {}
            }
        }
        match head.name {
            Some(_) => Ok(head),
            None => Err(bad()),
        }
    }
}

/// The parameters of a header, their names in lower case. `None` if they are malformed.
fn parameters(value: &str) -> Option<Vec<(String, String)>> {
    let mut all = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest).trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = unquoted(quoted)?;
                (value, after.trim_start())
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim().to_owned(), after)
            }
        };
        all.push((name.trim().to_ascii_lowercase(), value));
        rest = match after.strip_prefix(';') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => "",
            None => return None,
        };
    }
    Some(all)
}

/// A quoted text behind its first quote, and the rest. Browsers escape nothing, and curl a quote
/// and a backslash.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices().peekable();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(place + 1..)?)),
            '\\' => match letters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    None
}

/// The part of a file name behind its folders (RFC 7578, section 4.2).
fn last_part(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = last.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS);
    let last: String = last.collect();
    let last = last.trim();
    (!matches!(last, "" | "." | "..")).then(|| last.to_owned())
}

#[cfg(test)]
mod tests;
