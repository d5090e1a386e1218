//! The fields of structs: named as the document chooses, or after their members.
//!
//! typify names a field after its member, and has no setting for another name. A member with
//! another field has a key in the copy from which typify makes a free name; its field gets both
//! names afterwards.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToSnakeCase;
use quote::format_ident;
use serde_json::{Map, Value};
use syn::visit_mut::VisitMut;

use super::names::{RUST_NAME, is_identifier, unique};
use super::openapi::FIELDS;
use super::schema::for_each_inner_mut;
use super::types::renamed_to;

/// The fields that the members of an object choose, and for each that cannot be had the reason.
#[derive(Default)]
pub struct Chosen {
    /// By member.
    pub fields: BTreeMap<String, String>,
    /// Member and reason.
    pub refused: Vec<(String, String)>,
}

impl Chosen {
    pub fn of(properties: &Map<String, Value>) -> Chosen {
        let mut chosen = Chosen::default();
        let mut taken = BTreeSet::new();
        for (member, schema) in properties {
            let Some(written) = schema.get(RUST_NAME) else { continue };
            match written.as_str().and_then(identifier) {
                None => chosen.refuse(member, &format!("{written} is no name of a Rust field")),
                Some(field) if !taken.insert(field.clone()) => {
                    chosen.refuse(member, &format!("another member has the field `{field}`"));
                }
                Some(field) => drop(chosen.fields.insert(member.clone(), field)),
            }
        }
        // A member without a choice keeps its name, and one that loses its choice has it again.
        loop {
            let others = properties.keys().filter(|name| !chosen.fields.contains_key(*name));
            let others: BTreeSet<String> = others.map(|name| own_field(name)).collect();
            let clash = chosen.fields.iter().find(|(_, field)| others.contains(*field));
            let Some((member, field)) = clash.map(|(a, b)| (a.clone(), b.clone())) else { break };
            chosen.fields.remove(&member);
            chosen.refuse(&member, &format!("another member has the field `{field}`"));
        }
        chosen
    }

    fn refuse(&mut self, member: &str, reason: &str) {
        let reason = format!("{reason}: this is `{}`", own_field(member));
        self.refused.push((member.to_owned(), reason));
    }
}

/// The Rust identifier that a text chooses. A keyword is a raw one.
pub fn identifier(text: &str) -> Option<String> {
    let has_upper = text.contains(|c: char| c.is_ascii_uppercase());
    let word = if has_upper { text.to_snake_case() } else { text.to_owned() };
    let raw = format!("r#{word}");
    [word, raw].into_iter().find(|word| is_identifier(word))
}

/// The field that typify makes of a member: `foo-bar` becomes `foo_bar`.
fn own_field(member: &str) -> String {
    let word = match member {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        other => other
            .replace('\'', "")
            .replace(|c: char| !c.is_alphanumeric() && c != '_', "-")
            .to_snake_case(),
    };
    let word = match word.chars().next() {
        None => "x".to_owned(),
        Some(first) if first.is_numeric() => format!("x{word}"),
        Some(_) => word,
    };
    let is_name = word != "gen" && syn::parse_str::<syn::Ident>(&word).is_ok();
    if is_name { word } else { format!("{word}_") }
}

/// typify's field for the members that a schema does not name.
const OTHERS: &str = "extra";

/// The members of a copy that have another field than typify would make, by their keys.
#[derive(Default)]
pub struct Fields {
    members: BTreeMap<String, Field>,
    /// The number of each, which is a part of its key.
    numbers: BTreeMap<Field, usize>,
    /// Fields that were renamed: by struct, and by the name that typify made.
    renamed: BTreeMap<String, BTreeMap<String, syn::Ident>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    member: String,
    name: String,
}

impl Fields {
    /// Puts the keys in place of the members.
    pub fn hide(copy: &mut Value) -> Fields {
        let mut fields = Fields::default();
        for_each_component(copy, &mut |schema| fields.hide_in(schema));
        fields
    }

    fn hide_in(&mut self, schema: &mut Value) {
        for_each_inner_mut(schema, &mut |inner| self.hide_in(inner));
        let Some(schema) = schema.as_object_mut() else { return };
        let chosen = schema.remove(FIELDS).unwrap_or_default();
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        let has_others = schema.contains_key("additionalProperties");
        let mut taken = BTreeSet::new();
        let mut names: BTreeMap<&String, String> = BTreeMap::new();
        for member in properties.keys() {
            if let Some(name) = chosen[member.as_str()].as_str() {
                taken.insert(name.to_owned());
                names.insert(member, name.to_owned());
            }
        }
        // Two members may have one field: `foo-bar` and `foo_bar`.
        for member in properties.keys().filter(|member| chosen.get(member.as_str()).is_none()) {
            names.insert(member, unique(own_field(member), &mut taken));
        }
        let is_own =
            |member: &str, name: &str| own_field(member) == name && !(has_others && name == OTHERS);
        let (own, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|(member, name)| is_own(member, name));
        let mut made: BTreeSet<String> = own.into_iter().map(|(_, name)| name).collect();
        made.insert(OTHERS.to_owned());
        let keys: BTreeMap<String, String> = others
            .into_iter()
            .map(|(member, name)| {
                // typify makes this word of the key: it must be free, and stay as it is.
                let word = unique(own_field(name.trim_start_matches("r#")), &mut made);
                (member.clone(), self.key(&word, Field { member: member.clone(), name }))
            })
            .collect();
        rename(schema, &|member| keys.get(member));
    }

