//! Each keyword of a schema, tightened and loosened, at each place that carries a schema. The
//! verdict follows from who sends the value: fewer values break who sends, more values break who
//! reads.

mod places;
mod rows;

use super::*;
use places::Sent::{Client, Server};
use places::ValueForm::{Json, Text};
use places::{PLACES, Place, ValueForm, WITHIN};
use rows::{other, same, tighter};

/// The worst severity between two schemas at a place. References are resolved as in a file.
fn severity(place: &Place, old: &Value, new: &Value) -> (Severity, String) {
    let document = |schema: &Value| {
        let mut document = (place.document)(schema.clone());
        document["openapi"] = json!("3.1.0");
        crate::parse(&document.to_string()).unwrap()
    };
    let verdicts = compare(&document(old), &document(new));
    let worst = verdicts.iter().map(|verdict| verdict.severity).max().unwrap_or(Compatible);
    let rendered: Vec<String> = verdicts
        .iter()
        .map(|verdict| format!("{:?} {}: {}", verdict.severity, verdict.location, verdict.message))
        .collect();
    (worst, rendered.join("\n    "))
}

/// Collects the rows that are judged wrongly.
#[derive(Default)]
struct Wrong(Vec<String>, usize);

impl Wrong {
    fn expect(&mut self, breaks: bool, name: &str, place: &Place, old: &Value, new: &Value) {
        self.1 += 1;
        let (severity, rendered) = severity(place, old, new);
        if breaks != (severity != Compatible) {
            let should = if breaks { "breaks" } else { "is harmless" };
            self.0
                .push(format!("{name} in {} {should}: {old} to {new}\n    {rendered}", place.name));
        }
    }

    fn none(self, min: usize) {
        assert!(self.0.is_empty(), "{} of {}\n{}", self.0.len(), self.1, self.0.join("\n"));
        assert!(self.1 >= min, "{} are left", self.1);
    }
}

fn fits(place: &Place, written: ValueForm) -> bool {
    place.written == Json || written == Text
}

#[test]
fn narrower_schemas_break_senders_and_wider_ones_readers() {
    let mut wrong = Wrong::default();
    for (name, written, more, less) in tighter() {
        for place in PLACES.iter().filter(|place| fits(place, written)) {
            let tightened = format!("{name}, tightened");
            wrong.expect(place.sent != Server, &tightened, place, &more, &less);
            let loosened = format!("{name}, loosened");
            wrong.expect(place.sent != Client, &loosened, place, &less, &more);
        }
    }
    wrong.none(2_000);
}

#[test]
fn nested_change_is_classified_like_a_top_level_one() {
    let mut wrong = Wrong::default();
    let rows = [
        (json!({"type": "string"}), json!({"type": "string", "maxLength": 3})),
        (
            json!({"type": "object", "properties": {"a": {}}}),
            json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        ),
    ];
    let names = ["request body", "response body", "request of a webhook", "schema sent and read"];
    let places: Vec<&Place> = PLACES.iter().filter(|place| names.contains(&place.name)).collect();
    for (more, less) in rows {
        for (one, within) in WITHIN {
            for (other, around) in WITHIN {
                let name = format!("{one} of {other}");
                let (more, less) = (around(within(more.clone())), around(within(less.clone())));
                for place in &places {
                    wrong.expect(place.sent != Server, &name, place, &more, &less);
                    wrong.expect(place.sent != Client, &name, place, &less, &more);
                }
            }
        }
    }
    wrong.none(1_500);
}

#[test]
fn different_values_break_both_sides() {
    let mut wrong = Wrong::default();
    for (name, one, another) in other() {
        for place in &PLACES {
            wrong.expect(true, name, place, &one, &another);
            wrong.expect(true, name, place, &another, &one);
        }
    }
    wrong.none(400);
}

#[test]
fn equivalent_schemas_are_compatible() {
    let mut wrong = Wrong::default();
    for (name, one, another) in same() {
        for place in &PLACES {
            wrong.expect(false, name, place, &one, &another);
            wrong.expect(false, name, place, &another, &one);
        }
    }
    wrong.none(800);
}
