//! Reading a document: from a text, or from a file with the files that it refers to.

use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::files::Files;
use crate::quoting::code;
use crate::resolve::{BadReference, File, Resolved, known_positions, position_of, resolve};
use crate::source::{self, Position, SyntaxError};

/// Why a text cannot be compared as an OpenAPI document. The message is one line.
#[derive(Debug, Error)]
pub enum ParseError {
    /// The text is neither JSON nor YAML, or is ambiguous.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The text is another one.
    #[error("this is not an OpenAPI 3 document: `openapi` is missing")]
    NotOpenApi,
    /// A document without content.
    #[error("this is not an OpenAPI 3 document: `paths` is missing")]
    NoPaths,
    /// A predecessor of OpenAPI 3.
    #[error("this is Swagger 2; only OpenAPI 3 is supported")]
    Swagger2,
    /// A version whose keywords may have other meanings.
    #[error("this is OpenAPI {}; only 3.0, 3.1 and 3.2 are supported", code(.0))]
    UnsupportedVersion(String),
    /// A reference that cannot be followed.
    #[error("{}{position}: \
        {message}", if file.is_empty() { String::new() } else { format!("{file}: ") })]
    Reference {
        /// The file that has it, if it is not the document itself.
        file: String,
        /// Where it is.
        position: Position,
        /// The reference and the reason.
        message: String,
    },
}

/// A document with the files that it refers to, made one.
#[derive(Debug)]
pub struct Document {
    /// The self-contained document: each reference resolves to one of its components.
    pub value: Value,
    pub(crate) resolved: Sources,
    /// References to components that the document does not have, each as an error.
    pub(crate) missing: Vec<(String, ParseError)>,
}

/// The files of a document, and the origins of the parts that are elsewhere in its first file.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub files: Vec<File>,
    /// By JSON pointer in the document: file, and JSON pointer in the file.
    pub origins: std::collections::BTreeMap<String, (usize, String)>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePlace {
    /// The file, as it was named.
    pub file: String,
    /// Where the value starts.
    pub position: Position,
}

impl Document {
    /// Parses a document that does not refer to other files.
    ///
    /// # Errors
    ///
    /// [`ParseError`], with the position in the text.
    pub fn parse(text: &str) -> Result<Document, ParseError> {
        Document::from_text(text, None, &mut Files::none())?.complete()
    }

    pub(crate) fn from_text(
        text: &str,
        path: Option<&Path>,
        files: &mut Files,
    ) -> Result<Document, ParseError> {
        let (mut value, marks) = source::read(text, files.memory())?;
        let version = version(&value)?;
        value["openapi"] = version.into();
        let name = path.map(|path| files.display_name(path)).unwrap_or_default();
        let (text, value) = (text.to_owned(), Rc::new(value));
        let root = File {
            name,
            path: path.map(Path::to_owned),
            text,
            value,
            marks: known_positions(marks),
        };
        match resolve(root, files) {
            Ok(Resolved { document, files, origins, missing }) => {
                let missing =
                    missing.iter().map(|bad| (bad.reference.clone(), refused(bad, &files)));
                let missing = missing.collect();
                // The values are read again if a report shows positions: most do not.
                let forgotten = files.into_iter().map(|file| File { value: Rc::default(), ..file });
                let files: Vec<File> = forgotten.collect();
                Ok(Document { value: document, resolved: Sources { files, origins }, missing })
            }
            Err((bad, files)) => {
                Err(together(bad.iter().map(|bad| refused(bad, &files)).collect()))
            }
        }
    }

    /// The document, unless it refers to a component that it does not have.
    ///
    /// # Errors
    ///
    /// [`ParseError::Reference`].
    pub fn complete(mut self) -> Result<Document, ParseError> {
        match self.missing.is_empty() {
            true => Ok(self),
            false => {
                let missing = std::mem::take(&mut self.missing);
                Err(together(missing.into_iter().map(|(_, error)| error).collect()))
            }
        }
    }

    /// The document, unless it refers to a component that neither it nor the old document has. The
    /// comparison reports a component that only the old document has as removed.
    ///
    /// # Errors
    ///
    /// [`ParseError::Reference`].
    pub fn complete_after(mut self, before: &Document) -> Result<Document, ParseError> {
        let had = |reference: &str| {
            reference.strip_prefix('#').is_some_and(|at| before.value.pointer(at).is_some())
        };
        self.missing.retain(|(reference, _)| !had(reference));
        self.complete()
    }

