//! Tests the gate: every change of meaning must be reported, and no edit without meaning.
//!
//! Here a mutated document is compared with the server as built. [`rebuilt`] covers a changed
//! document in `spec/` and a server built from it; it takes minutes and runs on request:
//!
//! ```text
//! cargo test --test mutation -- --nocapture
//! cargo test --test mutation -- --nocapture --ignored
//! ```

mod edits;
mod json_schema;
mod mutations;
mod rebuilt;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use inventree_auth::contract::diff::{Difference, diff};
use inventree_auth::contract::{SOURCE, export, parse};
use serde_json::{Value, json};
use specbound_codegen::{Settings, generate};

use specbound_contract::compatibility::{Severity, compare};
use specbound_contract::convert::{Target, convert};
use specbound_contract::witness::MessageKind;

use mutations::{Mutation, find};
use values::{Confirmed, Values, confirm};

const OTHER: &str = include_str!("../../crates/specbound-contract/tests/documents/other.yaml");

/// The reason why a mutation was missed, if it was: not reported, or reported elsewhere.
fn missed(mutation: &Mutation, differences: &[Difference]) -> Option<String> {
    let near = |path: &str, site: &str| {
        let holder = site.rsplit_once('/').map_or("", |(holder, _)| holder);
        path == holder
            || path == site
            || path.strip_prefix(site).is_some_and(|rest| rest.starts_with('/'))
    };
    if differences.is_empty() {
        return Some("no difference".to_owned());
    }
    let stray = differences.iter().find(|d| !mutation.sites.iter().any(|site| near(&d.path, site)));
    if let Some(stray) = stray {
        return Some(format!(
            "reported at {}, which it is not, but at {:?}",
            stray.path, mutation.sites
        ));
    }
    let silent =
        mutation.sites.iter().find(|site| !differences.iter().any(|d| near(&d.path, site)));
    silent.map(|site| {
        format!(
            "not reported at {site}, but at {:?}",
            differences.iter().map(|d| &d.path).collect::<Vec<_>>()
        )
    })
}

/// Prints the score by kind. Fails if a mutation survived.
fn score(name: &str, original: &Value, server: &Value, min: usize) {
    let mut by_kind: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut survivors = Vec::new();
    let mutations = find(original).mutations;
    for mutation in &mutations {
        let mutated = mutation.of(original);
        assert!(mutated != *original, "{} at {} changes nothing", mutation.kind, mutation.pointer);
        let row = by_kind.entry(mutation.kind).or_default();
        row.1 += 1;
        match missed(mutation, &diff(&mutated, server)) {
            None => row.0 += 1,
            Some(why) => {
                survivors.push(format!("{} at {}: {why}", mutation.kind, mutation.pointer))
            }
        }
    }
    println!("\n{name}\n");
    for (kind, (caught, all)) in &by_kind {
        println!("{caught:5} of {all:5}  {kind}");
    }
    println!(
        "{name}: {} of {}, {} kinds",
        mutations.len() - survivors.len(),
        mutations.len(),
        by_kind.len()
    );
    assert!(survivors.is_empty(), "{} survivors\n{}", survivors.len(), survivors.join("\n"));
    assert!(mutations.len() >= min, "the generator has lost mutations: {}", mutations.len());
}

fn false_alarms(name: &str, source: &str, server: &Value, min: usize) {
    let all = edits::all(source);
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let mut alarms = Vec::new();
    for edit in &all {
        *by_kind.entry(edit.kind).or_default() += 1;
        match parse(&edit.text).map(|document| diff(&document, server)) {
            Ok(differences) if differences.is_empty() => {}
            other => alarms.push(format!("{} at {}: {other:?}", edit.kind, edit.pointer)),
        }
    }
    println!("\n{name}: edits without meaning\n");
    by_kind.iter().for_each(|(kind, count)| println!("{count:5}  {kind}"));
    println!(
        "{name}: {} false alarms on {} edits of {} kinds",
        alarms.len(),
        all.len(),
        by_kind.len()
    );
    assert!(alarms.is_empty(), "{} false alarms\n{}", alarms.len(), alarms.join("\n"));
    assert!(all.len() >= min, "edits have been lost: {}", all.len());
}