    /// A text that no document has, of which typify makes `word`.
    fn key(&mut self, word: &str, field: Field) -> String {
        let next = self.numbers.len();
        let number = *self.numbers.entry(field.clone()).or_insert(next);
        // Characters for private use separate words, and vanish at the end.
        let digits = number.to_string();
        let digits = digits.bytes().filter_map(|digit| char::from_u32(0xf_0000 + u32::from(digit)));
        let key: String = word.chars().chain(digits).collect();
        self.members.insert(key.clone(), field);
        key
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Puts the members in place of their keys.
    pub fn show(&self, copy: &mut Value) {
        if !self.is_empty() {
            for_each_component(copy, &mut |schema| self.show_in(schema));
        }
    }

    fn show_in(&self, schema: &mut Value) {
        for_each_inner_mut(schema, &mut |inner| self.show_in(inner));
        if let Some(schema) = schema.as_object_mut() {
            rename(schema, &|key| self.members.get(key).map(|field| &field.member));
        }
    }

    /// Gives the fields of an item their names.
    pub fn name(&mut self, item: &mut syn::Item) {
        match item {
            _ if self.is_empty() => {}
            syn::Item::Struct(item) => {
                let renamed = self.name_fields(&mut item.fields);
                self.renamed.insert(item.ident.to_string(), renamed);
            }
            syn::Item::Enum(item) => {
                item.attrs.iter_mut().for_each(|attribute| self.name_member(attribute));
                for variant in &mut item.variants {
                    self.name_fields(&mut variant.fields);
                }
            }
            syn::Item::Impl(item) => {
                if let syn::Type::Path(path) = &*item.self_ty
                    && let Some(ident) = path.path.get_ident()
                    && let Some(renamed) = self.renamed.get(&ident.to_string())
                {
                    Made(renamed).visit_item_impl_mut(item);
                }
            }
            _ => {}
        }
    }

    fn name_fields(&self, fields: &mut syn::Fields) -> BTreeMap<String, syn::Ident> {
        let mut renamed = BTreeMap::new();
        for field in fields.iter_mut() {
            let key = field.attrs.iter().find_map(renamed_to);
            let known = key.and_then(|key| self.members.get(&key));
            if let (Some(known), Some(ident)) = (known, &mut field.ident)
                && let Ok(name) = syn::parse_str::<syn::Ident>(&known.name)
            {
                renamed.insert(ident.to_string(), name.clone());
                *ident = name;
                field.attrs.iter_mut().for_each(|attribute| self.name_member(attribute));
            }
        }
        // The field of the other members gives way to a member of its name.
        let names = fields.iter().filter_map(|field| Some(field.ident.as_ref()?.to_string()));
        let names: Vec<String> = names.collect();
        if names.iter().filter(|name| *name == OTHERS).count() > 1 {
            let mut name = format!("{OTHERS}_");
            while names.contains(&name) {
                name.push('_');
            }
            let is_others = |field: &&mut syn::Field| {
                !field.attrs.iter().any(|attribute| renamed_to(attribute).is_some())
                    && field.ident.as_ref().is_some_and(|ident| ident == OTHERS)
            };
            for field in fields.iter_mut().filter(is_others) {
                let name = format_ident!("{name}");
                renamed.insert(OTHERS.to_owned(), name.clone());
                field.ident = Some(name);
            }
        }
        renamed
    }

    /// Puts a member in place of its key, in `rename` or `tag`.
    fn name_member(&self, attribute: &mut syn::Attribute) {
        type Arguments = syn::punctuated::Punctuated<syn::Meta, syn::Token![,]>;
        if !attribute.path().is_ident("serde") {
            return;
        }
        let Ok(mut says) = attribute.parse_args_with(Arguments::parse_terminated) else { return };
        for one in &mut says {
            if let syn::Meta::NameValue(syn::MetaNameValue {
                value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(key), .. }),
                ..
            }) = one
                && let Some(known) = self.members.get(&key.value())
            {
                *key = syn::LitStr::new(&known.member, key.span());
            }
        }
        *attribute = syn::parse_quote!(#[serde(#says)]);
    }
}

/// Renames the fields of a value that is made.
struct Made<'a>(&'a BTreeMap<String, syn::Ident>);

impl VisitMut for Made<'_> {
    fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
        if let syn::Member::Named(name) = &mut field.member
            && let Some(new) = self.0.get(&name.to_string())
        {
            *name = new.clone();
        }
        syn::visit_mut::visit_field_value_mut(self, field);
    }
}

/// Renames members of an object schema.
fn rename<'a>(schema: &mut Map<String, Value>, new: &dyn Fn(&str) -> Option<&'a String>) {
    let of = |name: &str| new(name).map_or_else(|| name.to_owned(), Clone::clone);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
        && properties.keys().any(|name| new(name).is_some())
    {
        let renamed = std::mem::take(properties).into_iter();
        *properties = renamed.map(|(name, value)| (of(&name), value)).collect();
        for name in schema.get_mut("required").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(text) = name.as_str() {
                *name = Value::String(of(text));
            }
        }
    }
}

fn for_each_component(copy: &mut Value, rule: &mut dyn FnMut(&mut Value)) {
    let schemas = copy.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    schemas.into_iter().flat_map(|schemas| schemas.values_mut()).for_each(rule);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_field_is_an_identifier() {
        for (text, field) in [
            ("title", Some("title")),
            ("firstName", Some("first_name")),
            ("_id", Some("_id")),
            ("type_", Some("type_")),
            ("type", Some("r#type")),
            ("r#type", Some("r#type")),
            ("gen", Some("r#gen")),
            ("self", None),
            ("Self", None),
            ("crate", None),
            ("_", None),
            ("", None),
            ("a b", None),
            ("1st", None),
            ("gr\u{fc}n", None),
        ] {
            assert_eq!(identifier(text).as_deref(), field, "{text}");
        }
    }
}
