//! A prefix that moved between the paths and the servers: `/v1/pets` of the server `/` is `/pets`
//! of the server `/v1`. The addresses are the same.

use serde_json::{Map, Value, json};

use crate::diff::Difference;

/// Gives both documents the paths and servers of the new one, if all addresses stay the same by
/// that. Returns the difference of the servers.
pub fn align_paths(old: &mut Value, new: &Value) -> Option<Difference> {
    if old.get("servers") == new.get("servers") || has_own_servers(old) || has_own_servers(new) {
        return None;
    }
    let (before, now) = (urls(old)?, urls(new)?);
    let prefix = added_prefix(&before, &now).map(|prefix| (prefix, true));
    let (prefix, to_servers) = prefix.or_else(|| Some((added_prefix(&now, &before)?, false)))?;
    let paths = old["paths"].as_object().filter(|paths| !paths.is_empty())?;
    let moved_paths: Option<Map<String, Value>> = paths
        .iter()
        .map(|(path, item)| {
            let path = match to_servers {
                true => path.strip_prefix(&prefix).filter(|rest| rest.starts_with('/'))?.to_owned(),
                false => format!("{prefix}{path}"),
            };
            Some((path, item.clone()))
        })
        .collect();
    let mut paths = moved_paths?;
    paths.sort_keys();
    // Otherwise the addresses changed.
    let is_known = new["paths"].as_object()?.keys().any(|path| paths.contains_key(path));
    if !is_known {
        return None;
    }
    let difference = Difference {
        path: "/servers".to_owned(),
        old: old.get("servers").cloned(),
        new: new.get("servers").cloned(),
    };
    old["paths"] = Value::Object(paths);
    match new.get("servers") {
        Some(servers) => old["servers"] = servers.clone(),
        None => drop(old.as_object_mut()?.remove("servers")),
    }
    Some(difference)
}

/// The addresses of the servers, without a last slash. The variables must be the same, and are a
/// part of each.
fn urls(document: &Value) -> Option<Vec<(String, Value)>> {
    let Some(servers) = document.get("servers") else { return Some(vec![Default::default()]) };
    let one = |server: &Value| {
        let mut variables = server.clone();
        variables.as_object_mut()?.remove("url");
        let variables = if variables == json!({}) { Value::Null } else { variables };
        Some((server["url"].as_str()?.trim_end_matches('/').to_owned(), variables))
    };
    servers.as_array()?.iter().map(one).collect()
}

/// The prefix that each of the later addresses has more than the earlier one.
fn added_prefix(before: &[(String, Value)], now: &[(String, Value)]) -> Option<String> {
    let (first, _) = before.first()?;
    let prefix = now.first()?.0.strip_prefix(first.as_str())?;
    let is_prefix = prefix.starts_with('/') && !prefix.contains(['{', '?', '#']);
    let all = before.len() == now.len()
        && before.iter().zip(now).all(|((url, variables), (longer, others))| {
            variables == others && longer.strip_prefix(url.as_str()) == Some(prefix)
        });
    (is_prefix && all).then(|| prefix.to_owned())
}

/// Whether a path or an operation declares servers.
fn has_own_servers(document: &Value) -> bool {
    let items = document["paths"].as_object().into_iter().flatten().map(|(_, item)| item);
    let mut objects = items.flat_map(|item| {
        let operations = item.as_object().into_iter().flatten().map(|(_, operation)| operation);
        operations.chain([item])
    });
    objects.any(|object| object.get("servers").is_some())
}
