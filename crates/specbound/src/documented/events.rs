//! The data of server-sent events against its schema, event by event.
//!
//! The stream is not changed: it goes on up to the first event that contradicts the schema.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use serde_json::Value;

use super::first_problem;
use crate::constraints::SchemaRef;
use crate::keywords::Formats;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The same events, broken off before one whose data contradicts the schema.
pub(super) fn checked(
    body: dropshot::Body,
    operation: &'static str,
    schema: SchemaRef,
    formats: &'static Formats,
) -> dropshot::Body {
    dropshot::Body::wrap(CheckedEvents { body, operation, schema, formats })
}

struct CheckedEvents {
    body: dropshot::Body,
    operation: &'static str,
    schema: SchemaRef,
    formats: &'static Formats,
}

impl Body for CheckedEvents {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            return Poll::Pending;
        };
        let piece = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        let problem = piece
            .and_then(|piece| data(piece))
            .and_then(|value| first_problem(self.schema, &value, self.formats));
        Poll::Ready(match problem {
            Some(problem) => {
                self.body = dropshot::Body::empty();
                let operation = self.operation;
                let why = format!("an event of {operation} contradicts the document: {problem}");
                Some(Err(why.into()))
            }
            None => frame,
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The data of a piece, which is one event or a comment.
fn data(piece: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(piece).ok()?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let data = lines.next()?;
    // The JSON of a type is one line.
    Some(serde_json::from_str(data).unwrap_or_default())
}
