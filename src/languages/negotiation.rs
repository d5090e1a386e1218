//! The language of a person, from tags in order of preference (RFC 4647, RFC 9110 12.5.4).

use std::borrow::Cow;

use super::Texts;

/// Ranges of one header that are tried.
const MAX_RANGES: usize = 32;

/// The available language with the highest quality. `*` matches any, so it selects the first.
pub(super) fn choose<'a, 'b>(
    all: &'a [Texts],
    accepted: impl Iterator<Item = Cow<'b, str>>,
) -> Option<&'a Texts> {
    let mut ranges: Vec<(f32, String)> = accepted
        .take(MAX_RANGES)
        .filter_map(|element| {
            let (range, parameters) = element.split_once(';').unwrap_or((&element, ""));
            Some((quality(parameters)?, range.trim().to_owned()))
        })
        .filter(|(quality, _)| *quality > 0.0)
        .collect();
    // Stable: of equals, the first one.
    ranges.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranges.iter().find_map(|(_, range)| if range == "*" { all.first() } else { find(all, range) })
}

/// As in Django, and unlike that of `Accept`, a range with an invalid one is ignored.
fn quality(parameters: &str) -> Option<f32> {
    let Some((_, value)) = parameters.split_once("q=") else { return Some(1.0) };
    value.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality))
}

/// The language of a tag: itself, a shorter form of it (`de` for `de-AT`), or one with the same
/// first part (`pt-BR` for `pt`).
pub(super) fn find<'a>(all: &'a [Texts], range: &str) -> Option<&'a Texts> {
    let mut wanted = range;
    loop {
        if let Some(found) = all.iter().find(|texts| texts.tag.eq_ignore_ascii_case(wanted)) {
            return Some(found);
        }
        match wanted.rfind('-') {
            Some(end) => wanted = &wanted[..end],
            None => break,
        }
    }
    let similar = |texts: &&Texts| {
        let primary = texts.tag.split('-').next().unwrap_or_default();
        primary.eq_ignore_ascii_case(wanted) && is_same_script(&texts.tag, range)
    };
    all.iter().find(similar)
}

/// Chinese is the one language here whose regions write differently.
fn is_same_script(tag: &str, range: &str) -> bool {
    let is_traditional = |tag: &str| {
        tag.split('-').any(|part| {
            ["Hant", "TW", "HK", "MO"].iter().any(|known| known.eq_ignore_ascii_case(part))
        })
    };
    is_traditional(tag) == is_traditional(range)
}
