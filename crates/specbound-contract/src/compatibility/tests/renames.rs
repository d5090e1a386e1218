//! What has another name, or stands elsewhere, and the words of a report.

use super::*;

#[test]
fn renamed_path_variable_is_compatible_and_other_changes_are_classified() {
    let renamed = |item: &mut Value| item["get"]["parameters"][0]["name"] = json!("pk");
    let mut new = document();
    let mut item = new["paths"]["/read/{id}/"].take();
    renamed(&mut item);
    take(&mut new, "/paths/~1read~1{id}~1");
    new["paths"]["/read/{pk}/"] = item;
    let verdicts = compare(&document(), &new);
    assert_eq!(
        rendered(&verdicts),
        [
            (
                Compatible,
                "`/read/{id}/` is now written `/read/{pk}/`: the addresses on the wire are the \
                 same, only generated \
                 code names an argument by a variable."
            ),
            (Compatible, "`/read/{pk}/` is `/read/{id}/` with its variables renamed."),
        ]
    );
    new["paths"]["/read/{pk}/"]["get"]["parameters"][1]["required"] = json!(true);
    new["components"]["schemas"]["Read"]["required"] = json!([]);
    let verdicts = compare(&document(), &new);
    let breaking: Vec<_> = verdicts.iter().filter(|verdict| verdict.severity == Breaking).collect();
    assert_eq!(verdicts.len(), 4);
    assert_eq!(
        breaking.iter().map(|verdict| verdict.location.as_str()).collect::<Vec<_>>(),
        [
            "schema `Read`, property `name`",
            "`/read/{id}/`",
            "`GET /read/{id}/`, query parameter `limit`"
        ]
    );
}

/// What has a counterpart under another name: each difference has its one verdict there too.
#[test]
fn renames_are_reported_in_both_directions() {
    let cat = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let edits = [
        vec![Rename("/paths/~1read~1{id}~1", "/paths/~1read~1{pk}~1")],
        vec![
            Rename("/paths/~1read~1{id}~1", "/paths/~1read~1{pk}~1"),
            Remove("@Read.name"),
            Remove("@Cat.name"),
        ],
        vec![Rename("/paths/~1send~1", "/paths/~1send"), Remove("@Sent.name")],
        vec![
            Rename("@Cat", "@Kitten"),
            Set("@Sent.one/oneOf/0", cat("Kitten")),
            Set("@Read.one/oneOf/0", cat("Dog")),
        ],
        vec![Rename("@Sent", "@Other")],
        vec![
            Set("@Sent.one", cat("Cat")),
            Set("@Read.one", json!({"allOf": [cat("Tom")], "readOnly": true})),
        ],
        vec![Remove("/components"), Set("/paths", json!({}))],
    ];
    for (number, edits) in edits.iter().enumerate() {
        check_pair(&document(), &edited(edits), &format!("case {number}"));
    }
}

#[test]
fn renamed_path_reports_its_new_name() {
    for (from, to, message) in [
        (
            "/paths/~1send~1",
            "/paths/~1send",
            "`/send/` is now `/send`, only the last slash differs: requests to it are \
             refused or redirected.",
        ),
        (
            "/paths/~1send~1",
            "/paths/~1x",
            "`/send/` is now `/x`: requests to it are refused or redirected.",
        ),
    ] {
        let verdicts = compare(&document(), &edited(&[Rename(from, to)]));
        let both = rendered(&verdicts);
        assert!(both.contains(&(Breaking, message)), "{both:?}");
        assert_eq!(
            (both.len(), both.iter().filter(|(severity, _)| *severity == Compatible).count()),
            (2, 1)
        );
    }
}

#[test]
fn reference_is_classified_by_its_target() {
    let item = |schema: &str| {
        Set("@Sent.list/items", json!({"$ref": format!("#/components/schemas/{schema}")}))
    };
    let from = edited(&[item("Cat")]);
    let verdicts = compare(&from, &edited(&[item("Tom")]));
    assert_eq!(
        rendered(&verdicts),
        [(
            Compatible,
            "an item of `list` now refers to `Tom`, before `Cat`, with the same content: only \
             generated code sees another name."
        )]
    );
    let verdicts = compare(&from, &edited(&[item("Dog")]));
    let severities: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict.difference.path.as_str(), verdict.severity))
        .collect();
    let at = "/components/schemas/Sent/properties/list/items";
    let [property, reference, required] =
        ["properties/bark", "$ref", "required/bark"].map(|end| format!("{at}/{end}"));
    assert_eq!(
        severities,
        [
            (reference.as_str(), Breaking),
            (property.as_str(), Compatible),
            (required.as_str(), Breaking)
        ]
    );
    let written_out = edited(&[Set(
        "@Sent.list/items",
        json!({"type": "object", "properties": {"name": {"type": "string"}}}),
    )]);
    let wrapped = edited(&[Set(
        "@Sent.list/items",
        json!({"allOf": [{"$ref": "#/components/schemas/Cat"}]}),
    )]);
    assert_eq!(compare(&from, &wrapped), []);
    for (old, new) in [(&from, &written_out), (&written_out, &from)] {
        let verdicts = compare(old, new);
        assert_eq!((verdicts.len(), verdicts[0].severity), (1, Compatible), "{verdicts:#?}");
    }
    let verdicts =
        compare(&from, &edited(&[Set("@Sent.list/items", json!({"$ref": "other.yaml#/A"}))]));
    assert_eq!(verdicts[0].severity, Unclear);
}

