use super::*;

/// A parser that takes all that is ready would hold all of it.
#[test]
fn multipart_preamble_and_part_head_are_limited() {
    for start in ["x", "--b\r\nX: "] {
        let endless = stream::iter((0..1000).map(move |n| {
            let piece = if n == 0 { start.to_owned() } else { "x".repeat(4096) };
            Ok::<_, std::convert::Infallible>(hyper::body::Frame::data(bytes::Bytes::from(piece)))
        }));
        let body = dropshot::Body::wrap(http_body_util::StreamBody::new(endless));
        let waiting = Arc::new(AtomicUsize::new(0));
        let fed = Arc::clone(&waiting);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let error = runtime.block_on(async move {
            let mut parts =
                multer::Multipart::new(pieces(BodyReader::new(body), 1 << 30, waiting), "b");
            parser_error(parts.next_field().await.unwrap_err())
        });
        assert!(error.messages()[0].contains("longer than 16384 bytes"), "{error:?}");
        assert!(fed.load(Ordering::Relaxed) <= HEAD_BYTES + 2 * 4096);
    }
}