    /// Takes the content and leaves an outline: names of operations with their tags, names of
    /// schemas, and `info`.
    pub(crate) fn take(&mut self) -> Value {
        let outline = outline(&self.value);
        std::mem::replace(&mut self.value, outline)
    }

    /// Where a place of the canonical form comes from, or the nearest place around it.
    pub fn place(&self, pointer: &str) -> SourcePlace {
        let Sources { files, origins, .. } = &self.resolved;
        // The origin of the nearest place around it that has one.
        let ends = pointer.match_indices('/').map(|(at, _)| at).chain([pointer.len()]);
        let origin = ends.collect::<Vec<_>>().into_iter().rev().find_map(|end| {
            let (file, origin) = origins.get(&pointer[..end])?;
            Some((*file, format!("{origin}{}", &pointer[end..])))
        });
        let (file, pointer) = origin.unwrap_or_else(|| (0, pointer.to_owned()));
        let steps: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        let name = files[file].name.clone();
        let position = files[file].position(steps.iter().map(String::as_str));
        SourcePlace { file: name, position }
    }
}

fn outline(document: &Value) -> Value {
    let entries = |value: &'_ Value| value.as_object().cloned().unwrap_or_default();
    let item = |item: &Value| -> Value {
        let operations = item.as_object().into_iter().flatten();
        let operations = operations.filter(|(_, operation)| operation.is_object());
        operations
            .map(|(method, operation)| (method.clone(), json!({"tags": operation["tags"]})))
            .collect::<Map<_, _>>()
            .into()
    };
    let section = |name: &str| -> Map<String, Value> {
        let items = document[name].as_object().into_iter().flatten();
        items.map(|(path, value)| (path.clone(), item(value))).collect()
    };
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let schemas: Map<_, _> = schemas.map(|(name, _)| (name.clone(), Value::Null)).collect();
    json!({
        "openapi": document["openapi"],
        "info": entries(&document["info"]),
        "paths": section("paths"),
        "webhooks": section("webhooks"),
        "components": {"schemas": schemas},
    })
}

/// Most bad references that a message names.
const MAX_TOLD: usize = 20;

/// One error that names all bad references, each with its position, in one line.
fn together(mut errors: Vec<ParseError>) -> ParseError {
    let all = errors.len();
    let others: Vec<String> =
        errors.iter().take(MAX_TOLD).skip(1).map(ToString::to_string).collect();
    let mut first = errors.swap_remove(0);
    if let ParseError::Reference { message, .. } = &mut first {
        for other in others {
            message.push_str("; ");
            message.push_str(&other);
        }
        if all > MAX_TOLD {
            message.push_str(&format!("; and {} more", all - MAX_TOLD));
        }
    }
    first
}

fn refused(bad: &BadReference, files: &[File]) -> ParseError {
    let file = &files[bad.file];
    let position = position_of(file, &bad.reference);
    let name = if bad.file == 0 { String::new() } else { file.name.clone() };
    ParseError::Reference { file: name, position, message: bad.message() }
}

/// Parses an OpenAPI 3 document from YAML or JSON. It may not refer to other files.
///
/// # Errors
///
/// [`ParseError`], with the position in the text.
pub fn parse(text: &str) -> Result<Value, ParseError> {
    Document::parse(text).map(|document| document.value)
}

