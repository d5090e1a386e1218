//! Locations in a document, and the changes that an export makes there.

use serde_json::Value;

/// The path that leads to a part, and its own pointer. They differ behind a reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    pub logical: String,
    pub actual: String,
}

impl Location {
    pub fn new(pointer: &str) -> Location {
        Location { logical: pointer.to_owned(), actual: pointer.to_owned() }
    }

    /// A member or an item.
    pub fn join(&self, key: &str) -> Location {
        let key = key.replace('~', "~0").replace('/', "~1");
        Location {
            logical: format!("{}/{key}", self.logical),
            actual: format!("{}/{key}", self.actual),
        }
    }
}

/// A document, and the parts of it that code does not confirm.
pub struct Draft<'a> {
    pub source: &'a Value,
    /// Pointers of the parts that the generator lists as not enforced.
    listed: Vec<&'a str>,
    changes: Vec<(String, Option<Value>)>,
}

impl<'a> Draft<'a> {
    pub fn new(source: &'a Value, listed: impl Iterator<Item = &'a str>) -> Draft<'a> {
        Draft { source, listed: listed.collect(), changes: Vec::new() }
    }

    pub fn at(&self, place: &Location) -> &'a Value {
        self.source.pointer(&place.actual).unwrap_or(&Value::Null)
    }

    /// The place behind references.
    pub fn follow(&self, place: &Location) -> Location {
        let mut place = place.clone();
        // More are a circle.
        for _ in 0..64 {
            match self.at(&place)["$ref"].as_str().and_then(pointer) {
                Some(target) => place.actual = target.to_owned(),
                None => break,
            }
        }
        place
    }

    /// States a part as the code has it; `None` if it has no such part. A part that is listed as
    /// not enforced stays as it stands.
    pub fn state(&mut self, place: &Location, claim: Option<Value>) {
        let is_below = |listed: &&str, pointer: &str| {
            let rest = pointer.strip_prefix(*listed);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_listed = self
            .listed
            .iter()
            .any(|listed| is_below(listed, &place.logical) || is_below(listed, &place.actual));
        if !is_listed {
            self.changes.push((place.actual.clone(), claim));
        }
    }

    /// States a part if `is_held` does not hold.
    pub fn require(&mut self, place: &Location, is_held: bool) {
        if !is_held {
            self.state(place, None);
        }
    }

    /// The document with the changes.
    pub fn finish(self) -> Value {
        let mut document = self.source.clone();
        for (pointer, claim) in self.changes {
            let Some((parent, key)) = pointer.rsplit_once('/') else { continue };
            let key = key.replace("~1", "/").replace("~0", "~");
            match (document.pointer_mut(parent), claim) {
                (Some(Value::Object(members)), Some(claim)) => drop(members.insert(key, claim)),
                (Some(Value::Object(members)), None) => drop(members.remove(&key)),
                // Other pointers count the items, so that a missing one leaves a hole.
                (Some(Value::Array(items)), claim) => {
                    if let Some(item) = key.parse().ok().and_then(|n: usize| items.get_mut(n)) {
                        *item = claim.unwrap_or_default();
                    }
                }
                _ => {}
            }
        }
        document
    }
}

/// The pointer of a reference within the document.
pub fn pointer(reference: &str) -> Option<&str> {
    reference.strip_prefix('#').filter(|pointer| pointer.starts_with('/'))
}
