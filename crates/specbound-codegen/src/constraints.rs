//! Constraint tables of whole schemas, for requests that need more than the rows of an object's
//! members.
//!
//! They are made of the document itself, before `lower`: a keyword that lowering takes out of the
//! types is enforced here. A schema that rows and types enforce alone has no table.

pub mod formats;
mod hidden;
mod plain;

use hidden::HiddenMembers;
pub use plain::PlainSchemas;

use std::collections::{BTreeMap, BTreeSet};

use heck::ToShoutySnakeCase;
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Map, Value};

use super::discriminator::Discriminator;
use super::names::unique;
use super::openapi::is_null;
use super::patterns::is_regular;
use super::read::{component, unescape};
use super::schema::whole;

/// Most references and lists that are followed in a row.
const MAX_REFERENCES: usize = 64;

/// The messages that the tables check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Requests: a member that is read only is ignored.
    Request,
    /// Responses: a member that is write only is ignored.
    Response,
}

/// Tables of one document.
pub struct Tables<'a> {
    source: &'a Value,
    plain: PlainSchemas<'a>,
    hidden: HiddenMembers<'a>,
    runtime: &'a syn::Path,
    direction: Direction,
    /// Names of the statics, by component.
    names: BTreeMap<String, syn::Ident>,
    taken: BTreeSet<String>,
    /// Components that are referred to and not yet written.
    pending: Vec<String>,
    statics: Vec<TokenStream>,
    /// Whether another module imports this one, so that it must exist even if it is empty.
    is_imported: bool,
}

