//! The operator's logo and icon, from the folder of INVENTREE_CUSTOMIZE_DIR.
//!
//! They are read once, at start. A file that is not what its name says is refused: browsers take
//! it for its media type alone.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use bytes::Bytes;

/// Every page loads the logo.
const MAX_BYTES: usize = 100_000;

const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";
const WEBP: &str = "image/webp";
const ICO: &str = "image/x-icon";

/// Names and media types; the first file that exists counts.
const LOGOS: [(&str, &str); 3] = [("logo.svg", SVG), ("logo.png", PNG), ("logo.webp", WEBP)];
const ICONS: [(&str, &str); 3] = [("favicon.svg", SVG), ("favicon.png", PNG), ("favicon.ico", ICO)];

/// A picture that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("{path}: {reason}")]
    Read { path: String, reason: io::Error },
    #[error("{path}: expected {media_type} of at most 100 kB")]
    Content { path: String, media_type: &'static str },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub name: &'static str,
    pub media_type: &'static str,
    pub content: Bytes,
}

/// Both are optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pictures {
    pub logo: Option<Picture>,
    pub icon: Option<Picture>,
}

impl Pictures {
    /// # Errors
    ///
    /// [`PictureError`]
    pub fn read(folder: Option<&Path>) -> Result<Pictures, PictureError> {
        let Some(folder) = folder else { return Ok(Pictures::default()) };
        Ok(Pictures { logo: first(folder, &LOGOS)?, icon: first(folder, &ICONS)? })
    }
}

fn first(
    folder: &Path,
    names: &[(&'static str, &'static str)],
) -> Result<Option<Picture>, PictureError> {
    for (name, media_type) in names {
        let path = folder.join(name);
        let shown = || path.display().to_string();
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(reason) if reason.kind() == ErrorKind::NotFound => continue,
            Err(reason) => return Err(PictureError::Read { path: shown(), reason }),
        };
        if content.len() > MAX_BYTES || !is_of(media_type, &content) {
            return Err(PictureError::Content { path: shown(), media_type });
        }
        return Ok(Some(Picture { name, media_type, content: content.into() }));
    }
    Ok(None)
}

/// Checks the content by its first bytes.
fn is_of(media_type: &str, content: &[u8]) -> bool {
    match media_type {
        SVG => std::str::from_utf8(content).is_ok_and(|text| {
            text.trim_start_matches('\u{feff}').trim_start().starts_with('<')
                && text.contains("<svg")
        }),
        PNG => content.starts_with(b"\x89PNG\r\n\x1a\n"),
        WEBP => content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP"),
        _ => content.starts_with(&[0, 0, 1, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &[u8])]) -> Result<Pictures, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Pictures::read(Some(folder.path())).map_err(|error| error.to_string())
    }

    #[test]
    fn first_file_of_each_kind_counts() {
        let svg: &[u8] = b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
        let files: [(&str, &[u8]); 4] = [
            ("logo.svg", svg),
            ("logo.png", b"\x89PNG\r\n\x1a\n"),
            ("favicon.ico", &[0, 0, 1, 0, 1, 0]),
            ("notes.txt", b"unused"),
        ];
        let read = read(&files).unwrap();
        let names = [read.logo, read.icon].map(|picture| picture.map(|found| found.name));
        assert_eq!(names, [Some("logo.svg"), Some("favicon.ico")]);
        assert_eq!(Pictures::read(None).unwrap(), Pictures::default());
    }

    #[test]
    fn picture_with_mismatched_content_is_refused() {
        let large = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; MAX_BYTES]].concat();
        for (name, content) in [
            ("logo.svg", b"<!doctype html><script>alert(1)</script>".as_slice()),
            ("logo.svg", b"\x89PNG\r\n\x1a\n<svg"),
            ("logo.png", b"<svg/>"),
            ("logo.png", &large),
            ("logo.webp", b"RIFF1234WAVE"),
            ("favicon.ico", b""),
            ("favicon.png", b"GIF89a"),
        ] {
            let message = read(&[(name, content)]).unwrap_err();
            assert!(message.contains(name) && message.contains(": expected image/"), "{message}");
        }
    }
}
