//! Makes one self-contained document of a document and the files that it refers to.
//!
//! In the result each reference is of the form `#/components/<section>/<name>`. The target of any
//! other reference (in another file, under an extension, within a path or a schema) becomes a
//! component, once per target and kind of object, so that cycles terminate. Path items and media
//! types, for which the canonical form has no section, are inlined. A dangling reference is an
//! error: a comparison must not skip a part that it could not read.

mod own;
mod target;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::canonical::{FieldShape, ObjectKind, field_shape};
use crate::diff::join;
use crate::files::Files;
use crate::quoting::code;
use crate::source::{self, Position, PositionTree};
use own::{ComponentNames, is_own};

/// Longest chain of references that is followed.
const MAX_REFERENCE_CHAIN: usize = 64;

/// Maximum number of inlined path items and media types.
const MAX_WRITTEN_OUT: usize = 20_000;

/// Most bad references that are found before the rest of the document is left.
const MAX_BAD: usize = 20;

/// A reference that cannot be followed.
#[derive(Debug)]
pub(crate) struct BadReference {
    /// The file that has the reference, as an index into [`Resolved::files`].
    pub file: usize,
    pub reference: String,
    pub why: String,
}

/// One file of a document.
#[derive(Debug)]
pub(crate) struct File {
    /// The path for a reader; empty for a text without one.
    pub name: String,
    pub path: Option<PathBuf>,
    /// Kept for positions, which are looked up only for a report that shows them.
    pub text: String,
    pub value: Rc<Value>,
    pub marks: OnceCell<Option<PositionTree>>,
}

impl File {
    /// The position of the value at a path of keys.
    pub fn position<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Position {
        let marks = self.marks.get_or_init(|| source::positions(&self.text));
        let start = Position { line: 1, column: 1 };
        marks.as_ref().map_or(start, |marks| marks.find(keys))
    }
}

/// Positions that were read with the values.
pub(crate) fn known_positions(marks: Option<PositionTree>) -> OnceCell<Option<PositionTree>> {
    match marks {
        Some(marks) => Some(marks).into(),
        None => OnceCell::new(),
    }
}

/// A self-contained document, and where its parts come from.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub document: Value,
    pub files: Vec<File>,
    /// Components that come from elsewhere: JSON pointer in the document, file, JSON pointer in the
    /// file.
    pub origins: BTreeMap<String, (usize, String)>,
    /// References to components that the document does not have.
    pub missing: Vec<BadReference>,
}

/// The section of `components` for a kind of object.
fn section(kind: ObjectKind) -> Option<&'static str> {
    Some(match kind {
        ObjectKind::Schema => "schemas",
        ObjectKind::Response => "responses",
        ObjectKind::Parameter => "parameters",
        ObjectKind::Body => "requestBodies",
        ObjectKind::Header => "headers",
        ObjectKind::SecurityScheme => "securitySchemes",
        ObjectKind::Link => "links",
        ObjectKind::Callback => "callbacks",
        _ => return None,
    })
}

const SECTIONS: [ObjectKind; 8] = [
    ObjectKind::Schema,
    ObjectKind::Response,
    ObjectKind::Parameter,
    ObjectKind::Body,
    ObjectKind::Header,
    ObjectKind::SecurityScheme,
    ObjectKind::Link,
    ObjectKind::Callback,
];

/// Resolves the document in `root`. `files` reads the files that it refers to. On failure the files
/// read so far are returned, for the positions of the references.
pub(crate) fn resolve(
    root: File,
    files: &mut Files,
) -> Result<Resolved, (Vec<BadReference>, Vec<File>)> {
    let own = ComponentNames::of(&root.value);
    if own.is_self_contained(FieldShape::One(ObjectKind::Document), &root.value) {
        drop(own);
        let File { name, path, text, value, marks } = root;
        let document = Rc::unwrap_or_clone(value);
        let root = File { name, path, text, value: Rc::default(), marks };
        let (origins, missing) = (BTreeMap::new(), Vec::new());
        return Ok(Resolved { document, files: vec![root], origins, missing });
    }
    drop(own);
    let document = Rc::clone(&root.value);
    let by_path = root.path.iter().map(|path| (path.clone(), 0)).collect();
    let mut resolver = Resolver {
        source: files,
        files: vec![root],
        by_path,
        names: HashMap::new(),
        taken: HashSet::new(),
        queue: Vec::new(),
        components: BTreeMap::new(),
        origins: BTreeMap::new(),
        active: Vec::new(),
        written_out: 0,
        missing: Vec::new(),
        bad: Vec::new(),
    };
    let result = resolver.run(&document);
    let Resolver { files, origins, missing, mut bad, .. } = resolver;
    match result {
        Ok(document) if bad.is_empty() => Ok(Resolved { document, files, origins, missing }),
        result => {
            bad.extend(result.err());
            bad.extend(missing);
            Err((bad, files))
        }
    }
}

