//! Strict framing of HTTP/1 requests (RFC 9112, 2.2, 6 and 7.1), beneath hyper.
//!
//! This server and every proxy before it must agree on where one request ends and the next begins:
//! a difference smuggles requests. hyper is lenient where the RFC allows it: it ends a line at a
//! bare LF, joins several `Transfer-Encoding` lines, and takes a request with two lengths.
//! [`StrictFraming`] follows heads and bodies as their bytes pass, unchanged, and where a rule is
//! broken hands hyper [`POISON`] instead of the rest, which hyper refuses with 400 and closes. It
//! also keeps one connection from reading for as long as there is more: the others have their turn
//! in between.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Neither a head nor a chunk size goes on with NUL, and hyper looks at a head only when it has an
/// end.
const POISON: &[u8] = b"\0\r\n\r\n";
/// Of a line that arrives in several pieces. A length or a chunk size needs no more.
const MAX_KEPT_LINE: usize = 256;
/// Bytes that one connection may read before it yields to the others. hyper goes on reading HTTP/2
/// for as long as there is more, and a thousand frames that ask for nothing come in one read.
const MAX_TURN_BYTES: usize = 4096;
/// The first line of HTTP/2's preface (RFC 9113, 3.4).
const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// A stream of requests whose framing is strict.
pub struct StrictFraming<S> {
    stream: S,
    framing: Framing,
    /// The rest of [`POISON`] to be read; `None` while no rule is broken.
    poison: Option<&'static [u8]>,
    /// Bytes read in this turn.
    turn: usize,
}

