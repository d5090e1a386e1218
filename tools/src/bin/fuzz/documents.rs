//! Whole OpenAPI documents, spoilt in structure and in bytes, as JSON and as YAML: for the readers,
//! the comparison and the generator.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use specbound_codegen::{Error, Mode, Settings, generate_from};
use specbound_contract::compatibility::compare;
use specbound_contract::convert::{Target, convert};
use specbound_contract::diff::diff;
use specbound_contract::flatten::flatten;

use crate::mutation::Mutator;
use crate::structure::{StructureMutator, to_yaml};

/// The longest time for one document.
const MAX_TIME: Duration = Duration::from_secs(20);

/// Documents that are kept since their outcome was new.
const MAX_CORPUS: usize = 500;

const CORPUS: &[&str] = &[
    include_str!("../../../../tests/generator/compile_fail/small.yaml"),
    include_str!("../../../../tests/documents/workshop/workshop.yaml"),
    include_str!("../../../../crates/specbound/examples/library/library.yaml"),
    include_str!("keywords.yaml"),
];

/// Counts of outcomes.
pub type Outcomes = BTreeMap<&'static str, u64>;

/// # Errors
///
/// The first document at which something panics or takes too long, as a text.
pub fn run(executions: u64, seed: u64) -> Result<Outcomes, String> {
    let originals: Vec<Value> = CORPUS
        .iter()
        .map(|text| specbound_contract::parse(text).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    // The end of the process by a full stack leaves no message: its document is here.
    let current = std::env::temp_dir().join(format!("fuzz-document-{}", std::process::id()));
    let mut corpus = originals.clone();
    let mut bytes = Mutator::new(seed, "documents", Vec::new());
    let mut random = SmallRng::seed_from_u64(seed);
    let mut outcomes = Outcomes::new();
    let mut seen = std::collections::HashSet::new();
    for n in 0..executions {
        let mut document = corpus.choose(&mut random).cloned().unwrap_or_default();
        // The valid documents first, unchanged.
        let original = usize::try_from(n).ok().and_then(|n| originals.get(n));
        match original {
            Some(original) => document = original.clone(),
            None => StructureMutator { random: &mut random, corpus: &corpus }.mutate(&mut document),
        }
        let mut text = match random.random() {
            true => document.to_string(),
            false => to_yaml(&document),
        };
        if original.is_none() && random.random_ratio(1, 4) {
            let mutated = bytes.lightly_mutated(text.into_bytes());
            text = String::from_utf8_lossy(&mutated).into_owned();
        }
        std::fs::write(&current, &text).map_err(|e| e.to_string())?;
        let started = Instant::now();
        let failed =
            |why: &str| format!("documents: {why} at execution {n} of seed {seed}: {text}");
        let outcome = catch_unwind(AssertUnwindSafe(|| try_out(&text, &originals)));
        let (kind, detail) = outcome.map_err(|_| failed("panic"))?.map_err(|why| failed(&why))?;
        if started.elapsed() > MAX_TIME {
            return Err(failed(&format!("{:?}", started.elapsed())));
        }
        *outcomes.entry(kind).or_default() += 1;
        if corpus.len() < MAX_CORPUS && seen.insert(detail) && text.len() < 1 << 16 {
            corpus.push(document);
        }
    }
    drop(std::fs::remove_file(&current));
    Ok(outcomes)
}

/// The kind of outcome, and its detail without names and places.
fn try_out(text: &str, originals: &[Value]) -> Result<(&'static str, String), String> {
    let document = match specbound_contract::parse(text) {
        Ok(document) => document,
        Err(why) => {
            let why = why.to_string();
            return match why.lines().count() {
                1 => Ok(("unreadable", without_names(&why))),
                _ => Err(format!("an error of several lines: {why}")),
            };
        }
    };
    if let Some(good) = originals.first() {
        diff(good, &document);
        compare(good, &document);
        compare(&document, good);
    }
    for target in [Target::V3_0, Target::V3_1] {
        convert(&document, target);
    }
    flatten(&document);
    match generate_from(&document, &Settings::default(), Mode::Lenient) {
        Ok(generated) => {
            let left_out = generated.unenforced.iter().map(|item| without_names(&item.reason));
            Ok(("generated", left_out.collect::<Vec<_>>().join(" ")))
        }
        Err(Error::Unsupported(items)) => {
            let reasons = items.iter().map(|item| without_names(&item.reason));
            Ok(("refused", reasons.collect::<Vec<_>>().join(" ")))
        }
        // progenitor's own refusals have no place.
        Err(Error::Generator(why)) if !why.contains("panicked") && why.lines().count() == 1 => {
            Ok(("failed", without_names(&why)))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn without_names(message: &str) -> String {
    let word = |word: &&str| !word.contains(['`', '/', '#']);
    message.split(' ').filter(word).take(8).collect::<Vec<_>>().join(" ")
}