impl<'a> Tables<'a> {
    pub fn new(source: &'a Value, runtime: &'a syn::Path, direction: Direction) -> Tables<'a> {
        let hidden_by = match direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        Tables {
            source,
            plain: PlainSchemas::new(source),
            hidden: HiddenMembers::new(source, hidden_by),
            runtime,
            direction,
            names: BTreeMap::new(),
            taken: BTreeSet::new(),
            pending: Vec::new(),
            statics: Vec::new(),
            is_imported: false,
        }
    }

    /// The path of the runtime.
    pub fn runtime(&self) -> syn::Path {
        self.runtime.clone()
    }

    /// An expression that refers to the table of a schema, if rows and types do not enforce all of
    /// it.
    pub fn needed(&mut self, schema: &Value) -> Option<TokenStream> {
        (!self.plain.is_plain(schema)).then(|| self.reference(schema))
    }

    /// An expression that refers to the table of a schema.
    pub fn reference(&mut self, schema: &Value) -> TokenStream {
        self.sub(schema, &BTreeSet::new())
    }

    /// The same in the module of parameters, which imports that of the tables.
    pub fn of_parameter(&mut self, schema: &Value) -> TokenStream {
        self.is_imported = true;
        self.reference(schema)
    }

    /// A schema, and that of its items, without references: the export compares their keywords.
    pub fn written_out(&self, schema: &Value) -> Value {
        fn followed(source: &Value, schema: &Value, left: usize) -> Value {
            let Some(left) = left.checked_sub(1) else { return schema.clone() };
            let reference = schema["$ref"].as_str().and_then(component).map(unescape);
            let target = reference.and_then(|name| source["components"]["schemas"].get(&name));
            if let Some(target) = target {
                return followed(source, target, left);
            }
            if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
                return followed(source, only, left);
            }
            let mut schema = schema.clone();
            if let Some(items) = schema.get_mut("items") {
                *items = followed(source, items, left);
            }
            schema
        }
        followed(self.source, schema, MAX_REFERENCES)
    }

    /// The module of all tables that were referred to.
    pub fn module(mut self) -> Option<TokenStream> {
        while let Some(name) = self.pending.pop() {
            let schema = self.source["components"]["schemas"][&name].clone();
            let table = self.table(&schema, &BTreeSet::new());
            let ident = self.static_name(&name);
            let runtime = self.runtime;
            self.statics.push(quote!(pub static #ident: #runtime::Constraints = #table;));
        }
        let (module, direction) = (self.module_name(), self.direction);
        let statics = self.statics;
        let only_debug =
            (direction == Direction::Response).then(|| quote!(#[cfg(debug_assertions)]));
        (self.is_imported || !statics.is_empty()).then(|| {
            quote! {
                /// Constraints of whole schemas.
                #only_debug
                pub mod #module {
                    #[allow(unused_imports)]
                    use super::#module;

                    #(#statics)*
                }
            }
        })
    }

    fn static_name(&mut self, component: &str) -> syn::Ident {
        if let Some(known) = self.names.get(component) {
            return known.clone();
        }
        let word: String = component
            .to_shouty_snake_case()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let ident = format_ident!("{}", unique(format!("C_{word}"), &mut self.taken));
        self.names.insert(component.to_owned(), ident.clone());
        self.pending.push(component.to_owned());
        ident
    }

    fn sub(&mut self, schema: &Value, hidden: &BTreeSet<String>) -> TokenStream {
        let reference = schema["$ref"].as_str().and_then(component).map(unescape);
        let is_alone = schema.as_object().is_some_and(|keywords| keywords.len() == 1)
            || self.source["openapi"].as_str().is_some_and(|version| version.starts_with("3.0"));
        match reference {
            Some(name) if is_alone => {
                let (ident, module) = (self.static_name(&name), self.module_name());
                quote!(&#module::#ident)
            }
            _ => {
                let table = self.table(schema, hidden);
                quote!(&#table)
            }
        }
    }

    fn subs(&mut self, schemas: &Value, hidden: &BTreeSet<String>) -> Option<Vec<TokenStream>> {
        let schemas = schemas.as_array()?;
        Some(schemas.iter().map(|schema| self.sub(schema, hidden)).collect())
    }

    fn named(&mut self, schemas: &Value, hidden: &BTreeSet<String>) -> Option<Vec<TokenStream>> {
        let none = BTreeSet::new();
        let of = |(name, schema): (&String, &Value)| {
            // A client may send a member that the server alone writes: it is ignored.
            let sub = match hidden.contains(name) || self.hidden.is_hidden(schema) {
                true => self.any(),
                false => self.sub(schema, &none),
            };
            quote!((#name, #sub))
        };
        Some(schemas.as_object()?.iter().map(of).collect())
    }

    /// The module of the tables.
    fn module_name(&self) -> syn::Ident {
        match self.direction {
            Direction::Request => format_ident!("constraints"),
            Direction::Response => format_ident!("response_constraints"),
        }
    }

    fn any(&self) -> TokenStream {
        let runtime = self.runtime;
        quote!(&#runtime::Constraints::ANY)
    }

    /// The table of a schema. `hidden` are the members that only the server writes.
    fn table(&mut self, schema: &Value, hidden: &BTreeSet<String>) -> TokenStream {
        let runtime = self.runtime;
        let mut rows: Vec<TokenStream> = Vec::new();
        let none = BTreeSet::new();
        let object = match schema {
            Value::Object(object) => object,
            Value::Bool(false) => {
                return quote!(#runtime::Constraints { never: true, ..#runtime::Constraints::ANY });
            }
            _ => return quote!(#runtime::Constraints::ANY),
        };
        let mut all_hidden = hidden.clone();
        self.hidden.add(schema, &mut all_hidden);
        let hidden = &all_hidden;
        if let Some(name) = object.get("$ref").and_then(Value::as_str).and_then(component) {
            let (ident, module) = (self.static_name(&unescape(name)), self.module_name());
            rows.push(quote!(refers: Some(&#module::#ident)));
        }
        self.values(object, &mut rows);
        let mut one = |this: &mut Self,
                       keyword: &str,
                       field: &str,
                       no_row: &dyn Fn(&Value) -> bool| {
            let Some(inner) = object.get(keyword).filter(|inner| !no_row(inner)) else { return };
            if inner.is_object() || inner.is_boolean() {
                let (field, inner) = (format_ident!("{field}"), this.sub(inner, &none));
                rows.push(quote!(#field: Some(#inner)));
            }
        };
        let is_true = |value: &Value| value == true;
        one(self, "items", "items", &is_true);
        one(self, "additionalProperties", "additional_properties", &is_true);
        one(self, "propertyNames", "property_names", &is_true);
        one(self, "not", "not", &|_| false);
        for (keyword, field) in
            [("prefixItems", "prefix_items"), ("anyOf", "any_of"), ("oneOf", "one_of")]
        {
            let members = object.get(keyword).map(without_null).unwrap_or_default();
            if let Some(list) = self.subs(&members, hidden).filter(|list| !list.is_empty()) {
                let field = format_ident!("{field}");
                rows.push(quote!(#field: &[#(#list),*]));
            }
        }
        if let Some(list) = object.get("allOf").and_then(|all| self.subs(all, hidden)) {
            rows.push(quote!(all_of: &[#(#list),*]));
        }
        for (keyword, field) in [
            ("properties", "properties"),
            ("patternProperties", "pattern_properties"),
            ("dependentSchemas", "dependent_schemas"),
        ] {
            if let Some(list) = object.get(keyword).and_then(|all| self.named(all, hidden)) {
                let field = format_ident!("{field}");
                rows.push(quote!(#field: &[#(#list),*]));
            }
        }
        if let Some(names) = object.get("required").and_then(Value::as_array) {
            let names =
                names.iter().filter_map(Value::as_str).filter(|name| !hidden.contains(*name));
            rows.push(quote!(required: &[#(#names),*]));
        }
        if let Some(all) = object.get("dependentRequired").and_then(Value::as_object) {
            let all = all.iter().map(|(name, others)| {
                let others = others.as_array().into_iter().flatten().filter_map(Value::as_str);
                quote!((#name, &[#(#others),*]))
            });
            rows.push(quote!(dependent_required: &[#(#all),*]));
        }
        if let Some(wanted) =
            object.get("contains").filter(|wanted| wanted.is_object() || wanted.is_boolean())
        {
            let wanted = self.sub(wanted, &none);
            let min = Literal::usize_suffixed(count(object, "minContains").unwrap_or(1));
            let max = optional_count(count(object, "maxContains"));
            rows.push(quote!(contains: Some((#wanted, #min, #max))));
        }
        if let Some(condition) = object.get("if") {
            let condition = self.sub(condition, hidden);
            let mut branch = |keyword: &str| match object.get(keyword) {
                Some(branch) => {
                    let branch = self.sub(branch, hidden);
                    quote!(Some(#branch))
                }
                None => quote!(None),
            };
            let (then, otherwise) = (branch("then"), branch("else"));
            rows.push(quote!(condition: Some((#condition, #then, #otherwise))));
        }
        if let Some(discriminator) = self.discriminator(schema) {
            rows.push(quote!(discriminator: Some(#discriminator)));
        }
        quote!(#runtime::Constraints { #(#rows,)* ..#runtime::Constraints::ANY })
    }

    /// Keywords about a value without its parts.
    fn values(&self, object: &Map<String, Value>, rows: &mut Vec<TokenStream>) {
        let runtime = self.runtime;
        let types: Vec<&str> = match object.get("type") {
            Some(Value::String(only)) => vec![only],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let types = types.into_iter().filter_map(|kind| {
            let variant = match kind {
                "null" => "Null",
                "boolean" => "Boolean",
                "integer" => "Integer",
                "number" => "Number",
                "string" => "String",
                "array" => "Array",
                "object" => "Object",
                _ => return None,
            };
            let variant = format_ident!("{variant}");
            Some(quote!(#runtime::Type::#variant))
        });
        let types: Vec<TokenStream> = types.collect();
        if !types.is_empty() {
            rows.push(quote!(types: &[#(#types),*]));
        }
        let alternatives =
            ["oneOf", "anyOf"].into_iter().filter_map(|key| object.get(key)?.as_array());
        if object.get("nullable") == Some(&Value::Bool(true)) || alternatives.flatten().any(is_null)
        {
            rows.push(quote!(nullable: true));
        }
        let choices = match (object.get("enum"), object.get("const")) {
            (Some(Value::Array(choices)), _) => choices.iter().map(canonical).collect(),
            (_, Some(only)) => vec![canonical(only)],
            _ => Vec::new(),
        };
        if !choices.is_empty() {
            rows.push(quote!(choices: &[#(#choices),*]));
        }
        if let Some(format) = formats::checked(object.get("format"), runtime) {
            rows.push(quote!(format: Some(#format)));
        }
        for (keyword, field) in [
            ("minLength", "min_length"),
            ("maxLength", "max_length"),
            ("minItems", "min_items"),
            ("maxItems", "max_items"),
            ("minProperties", "min_properties"),
            ("maxProperties", "max_properties"),
        ] {
            if let Some(number) = count(object, keyword) {
                let (field, number) = (format_ident!("{field}"), optional_count(Some(number)));
                rows.push(quote!(#field: #number));
            }
        }
        if let Some(pattern) = object.get("pattern").and_then(Value::as_str)
            && is_regular(pattern)
        {
            rows.push(quote!(pattern: Some(#pattern)));
        }
        for (keyword, exclusive, field) in
            [("minimum", "exclusiveMinimum", "minimum"), ("maximum", "exclusiveMaximum", "maximum")]
        {
            let bound = object.get(keyword).and_then(Value::as_f64);
            let (bound, is_exclusive) = match object.get(exclusive) {
                Some(Value::Bool(is_exclusive)) => (bound, *is_exclusive),
                Some(Value::Number(other)) => {
                    let other = other.as_f64();
                    let is_stricter = match (bound, other) {
                        (Some(bound), Some(other)) if field == "minimum" => other >= bound,
                        (Some(bound), Some(other)) => other <= bound,
                        _ => true,
                    };
                    if is_stricter { (other, true) } else { (bound, false) }
                }
                _ => (bound, false),
            };
            if let Some(value) = bound {
                let field = format_ident!("{field}");
                rows.push(quote! {
                    #field: Some(#runtime::Bound { value: #value, exclusive: #is_exclusive })
                });
            }
        }
        if let Some(step) = object.get("multipleOf").and_then(Value::as_f64).filter(|s| *s > 0.0) {
            rows.push(quote!(multiple_of: Some(#step)));
        }
        if object.get("uniqueItems") == Some(&Value::Bool(true)) {
            rows.push(quote!(unique_items: true));
        }
    }

    fn discriminator(&mut self, schema: &Value) -> Option<TokenStream> {
        let Discriminator { property, values, .. } = Discriminator::read(schema, self.source)?;
        let runtime = self.runtime;
        let mapping = values.into_iter().map(|(value, name)| {
            let (ident, module) = (self.static_name(&name), self.module_name());
            quote!((#value, &#module::#ident))
        });
        let mapping: Vec<TokenStream> = mapping.collect();
        Some(quote!(#runtime::Discriminator { property: #property, mapping: &[#(#mapping),*] }))
    }
}

fn count(object: &Map<String, Value>, keyword: &str) -> Option<usize> {
    object.get(keyword).and_then(whole).map(|number| number as usize)
}

fn optional_count(number: Option<usize>) -> TokenStream {
    match number.map(Literal::usize_suffixed) {
        Some(number) => quote!(Some(#number)),
        None => quote!(None),
    }
}

/// Alternatives without null, which `nullable` stands for.
fn without_null(list: &Value) -> Value {
    list.as_array().into_iter().flatten().filter(|schema| !is_null(schema)).cloned().collect()
}

/// As the runtime writes a value that it holds against choices.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                (float as i64).to_string()
            }
            _ => number.to_string(),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(value))
            };
            let mut members: Vec<String> = members.iter().map(member).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}
