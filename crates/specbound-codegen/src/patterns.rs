//! The patterns of a document that the runtime can hold. Each is compiled once, and all of them
//! together are bounded: a short text may repeat a class of characters many thousand times.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use fancy_regex::Expr;
use serde_json::Value;

/// Most states of all patterns together, about a microsecond each.
const MAX_STATES: usize = 10_000_000;

/// The states of a class of characters such as `\w`, whose ranges are many.
const OF_CLASS: usize = 100;

/// Whether a pattern is a regular expression of the runtime.
pub fn is_regular(pattern: &str) -> bool {
    thread_local! {
        static KNOWN: RefCell<HashMap<String, bool>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| match known.get(pattern) {
        Some(is_regular) => *is_regular,
        None => {
            let is_regular = fancy_regex::Regex::new(pattern).is_ok();
            known.insert(pattern.to_owned(), is_regular);
            is_regular
        }
    })
}

/// Whether the patterns of a document can all be compiled in reasonable time.
pub fn are_within_limit(document: &Value) -> bool {
    let mut patterns = BTreeSet::new();
    collect(document, &mut patterns);
    let mut left = MAX_STATES;
    patterns.into_iter().all(|pattern| {
        let parsed = || Expr::parse_tree(pattern).map_or(0, |tree| states(&tree.expr));
        // Parsing takes time too.
        left.checked_sub(pattern.len()).is_some_and(|rest| {
            left = rest.saturating_sub(parsed());
            left > 0
        })
    })
}

/// The reason for refusing a document beyond the limit.
pub fn limit() -> String {
    format!(
        "the patterns of the document have more than {} million characters, counted as often as \
         they are repeated, classes as {OF_CLASS}: `--only` takes a part of it",
        MAX_STATES / 1_000_000
    )
}

fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("pattern", Value::String(pattern)) => drop(found.insert(pattern)),
                    ("patternProperties", Value::Object(all)) => {
                        found.extend(all.keys().map(String::as_str));
                        collect(member, found);
                    }
                    _ => collect(member, found),
                }
            }
        }
        _ => {}
    }
}

fn states(expression: &Expr) -> usize {
    let own = match expression {
        Expr::Literal { val, .. } => val.len(),
        Expr::Any { .. } => 5,
        Expr::Delegate { inner, .. } if inner.contains(['\\', '^', ':']) => OF_CLASS + inner.len(),
        Expr::Delegate { inner, .. } => inner.len(),
        _ => 1,
    };
    let inner = expression.children_iter().map(states).fold(0, usize::saturating_add);
    let times = match expression {
        Expr::Repeat { lo, hi: usize::MAX, .. } => lo.saturating_add(1),
        Expr::Repeat { hi, .. } => *hi,
        _ => 1,
    };
    own.saturating_add(inner.saturating_mul(times))
}
