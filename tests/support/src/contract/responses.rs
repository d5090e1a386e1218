//! Rules that the document omits: the headers of every response, and the format of errors.

use std::collections::BTreeSet;

use serde_json::Value;

use super::values::{header, json_of};
use super::{JSON, Operation, REFUSALS, Reply, Request};

/// Headers of all operations, which the document omits.
pub(super) fn check_common_headers(
    request: &Request,
    reply: &Reply,
    methods: &BTreeSet<&str>,
) -> Result<(), String> {
    const FIXED: [(&str, &str); 4] = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in FIXED {
        if header(reply, name) != value {
            return Err(format!("{name} is {:?}", header(reply, name)));
        }
    }
    let asks = |name: &str| request.headers.contains_key(name);
    let language = header(reply, "content-language");
    // A page of a language has its files in that language too.
    if language != "en" && !methods.is_empty() && !asks("accept-language") && !asks("cookie") {
        return Err(format!("content-language is {language:?}"));
    }
    for name in ["content-language", "vary", "cache-control", "x-request-id"] {
        if header(reply, name).is_empty() {
            return Err(format!("{name} is missing"));
        }
    }
    if methods.is_empty() {
        return Ok(());
    }
    if header(reply, "cache-control") != "no-store" {
        return Err("it may be stored".to_owned());
    }
    let allowed = header(reply, "allow").split(", ").collect::<BTreeSet<_>>();
    if allowed == *methods {
        Ok(())
    } else {
        Err(format!("allow is {allowed:?}, and documented is {methods:?}"))
    }
}

pub(super) fn check_refusal(
    request: &Request,
    reply: &Reply,
    operation: Option<&Operation>,
) -> Result<(), String> {
    // The only error that is not JSON: for a login with the undocumented field `mfa`, clients of
    // the reference expect an empty page. Clients that name JSON in Accept get JSON.
    let accept =
        request.headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asks_for_mfa =
        request.body.windows(3).any(|window| window == b"mfa") && !accept.contains(JSON);
    let is_login = operation.is_some_and(|operation| operation.id == "auth_login_create");
    if is_login
        && asks_for_mfa
        && reply.status == 401
        && header(reply, "content-type").starts_with("text/html")
    {
        return if reply.body.is_empty() {
            Ok(())
        } else {
            Err("the empty page is not empty".to_owned())
        };
    }
    if !REFUSALS.contains(&reply.status) || (reply.status == 405 && operation.is_some()) {
        return Err(format!("{} is no refusal of this API", reply.status));
    }
    let needed = match reply.status {
        401 => Some("www-authenticate"),
        405 => Some("allow"),
        429 => Some("retry-after"),
        _ => None,
    };
    if let Some(name) = needed.filter(|name| header(reply, name).is_empty()) {
        return Err(format!("{} without {name}", reply.status));
    }
    if request.method == "HEAD" {
        return check_head(reply);
    }
    let body = json_of(reply)?;
    let members = body.as_object().ok_or("this is none of the shapes of a refusal")?;
    let is_text = |name: &str| members.get(name).is_some_and(Value::is_string);
    let is_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(|message| message.is_string()))
    };
    let is_detail = is_text("detail") && members.len() == 1;
    let is_unknown_path =
        is_text("detail") && is_text("url") && members.len() == 2 && reply.status == 404;
    let is_fields = !members.is_empty() && members.values().all(is_list) && reply.status == 400;
    if is_detail || is_fields || (is_unknown_path && operation.is_none()) {
        Ok(())
    } else {
        Err("this is none of the shapes of a refusal".to_owned())
    }
}

pub(super) fn check_head(reply: &Reply) -> Result<(), String> {
    match (header(reply, "content-type"), reply.body) {
        (JSON, []) => Ok(()),
        (JSON, _) => Err("a response to HEAD has no body".to_owned()),
        (other, _) => Err(format!("the content type is {other:?}")),
    }
}
