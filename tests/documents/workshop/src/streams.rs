//! Responses that are made while they are sent.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, StreamExt, stream};
use specbound::{Bytes, Event, Events, TextData};
use tokio::sync::Notify;

use crate::api::{media, types};

/// Bytes of a piece of the endless response.
pub const PIECE: usize = 65_536;

/// Pieces of the endless response so far.
pub static MADE: AtomicUsize = AtomicUsize::new(0);

/// Told when the endless response is dropped.
pub static DROPPED: Notify = Notify::const_new();

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED.notify_one();
    }
}

fn endless() -> impl Stream<Item = Result<bytes::Bytes, Infallible>> + Send + 'static {
    stream::unfold(Guard, |guard| async {
        MADE.fetch_add(1, Ordering::Relaxed);
        Some((Ok(vec![b'x'; PIECE].into()), guard))
    })
}

/// A response of this kind.
pub fn pieces(kind: types::StreamKind) -> Bytes<media::ApplicationOctetStream> {
    let three = || {
        let pieces = ["one", "two", "three"].map(|piece| Ok::<_, Infallible>(piece.into()));
        stream::iter(pieces)
    };
    match kind {
        types::StreamKind::Whole => Bytes::stream(Some(11), three()),
        types::StreamKind::Open => Bytes::stream(None, three()),
        types::StreamKind::Short => Bytes::stream(Some(12), three()),
        types::StreamKind::Failed => {
            let failure = stream::iter([Err("the disk is gone")]);
            let pieces = three().map(|piece| piece.map_err(|_| "never"));
            Bytes::stream(None, pieces.chain(failure))
        }
        types::StreamKind::Endless => Bytes::stream(None, endless()),
    }
}

/// The events up to the second one that a client does not have, and then none for ever. After the
/// thousandth there is one more, which the document does not allow.
pub fn ticks(last: Option<i64>) -> Events<types::Tick> {
    let tick = |count: i64| {
        let event = Event::new(types::Tick { count }).with_name("tick")?;
        event.with_id(count.to_string())
    };
    let all = (1..=2).filter(|count| last.is_none_or(|last| *count > last)).map(tick);
    let beyond = last.filter(|last| *last == 1000).map(|last| tick(last + 1));
    Events::new(stream::iter(all.chain(beyond).collect::<Vec<_>>()).chain(stream::pending()))
}

/// One event of text, which ends.
pub fn news() -> Events<TextData> {
    let event = Event::new(TextData("first line\nsecond line".to_owned()));
    Events::new(stream::iter([Ok::<_, Infallible>(event)]))
}
