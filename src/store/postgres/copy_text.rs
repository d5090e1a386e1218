//! The text format of `COPY`: a line for each row, tabs between the values.

use std::fmt::Write;

use bytes::{Bytes, BytesMut};

use super::super::values::Value;

pub(super) fn lines(rows: &[Vec<Value<'_>>]) -> Bytes {
    let mut out = BytesMut::new();
    for row in rows {
        for (n, value) in row.iter().enumerate() {
            if n > 0 {
                out.extend_from_slice(b"\t");
            }
            put(&mut out, value);
        }
        out.extend_from_slice(b"\n");
    }
    out.freeze()
}

/// Writing to memory cannot fail.
fn put(out: &mut BytesMut, value: &Value<'_>) {
    match value {
        Value::Null => out.extend_from_slice(br"\N"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"t" } else { b"f" }),
        Value::Integer(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Day(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Text(value) => put_text(out, value),
        Value::Bytes(value) => {
            out.extend_from_slice(br"\\x");
            for byte in *value {
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (n, byte) in bytes.iter().enumerate() {
        let escaped = match byte {
            b'\\' => br"\\",
            b'\t' => br"\t",
            b'\n' => br"\n",
            b'\r' => br"\r",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..n]);
        out.extend_from_slice(escaped);
        plain = n + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_look_like_the_format_are_escaped() {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let rows = [
            vec![Value::Null, Value::Bool(true), Value::Integer(-7), Value::Day(day)],
            vec![
                Value::Text("a\tb\nc\rd\\N\u{e9}"),
                Value::Text("\\."),
                Value::Text(""),
                Value::Bytes(&[0, 0x5c, 0xff]),
            ],
        ];
        let expected = "\\N\tt\t-7\t2026-03-01\na\\tb\\nc\\rd\\\\N\u{e9}\t\\\\.\t\t\\\\x005cff\n";
        assert_eq!(lines(&rows), expected.as_bytes());
    }
}
