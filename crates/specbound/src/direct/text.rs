//! A text against the row of its property.

use std::borrow::Cow;

use zeroize::Zeroize;

use crate::fields::{Kind, MAX_TEXT_BYTES, Property, is_python_space};
use crate::formats::TextFormat;
use crate::keywords::Formats;
use crate::patterns::matches_pattern;

/// The text as the row cleans it; `None` unless it keeps all limits.
#[inline]
pub(super) fn checked<'t>(row: &Property, sent: &'t str, formats: &Formats) -> Option<&'t str> {
    match row.kind {
        Kind::Any => return Some(sent),
        Kind::Text | Kind::Email | Kind::Uri => {}
        Kind::Integer | Kind::Boolean | Kind::Number | Kind::Object => return None,
    }
    let is_lenient = formats.lenient_values;
    let is_bare = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let text =
        match !is_lenient || is_bare(sent.as_bytes().first()) && is_bare(sent.as_bytes().last()) {
            true => sent,
            false => sent.trim_matches(is_python_space),
        };
    let is_good = (!is_lenient || text.len() <= MAX_TEXT_BYTES)
        && has_length(text, row.min_length, row.max_length)
        && row.pattern.is_none_or(|pattern| matches_pattern(pattern, text))
        && (!is_lenient || !text.is_empty() && !text.contains('\0'))
        && (row.kind != Kind::Email || (formats.holds)(TextFormat::Email, text));
    is_good.then_some(text)
}

/// A character has one to four bytes, so most texts need no count.
#[inline]
fn has_length(text: &str, min: Option<usize>, max: Option<usize>) -> bool {
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(usize::MAX));
    let bytes = text.len();
    (min <= bytes.div_ceil(4) && bytes <= max) || (min..=max).contains(&text.chars().count())
}

/// An owned text can be a password: its memory is overwritten.
#[inline]
pub(super) fn zeroize_owned(text: &mut Cow<'_, str>) {
    if let Cow::Owned(text) = text {
        text.zeroize();
    }
}
