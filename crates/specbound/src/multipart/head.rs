//! The headers of a part: its name, and the name and content type of its file.
//!
//! multer looks for `name=` anywhere in `Content-Disposition`, so a file could be named such that
//! it counts as another field. This reads the parameters in their order, with their quotes.

use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName};
use thiserror::Error;

/// Characters of a file name that are kept.
pub(super) const MAX_NAME_CHARS: usize = 255;

/// Why the headers of a part are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum HeadError {
    #[error("the headers of a part must be UTF-8")]
    NotUtf8,
    #[error("a part needs \"Content-Disposition: form-data; name=…\"")]
    NoName,
    #[error("a part has two names")]
    TwoNames,
}

/// The headers of a part.
#[derive(Debug, Default, PartialEq)]
pub(super) struct PartHead {
    pub name: String,
    /// Whether there is a `filename`, even an empty one.
    pub has_file: bool,
    /// The last segment of `filename`.
    pub file_name: Option<String>,
    pub content_type: Option<String>,
}

impl PartHead {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// [`HeadError`].
    pub fn read(headers: &HeaderMap) -> Result<PartHead, HeadError> {
        let disposition = text(headers, CONTENT_DISPOSITION)?.ok_or(HeadError::NoName)?;
        let kind = disposition.split(';').next().unwrap_or_default().trim();
        let all = parameters(disposition).filter(|_| kind.eq_ignore_ascii_case("form-data"));
        let (mut name, mut file_name) = (None, None);
        for (parameter, value) in all.ok_or(HeadError::NoName)? {
            let known = match parameter.as_str() {
                "name" => &mut name,
                "filename" => &mut file_name,
                // RFC 7578, section 4.2: no `filename*`.
                _ => continue,
            };
            if known.replace(value).is_some() {
                return Err(HeadError::TwoNames);
            }
        }
        Ok(PartHead {
            name: name.ok_or(HeadError::NoName)?,
            has_file: file_name.is_some(),
            file_name: file_name.and_then(|name| last_segment(&name)),
            content_type: text(headers, CONTENT_TYPE)?.map(str::to_owned),
        })
    }

    /// Bytes of its texts.
    pub fn length(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.name.len() + length(&self.file_name) + length(&self.content_type)
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, HeadError> {
    let value = headers.get(name).map(|value| std::str::from_utf8(value.as_bytes()));
    value.transpose().map_err(|_| HeadError::NotUtf8)
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

/// A quoted text after its first quote, and the rest. Browsers escape nothing, and curl a quote
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

/// The part of a file name after its folders (RFC 7578, section 4.2).
fn last_segment(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = last.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS);
    let last: String = last.collect();
    let last = last.trim();
    (!matches!(last, "" | "." | "..")).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_disposition_names_of_browsers_and_curl_are_parsed() {
        let read = |disposition: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_DISPOSITION, disposition.parse().unwrap());
            PartHead::read(&headers).map(|head| (head.name, head.has_file, head.file_name))
        };
        let file = |name: &str| Ok(("a".to_owned(), true, Some(name.to_owned())));
        assert_eq!(read("form-data; name=a"), Ok(("a".to_owned(), false, None)));
        assert_eq!(read("form-data; name=\"a\"; filename=\"x.png\""), file("x.png"));
        assert_eq!(read("Form-Data;filename=\"a; name=\\\"b\\\"\";name=a"), file("a; name=\"b\""));
        assert_eq!(read("form-data; name=a; filename*=utf-8''y; filename=x"), file("x"));
        assert_eq!(read("form-data; name=a; filename=\"../../etc/passwd\""), file("passwd"));
        assert_eq!(read("form-data; name=a; filename=\"C:\\tmp\\x\""), file("x"));
        for nothing in ["", "..", "/", "a/."] {
            let sent = read(&format!("form-data; name=a; filename=\"{nothing}\""));
            assert_eq!(sent, Ok(("a".to_owned(), true, None)), "{nothing}");
        }
        for bad in ["form-data", "attachment; name=a", "form-data; name=\"a"] {
            assert_eq!(read(bad), Err(HeadError::NoName), "{bad}");
        }
        assert_eq!(read("form-data; name=a; name=b"), Err(HeadError::TwoNames));
    }
}
