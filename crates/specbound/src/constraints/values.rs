//! Equality and arithmetic of JSON values.

use serde_json::{Number, Value};

/// A text that is the same for equal values: 1.0 equals 1, and the order of members means nothing.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                (float as i64).to_string()
            }
            _ => number.to_string(),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

/// Whether a number is a multiple of `step`, as exactly as decimal fractions allow.
pub fn is_multiple(number: &Number, step: f64) -> bool {
    if step.fract() == 0.0
        && (1.0..9e15).contains(&step)
        && let Some(integer) = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
    {
        return integer % (step as i128) == 0;
    }
    let quotient = number.as_f64().unwrap_or(f64::NAN) / step;
    (quotient - quotient.round()).abs() <= 1e-9 * quotient.abs().max(1.0)
}