#[test]
fn every_semantic_change_is_reported_at_its_path() {
    score("contract", &parse(SOURCE).unwrap(), &export().unwrap(), 1000);
}

#[test]
fn non_semantic_edits_report_nothing() {
    false_alarms("contract", SOURCE, &export().unwrap(), 300);
}

#[test]
fn semantic_changes_of_other_documents_are_reported_at_their_path() {
    let other = parse(OTHER).unwrap();
    score("other document", &other, &other, 500);
}

#[test]
fn non_semantic_edits_of_other_documents_report_nothing() {
    false_alarms("other document", OTHER, &parse(OTHER).unwrap(), 300);
}

/// A document of 3.0 and its spelling in 3.1 differ in nothing but the version.
#[test]
fn documents_equal_their_conversion_to_another_version() {
    for source in [SOURCE, OTHER] {
        let old = parse(source).unwrap();
        let new = convert(&old, Target::V3_1).document;
        let differences = diff(&old, &new);
        let paths: Vec<&str> = differences.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/openapi"]);
        let verdicts = compare(&old, &new);
        assert!(verdicts.iter().all(|verdict| verdict.severity == Severity::Compatible));
        let back = compare(&old, &convert(&new, Target::V3_0).document);
        let paths: Vec<&str> = back.iter().map(|one| one.difference.path.as_str()).collect();
        assert_eq!(paths, ["/openapi"]);
    }
}

/// A breaking verdict has a message or a value, which a validator confirms, or says why not.
#[test]
fn verdicts_of_mutations_have_witnesses() {
    for (name, source, every) in [("contract", SOURCE, 7), ("other document", OTHER, 2)] {
        let original = parse(source).unwrap();
        let (mut all, mut breaking) = (Confirmed::default(), 0);
        for mutation in find(&original).mutations.iter().step_by(every) {
            let mutated = mutation.of(&original);
            let verdicts = compare(&original, &mutated);
            for verdict in &verdicts {
                let harmless = verdict.severity == Severity::Compatible;
                assert_eq!(harmless, verdict.witness.is_none(), "{verdict:#?}");
                breaking += usize::from(!harmless);
            }
            let confirmed = confirm(&original, &mutated, &verdicts);
            all.values += confirmed.values;
            all.messages += confirmed.messages;
            all.elsewhere += confirmed.elsewhere;
            all.reasons.extend(confirmed.reasons);
            let at = |fault| format!("{} at {}: {fault}", mutation.kind, mutation.pointer);
            all.faults.extend(confirmed.faults.into_iter().map(at));
        }
        println!(
            "{name}: of {breaking} verdicts {} have a value that is confirmed, {} a message, {} a \
             value elsewhere, {} none",
            all.values,
            all.messages,
            all.elsewhere,
            all.reasons.len()
        );
        let mut reasons = BTreeMap::<&str, usize>::new();
        all.reasons.iter().for_each(|reason| *reasons.entry(reason).or_default() += 1);
        reasons.iter().for_each(|(reason, count)| println!("{count:5}  {reason}"));
        assert!(all.faults.is_empty(), "{}\n{}", all.faults.len(), all.faults.join("\n"));
        assert!(all.values >= 50, "{}", all.values);
    }
}

/// The schemas that requests carry, or responses.
fn domain_of(document: &Value, carrier: MessageKind) -> BTreeSet<String> {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut waiting = Vec::new();
    for (_, item) in document["paths"].as_object().into_iter().flatten() {
        for (_, operation) in item.as_object().into_iter().flatten() {
            match carrier {
                MessageKind::Request => {
                    references(&operation["requestBody"], &mut waiting);
                    references(&operation["parameters"], &mut waiting);
                }
                MessageKind::Response => references(&operation["responses"], &mut waiting),
            }
        }
    }
    let mut found = BTreeSet::new();
    while let Some(reference) = waiting.pop() {
        if found.insert(reference.clone()) {
            let target = document.pointer(reference.trim_start_matches('#'));
            references(target.unwrap_or(&Value::Null), &mut waiting);
        }
    }
    found
}

