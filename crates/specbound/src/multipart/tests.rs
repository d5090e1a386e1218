use super::*;

#[test]
fn names_in_a_disposition_are_read_as_browsers_and_curl_write_them() {
    let read = |disposition: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DISPOSITION, disposition.parse().unwrap());
        PartHead::read(&headers).map(|head| (head.name.unwrap(), head.has_file, head.file_name))
    };
    let file = |name: &str| ("a".to_owned(), true, Some(name.to_owned()));
    assert_eq!(read("form-data; name=a").unwrap(), ("a".to_owned(), false, None));
    assert_eq!(read("form-data; name=\"a\"; filename=\"x.png\"").unwrap(), file("x.png"));
    assert_eq!(
        read("Form-Data;filename=\"a; name=\\\"b\\\"\";name=a").unwrap(),
        file("a; name=\"b\"")
    );
    assert_eq!(read("form-data; name=a; filename*=utf-8''y; filename=x").unwrap(), file("x"));
    assert_eq!(read("form-data; name=a; filename=\"../../etc/passwd\"").unwrap(), file("passwd"));
    assert_eq!(read("form-data; name=a; filename=\"C:\\tmp\\x\"").unwrap(), file("x"));
    for nothing in ["", "..", "/", "a/."] {
        let sent = read(&format!("form-data; name=a; filename=\"{nothing}\"")).unwrap();
        assert_eq!(sent, ("a".to_owned(), true, None), "{nothing}");
    }
    let bad =
        ["form-data", "attachment; name=a", "form-data; name=\"a", "form-data; name=a; name=b"];
    for bad in bad {
        assert_eq!(read(bad).unwrap_err().status(), 400, "{bad}");
    }
}

/// A parser that takes all that is ready would hold all of it.
#[test]
fn preamble_and_head_of_a_part_have_a_limit() {
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
            let mut parts = multer::Multipart::new(pieces(body, 1 << 30, waiting), "b");
            failed(parts.next_field().await.unwrap_err())
        });
        assert!(error.messages()[0].contains("longer than 16384 bytes"), "{error:?}");
        assert!(fed.load(Ordering::Relaxed) <= HEAD_BYTES + 2 * 4096);
    }
}
