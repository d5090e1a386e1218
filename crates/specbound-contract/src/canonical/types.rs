//! The types whose values a keyword limits. Other values keep any such keyword.

/// Keywords that apply to values of certain types only.
pub const KEYWORDS_OF_TYPES: [(&[&str], &[&str]); 4] = [
    (&["string"], &["maxLength", "minLength", "pattern"]),
    (
        &["number", "integer"],
        &["maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"],
    ),
    (
        &["array"],
        &[
            "items",
            "prefixItems",
            "maxItems",
            "minItems",
            "uniqueItems",
            "contains",
            "minContains",
            "maxContains",
            "unevaluatedItems",
        ],
    ),
    (
        &["object"],
        &[
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "maxProperties",
            "minProperties",
            "dependentRequired",
            "dependentSchemas",
            "unevaluatedProperties",
        ],
    ),
];
