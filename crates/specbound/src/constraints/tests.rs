use serde_json::json;

use super::*;

fn problems(schema: SchemaRef, value: Value) -> Vec<String> {
    let told = |problem: Problem| match &problem.field {
        Some(field) => format!("{field} {}", problem.text()),
        None => problem.text(),
    };
    schema.problems(&value, &Formats::DEFAULT).into_iter().map(told).collect()
}

static TEXT: Constraints = Constraints { types: &[Type::String], ..Constraints::ANY };
static NUMBER: Constraints = Constraints { types: &[Type::Number], ..Constraints::ANY };
static NEVER: Constraints = Constraints { never: true, ..Constraints::ANY };
static SHORT: Constraints = Constraints { max_length: Some(3), ..TEXT };

#[test]
fn every_problem_is_reported_with_its_path() {
    static SIZE: Constraints = Constraints {
        types: &[Type::Object],
        required: &["width"],
        properties: &[("width", &NUMBER), ("name", &SHORT)],
        additional_properties: Some(&NEVER),
        ..Constraints::ANY
    };
    static SIZES: Constraints =
        Constraints { types: &[Type::Array], items: Some(&SIZE), ..Constraints::ANY };
    static BOX: Constraints = Constraints { properties: &[("sizes", &SIZES)], ..Constraints::ANY };
    let sent = json!({"sizes": [{"name": "long name"}, {"width": "1", "depth": 2}, 7]});
    assert_eq!(
        problems(&BOX, sent),
        [
            "sizes 0.width: This field is required.",
            "sizes 0.name: Ensure this field has no more than 3 characters.",
            "sizes 1.depth: This field is not allowed.",
            "sizes 1.width: A valid number is required.",
            "sizes 2: Expected a dictionary.",
        ]
    );
    assert_eq!(problems(&SIZES, json!([{}])), ["0.width: This field is required."]);
}

#[test]
fn numbers_are_multiples() {
    static CENTS: Constraints = Constraints { multiple_of: Some(0.01), ..NUMBER };
    static DOZENS: Constraints = Constraints { multiple_of: Some(12.0), ..NUMBER };
    for good in [json!(0.07), json!(1.1), json!(19.99), json!(-3), json!(0)] {
        assert!(problems(&CENTS, good.clone()).is_empty(), "{good}");
    }
    assert_eq!(problems(&CENTS, json!(0.015)), ["Ensure this value is a multiple of 0.01."]);
    assert!(problems(&DOZENS, json!(36)).is_empty());
    assert!(problems(&DOZENS, json!(9_223_372_036_854_775_800_u64)).is_empty());
    assert_eq!(problems(&DOZENS, json!(30)), ["Ensure this value is a multiple of 12."]);
}

#[test]
fn equal_items_are_found_in_any_notation() {
    static UNIQUE: Constraints = Constraints { unique_items: true, ..Constraints::ANY };
    assert!(problems(&UNIQUE, json!([1, "1", true, null, [1], {"a": 1}])).is_empty());
    for twice in [json!([1, 1.0]), json!([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}])] {
        assert_eq!(problems(&UNIQUE, twice), ["Ensure the elements of this field are unique."]);
    }
}

#[test]
fn members_are_counted_and_named() {
    static LETTERS: Constraints = Constraints { pattern: Some("^[a-z]+$"), ..Constraints::ANY };
    static MAP: Constraints = Constraints {
        types: &[Type::Object],
        min_properties: Some(1),
        max_properties: Some(2),
        property_names: Some(&LETTERS),
        pattern_properties: &[("^n", &NUMBER)],
        additional_properties: Some(&TEXT),
        ..Constraints::ANY
    };
    assert!(problems(&MAP, json!({"a": "x", "n": 1})).is_empty());
    assert_eq!(problems(&MAP, json!({})), ["Ensure this field has at least 1 members."]);
    assert_eq!(
        problems(&MAP, json!({"A": "x", "b": 1, "n": "x"})),
        [
            "Ensure this field has no more than 2 members.",
            "A This name is not allowed.",
            "b Not a valid string.",
            "n A valid number is required.",
        ]
    );
}

#[test]
fn closest_alternative_reports_its_problems() {
    static EITHER: Constraints = Constraints { one_of: &[&SHORT, &NUMBER], ..Constraints::ANY };
    static ANY: Constraints = Constraints { any_of: &[&SHORT, &TEXT], ..Constraints::ANY };
    static ONE: Constraints = Constraints { one_of: &[&SHORT, &TEXT], ..Constraints::ANY };
    assert!(problems(&EITHER, json!("abc")).is_empty() && problems(&ANY, json!("abc")).is_empty());
    let long = problems(&EITHER, json!("abcd"));
    assert_eq!(long, ["Ensure this field has no more than 3 characters."]);
    assert_eq!(problems(&EITHER, json!(true)), ["This value matches no alternative."]);
    let both = problems(&ONE, json!("abc"));
    assert_eq!(both, ["This value matches more than one alternative."]);
}

