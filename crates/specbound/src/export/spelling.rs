//! Parts that a document may spell in another way than the code: paths and content types.

use serde_json::Value;

/// A path without the names of its variables.
pub fn template(path: &str) -> String {
    let mut bare = String::new();
    let mut is_name = false;
    for c in path.chars() {
        is_name = if c == '}' { false } else { is_name };
        if !is_name {
            bare.push(c);
        }
        is_name |= c == '{';
    }
    bare
}

/// Content types in lower case, without parameters.
pub fn base(media: &str) -> String {
    media.split(';').next().unwrap_or(media).trim().to_ascii_lowercase()
}

/// The content type that the code has for one of the document. A range is JSON, if no other one of
/// the document is, or bytes.
pub fn held_as(media: &str, stated: &Value, held: &Value) -> String {
    let name = base(media);
    let is_stated =
        |name: &str| stated.as_object().into_iter().flatten().any(|(media, _)| base(media) == name);
    let has = |name: &&str| held.get(*name).is_some() && !is_stated(name);
    if !name.contains('*') || held.get(&name).is_some() {
        return name;
    }
    let known = ["application/json", "application/octet-stream"].into_iter().find(has);
    known.map_or(name, str::to_owned)
}