impl<S> StrictFraming<S> {
    pub fn new(stream: S) -> StrictFraming<S> {
        StrictFraming { stream, framing: Framing::default(), poison: None, turn: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictFraming<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.poison.is_none() {
            if this.turn >= MAX_TURN_BYTES {
                this.turn = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let before = buffer.filled().len();
            let room = MAX_TURN_BYTES - this.turn;
            let polled = if this.framing.part == Part::Http2 && buffer.remaining() > room {
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
                let polled = Pin::new(&mut this.stream).poll_read(context, &mut part);
                let read = part.filled().len();
                buffer.advance(read);
                polled
            } else {
                Pin::new(&mut this.stream).poll_read(context, buffer)
            };
            let read = buffer.filled().get(before..).unwrap_or_default();
            this.turn = if polled.is_pending() { 0 } else { this.turn + read.len() };
            ready!(polled)?;
            let Err(Violation { at }) = this.framing.follow(read) else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(before + at);
            this.poison = Some(POISON);
        }
        if let Some(poison) = &mut this.poison {
            let (now, later) = poison.split_at(poison.len().min(buffer.remaining()));
            buffer.put_slice(now);
            *poison = later;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StrictFraming<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }
}

/// A rule is broken by the byte at `at`.
#[derive(Debug, PartialEq)]
struct Violation {
    at: usize,
}

/// How far the requests of one connection have been followed.
#[derive(Default)]
struct Framing {
    part: Part,
    /// The beginning of a line whose end has not arrived, its last byte so far, and whether some of
    /// it was not kept.
    line: Vec<u8>,
    last: u8,
    is_cut: bool,
    content_length: Option<u64>,
    is_chunked: bool,
}

/// The expected input.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Part {
    #[default]
    RequestLine,
    Header,
    Content {
        left: u64,
    },
    ChunkSize,
    /// With the CRLF behind it, which hyper checks.
    Chunk {
        left: u64,
    },
    Trailer,
    /// HTTP/2 has frames instead.
    Http2,
}

impl Framing {
    fn follow(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.part {
                Part::Http2 => rest.len(),
                Part::Content { left } => {
                    let (taken, left) = take(rest, left);
                    self.part = if left == 0 { Part::RequestLine } else { Part::Content { left } };
                    taken
                }
                Part::Chunk { left } => {
                    let (taken, left) = take(rest, left);
                    self.part = if left == 0 { Part::ChunkSize } else { Part::Chunk { left } };
                    taken
                }
                Part::RequestLine | Part::Header | Part::ChunkSize | Part::Trailer => {
                    match memchr(b'\n', rest) {
                        None => {
                            self.keep(rest);
                            rest.len()
                        }
                        Some(end) => {
                            let (here, _) = rest.split_at(end);
                            if !self.line(here) {
                                return Err(Violation { at: at + end });
                            }
                            end + 1
                        }
                    }
                }
            };
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (MAX_KEPT_LINE - self.line.len()).min(bytes.len());
        self.is_cut |= room < bytes.len();
        self.line.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Whether the line that ends with these bytes, without its LF, keeps the rules.
    fn line(&mut self, bytes: &[u8]) -> bool {
        if self.line.is_empty() {
            return bytes.strip_suffix(b"\r").is_some_and(|line| self.whole_line(line, false));
        }
        self.keep(bytes);
        let line = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.is_cut);
        self.last == b'\r' && self.whole_line(line.strip_suffix(b"\r").unwrap_or(&line), is_cut)
    }

    /// The same for a line without its CRLF, or for the beginning of one that is cut.
    fn whole_line(&mut self, line: &[u8], is_cut: bool) -> bool {
        match self.part {
            Part::RequestLine if line.is_empty() => {}
            Part::RequestLine if line == HTTP_2_PREFACE => self.part = Part::Http2,
            Part::RequestLine => {
                (self.content_length, self.is_chunked) = (None, false);
                self.part = Part::Header;
            }
            Part::Header if line.is_empty() => {
                self.part = match (self.content_length, self.is_chunked) {
                    (Some(_), true) => return false,
                    (None, true) => Part::ChunkSize,
                    (None | Some(0), false) => Part::RequestLine,
                    (Some(left), false) => Part::Content { left },
                };
            }
            Part::Header => return self.header(line, is_cut),
            Part::ChunkSize if is_cut => return false,
            Part::ChunkSize => match chunk_size(line) {
                None => return false,
                Some(0) => self.part = Part::Trailer,
                Some(size) => match size.checked_add(2) {
                    None => return false,
                    Some(left) => self.part = Part::Chunk { left },
                },
            },
            Part::Trailer if line.is_empty() => self.part = Part::RequestLine,
            Part::Trailer | Part::Content { .. } | Part::Chunk { .. } | Part::Http2 => {}
        }
        true
    }

    /// One `Content-Length` or one `Transfer-Encoding: chunked`; all other headers are hyper's
    /// affair.
    fn header(&mut self, line: &[u8], is_cut: bool) -> bool {
        if !matches!(line.first(), Some(b'C' | b'c' | b'T' | b't')) {
            return true;
        }
        let Some(colon) = memchr(b':', line) else { return true };
        let (name, value) =
            (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_first = self.content_length.is_none();
            self.content_length = number(value, 10);
            return is_first && !is_cut && self.content_length.is_some();
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = !std::mem::replace(&mut self.is_chunked, true);
            return is_first && value.eq_ignore_ascii_case(b"chunked");
        }
        true
    }
}

/// How many of these bytes are taken, and how many are left to take.
fn take(bytes: &[u8], left: u64) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    (taken, left - taken as u64)
}

/// The size of a chunk; its extensions have no meaning here.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next()?;
    number(size.trim_ascii_end(), 16)
}