/// The version of a document that is compared here. YAML reads an unquoted `3.0` as a number.
fn version(document: &Value) -> Result<String, ParseError> {
    if document["swagger"].is_string() || document["swagger"].is_number() {
        return Err(ParseError::Swagger2);
    }
    let version = match &document["openapi"] {
        Value::String(version) => version.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(ParseError::NotOpenApi),
    };
    let is = |minor: &str| version == minor || version.starts_with(&format!("{minor}."));
    let has = |member: &str| document[member].is_object();
    match () {
        () if is("3.0") && has("paths") => Ok(version),
        () if is("3.1") || is("3.2") => {
            match has("paths") || has("components") || has("webhooks") {
                true => Ok(version),
                false => Err(ParseError::NoPaths),
            }
        }
        () if is("3.0") => Err(ParseError::NoPaths),
        () => Err(ParseError::UnsupportedVersion(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_3_0_to_3_2_are_read() {
        for version in ["3.0.3", "'3.0'", "3.0", "3.1.0", "3.1", "3.2.0"] {
            assert!(parse(&format!("openapi: {version}\npaths: {{}}")).is_ok(), "{version}");
        }
        assert!(parse("openapi: 3.1.0\nwebhooks: {}").is_ok());
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert!(error("openapi: 3.0.0").contains("not an OpenAPI 3 document"));
        assert!(error("openapi: 4.0.0\npaths: {}").contains("OpenAPI `4.0.0`"));
        assert!(error("swagger: '2.0'\npaths: {}").contains("Swagger 2"));
        assert!(error("paths: {}").contains("not an OpenAPI 3 document"));
    }

    #[test]
    fn references_resolve_to_components() {
        let document = parse(
            "openapi: 3.0.3
paths:
  /a: {$ref: '#/x-items/a'}
  /b: {get: {responses: {'200': {$ref: '#/paths/~1a/get/responses/200'}}}}
x-items: {a: {get: {responses: {'200': {content: {a/b: {schema: {$ref: '#/x-types/T'}}}}}}}}
x-types: {T: {properties: {t: {$ref: '#/x-types/T'}, u: {$ref: \
'#/components/schemas/U/properties/v'}}}}
components: {schemas: {U: {properties: {v: {type: string}}}}}
",
        )
        .unwrap();
        let get = &document["paths"]["/a"]["get"]["responses"]["200"]["content"]["a/b"]["schema"];
        assert_eq!(*get, json!({"$ref": "#/components/schemas/T"}));
        let reference = json!({"$ref": "#/components/schemas/T"});
        let expected =
            json!({"properties": {"t": reference, "u": {"$ref": "#/components/schemas/v"}}});
        assert_eq!(document["components"]["schemas"]["T"], expected);
        assert_eq!(document["components"]["schemas"]["v"], json!({"type": "string"}));
        assert_eq!(
            document["paths"]["/b"]["get"]["responses"]["200"],
            json!({"$ref": "#/components/responses/200"})
        );
    }

    #[test]
    fn dangling_references_are_refused_with_their_line() {
        let with = |reference: &str| {
            let text = format!(
                "openapi: 3.0.3\npaths: {{}}\ncomponents:\n  schemas:\n    A: {{items: {{$ref: \
                 '{reference}'}}}}\n"
            );
            parse(&text).unwrap_err().to_string()
        };
        for reference in [
            "#/components/schemas/B",
            "#/x",
            "#anchor",
            "other.yaml",
            "https://example.org/a.yaml#/A",
        ] {
            let error = with(reference);
            assert!(
                error.starts_with("line 5, column 17: ") && error.contains(reference),
                "{error}"
            );
        }
    }

    #[test]
    fn anchors_and_definitions_are_resolved() {
        let document = parse(
            "openapi: 3.1.0\npaths: {}\ncomponents: {schemas: {A: {$defs: {B: {$anchor: b, type: \
             string}}, anyOf: \
             [{$ref: '#b'}, {$ref: '#/components/schemas/A/$defs/B'}]}}}",
        )
        .unwrap();
        let reference = json!({"$ref": "#/components/schemas/B"});
        assert_eq!(
            document["components"]["schemas"]["A"],
            json!({"anyOf": [reference, reference]})
        );
    }

    #[test]
    fn circular_path_items_terminate() {
        let text = "openapi: 3.0.3\npaths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}}";
        assert!(parse(text).is_ok());
        let callback = "openapi: 3.0.3\npaths: {/a: {post: {responses: {}, callbacks: {c: {x: \
            {$ref: '#/paths/~1a'}}}}}}";
        assert!(parse(callback).is_ok());
    }

    #[test]
    fn all_bad_references_are_told_at_once_with_their_positions() {
        let reference = |to: &str| format!("{{$ref: '{to}'}}");
        let text = |references: &[String]| {
            let items = references.iter().enumerate();
            let items = items.map(|(n, reference)| format!("  A{n}: {reference}\n"));
            let items: String = items.collect();
            format!("openapi: 3.1.0\npaths: {{}}\ncomponents:\n schemas:\n{items}")
        };
        let all = ["#/$defs/A", "#/components/schemas/B", "#c", "other.yaml#/D"].map(reference);
        let error = Document::parse(&text(&all)).unwrap_err().to_string();
        for told in [
            "line 5, column 8: `#/$defs/A` cannot be resolved",
            "line 6, column 8: `#/components/schemas/B` cannot be resolved",
            "line 7, column 8: `#c` cannot be resolved",
            "line 8, column 8: `other.yaml#/D` cannot be resolved",
        ] {
            assert!(error.contains(told), "{told}: {error}");
        }
        assert_eq!(error.lines().count(), 1);
        let many: Vec<String> =
            (0..500).map(|n| reference(&format!("#/components/schemas/X{n}"))).collect();
        let error = Document::parse(&text(&many)).unwrap_err().to_string();
        assert!(error.len() < 5_000 && error.ends_with("; and 480 more"), "{error}");
    }
}
