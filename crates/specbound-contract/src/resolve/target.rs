//! Follows a reference through files, pointers, anchors and other references.

use std::rc::Rc;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    File, FilePlace, MAX_REFERENCE_CHAIN, Resolver, Result, bad_reference, known_positions,
};
use crate::diff::join;
use crate::files::is_url;

impl Resolver<'_> {
    /// Where a reference leads. The way may lead through other references.
    pub(super) fn target(&mut self, from: usize, reference: &str) -> Result<FilePlace> {
        let mut target = self.start(from, reference)?;
        let mut rest: Vec<String> = Vec::new();
        let fragment = fragment(reference);
        match fragment.strip_prefix('/') {
            Some(pointer) => rest.extend(pointer.split('/').rev().map(str::to_owned)),
            None if fragment.is_empty() => {}
            None => {
                let found = anchor(&self.files[target.0].value, &fragment, String::new());
                target.1 = found
                    .ok_or_else(|| bad_reference(from, reference, "there is no such anchor"))?;
            }
        }
        let mut chain = 0;
        while let Some(step) = rest.pop() {
            let next = (target.0, format!("{}/{step}", target.1));
            if self.at(&next).is_some() {
                target = next;
                continue;
            }
            let through =
                self.at(&target).and_then(|value| value.get("$ref")?.as_str()).map(str::to_owned);
            chain += 1;
            match through {
                Some(through) if chain <= MAX_REFERENCE_CHAIN => {
                    let (file, _) = self.start(target.0, &through)?;
                    let fragment = fragment_pointer(&through).ok_or_else(|| {
                        bad_reference(from, reference, "it leads through an anchor")
                    })?;
                    rest.push(step);
                    rest.extend(
                        fragment
                            .split('/')
                            .skip(1)
                            .map(str::to_owned)
                            .collect::<Vec<_>>()
                            .into_iter()
                            .rev(),
                    );
                    target = (file, String::new());
                }
                _ => return Err(bad_reference(from, reference, "there is nothing there")),
            }
        }
        Ok(target)
    }

    /// The file that a reference names.
    pub(super) fn start(&mut self, from: usize, reference: &str) -> Result<FilePlace> {
        let uri = reference.split('#').next().unwrap_or_default();
        if uri.is_empty() {
            return Ok((from, String::new()));
        }
        if is_url(uri) && !self.source.fetches() {
            return Err(bad_reference(from, reference, "URLs are not fetched"));
        }
        let Some(path) = self.files[from].path.clone() else {
            return Err(bad_reference(
                from,
                reference,
                "other files are read only for a document that is a file",
            ));
        };
        let uri = percent_decode_str(uri).decode_utf8_lossy().into_owned();
        let path =
            self.source.locate(&path, &uri).map_err(|why| bad_reference(from, reference, why))?;
        if let Some(file) = self.by_path.get(&path) {
            return Ok((*file, String::new()));
        }
        let (text, value, marks) =
            self.source.read(&path).map_err(|why| bad_reference(from, reference, why))?;
        let name = self.source.display_name(&path);
        let (value, marks) = (Rc::new(value), known_positions(marks));
        self.files.push(File { name, path: Some(path.clone()), text, value, marks });
        self.by_path.insert(path, self.files.len() - 1);
        Ok((self.files.len() - 1, String::new()))
    }
}

pub(super) fn fragment(reference: &str) -> String {
    let fragment = reference.split_once('#').map_or("", |(_, fragment)| fragment);
    percent_decode_str(fragment).decode_utf8_lossy().into_owned()
}

pub(super) fn fragment_pointer(reference: &str) -> Option<String> {
    Some(fragment(reference)).filter(|fragment| fragment.is_empty() || fragment.starts_with('/'))
}

/// The pointer of the schema with an anchor.
pub(super) fn anchor(value: &Value, name: &str, pointer: String) -> Option<String> {
    match value {
        Value::Object(members) => {
            if ["$anchor", "$dynamicAnchor"]
                .iter()
                .any(|keyword| members.get(*keyword).is_some_and(|own| own == name))
            {
                return Some(pointer);
            }
            members.iter().find_map(|(key, value)| anchor(value, name, join(&pointer, key)))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, value)| anchor(value, name, join(&pointer, &index.to_string()))),
        _ => None,
    }
}
