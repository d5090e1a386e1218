//! Documents with garbage at each place: nothing panics.

use std::panic::catch_unwind;

use serde_json::{Value, json};

use super::*;
use crate::normalise::normalise;

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                pointers(value, &format!("{at}/{}", escape(key)), found);
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// Every node in turn replaced by something else, given to `try_out` with a name of the change.
fn with_garbage(source: &Value, step: usize, try_out: impl Fn(&Value) + std::panic::RefUnwindSafe) {
    let mut all = Vec::new();
    pointers(source, "", &mut all);
    let mut panicked = Vec::new();
    let mut document = source.clone();
    for (n, pointer) in all.iter().enumerate().step_by(step) {
        let garbage =
            [json!(null), json!(7), json!("x"), json!([]), json!({}), json!({"$ref": "#"})];
        // A sample takes another kind of garbage each time.
        let tried =
            if step == 1 { &garbage[..] } else { &garbage[n / step % garbage.len()..][..1] };
        for value in tried {
            let replaced = std::mem::replace(document.pointer_mut(pointer).unwrap(), value.clone());
            if catch_unwind(|| try_out(&document)).is_err() {
                panicked.push(format!("{pointer} = {value}"));
            }
            *document.pointer_mut(pointer).unwrap() = replaced;
        }
    }
    assert!(all.len() / step > 20, "too few places were tried");
    assert!(panicked.is_empty(), "{panicked:#?}");
}

#[test]
fn reading_and_normalising_never_panic() {
    for source in [small(), parsed(SOURCE)] {
        with_garbage(&source, 1, |document| {
            if let Ok(read) = Document::read(document) {
                normalise(document.clone(), &read);
            }
        });
    }
}

#[test]
fn generating_from_garbage_never_panics() {
    with_garbage(&small(), 2, |document| drop(generated(document)));
    with_garbage(&parsed(SOURCE), 11, |document| drop(generated(document)));
    // Callbacks, webhooks, security schemes, styles and forms.
    let courier = include_str!("../../examples/courier/courier.yaml");
    for mode in [Mode::Strict, Mode::Lenient] {
        with_garbage(&parsed(courier), 23, |document| {
            drop(generate_from(document, &Settings::default(), mode));
        });
    }
}

#[test]
fn undefined_schemes_beside_components_of_another_kind_are_refused() {
    for (at, value) in [("/components", json!("x")), ("/components/securitySchemes", json!(7))] {
        let mut document = small_with(&format!("{POST}/security"), json!([{"missing": []}]));
        put(&mut document, at, value);
        let lenient = generate_from(&document, &Settings::default(), Mode::Lenient);
        assert!(matches!(lenient, Err(Error::Unsupported(_))), "{at}: {:?}", lenient.err());
    }
}
