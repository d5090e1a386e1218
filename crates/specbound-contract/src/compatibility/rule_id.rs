//! Stable identifiers of rules: the object of OpenAPI, its keyword, and whether it was added,
//! removed or changed.
//!
//! `schema-max-length-changed` and `operation-removed` are such identifiers. They follow from the
//! structure of OpenAPI, so a policy can name each of them, and a new message does not change them.

use super::location::Location;
use crate::canonical::{ObjectKind, is_method};
use crate::diff::Difference;

/// The kind of a change.
const CHANGES: [(&str, &str); 3] = [
    ("added", "the new document has it"),
    ("removed", "the old document has it"),
    ("changed", "both documents have it"),
];

/// Each thing that may change: its identifier without the change, and a sentence about it.
const SUBJECTS: &[(&str, &str)] = &[
    ("path", "A path with its operations. Clients that call a removed path are refused."),
    (
        "operation",
        "An operation of a path or a webhook. Clients that call a removed operation are refused.",
    ),
    (
        "webhook",
        "A webhook, which the server calls. Clients that wait for a removed one never receive it.",
    ),
    (
        "response-status",
        "A documented status. A new success is not expected; clients may rely on a removed one.",
    ),
    (
        "operation-operation-id",
        "The name of an operation in generated code. Nothing changes on the wire.",
    ),
    (
        "operation-tags",
        "A tag of an operation. Some generators sort operations into modules by it.",
    ),
    ("operation-deprecated", "Whether an operation is deprecated. It still works."),
    (
        "operation-parameters",
        "A parameter. A new required one refuses clients that do not send it.",
    ),
    (
        "operation-request-body",
        "The body of requests. One that is required now refuses clients that send none.",
    ),
    (
        "operation-security",
        "An alternative of authentication. A removed one refuses clients that authenticate by it.",
    ),
    (
        "operation-callbacks",
        "A callback, which the server calls. Clients that wait for a removed one never receive it.",
    ),
    ("operation-servers", "The servers of an operation. Clients that call a removed one fail."),
    ("parameter-required", "Whether a parameter must be sent."),
    ("parameter-deprecated", "Whether a parameter is deprecated. It still works."),
    ("parameter-schema", "The schema of a parameter as a whole."),
    (
        "parameter-style",
        "How a parameter is written. Clients that write it the old way are misread.",
    ),
    ("parameter-explode", "How a parameter with several values is written."),
    ("parameter-name", "The name of a parameter. That of a path variable is not on the wire."),
    ("parameter-content", "A parameter that is written as a media type."),
    ("body-required", "Whether a request body must be sent."),
    ("body-content", "A media type of requests. Clients that send a removed one are refused."),
    ("response-content", "A media type of responses. Clients that read a removed one fail."),
    ("response-headers", "A header of responses. Clients that read a removed one find it missing."),
    ("response-links", "A link of responses. Clients that follow a removed one fail."),
    ("header-required", "Whether a header of responses is always sent."),
    ("media-type-schema", "The schema of a body as a whole."),
    ("media-type-encoding", "How the parts of a form are written."),
    (
        "component-schemas",
        "A schema by name. Its uses are judged where they are; generated code loses or gains a \
         type.",
    ),
    ("component-security-schemes", "A security scheme by name."),
    ("security-scheme-type", "The type of a security scheme."),
    ("flow-scopes", "A scope of OAuth 2. Clients that ask for a removed one are refused."),
    ("server-url", "The address of a server."),
    ("document-servers", "The servers of all operations."),
    ("document-openapi", "The version of OpenAPI. It changes nothing on the wire."),
    ("document-info", "The name and version of the document. They change nothing on the wire."),
    ("schema-type", "The types of a value. Fewer refuse requests, more surprise readers."),
    (
        "schema-format",
        "The format of a value. A narrower one refuses requests, a wider one surprises readers.",
    ),
    ("schema-nullable", "Whether a value may be null."),
    (
        "schema-enum",
        "A value of an enumeration. A removed one refuses requests, a new one surprises readers.",
    ),
    ("schema-const", "The only value."),
    ("schema-default", "The value that is taken for one that is not sent."),
    ("schema-title", "The title of a schema, by which some generators name types."),
    ("schema-deprecated", "Whether a property is deprecated. It still works."),
    (
        "schema-required",
        "A required property. A new one refuses requests, a removed one surprises readers.",
    ),
    (
        "schema-properties",
        "A property. A removed one is missed by readers, and may be refused in requests.",
    ),
    ("schema-additional-properties", "Members beyond the known properties."),
    ("schema-pattern-properties", "Members whose names match a pattern."),
    ("schema-unevaluated-properties", "Members that no part of the schema describes."),
    ("schema-unevaluated-items", "Items that no part of the schema describes."),
    ("schema-dependent-required", "Members that another member demands."),
    ("schema-dependent-schemas", "A schema that applies when a member is present."),
    ("schema-property-names", "The names of members."),
    ("schema-max-length", "The greatest length of a text."),
    ("schema-min-length", "The least length of a text."),
    ("schema-pattern", "The pattern of a text. That one pattern contains another is not decided."),
    ("schema-maximum", "The greatest number."),
    ("schema-minimum", "The least number."),
    ("schema-exclusive-maximum", "Whether the greatest number itself is excluded."),
    ("schema-exclusive-minimum", "Whether the least number itself is excluded."),
    ("schema-multiple-of", "The number that a value is a multiple of."),
    ("schema-max-items", "The greatest number of items."),
    ("schema-min-items", "The least number of items."),
    ("schema-unique-items", "Whether items may repeat."),
    ("schema-items", "The schema of items."),
    ("schema-prefix-items", "The schema of an item at a position."),
    ("schema-contains", "A schema that some items must match."),
    ("schema-max-contains", "The greatest number of such items."),
    ("schema-min-contains", "The least number of such items."),
    ("schema-max-properties", "The greatest number of members."),
    ("schema-min-properties", "The least number of members."),
    ("schema-all-of", "A schema that must be met beside others. It is judged by content."),
    ("schema-any-of", "An alternative. It is judged by content."),
    ("schema-one-of", "An exclusive alternative. It is judged by content."),
    ("schema-not", "A schema that must not be met."),
    ("schema-if", "The condition of `then` and `else`."),
    ("schema-then", "A schema that applies if the condition is met."),
    ("schema-else", "A schema that applies if the condition is not met."),
    ("schema-read-only", "Whether a property is only in responses."),
    ("schema-write-only", "Whether a property is only in requests."),
    ("schema-content-encoding", "How a text encodes bytes."),
    ("schema-content-media-type", "What a text contains."),
    ("schema-content-schema", "The schema of what a text contains."),
    ("schema-discriminator", "How the alternatives of a schema are distinguished."),
    ("schema-xml", "How a value is written in XML."),
    ("schema-ref", "A reference. The schemas behind it are compared."),
    ("discriminator-mapping", "A value of a discriminator, and its schema."),
    ("discriminator-property-name", "The property that tells kinds apart."),
];