#[test]
fn discriminator_selects_without_trying_other_alternatives() {
    static CAT: Constraints = Constraints { required: &["lives"], ..Constraints::ANY };
    static DOG: Constraints = Constraints { required: &["tricks"], ..Constraints::ANY };
    static PET: Constraints = Constraints {
        one_of: &[&CAT, &DOG],
        discriminator: Some(Discriminator {
            property: "kind",
            mapping: &[("cat", &CAT), ("dog", &DOG)],
        }),
        ..Constraints::ANY
    };
    // Both alternatives take this one, and only that of its kind counts.
    assert!(problems(&PET, json!({"kind": "cat", "lives": 9, "tricks": 1})).is_empty());
    assert_eq!(problems(&PET, json!({"kind": "dog"})), ["tricks This field is required."]);
    assert_eq!(problems(&PET, json!({"kind": "cow"})), ["kind Not a valid choice."]);
    assert_eq!(problems(&PET, json!({})), ["kind This field is required."]);
    assert_eq!(problems(&PET, json!([])), ["Expected a dictionary."]);
}

/// As springdoc and NSwag write inheritance.
#[test]
fn subtypes_that_refer_to_their_discriminated_supertype_are_checked_once() {
    static SHAPE: Constraints = Constraints {
        one_of: &[&CIRCLE, &SQUARE],
        required: &["kind"],
        discriminator: Some(Discriminator {
            property: "kind",
            mapping: &[("circle", &CIRCLE), ("square", &SQUARE)],
        }),
        ..Constraints::ANY
    };
    static WITH_RADIUS: Constraints =
        Constraints { required: &["radius"], properties: &[("inner", &SHAPE)], ..Constraints::ANY };
    static CIRCLE: Constraints =
        Constraints { all_of: &[&SHAPE, &WITH_RADIUS], ..Constraints::ANY };
    static WITH_SIDE: Constraints = Constraints { required: &["side"], ..Constraints::ANY };
    static SQUARE: Constraints = Constraints { all_of: &[&SHAPE, &WITH_SIDE], ..Constraints::ANY };
    static TRIED: Constraints = Constraints { one_of: &[&BOTH, &NUMBER], ..Constraints::ANY };
    static BOTH: Constraints = Constraints { all_of: &[&TRIED, &SHORT], ..Constraints::ANY };
    let square = json!({"kind": "square", "side": 2});
    assert!(problems(&SHAPE, square.clone()).is_empty());
    assert!(problems(&CIRCLE, json!({"kind": "circle", "radius": 1, "inner": square})).is_empty());
    assert_eq!(problems(&SHAPE, json!({"kind": "circle"})), ["radius This field is required."]);
    // The same schema holds for another value within this one.
    assert_eq!(
        problems(&SHAPE, json!({"kind": "circle", "radius": 1, "inner": {"kind": "square"}})),
        ["inner side: This field is required."]
    );
    assert!(problems(&TRIED, json!("abc")).is_empty() && problems(&TRIED, json!(1)).is_empty());
    assert!(!problems(&TRIED, json!("abcd")).is_empty());
}

#[test]
fn conditions_exclusions_and_choices_are_enforced() {
    static ODD: Constraints = Constraints { choices: &["1", "3", "null"], ..Constraints::ANY };
    static NOT_TEXT: Constraints = Constraints { not: Some(&TEXT), ..Constraints::ANY };
    static IF: Constraints = Constraints {
        condition: Some((&TEXT, Some(&SHORT), Some(&NUMBER))),
        dependent_required: &[("a", &["b"])],
        ..Constraints::ANY
    };
    static SOME: Constraints =
        Constraints { contains: Some((&TEXT, 1, Some(2))), ..Constraints::ANY };
    static PAIR: Constraints =
        Constraints { prefix_items: &[&TEXT, &NUMBER], items: Some(&NEVER), ..Constraints::ANY };
    assert!(problems(&ODD, json!(3.0)).is_empty() && problems(&ODD, json!(null)).is_empty());
    assert_eq!(problems(&ODD, json!(2)), ["Not a valid choice."]);
    assert_eq!(problems(&NOT_TEXT, json!("a")), ["This value is not allowed."]);
    assert!(problems(&NOT_TEXT, json!(1)).is_empty());
    assert_eq!(problems(&IF, json!("long")).len(), 1);
    assert_eq!(problems(&IF, json!(true)), ["A valid number is required."]);
    assert!(problems(&SOME, json!(["a", 1])).is_empty());
    assert_eq!(problems(&SOME, json!([1])).len(), 1);
    assert_eq!(problems(&SOME, json!(["a", "b", "c"])).len(), 1);
    assert!(problems(&PAIR, json!(["a", 1])).is_empty());
    assert_eq!(problems(&PAIR, json!(["a", 1, 2])), ["2: This value is not allowed."]);
}

#[test]
fn nested_alternatives_take_bounded_time() {
    static TREE: Constraints = Constraints { any_of: &[&LEFT, &RIGHT], ..Constraints::ANY };
    static LEFT: Constraints = Constraints { properties: &[("a", &TREE)], ..RIGHT_BASE };
    static RIGHT: Constraints = Constraints { properties: &[("a", &TREE)], ..RIGHT_BASE };
    const RIGHT_BASE: Constraints = Constraints { types: &[Type::Object], ..Constraints::ANY };
    let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(problems(&TREE, deep), ["The value takes too long to check."]);
}
