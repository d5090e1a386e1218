//! Members that a table ignores, since only the other side writes them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::read::{component, unescape};

/// Finds the members with a keyword, `readOnly` or `writeOnly`.
pub struct HiddenMembers<'a> {
    source: &'a Value,
    keyword: &'static str,
    /// For components that only refer to another one, the last of the chain: each chain is followed
    /// once.
    ends: BTreeMap<String, String>,
}

impl<'a> HiddenMembers<'a> {
    pub fn new(source: &'a Value, keyword: &'static str) -> HiddenMembers<'a> {
        HiddenMembers { source, keyword, ends: BTreeMap::new() }
    }

    pub fn is_hidden(&self, member: &Value) -> bool {
        member[self.keyword] == true
    }

    /// Adds the names of the hidden members of a schema, those of all parts of `allOf`.
    pub fn add(&mut self, schema: &Value, found: &mut BTreeSet<String>) {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![schema];
        while let Some(schema) = ahead.pop() {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let hidden = properties.filter(|(_, property)| self.is_hidden(property));
            found.extend(hidden.map(|(name, _)| name.clone()));
            ahead.extend(schema["allOf"].as_array().into_iter().flatten());
            if let Some(name) = target(schema).map(|name| self.end(name))
                && !seen.contains(&name)
            {
                ahead.push(&self.source["components"]["schemas"][&name]);
                seen.insert(name);
            }
        }
    }

    fn end(&mut self, name: String) -> String {
        let mut chain = Vec::new();
        let mut seen = BTreeSet::new();
        let mut end = name;
        while seen.insert(end.clone()) {
            if let Some(known) = self.ends.get(&end) {
                end = known.clone();
                break;
            }
            let Some(next) = lone_target(&self.source["components"]["schemas"][&end]) else {
                break;
            };
            chain.push(std::mem::replace(&mut end, next));
        }
        self.ends.extend(chain.into_iter().map(|name| (name, end.clone())));
        end
    }
}

/// The component that a schema refers to.
fn target(schema: &Value) -> Option<String> {
    schema["$ref"].as_str().and_then(component).map(unescape)
}

/// The same, if nothing else has members.
fn lone_target(schema: &Value) -> Option<String> {
    let all = schema["allOf"].as_array().map(Vec::as_slice);
    match (target(schema), all) {
        _ if schema.get("properties").is_some() => None,
        (Some(target), None | Some([])) => Some(target),
        (None, Some([only])) => lone_target(only),
        _ => None,
    }
}
