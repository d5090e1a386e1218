//! Facts that have no place in dropshot's document, carried through it to the export.

use schemars::r#gen::SchemaGenerator;
use schemars::schema::{InstanceType, Schema, SchemaObject};
use serde_json::{Value, json};

/// Name of the parameter in which a signature's markers travel through dropshot's own document.
/// The export takes it out and turns it into `security` and `requestBody`.
pub const MARKER: &str = "x-contract-marker";

/// An object schema with one member, [`MARKER`], whose one possible value is a text that says it
/// all.
pub(crate) fn marker(says: &Value) -> Schema {
    let mut object = SchemaObject {
        instance_type: Some(InstanceType::Object.into()),
        ..SchemaObject::default()
    };
    let member = json!({ "type": "string", "enum": [says.to_string()] });
    let member = serde_json::from_value::<SchemaObject>(member).unwrap_or_default();
    object.object().properties.insert(MARKER.to_owned(), Schema::Object(member));
    object.object().required.insert(MARKER.to_owned());
    Schema::Object(object)
}

/// Key of a source schema within dropshot's document, whose own model of schemas would lose some of
/// it and panic at more. The export replaces the schema by its value.
pub const SOURCE_SCHEMA: &str = "x-contract-source";

/// An OpenAPI 3.0 schema object, for the export only.
pub fn source_schema(_: &mut SchemaGenerator, source: &str) -> Schema {
    let source: Value = serde_json::from_str(source).unwrap_or_default();
    Schema::Object(SchemaObject {
        extensions: [(SOURCE_SCHEMA.to_owned(), source)].into_iter().collect(),
        ..SchemaObject::default()
    })
}
