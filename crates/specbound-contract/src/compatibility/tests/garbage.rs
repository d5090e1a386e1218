//! Mechanically made changes, which all get a verdict.

use super::*;
use crate::diff::join;

fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| places(value, &join(path, key), found))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, value)| places(value, &join(path, &i.to_string()), found));
        }
        _ => {}
    }
    found.push(path.to_owned());
}

/// Each place of both documents removed, and replaced by a value of another kind.
#[test]
fn every_difference_has_exactly_one_verdict() {
    let source: Value =
        serde_yaml_ng::from_str(include_str!("../../../tests/documents/other.yaml")).unwrap();
    let garbage = [
        json!(null),
        json!(true),
        json!(7),
        json!("s"),
        json!([{}, "a", []]),
        json!({"": [{"$ref": "#"}]}),
        json!({"$ref": "#/components/schemas/Cat"}),
    ];
    // Of the larger one each seventh place: it has many that are alike.
    for (source, step) in [(document(), 1), (source, 7)] {
        assert_eq!(compare(&source, &source), []);
        let mut all = Vec::new();
        places(&source, "", &mut all);
        all.retain(|path| !path.is_empty());
        for (index, path) in all.iter().enumerate().step_by(step) {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut removed = source.clone();
            match removed.pointer_mut(parent).unwrap() {
                Value::Object(map) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                _ => panic!("{path}"),
            }
            check_pair(&source, &removed, path);
            let mut replaced = source.clone();
            *replaced.pointer_mut(path).unwrap() = garbage[index % garbage.len()].clone();
            check_pair(&source, &replaced, path);
        }
    }
}
