//! Settings in an environment file, as InvenTree's `.env` and `docker compose` have them.
//!
//! A value is never expanded: where it would be elsewhere, it is refused, since it would be another
//! value here. No error repeats a value, which may be a secret.

/// The variables of a file, in its order.
///
/// # Errors
///
/// The number of the line, and why it cannot be read.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().map(str::trim);
    let numbered = lines.zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let variables = numbered.map(|(line, number): (&str, usize)| {
        variable(line).map_err(|why| format!("line {number}: {why}"))
    });
    variables.collect()
}

fn variable(line: &str) -> Result<(String, String), &'static str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("expected NAME=value")?;
    let name = name.trim();
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err("expected NAME=value");
    }
    let value = value.trim();
    let value = match value.chars().next() {
        Some('\'') => single_quoted(&value[1..])?,
        Some('"') => double_quoted(&value[1..])?,
        _ => plain(value)?,
    };
    Ok((name.to_owned(), value))
}

/// Up to a comment, which begins behind a blank.
fn plain(value: &str) -> Result<String, &'static str> {
    let is_comment = |at: &usize| value[..*at].ends_with([' ', '\t']);
    let end = value.match_indices('#').map(|(at, _)| at).find(is_comment).unwrap_or(value.len());
    let value = value[..end].trim_end();
    if has_reference(value) { Err(REFERENCE) } else { Ok(value.to_owned()) }
}

/// The value is taken literally.
fn single_quoted(rest: &str) -> Result<String, &'static str> {
    let (value, after) = rest.split_once('\'').ok_or(UNCLOSED)?;
    expect_end(after)?;
    Ok(value.to_owned())
}

fn double_quoted(rest: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                expect_end(&rest[at + 1..])?;
                return Ok(value);
            }
            '\\' => match letters.next().ok_or(UNCLOSED)?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            '$' if has_reference(&rest[at..]) => return Err(REFERENCE),
            other => value.push(other),
        }
    }
    Err(UNCLOSED)
}

const UNCLOSED: &str = "the quotation mark is not closed on this line";
const REFERENCE: &str =
    "references to other variables are not expanded: write the value, or quote it with '";

fn expect_end(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim();
    match rest.is_empty() || rest.starts_with('#') {
        true => Ok(()),
        false => Err("there is text behind the quoted value"),
    }
}

/// `$NAME` or `${NAME}`.
fn has_reference(text: &str) -> bool {
    text.split('$')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '{')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_file_is_parsed_like_docker_compose() {
        for (line, name, value) in [
            ("A=b", "A", "b"),
            ("  A = b  \r", "A", "b"),
            ("export A=b", "A", "b"),
            ("A=", "A", ""),
            ("A=b # a comment", "A", "b"),
            ("A=b#c", "A", "b#c"),
            ("A=# a comment", "A", "# a comment"),
            ("A='b # $C \" \\n' # a comment", "A", "b # $C \" \\n"),
            (r#"A="b # \"c\" \$D \\ \q""#, "A", r#"b # "c" $D \ \q"#),
            ("A=[\"http://b\", \"http://c\"]", "A", "[\"http://b\", \"http://c\"]"),
            ("A=b=c", "A", "b=c"),
            ("A=cost$5$", "A", "cost$5$"),
        ] {
            assert_eq!(parse(line), Ok(vec![(name.to_owned(), value.to_owned())]), "{line}");
        }
        let file = "\u{feff}# of InvenTree\r\n\r\nA=1\r\n#B=2\r\nC='3'\r\n";
        let expected = [("A", "1"), ("C", "3")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(parse(file), Ok(expected.to_vec()));
    }

    #[test]
    fn invalid_line_is_reported_by_number_without_its_value() {
        for (line, expected) in [
            ("A", "expected NAME=value"),
            ("A-B=s3cret", "expected NAME=value"),
            ("=s3cret", "expected NAME=value"),
            ("A: s3cret", "expected NAME=value"),
            ("A='s3cret", "not closed"),
            ("A=\"s3cret\\\"", "not closed"),
            ("A='s3cret'more", "behind the quoted value"),
            ("A=s3cret${B}", "not expanded"),
            ("A=\"s3cret$B\"", "not expanded"),
        ] {
            let message = parse(&format!("# first\n{line}\n")).unwrap_err();
            let is_good = message.starts_with("line 2: ") && message.contains(expected);
            assert!(is_good && !message.contains("s3cret"), "{line}: {message}");
        }
    }
}
