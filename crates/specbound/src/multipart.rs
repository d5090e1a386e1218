//! Forms with files (RFC 7578): parts as they arrive, files to [`Spool`], other fields to
//! [`Fields`].
//!
//! Memory is bounded: by [`Spool`] for files, by [`HEAD_BYTES`] and one piece of the body for the
//! headers of a part, and by [`BodyLimits`] for all names and texts. It must never trust a declared
//! length, wait without a timeout, or continue after a limit is exceeded.

mod head;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, stream};
use thiserror::Error;

use crate::ApiError;
use crate::body::{BodyError, BodyLimits, FieldValue, Fields, json};
use crate::body_reader::{BodyReader, ReadError};
use crate::fields::{FieldErrors, Kind, MISSING, Property};
use crate::files::{FileRow, IncomingFile, SentFiles, Spool};
use crate::lazy_body::{UnreadForm, too_large};
use head::{MAX_NAME_CHARS, PartHead};

/// Bytes before the content of a part: its delimiter and its headers.
const HEAD_BYTES: usize = 16_384;

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
        bytes: 0,
        sent: SentForm::default(),
    };
    if let Some((boundary, body)) = form.start()? {
        reader.parts(&form, boundary, body).await?;
    }
    let mut sent = reader.sent;
    sent.fields = Fields::form(reader.texts);
    for row in files {
        let faulty = sent.errors.iter().any(|(name, _)| name == row.name);
        if let Some(fault) = count_error(row, sent.files.count(row.name)).filter(|_| !faulty) {
            sent.errors.add(row.name, vec![fault]);
        }
    }
    Ok(sent)
}

fn count_error(row: &FileRow, count: usize) -> Option<String> {
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
    /// Bytes of texts and names so far.
    bytes: usize,
    sent: SentForm,
}

type Part = multer::Field<'static>;

impl Reader {
    async fn parts(
        &mut self,
        form: &UnreadForm,
        boundary: String,
        body: BodyReader,
    ) -> Result<(), ApiError> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let pieces = pieces(body, form.uploads.bytes, Arc::clone(&waiting));
        let mut parts = multer::Multipart::new(pieces, boundary);
        loop {
            waiting.store(0, Ordering::Relaxed);
            let Some(part) = parts.next_field().await.map_err(parser_error)? else { return Ok(()) };
            // Each part has a name and counts as a field or as a file: their number is limited.
            let head = PartHead::read(part.headers()).map_err(malformed)?;
            self.count_bytes(form, head.length())?;
            let row = self.files.iter().find(|row| row.name == head.name);
            match row {
                Some(row) => self.file(form, row, head, part, &waiting).await?,
                None if head.has_file => {
                    self.count_file(form)?;
                    self.skip_file(form, &head.name, part, &waiting).await?;
                    self.push(form.limits, head.name, FieldValue::File)?;
                }
                None => self.text(form, head, part, &waiting).await?,
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
        let (mut file, mut length) = (IncomingFile::default(), 0);
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

    /// Counts bytes of names and texts, which stay in memory.
    fn count_bytes(&mut self, form: &UnreadForm, more: usize) -> Result<(), ApiError> {
        let before = self.bytes;
        self.bytes += more;
        if self.bytes > form.limits.bytes {
            return Err(too_large(form.limits.bytes));
        }
        Ok(form.permit.take_memory(before, more)?)
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

    /// Reads past a file for which the document has no member.
    async fn skip_file(
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
        head: PartHead,
        mut part: Part,
        waiting: &AtomicUsize,
    ) -> Result<(), ApiError> {
        let mut content = Vec::new();
        while let Some(piece) = next(&mut part, waiting).await? {
            self.count_bytes(form, piece.len())?;
            content.extend_from_slice(&piece);
        }
        let name = head.name;
        let media_type = part.content_type();
        let charset = media_type.and_then(|media| media.get_param("charset"));
        let is_utf8 = charset.is_none_or(|charset| charset == "utf-8" || charset == "us-ascii");
        let Some(text) = String::from_utf8(content).ok().filter(|_| is_utf8) else {
            self.sent.errors.add(&name, vec!["The text must be UTF-8.".to_owned()]);
            return self.push(form.limits, name, FieldValue::Null);
        };
        // OpenAPI sends objects as JSON.
        let row = self.properties.iter().find(|row| row.name == name);
        let is_json = media_type.is_some_and(|media| {
            ["application/json", "text/json"].contains(&media.essence_str())
                || media.suffix().is_some_and(|suffix| suffix == "json")
        });
        let is_json = is_json && row.is_none_or(|row| row.kind != Kind::Text);
        let text_length = text.len();
        let is_object = row.is_some_and(|row| row.kind == Kind::Object);
        if !is_json && !is_object {
            return self.push(form.limits, name, FieldValue::Text(text));
        }
        let values = form.limits.values.saturating_sub(self.values);
        let limits = BodyLimits { values, ..*form.limits };
        let parsing = move || json::parse(text.as_bytes(), &limits);
        match form.permit.parse(text_length, parsing).await? {
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
    part.chunk().await.map_err(parser_error)
}

/// Why the parser gets no further piece of the body.
#[derive(Debug, Error)]
enum NoPiece {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the head of a part is longer than {HEAD_BYTES} bytes")]
    LongHead,
}

fn parser_error(error: multer::Error) -> ApiError {
    let multer::Error::StreamReadFailed(cause) = &error else { return malformed(error) };
    match cause.downcast_ref::<NoPiece>() {
        Some(NoPiece::Read(why)) => (*why).into(),
        Some(NoPiece::TooLarge(max)) => too_large(*max),
        Some(NoPiece::LongHead) => malformed(NoPiece::LongHead),
        None => ReadError::Broken.into(),
    }
}

fn malformed(why: impl std::error::Error) -> ApiError {
    BodyError::MultipartParse(why.to_string().chars().take(MAX_NAME_CHARS).collect()).into()
}

struct Pieces {
    body: BodyReader,
    read: u64,
    max: u64,
    /// Bytes that the parser has been given since it gave something back.
    waiting: Arc<AtomicUsize>,
}

/// The body in pieces, within the limits.
fn pieces(
    body: BodyReader,
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
        let Some(piece) = self.body.next().await? else { return Ok(None) };
        self.read += piece.len() as u64;
        if self.read > self.max {
            return Err(NoPiece::TooLarge(self.max));
        }
        self.waiting.fetch_add(piece.len(), Ordering::Relaxed);
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests;