/// Digits alone: no sign, no blank.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    // The parser takes a plus sign.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request line, these lines of a head, and its end.
    fn head(lines: &str) -> String {
        format!("POST / HTTP/1.1\r\n{lines}\r\n")
    }

    /// The same in one piece, byte by byte, and in threes.
    fn follow(bytes: &[u8]) -> Result<Part, Violation> {
        let follow_in = |size: usize| {
            let mut framing = Framing::default();
            let mut done = 0;
            for piece in bytes.chunks(size) {
                framing.follow(piece).map_err(|Violation { at }| Violation { at: done + at })?;
                done += piece.len();
            }
            Ok(framing.part)
        };
        let whole = follow_in(bytes.len().max(1));
        assert_eq!(follow_in(1), whole, "{}", bytes.escape_ascii());
        assert_eq!(follow_in(3), whole, "{}", bytes.escape_ascii());
        whole
    }

    #[test]
    fn end_of_each_request_is_found() {
        let long = format!("X-Long: {}\r\n", "x".repeat(5000));
        for request in [
            head(""),
            head("Host: x\r\n"),
            head(&long),
            format!("\r\n\r\n{}", head("")),
            head("Content-Length: 0\r\n"),
            head("content-LENGTH:3 \r\n") + "\nab",
            head("Transfer-Encoding: Chunked\r\n")
                + "2\r\n\n\n\r\n00A;ext=\"x\"\r\n0123456789\r\n0\r\n\r\n",
            head("Transfer-Encoding: chunked\r\n") + "1 \r\nx\r\n0\r\nTrailer: x\r\n\r\n",
        ] {
            let two = request.clone() + &request;
            assert_eq!(follow(request.as_bytes()), Ok(Part::RequestLine), "{request}");
            assert_eq!(follow(two.as_bytes()), Ok(Part::RequestLine), "{request} twice");
        }
        assert_eq!(follow(head("Content-Length: 5\r\n").as_bytes()), Ok(Part::Content { left: 5 }));
    }

    #[test]
    fn bare_lf_is_not_a_line_end() {
        for (request, at) in [
            ("GET / HTTP/1.1\n".to_owned(), 14),
            ("\n".to_owned(), 0),
            ("GET / HTTP/1.1\r\nA: b\n".to_owned(), 20),
            (head("Host: x\r\n").replace("\r\n\r\n", "\r\n\n"), 26),
            (head("A: \n\r\n"), 20),
        ] {
            assert_eq!(follow(request.as_bytes()), Err(Violation { at }), "{request:?}");
        }
        let chunked = head("Transfer-Encoding: chunked\r\n");
        for body in ["1\nx\r\n0\r\n\r\n", "1\r\nx\r\n0\n\r\n", "0\r\nA: b\n\r\n", "0\r\n\n"] {
            assert!(follow((chunked.clone() + body).as_bytes()).is_err(), "{body:?}");
        }
    }

    #[test]
    fn conflicting_content_lengths_are_refused() {
        let zeros = "0".repeat(MAX_KEPT_LINE);
        let long_name = format!("Content-Length: {zeros}5\r\n");
        for lines in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding:\r\n",
            "Content-Length:\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 18446744073709551616\r\n",
        ] {
            assert!(follow(head(lines).as_bytes()).is_err(), "{lines:?}");
        }
        let mut framing = Framing::default();
        let in_pieces = head(&long_name).into_bytes();
        assert!(
            in_pieces.chunks(100).any(|piece| framing.follow(piece).is_err()),
            "what is not kept is not guessed"
        );
        let chunked = head("Transfer-Encoding: chunked\r\n");
        for size in ["", "x", "+1", "-1", "0x1", " 1", "fffffffffffffffff", "ffffffffffffffff", ";"]
        {
            assert!(follow(format!("{chunked}{size}\r\n").as_bytes()).is_err(), "{size:?}");
        }
    }

    #[test]
    fn http_2_is_passed_through() {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\n\n\0";
        assert_eq!(follow(preface), Ok(Part::Http2));
    }

    #[test]
    fn busy_connection_yields_to_others() {
        let endless =
            [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0; 10 * MAX_TURN_BYTES]].concat();
        let mut stream = StrictFraming::new(&endless[..]);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let (mut turns, mut read) = (0, 0);
        let mut bytes = [0; 1024];
        while read < endless.len() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut stream).poll_read(&mut context, &mut buffer) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => turns += 1,
            }
            read += buffer.filled().len();
        }
        assert_eq!(turns, 10);
    }

    #[tokio::test]
    async fn ambiguous_framing_reaches_hyper_as_an_invalid_request() {
        use tokio::io::AsyncReadExt;
        for size in [1, 3, 100] {
            let mut stream = StrictFraming::new(&b"GET / HTTP/1.1\r\nA: b\nSecret: x\r\n\r\n"[..]);
            let mut read = Vec::new();
            let mut buffer = vec![0; size];
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => break,
                    more => read.extend_from_slice(&buffer[..more]),
                }
            }
            assert_eq!(read, b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n");
        }
    }
}