/// Rules of the life of an API, which a policy switches on.
pub(crate) const LIFECYCLE: &[(&str, &str)] = &[
    (
        "sunset-missing",
        "Something is deprecated without `x-sunset`, the day on which it may be removed.",
    ),
    ("sunset-invalid", "`x-sunset` is not a date of the form 2030-12-31."),
    (
        "sunset-too-soon",
        "The day on which something deprecated may be removed is earlier than the policy allows.",
    ),
    ("sunset-removed", "Something deprecated no longer states the day on which it may be removed."),
    ("stability-invalid", "`x-stability-level` is none of draft, alpha, beta and stable."),
    ("stability-decreased", "A stability level decreased."),
    (
        "extensible-enum-value-removed",
        "A value of `x-extensible-enum` is gone: requests with it may be refused.",
    ),
    ("version-invalid", "`info.version` is no version of Semantic Versioning."),
    ("version-too-low", "`info.version` rises less than the changes demand."),
];

/// The identifier of the rule for a difference.
pub(super) fn rule_id(location: &Location<'_>, difference: &Difference) -> String {
    let thing = match (location.holder, location.keyword.as_str()) {
        (ObjectKind::Paths, _) => "path".to_owned(),
        (ObjectKind::PathItem, method) if is_method(method) => "operation".to_owned(),
        (ObjectKind::Responses, _) => "response-status".to_owned(),
        (ObjectKind::Flows, _) => "oauth-flow".to_owned(),
        (ObjectKind::Document, "webhooks") => "webhook".to_owned(),
        (ObjectKind::Info, _) => "document-info".to_owned(),
        (ObjectKind::Components, section) => format!("component-{}", kebab(section)),
        (holder, keyword) => format!("{}-{}", kebab(&format!("{holder:?}")), kebab(keyword)),
    };
    let change = match (&difference.old, &difference.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    format!("{thing}-{change}")
}

/// `maxLength` and `MediaType` as `max-length` and `media-type`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().filter(|c| *c != '$') {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// All rules: identifier and explanation. A keyword that OpenAPI does not have gives an identifier
/// beyond these.
pub fn rules() -> Vec<(String, String)> {
    let structural = SUBJECTS.iter().flat_map(|(thing, about)| {
        CHANGES.iter().map(move |(change, meaning)| {
            (format!("{thing}-{change}"), format!("{about} Here {meaning}."))
        })
    });
    let lifecycle = LIFECYCLE.iter().map(|(id, about)| ((*id).to_owned(), (*about).to_owned()));
    structural.chain(lifecycle).collect()
}

/// The page of a rule. `None` for an identifier that is none.
pub fn explain(id: &str) -> Option<String> {
    let (id, about) = rules().into_iter().find(|(own, _)| own == id)?;
    let directions = match id.starts_with("schema-") {
        true => {
            "\nWhat allows fewer values breaks clients that send them; what allows more breaks \
             clients that read them.\n\
             The verdict therefore depends on whether requests or responses carry the schema.\n"
        }
        false => "",
    };
    let policy = format!(
        "\nTo change its severity, in specbound.toml:\n\n[[severity]]\nrule = \"{id}\"\nlevel = \
         \"compatible\"\n"
    );
    Some(format!("{id}\n\n{about}\n{directions}{policy}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_unique_id_and_an_explanation() {
        let all = rules();
        let mut ids: Vec<&String> = all.iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        for (id, about) in &all {
            let page = explain(id).unwrap();
            assert!(page.starts_with(id.as_str()) && page.contains(about.as_str()), "{page}");
        }
        assert_eq!(explain("no-such-rule"), None);
    }

    #[test]
    fn keywords_are_kebab_case_in_rule_ids() {
        assert_eq!(
            (kebab("maxLength"), kebab("MediaType"), kebab("$ref")),
            ("max-length".into(), "media-type".into(), "ref".into())
        );
    }
}
