//! Server-sent events: a response of `text/event-stream`, as HTML's living standard writes it.
//!
//! A name or an id with a line break never reaches the wire, so that no data can pass for another
//! event. A stream without events sends comments, so that proxies and clients do not time out; it
//! ends when its source does, when the client goes away, when the server stops, or when its
//! connection must make room for another client.

use std::fmt::Write;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use dropshot::{ApiEndpointResponse, RequestInfo};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use schemars::r#gen::SchemaGenerator;
use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::time::MissedTickBehavior;

use crate::documented::EVENTS as MEDIA_TYPE;
use crate::responses::{Content, ContentBody, Reply, responses_metadata};
use crate::streams::ResponseBody;

/// A comment is sent after such a time without an event. Proxies wait for a minute or so.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The data of an event: any type that serde writes, as JSON, or [`TextData`].
pub trait EventData: Send + 'static {
    /// The data as text.
    ///
    /// # Errors
    ///
    /// When serde refuses.
    fn text(self) -> Result<String, serde_json::Error>;
}

impl<T: Serialize + Send + 'static> EventData for T {
    fn text(self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&self)
    }
}

/// Data of events whose document has no type for it: any text, of any number of lines.
#[derive(Debug, Clone)]
pub struct TextData(pub String);

impl EventData for TextData {
    fn text(self) -> Result<String, serde_json::Error> {
        Ok(self.0)
    }
}

/// A name or an id that an event cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidEvent {
    /// A line break would begin another field.
    #[error("the name of an event must be one line")]
    Name,
    /// Clients ignore an id with NUL.
    #[error("the id of an event must be one line without NUL")]
    Id,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event<T> {
    data: Option<T>,
    name: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
}

impl<T> Event<T> {
    /// An event with this data.
    pub fn new(data: T) -> Event<T> {
        Event { data: Some(data), name: None, id: None, retry: None }
    }

    /// No event to the client's listeners: it only sets the time after which the client connects
    /// again.
    pub fn retry_only(retry: Duration) -> Event<T> {
        Event { data: None, name: None, id: None, retry: Some(retry) }
    }

    /// With a name, for which clients listen; without one it is `message`.
    ///
    /// # Errors
    ///
    /// For a name with CR, LF or NUL.
    pub fn with_name(self, name: impl Into<String>) -> Result<Event<T>, InvalidEvent> {
        let name = name.into();
        match name.contains(['\r', '\n', '\0']) {
            true => Err(InvalidEvent::Name),
            false => Ok(Event { name: Some(name), ..self }),
        }
    }

    /// With an id, which a client sends when it connects again: [`last_event_id`] reads it.
    ///
    /// # Errors
    ///
    /// For an id with CR, LF or NUL.
    pub fn with_id(self, id: impl Into<String>) -> Result<Event<T>, InvalidEvent> {
        let id = id.into();
        match id.contains(['\r', '\n', '\0']) {
            true => Err(InvalidEvent::Id),
            false => Ok(Event { id: Some(id), ..self }),
        }
    }

    /// With the time after which the client connects again.
    pub fn with_retry(self, retry: Duration) -> Event<T> {
        Event { retry: Some(retry), ..self }
    }
}

impl<T: EventData> Event<T> {
    fn into_text(self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        // Writing to a text does not fail.
        if let Some(name) = self.name {
            let _ = writeln!(text, "event: {name}");
        }
        if let Some(id) = self.id {
            let _ = writeln!(text, "id: {id}");
        }
        if let Some(retry) = self.retry {
            let _ = writeln!(text, "retry: {}", retry.as_millis());
        }
        if let Some(data) = self.data {
            for line in data.text()?.replace("\r\n", "\n").split(['\r', '\n']) {
                let _ = writeln!(text, "data: {line}");
            }
        }
        text.push('\n');
        Ok(text)
    }
}

/// The id of the last event that a client has, from `Last-Event-ID`, which it sends when it
/// connects again. `None` for a new client, and for an id that is not of this type.
pub fn last_event_id<T: FromStr>(request: &RequestInfo) -> Option<T> {
    let id = request.headers().get("last-event-id")?;
    // The standard encodes it as UTF-8, which `HeaderValue::to_str` refuses.
    std::str::from_utf8(id.as_bytes()).ok()?.parse().ok()
}

