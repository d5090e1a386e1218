//! Schemas that are subtypes of another one only by its discriminator.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::compatibility::rules::Rule;
use crate::quoting::code;

/// The schemas with a discriminator that a schema extends by `allOf`, as JSON pointers.
pub(in crate::compatibility) fn discriminated_bases(
    document: &Value,
    schema: &Value,
) -> Vec<String> {
    let (mut bases, mut waiting, mut seen) = (Vec::new(), vec![schema], BTreeSet::new());
    while let Some(schema) = waiting.pop() {
        let members = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let lone = schema.get("$ref").map(|_| schema);
        for member in members.chain(lone) {
            let reference = member
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix('#'));
            let Some((pointer, base)) =
                reference.and_then(|pointer| Some((pointer, document.pointer(pointer)?)))
            else {
                continue;
            };
            if !seen.insert(pointer) {
                continue;
            }
            if base.get("discriminator").is_some() {
                bases.push(pointer.to_owned());
            }
            waiting.push(base);
        }
    }
    bases
}

/// The rule for an added or removed schema that is a subtype of another one by its discriminator.
pub(in crate::compatibility) fn subtype_rule(name: &str, base: &str, is_new: bool) -> Rule {
    let base = code(base.rsplit('/').next().unwrap_or(base));
    match is_new {
        true => super::rules::wider(format!("{} is a new kind of {base}", code(name))),
        false => super::rules::narrower(format!("{} is no longer a kind of {base}", code(name))),
    }
}
