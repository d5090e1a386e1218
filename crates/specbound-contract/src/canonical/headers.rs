//! Header names are case-insensitive (RFC 9110, section 5.1): both documents get the spelling that
//! occurs first.

use std::collections::BTreeMap;

use serde_json::Value;

/// Spells the header names of two canonical documents alike.
pub(super) fn unify_spelling(old: &mut Value, new: &mut Value) {
    let mut spellings = BTreeMap::new();
    let mut differs = false;
    for side in [&*old, &*new] {
        header_names(side, &mut |name| {
            let first = spellings.entry(name.to_ascii_lowercase()).or_insert(name.to_owned());
            differs |= first != name;
        });
    }
    if differs {
        rename_headers(old, &spellings);
        rename_headers(new, &spellings);
    }
}

/// The maps whose keys are header names: the entries of canonical `parameters` are keyed by
/// `in:name`, those of `headers` by name. Names of components are case-sensitive.
fn is_keyed_by_header(parent: &str, key: &str) -> bool {
    parent != "components" && matches!(key, "parameters" | "headers")
}

/// The header that carries the key of a security scheme.
fn header_of_key(scheme: &Value) -> Option<&str> {
    scheme.get("name").filter(|_| scheme.get("in").is_some_and(|place| place == "header"))?.as_str()
}

fn header_names(value: &Value, found: &mut impl FnMut(&str)) {
    header_names_below("", value, found);
}

fn header_names_below(parent: &str, value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if parent == "components" && key == "securitySchemes" {
                    value.as_object().into_iter().flatten().for_each(|(_, scheme)| {
                        header_of_key(scheme).into_iter().for_each(&mut *found);
                    });
                }
                if let (true, Value::Object(all)) = (is_keyed_by_header(parent, key), value) {
                    let prefix = if key == "parameters" { "header:" } else { "" };
                    all.keys().filter_map(|name| name.strip_prefix(prefix)).for_each(&mut *found);
                }
                header_names_below(key, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| header_names_below("", item, found)),
        _ => {}
    }
}

fn rename_headers(value: &mut Value, spellings: &BTreeMap<String, String>) {
    rename_headers_within("", value, spellings);
}

fn rename_headers_within(parent: &str, value: &mut Value, spellings: &BTreeMap<String, String>) {
    let Value::Object(members) = value else {
        value
            .as_array_mut()
            .into_iter()
            .flatten()
            .for_each(|item| rename_headers_within("", item, spellings));
        return;
    };
    let spelling =
        |name: &str| spellings.get(&name.to_ascii_lowercase()).filter(|spelling| *spelling != name);
    for (key, value) in members.iter_mut() {
        if parent == "components" && key == "securitySchemes" {
            value.as_object_mut().into_iter().flatten().for_each(|(_, scheme)| {
                if let Some(spelling) = header_of_key(scheme).and_then(spelling) {
                    scheme["name"] = spelling.as_str().into();
                }
            });
        }
        if let (true, Value::Object(all)) = (is_keyed_by_header(parent, key), &mut *value) {
            let prefix = if key == "parameters" { "header:" } else { "" };
            let renamed: Vec<(String, String)> = all
                .keys()
                .filter_map(|name| {
                    Some((name.clone(), spelling(name.strip_prefix(prefix)?)?.clone()))
                })
                .filter(|(_, spelling)| !all.contains_key(&format!("{prefix}{spelling}")))
                .collect();
            for (name, spelling) in renamed {
                let Some(mut entry) = all.remove(&name) else { continue };
                if prefix == "header:" && entry["name"].is_string() {
                    entry["name"] = spelling.as_str().into();
                }
                all.insert(format!("{prefix}{spelling}"), entry);
            }
        }
        rename_headers_within(key, value, spellings);
    }
    let sorted = std::mem::take(members);
    *members = sorted.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
}