/// A place in a file.
type FilePlace = (usize, String);

struct Job {
    target: FilePlace,
    kind: ObjectKind,
    name: String,
}

struct Resolver<'a> {
    source: &'a mut Files,
    files: Vec<File>,
    by_path: HashMap<PathBuf, usize>,
    /// The component name of each target.
    names: HashMap<(FilePlace, &'static str), String>,
    taken: HashSet<(&'static str, String)>,
    queue: Vec<Job>,
    components: BTreeMap<&'static str, Map<String, Value>>,
    origins: BTreeMap<String, FilePlace>,
    /// Targets that are being inlined.
    active: Vec<FilePlace>,
    written_out: usize,
    missing: Vec<BadReference>,
    /// References that lead nowhere in any document.
    bad: Vec<BadReference>,
}

type Result<T, E = BadReference> = std::result::Result<T, E>;

impl Resolver<'_> {
    fn run(&mut self, root: &Value) -> Result<Value> {
        self.name_components(root);
        let mut document = self.walk(0, FieldShape::One(ObjectKind::Document), root)?;
        while let Some(Job { target, kind, name }) = self.queue.pop() {
            let (file, pointer) = &target;
            let value = Rc::clone(&self.files[*file].value);
            let value = value.pointer(pointer).unwrap_or(&Value::Null);
            let value = self.walk(*file, FieldShape::One(kind), value)?;
            let Some(section) = section(kind) else { continue };
            self.origins.insert(join(&format!("/components/{section}"), &name), target);
            self.components.entry(section).or_default().insert(name, value);
        }
        for (section, added) in std::mem::take(&mut self.components) {
            if !document["components"].is_object() {
                document["components"] = json!({});
            }
            let all = &mut document["components"][section];
            match all {
                Value::Object(all) => all.extend(added),
                other => *other = Value::Object(added),
            }
        }
        Ok(document)
    }

    /// Takes the names of the document's own components. One that only refers to something
    /// elsewhere gives it its name.
    fn name_components(&mut self, root: &Value) {
        let entries = |section: &str| root["components"][section].as_object().into_iter().flatten();
        for section in SECTIONS.iter().filter_map(|kind| section(*kind)) {
            self.taken.extend(entries(section).map(|(name, _)| (section, name.clone())));
        }
        for kind in SECTIONS {
            let Some(section) = section(kind) else { continue };
            for (name, entry) in entries(section) {
                let Some(reference) = pure_reference(entry) else { continue };
                // A bad one is found where it stands.
                let Ok(target) = self.target(0, reference) else { continue };
                if own_component(&target, section).is_none() {
                    self.names.entry((target, section)).or_insert_with(|| name.clone());
                }
            }
        }
    }

    fn walk(&mut self, file: usize, shape: FieldShape, value: &Value) -> Result<Value> {
        match (shape, value) {
            (FieldShape::One(kind), Value::Object(object)) => self.object(file, kind, object),
            (
                FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind),
                Value::Array(items),
            ) => self.items(file, kind, items),
            (FieldShape::Parameters, Value::Array(items)) => {
                self.items(file, ObjectKind::Parameter, items)
            }
            (FieldShape::Map(kind), Value::Object(map)) => {
                let walked = map.iter().map(|(name, value)| {
                    Ok((name.clone(), self.walk(file, FieldShape::One(kind), value)?))
                });
                walked.collect::<Result<Map<_, _>>>().map(Value::Object)
            }
            _ => Ok(value.clone()),
        }
    }

    fn items(&mut self, file: usize, kind: ObjectKind, items: &[Value]) -> Result<Value> {
        items.iter().map(|item| self.walk(file, FieldShape::One(kind), item)).collect()
    }

    fn object(
        &mut self,
        file: usize,
        kind: ObjectKind,
        object: &Map<String, Value>,
    ) -> Result<Value> {
        let mut fields = Map::new();
        if let Some(Value::String(reference)) = object.get("$ref")
            && kind != ObjectKind::Data
        {
            match section(kind) {
                Some(section) if file == 0 && is_own(&self.files[0].value, reference, section) => {
                    fields.insert("$ref".to_owned(), reference.as_str().into());
                }
                Some(section) => {
                    let resolved = match self.target(file, reference) {
                        Ok(target) => self.component(target, kind, section),
                        // The other document of a comparison may have had it.
                        Err(bad) if file == 0 && names_component(reference, section) => {
                            self.missing.push(bad);
                            reference.clone()
                        }
                        Err(bad) => {
                            self.found(bad)?;
                            reference.clone()
                        }
                    };
                    fields.insert("$ref".to_owned(), resolved.into());
                }
                None => match self.inlined(file, kind, reference) {
                    Ok(content) => fields = content,
                    Err(bad) => self.found(bad)?,
                },
            }
        } else if let Some(reference) = object.get("$dynamicRef").and_then(Value::as_str)
            && kind == ObjectKind::Schema
        {
            // Without an outer dynamic scope it is a plain reference.
            let target = self.target(file, reference)?;
            fields.insert("$ref".to_owned(), self.component(target, kind, "schemas").into());
        }
        for (keyword, value) in object {
            let keyword = if kind == ObjectKind::Document && keyword == "x-webhooks" {
                "webhooks"
            } else {
                keyword
            };
            let walked = match (kind, keyword) {
                (ObjectKind::Data, _) => value.clone(),
                (_, "$ref") if value.is_string() => continue,
                // References to them are resolved.
                (ObjectKind::Schema, "$defs" | "definitions" | "$dynamicRef") => continue,
                (ObjectKind::Discriminator, "mapping") => self.mapping(file, value)?,
                (ObjectKind::Document, "components") => self.components(file, value)?,
                _ => self.walk(file, field_shape(kind, keyword), value)?,
            };
            fields.insert(keyword.to_owned(), walked);
        }
        Ok(Value::Object(fields))
    }

    /// The document's own components. One that only refers to something elsewhere becomes its
    /// content.
    fn components(&mut self, file: usize, components: &Value) -> Result<Value> {
        let Value::Object(components) = components else { return Ok(components.clone()) };
        let mut walked = Map::new();
        for (key, entries) in components {
            let shape = field_shape(ObjectKind::Components, key);
            let (FieldShape::Map(kind), Value::Object(entries)) = (shape, entries) else {
                walked.insert(key.clone(), entries.clone());
                continue;
            };
            let mut kept = Map::new();
            for (name, entry) in entries {
                if let (Some(reference), Some(section)) = (pure_reference(entry), section(kind))
                    && let Ok(target) = self.target(file, reference)
                    && self.names.get(&(target.clone(), section)).is_some_and(|named| named == name)
                {
                    self.queue.push(Job { target, kind, name: name.clone() });
                    continue;
                }
                kept.insert(name.clone(), self.walk(file, FieldShape::One(kind), entry)?);
            }
            walked.insert(key.clone(), Value::Object(kept));
        }
        Ok(Value::Object(walked))
    }

    /// Values of a mapping are names of schemas or references.
    fn mapping(&mut self, file: usize, mapping: &Value) -> Result<Value> {
        let Value::Object(mapping) = mapping else { return Ok(mapping.clone()) };
        let mut walked = Map::new();
        for (key, value) in mapping {
            let resolved = match value.as_str() {
                Some(name)
                    if self.files[file].value["components"]["schemas"].get(name).is_some() =>
                {
                    let target = (file, join("/components/schemas", name));
                    self.component(target, ObjectKind::Schema, "schemas").into()
                }
                Some(reference) if reference.contains(['#', '/', '.']) => {
                    let target = self.target(file, reference)?;
                    self.component(target, ObjectKind::Schema, "schemas").into()
                }
                _ => value.clone(),
            };
            walked.insert(key.clone(), resolved);
        }
        Ok(Value::Object(walked))
    }

    /// Remembers a bad reference, so that all of them are told at once.
    fn found(&mut self, bad: BadReference) -> Result<()> {
        if self.bad.len() + 1 >= MAX_BAD {
            return Err(bad);
        }
        let is_same =
            |known: &BadReference| (known.file, &known.reference) == (bad.file, &bad.reference);
        if !self.bad.iter().any(is_same) {
            self.bad.push(bad);
        }
        Ok(())
    }

    /// The content behind a reference to a kind of object without a section.
    fn inlined(
        &mut self,
        file: usize,
        kind: ObjectKind,
        reference: &str,
    ) -> Result<Map<String, Value>> {
        let target = self.target(file, reference)?;
        self.written_out += 1;
        if self.active.contains(&target) {
            return Ok(Map::from_iter([("$ref".to_owned(), reference.into())]));
        }
        if self.written_out > MAX_WRITTEN_OUT || self.active.len() > MAX_REFERENCE_CHAIN {
            return Err(bad_reference(file, reference, "too many references within references"));
        }
        let value = self.at(&target).cloned().unwrap_or_default();
        self.active.push(target.clone());
        let walked = self.walk(target.0, FieldShape::One(kind), &value);
        self.active.pop();
        match walked? {
            Value::Object(fields) => Ok(fields),
            _ => Err(bad_reference(file, reference, "that is no object")),
        }
    }

    /// The reference to the component that a target is, or becomes.
    fn component(&mut self, target: FilePlace, kind: ObjectKind, section: &'static str) -> String {
        let all = format!("#/components/{section}");
        if let Some(step) = own_component(&target, section) {
            return format!("{all}/{step}");
        }
        if let Some(name) = self.names.get(&(target.clone(), section)) {
            return join(&all, name);
        }
        let (file, pointer) = &target;
        let stem = Path::new(&self.files[*file].name)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_default();
        let last =
            pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
        let candidates = match pointer.is_empty() {
            true => vec![stem],
            false => vec![last.clone(), format!("{stem}.{last}"), format!("{stem}{pointer}")],
        };
        let free =
            |name: &String| !name.is_empty() && !self.taken.contains(&(section, name.clone()));
        let longest = candidates.last().cloned().unwrap_or_default();
        let numbered = (2..).map(|number: u32| format!("{longest}.{number}"));
        let name = candidates.into_iter().chain(numbered).find(free).unwrap_or_default();
        self.taken.insert((section, name.clone()));
        self.names.insert((target.clone(), section), name.clone());
        self.queue.push(Job { target, kind, name: name.clone() });
        join(&all, &name)
    }

    fn at(&self, (file, pointer): &FilePlace) -> Option<&Value> {
        self.files[*file].value.pointer(pointer)
    }
}

