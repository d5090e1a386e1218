//! Header values as bytes. Bytes beyond ASCII are opaque (RFC 9110, 5.5): they never hide the rest
//! of a value.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::AsHeaderName;

/// The elements of a list (RFC 9110, 5.6.1) over all lines of a header, empty ones included.
pub fn elements(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> impl DoubleEndedIterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter().map(|value| value.as_bytes());
    lines.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// The same as text, with replacement characters for invalid UTF-8.
pub fn text_elements(
    headers: &HeaderMap,
    name: impl AsHeaderName,
) -> impl Iterator<Item = Cow<'_, str>> {
    elements(headers, name).map(String::from_utf8_lossy)
}
