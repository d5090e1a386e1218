//! Reads the discriminator of a schema. It never guesses: where the value does not tell the
//! alternative, there is none.

use std::collections::BTreeMap;

use heck::ToPascalCase;
use serde_json::Value;

use super::openapi::is_null;
use super::read::{component, unescape};

/// The member whose value names the alternative.
#[derive(Clone, PartialEq)]
pub struct Discriminator {
    pub property: String,
    /// The component schemas that are alternatives, each once.
    pub alternatives: Vec<String>,
    /// The values, each with the component schema that it stands for.
    pub values: Vec<(String, String)>,
}

impl Discriminator {
    /// Only where each alternative is a component, by whose name or mapping it is chosen.
    pub fn read(schema: &Value, source: &Value) -> Option<Discriminator> {
        let object = schema.get("discriminator")?;
        // Of 3.2: the member may be missing, or have any other value.
        if object.get("defaultMapping").is_some() {
            return None;
        }
        let property = object["propertyName"].as_str()?.to_owned();
        let mut alternatives: Vec<String> = Vec::new();
        let all = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
        for one in all.iter().filter(|one| !is_null(one)) {
            let name = one["$ref"].as_str().and_then(component).map(unescape)?;
            if !alternatives.contains(&name) {
                alternatives.push(name);
            }
        }
        let target = |reference: &str| {
            component(reference).map(unescape).or_else(|| {
                let is_known = source["components"]["schemas"].get(reference).is_some();
                is_known.then(|| reference.to_owned())
            })
        };
        let mut values: Vec<(String, String)> = Vec::new();
        for (value, reference) in object["mapping"].as_object().into_iter().flatten() {
            values.push((value.clone(), target(reference.as_str()?)?));
        }
        let mapped = values.len();
        for name in &alternatives {
            // OpenAPI has names of schemas as values, and many documents those that the member
            // of the alternative allows.
            let mut own = match values[..mapped].iter().any(|(_, to)| to == name) {
                true => Vec::new(),
                false => {
                    let mut left = MAX_SCHEMAS;
                    let schema = &source["components"]["schemas"][name];
                    choices(source, schema, &property, &mut left)
                }
            };
            own.push(name.clone());
            for value in own {
                match values.iter().find(|(known, _)| *known == value) {
                    None => values.push((value, name.clone())),
                    Some((_, to)) if to == name || value == *name => {}
                    // It stands for two of them.
                    Some(_) => return None,
                }
            }
        }
        Some(Discriminator { property, alternatives, values })
    }
}

/// Most schemas in which the member of an alternative is looked for: parts of `allOf` within each
/// other multiply.
const MAX_SCHEMAS: usize = 64;

/// Most references from a member to its choices.
const MAX_REFERENCES: usize = 8;

/// The texts that a member of a schema allows, where it names them.
fn choices(source: &Value, schema: &Value, property: &str, left: &mut usize) -> Vec<String> {
    let Some(rest) = left.checked_sub(1) else { return Vec::new() };
    *left = rest;
    let referred = |schema: &Value| {
        let name = schema["$ref"].as_str().and_then(component).map(unescape)?;
        source["components"]["schemas"].get(&name)
    };
    if let Some(target) = referred(schema) {
        return choices(source, target, property, left);
    }
    if let Some(mut member) = schema["properties"].get(property) {
        for _ in 0..MAX_REFERENCES {
            let only = match member["allOf"].as_array().map(Vec::as_slice) {
                Some([only]) => Some(only),
                _ => None,
            };
            let Some(next) = referred(member).or(only) else { break };
            member = next;
        }
        let all = member["enum"].as_array().map(Vec::as_slice).unwrap_or_default();
        let all = member.get("const").map_or(all, std::slice::from_ref);
        return all.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let parts = schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = parts.iter().map(|part| choices(source, part, property, left));
    found.find(|choices| !choices.is_empty()).unwrap_or_default()
}

/// The discriminators of a document, by the types of their alternatives.
#[derive(Default)]
pub struct Discriminators(BTreeMap<Vec<String>, Option<Choice>>);

/// How a value names its alternative.
#[derive(Clone, PartialEq)]
pub struct Choice {
    pub property: String,
    /// For each alternative, the values that stand for it: those of the mapping, then its name.
    pub values: Vec<Vec<String>>,
}

impl Discriminators {
    /// `names` are those of the components, by their names in the document; `request_name` is the
    /// name of the type of one in requests.
    pub fn new(
        source: &Value,
        names: &BTreeMap<String, String>,
        request_name: &dyn Fn(&str) -> String,
    ) -> Discriminators {
        let mut found = Discriminators::default();
        let mut ahead = vec![source];
        while let Some(value) = ahead.pop() {
            if let Some(discriminator) = Discriminator::read(value, source) {
                let name = |written: &String| names.get(written).unwrap_or(written).clone();
                let plain: Vec<String> = discriminator.alternatives.iter().map(name).collect();
                let of_requests = plain.iter().map(|name| request_name(name)).collect();
                let choice = Choice::new(discriminator);
                for names in [of_requests, plain] {
                    let types = names.iter().map(|name: &String| name.to_pascal_case()).collect();
                    let entry = found.0.entry(types).or_insert(Some(choice.clone()));
                    // Two schemas with the same alternatives tell them apart in two ways.
                    if *entry != Some(choice.clone()) {
                        *entry = None;
                    }
                }
            }
            match value {
                Value::Object(members) => ahead.extend(members.values()),
                Value::Array(items) => ahead.extend(items),
                _ => {}
            }
        }
        found
    }

    /// Of the alternatives with these types.
    pub fn of(&self, types: &Vec<String>) -> Option<&Choice> {
        self.0.get(types)?.as_ref()
    }
}

impl Choice {
    fn new(discriminator: Discriminator) -> Choice {
        let Discriminator { property, alternatives, values } = discriminator;
        let of = |name: &String| {
            let own = values.iter().filter(|(_, to)| to == name).map(|(value, _)| value);
            own.cloned().collect()
        };
        Choice { property, values: alternatives.iter().map(of).collect() }
    }

    /// Makes a value say which alternative it is, unless it does.
    pub fn name(&self, alternative: usize, value: &mut Value) {
        let (Some(members), Some(values)) = (value.as_object_mut(), self.values.get(alternative))
        else {
            return;
        };
        let says = members.get(&self.property).and_then(Value::as_str);
        if !says.is_some_and(|says| values.iter().any(|value| value == says))
            && let Some(first) = values.first()
        {
            members.insert(self.property.clone(), Value::from(first.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dense_supertypes_are_looked_at_a_few_times() {
        let refer = |name: String| json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut schemas = serde_json::Map::new();
        for level in 0..40 {
            let parts = vec![refer(format!("L{}", level + 1)); 200];
            schemas.insert(format!("L{level}"), json!({ "allOf": parts }));
        }
        let source = json!({ "components": { "schemas": schemas } });
        let schema = json!({
            "oneOf": [refer("L0".to_owned())], "discriminator": { "propertyName": "kind" },
        });
        let found = Discriminator::read(&schema, &source).unwrap();
        assert_eq!(found.values, [("L0".to_owned(), "L0".to_owned())]);
    }
}
