//! Errors as the server writes them. The document names none, so the generated client returns the
//! response unread.

use std::collections::BTreeMap;
use std::fmt;

use crate::Error;

/// Why a request did not succeed: `{"detail": "…"}` or `{"field": ["…"]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Of the response; none when there was none.
    pub status: Option<u16>,
    /// What concerns the whole request.
    pub detail: Option<String>,
    /// What concerns one field; `non_field_errors` for several together.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Problem {
    /// Reads the response behind a client error.
    pub async fn read<E: fmt::Debug>(error: Error<E>) -> Problem {
        match error {
            Error::UnexpectedResponse(response) => {
                let status = response.status().as_u16();
                match response.bytes().await {
                    Ok(body) => Problem::parse(status, &body),
                    Err(error) => Problem::unread(Some(status), error.to_string()),
                }
            }
            other => {
                Problem::unread(other.status().map(|status| status.as_u16()), other.to_string())
            }
        }
    }

    /// Reads the body of a response.
    pub fn parse(status: u16, body: &[u8]) -> Problem {
        let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else {
            return Problem::unread(Some(status), String::from_utf8_lossy(body).into_owned());
        };
        let mut problem = Problem { status: Some(status), detail: None, fields: BTreeMap::new() };
        for (name, value) in members {
            match value {
                serde_json::Value::String(text) if name == "detail" => problem.detail = Some(text),
                serde_json::Value::Array(items) => {
                    let texts = items.iter().filter_map(|item| item.as_str().map(str::to_owned));
                    problem.fields.insert(name, texts.collect());
                }
                _ => {}
            }
        }
        problem
    }

    fn unread(status: Option<u16>, text: String) -> Problem {
        Problem {
            status,
            detail: Some(text).filter(|text| !text.is_empty()),
            fields: BTreeMap::new(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = self.detail.iter().cloned().collect();
        for (field, messages) in &self.fields {
            let messages = messages.join(" ");
            lines.push(if field == "non_field_errors" {
                messages
            } else {
                format!("{field}: {messages}")
            });
        }
        match (lines.is_empty(), self.status) {
            (false, _) => f.write_str(&lines.join("; ")),
            (true, Some(status)) => write!(f, "the server returned {status}"),
            (true, None) => f.write_str("there was no response"),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_error_formats_display_as_sentences() {
        assert_eq!(Problem::parse(404, br#"{"detail":"Not found."}"#).to_string(), "Not found.");
        let fields = Problem::parse(400, br#"{"username":["Taken."],"non_field_errors":["No."]}"#);
        assert_eq!(fields.to_string(), "No.; username: Taken.");
        assert_eq!(fields.fields["username"], ["Taken."]);
    }

    #[test]
    fn non_json_body_is_kept_verbatim() {
        assert_eq!(Problem::parse(502, b"Bad Gateway").to_string(), "Bad Gateway");
        assert_eq!(Problem::parse(500, b"").to_string(), "the server returned 500");
    }
}