#[test]
fn circular_references_terminate() {
    let circle = |name: &str| {
        let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let responses = json!({"200": {"content": {"a/b": {"schema": to(name)}}}});
        json!({"openapi": "3.0.3", "paths": {"/": {"get": {"responses": responses}}},
        "components": {"schemas": {
            name: {"properties": {"next": to(name), "other": to("Loop")}}, "Loop": to("Loop"),
        }}})
    };
    let verdicts = compare(&circle("A"), &circle("B"));
    assert!(verdicts.iter().all(|verdict| verdict.severity == Compatible), "{verdicts:#?}");
}

#[test]
fn property_named_like_a_keyword_is_a_property() {
    for name in ["allOf", "$ref", "not", "readOnly", "required", "properties", "items"] {
        let with = |property: Value| {
            let mut document = document();
            document["components"]["schemas"]["Sent"]["properties"][name] = property;
            document
        };
        let verdicts = compare(&with(json!({"type": "string"})), &with(json!({"format": "email"})));
        let severities: Vec<_> = verdicts.iter().map(|verdict| verdict.severity).collect();
        assert_eq!(severities, [Breaking, Compatible], "{name}: {verdicts:#?}");
        assert_eq!(verdicts[0].location, format!("schema `Sent`, property `{name}`"));
        let data = |value: Value| with(json!({"default": value}));
        let verdicts = compare(
            &data(json!({"$ref": "#/components/schemas/Cat"})),
            &data(json!({"type": "object"})),
        );
        assert_eq!((verdicts.len(), verdicts[0].severity), (1, Breaking), "{name}: {verdicts:#?}");
    }
}

#[test]
fn renamed_security_scheme_is_compatible() {
    let new = edited(&[
        Rename("/components/securitySchemes/basic", "/components/securitySchemes/password"),
        Set("/paths/~1send~1/post/security/1", json!({"password": []})),
    ]);
    let verdicts = compare(&document(), &new);
    assert_eq!((verdicts.len(), may_break(&verdicts)), (4, false), "{verdicts:#?}");
}

#[test]
fn finding_names_its_location_and_operations() {
    let verdicts = compare(&document(), &edited(&[Set("@Both.name/maxLength", json!(5))]));
    let [only] = verdicts.as_slice() else { panic!("{verdicts:#?}") };
    assert_eq!(only.location, "schema `Both`, property `name`");
    assert_eq!(only.operations, ["PUT /both/"]);
    assert_eq!(only.audience, Audience::Senders);
    let text = render::to_text(&verdicts);
    assert_eq!(
        text,
        "BREAKING\n  schema Both, property name\n    used by PUT /both/\n    `name` must now have \
         at most `5` \
         characters (before: `10`) in requests: clients that send anything else are refused.\n    \
         shown by a request that is refused now: \"aaaaaa\"\n\n\
         1 change: 1 breaking, 0 unclear, 0 compatible\n"
    );
}

/// Our own words have none of the signs by which a document could take a report over.
#[test]
fn document_text_cannot_break_a_review_comment() {
    let evil = "`</details>\n\n# <img src=x> | @everyone [a](http://b) \u{202e}";
    let mut new = document();
    new["paths"][format!("/{evil}")] = json!({"get": {"operationId": evil, "responses": {}}});
    let sent = &mut new["components"]["schemas"]["Sent"];
    sent["properties"][evil] = json!({"type": evil});
    sent["properties"]["name"]["type"] = json!(evil);
    sent["required"] = json!([evil]);
    sent["properties"]["kind"]["enum"] = json!([evil]);
    new["components"]["schemas"][evil] = json!({});
    new["paths"]["/send/"]["post"]["security"] = json!([{evil: [evil]}]);
    new["paths"]["/send/"]["post"][evil] = json!(evil);
    let verdicts = compare(&document(), &new);
    assert!(verdicts.len() > 8);
    let markdown = render::to_markdown(&verdicts);
    for line in markdown.lines() {
        let ours: String = line.split('`').step_by(2).collect();
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        assert!(
            ["<details>", "</details>"].contains(&line)
                || line.starts_with("<summary>")
                || !ours.contains(['<', '@', '[', '|']),
            "{line}"
        );
    }
    assert!(!markdown.contains('\u{202e}') && !render::to_text(&verdicts).contains('\u{202e}'));
}