/// A harmless change leaves the values as they were: for each kind of mutation of a schema, a
/// thousand values.
#[test]
fn values_stay_valid_after_compatible_mutations() {
    let (mut changes, mut drawn) = (0, 0);
    for source in [SOURCE, OTHER] {
        let original = parse(source).unwrap();
        let modern = convert(&original, Target::V3_1).document;
        let mut seen = BTreeMap::<(&str, &str), usize>::new();
        let mut tried = BTreeMap::<&str, usize>::new();
        for mutation in find(&original).mutations {
            let Some(rest) = mutation.pointer.strip_prefix("/components/schemas/") else {
                continue;
            };
            let name = rest.split('/').next().unwrap();
            let reference = format!("#/components/schemas/{name}");
            let tries = tried.entry(mutation.kind).or_default();
            *tries += 1;
            if *tries > 4 {
                continue;
            }
            let carriers = [(MessageKind::Request, "request"), (MessageKind::Response, "response")];
            let mutated = mutation.of(&original);
            if mutated["components"]["schemas"].get(name).is_none() {
                continue;
            }
            let verdicts = compare(&original, &mutated);
            if verdicts.iter().any(|verdict| verdict.severity != Severity::Compatible) {
                continue;
            }
            for (carrier, word) in carriers {
                if !domain_of(&original, carrier).contains(&reference) {
                    continue;
                }
                let count = seen.entry((mutation.kind, word)).or_default();
                *count += 1;
                if *count > 1 {
                    continue;
                }
                changes += 1;
                let changed = convert(&mutated, Target::V3_1).document;
                let (accepting, refusing) = match carrier {
                    MessageKind::Request => (&modern, &changed),
                    MessageKind::Response => (&changed, &modern),
                };
                let it = json!({"$ref": reference});
                let other = Values::domain_of(refusing, &it, carrier);
                for value in Values::domain_of(accepting, &it, carrier).draw(1_000) {
                    drawn += 1;
                    let (kind, at) = (mutation.kind, &mutation.pointer);
                    assert!(other.accepts(&value), "{kind} at {at}, {word}: {value}");
                }
            }
        }
    }
    println!("{drawn} values survive {changes} changes");
    assert!(changes >= 20 && drawn >= 5_000, "{changes} changes, {drawn} values");
}

/// An edit without meaning breaks no build either: the generator accepts it and all signatures
/// stay the same.
#[test]
fn non_semantic_edits_change_no_signature() {
    let settings = Settings { trait_name: "AuthApi", ..Default::default() };
    let signatures = |text: &str| {
        let generated = generate(text, &settings).map_err(|e| e.to_string())?;
        let said =
            generated.server_trait.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let mut methods: Vec<String> =
            said.collect::<String>().split("#[endpoint").map(str::to_owned).collect();
        methods.sort_unstable();
        Ok::<_, String>(methods)
    };
    let before = signatures(SOURCE).unwrap();
    assert_eq!(before.len(), 21);
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    for edit in edits::all(SOURCE) {
        let count = tried.entry(edit.kind).or_default();
        *count += 1;
        // A byte order mark concerns the reader of a file, not the generator.
        if *count > 3 || edit.kind == "byte order mark" {
            continue;
        }
        assert_eq!(
            signatures(&edit.text).as_ref(),
            Ok(&before),
            "{} at {}",
            edit.kind,
            edit.pointer
        );
    }
}

/// End to end for one mutation of each kind: a file, the binary, its exit code.
#[test]
fn binary_exits_1_for_a_mutation_of_each_kind_and_0_for_an_edit_of_each() {
    let original = parse(SOURCE).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("document.yaml");
    let exit = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_inventree-auth"));
        let output = command.args(["spec", "diff", "--source"]).arg(&file).output().unwrap();
        output.status.code()
    };
    let (mut mutated, mut edited) = (BTreeMap::new(), BTreeMap::new());
    for mutation in find(&original).mutations {
        mutated.entry(mutation.kind).or_insert(mutation);
    }
    for edit in edits::all(SOURCE) {
        edited.entry(edit.kind).or_insert(edit);
    }
    for (kind, mutation) in mutated {
        assert_eq!(
            exit(&mutation.of(&original).to_string()),
            Some(1),
            "{kind} at {}",
            mutation.pointer
        );
    }
    for (kind, edit) in edited {
        assert_eq!(exit(&edit.text), Some(0), "{kind} at {}", edit.pointer);
    }
}