fn bad_reference(file: usize, reference: &str, why: impl ToString) -> BadReference {
    BadReference { file, reference: reference.to_owned(), why: why.to_string() }
}

/// The reference of an object without other members.
fn pure_reference(value: &Value) -> Option<&str> {
    value.as_object().filter(|object| object.len() == 1)?.get("$ref")?.as_str()
}

/// The last step of a pointer to a component of the document itself.
fn own_component<'t>((file, pointer): &'t FilePlace, section: &str) -> Option<&'t str> {
    let step = pointer.strip_prefix("/components/")?.strip_prefix(section)?.strip_prefix('/')?;
    (*file == 0 && !step.contains('/')).then_some(step)
}

/// Whether a reference names a component of the document itself.
fn names_component(reference: &str, section: &str) -> bool {
    let name = reference
        .strip_prefix("#/components/")
        .and_then(|rest| rest.strip_prefix(section)?.strip_prefix('/'));
    name.is_some_and(|name| !name.contains('/'))
}

/// The position of the first reference with this text.
pub(crate) fn position_of(file: &File, reference: &str) -> Position {
    let mut path = Vec::new();
    find(&file.value, reference, &mut path);
    file.position(path.iter().map(String::as_str))
}

fn find(value: &Value, reference: &str, path: &mut Vec<String>) -> bool {
    let children: Vec<(String, &Value)> = match value {
        Value::String(text) => return text == reference,
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => return false,
    };
    for (key, value) in children {
        path.push(key);
        if find(value, reference, path) {
            return true;
        }
        path.pop();
    }
    false
}

impl BadReference {
    /// One line, without the name of the file.
    pub fn message(&self) -> String {
        format!("{} cannot be resolved: {}", code(&self.reference), self.why)
    }
}
