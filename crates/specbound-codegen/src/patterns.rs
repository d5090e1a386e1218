//! The patterns of a document that the runtime can hold. Each is compiled once, and all of them
//! together are bounded: a short text may repeat a class of characters many thousand times.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use fancy_regex::Expr;
use serde_json::Value;

use crate::read::escape;

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

/// Where the longest pattern stands, if those of the document cannot all be compiled in reasonable
/// time.
pub fn beyond_limit(document: &Value) -> Option<String> {
    let mut patterns = BTreeSet::new();
    collect(document, &mut patterns);
    let mut left = MAX_STATES;
    let mut longest = (0, "");
    for pattern in patterns {
        // Parsing takes time too.
        left = left.saturating_sub(pattern.len());
        let parsed = || Expr::parse_tree(pattern).map_or(0, |tree| states(&tree.expr));
        let states = if left > 0 { parsed() } else { 0 };
        left = left.saturating_sub(states);
        longest = longest.max((states.saturating_add(pattern.len()), pattern));
        if left == 0 {
            return place(document, longest.1);
        }
    }
    None
}

/// The pointer to the first place of a pattern.
fn place(value: &Value, pattern: &str) -> Option<String> {
    let inside = |key: &str, value: &Value| {
        place(value, pattern).map(|rest| format!("/{}{rest}", escape(key)))
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(n, item)| inside(&n.to_string(), item))
        }
        Value::Object(members) => members.iter().find_map(|(key, member)| match key.as_str() {
            "pattern" if member == pattern => Some("/pattern".to_owned()),
            // Without the pattern, which may be long.
            "patternProperties" if member.get(pattern).is_some() => {
                Some("/patternProperties".to_owned())
            }
            _ => inside(key, member),
        }),
        _ => None,
    }
}

/// The reason for refusing a document beyond the limit.
pub fn limit() -> String {
    format!(
        "the patterns of the document have more than {} million characters, counted as often as \
         they are repeated, classes as {OF_CLASS}, and this one the most: `--only` takes a part of \
         the document",
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