/// Content of a response that is a stream of events.
pub struct Events<T>(ResponseBody, PhantomData<fn() -> T>);

impl<T: EventData> Events<T> {
    /// These events, each sent as soon as it is there. An error breaks the response off and is
    /// logged; a client connects again then.
    pub fn new<S, E>(events: S) -> Events<T>
    where
        S: Stream<Item = Result<Event<T>, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let written = events
            .map_err(Into::into)
            .map(|event| event.and_then(|event| event.into_text().map_err(BoxError::from)));
        Events(ResponseBody::endless(with_keep_alive(written)), PhantomData)
    }
}

/// The same with comments while there is none.
fn with_keep_alive<S>(
    written: S,
) -> impl Stream<Item = Result<bytes::Bytes, BoxError>> + Send + 'static
where
    S: Stream<Item = Result<String, BoxError>> + Send + 'static,
{
    let start = async move {
        let mut quiet = tokio::time::interval(KEEP_ALIVE);
        quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
        quiet.reset();
        stream::unfold((written.boxed(), quiet), |(mut written, mut quiet)| async move {
            let piece = tokio::select! {
                biased;
                event = written.next() => {
                    quiet.reset();
                    event?.map(Into::into)
                }
                _ = quiet.tick() => Ok(bytes::Bytes::from_static(b":\n\n")),
            };
            Some((piece, (written, quiet)))
        })
    };
    stream::once(start).flatten()
}

impl<T: EventData> Content for Events<T> {
    const MEDIA_TYPES: &'static [&'static str] = &[MEDIA_TYPE];

    fn body(self) -> ContentBody {
        Ok(self.0)
    }

    fn metadata<const STATUS: u16>() -> ApiEndpointResponse {
        responses_metadata::<Reply<STATUS, Self>>()
    }

    fn document(_: &mut SchemaGenerator) -> Map<String, Value> {
        let schema = json!({ "schema": { "type": "string" } });
        [(MEDIA_TYPE.to_owned(), schema)].into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn written<T: EventData>(event: Event<T>) -> String {
        event.into_text().unwrap()
    }

    #[test]
    fn events_are_encoded_per_the_html_standard() {
        let event = Event::new(json!({"a": "x\ny"})).with_name("added").unwrap();
        let event = event.with_id("7").unwrap().with_retry(Duration::from_secs(2));
        let expected = "event: added\nid: 7\nretry: 2000\ndata: {\"a\":\"x\\ny\"}\n\n";
        assert_eq!(written(event), expected);
        let lines = TextData("one\r\ntwo\rthree\n\n four".to_owned());
        let expected = "data: one\ndata: two\ndata: three\ndata: \ndata:  four\n\n";
        assert_eq!(written(Event::new(lines)), expected);
        assert_eq!(written(Event::new(TextData(String::new()))), "data: \n\n");
        assert_eq!(
            written(Event::<TextData>::retry_only(Duration::from_millis(5))),
            "retry: 5\n\n"
        );
    }

    #[test]
    fn names_and_ids_with_line_breaks_or_nul_are_refused() {
        for bad in ["a\nb", "a\rb", "a\0b"] {
            let event = || Event::new(TextData("x".to_owned()));
            assert_eq!(event().with_name(bad).unwrap_err(), InvalidEvent::Name);
            assert_eq!(event().with_id(bad).unwrap_err(), InvalidEvent::Id);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_streams_send_comments() {
        let (sender, receiver) = futures::channel::mpsc::unbounded::<Result<String, BoxError>>();
        let mut pieces = std::pin::pin!(with_keep_alive(receiver));
        assert!(pieces.next().now_or_never().is_none());
        tokio::time::advance(KEEP_ALIVE).await;
        assert_eq!(pieces.next().await.unwrap().unwrap(), ":\n\n");
        tokio::time::advance(KEEP_ALIVE / 2).await;
        sender.unbounded_send(Ok("data: x\n\n".to_owned())).unwrap();
        assert_eq!(pieces.next().await.unwrap().unwrap(), "data: x\n\n");
        tokio::time::advance(KEEP_ALIVE / 2).await;
        assert!(pieces.next().now_or_never().is_none());
        drop(sender);
        assert!(pieces.next().await.is_none());
    }
}
