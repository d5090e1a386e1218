//! The library does as its document says, asked by the generated client and by raw requests.
//! Security, exact paths, 405, OPTIONS, HEAD, limits and caught panics are the runtime's.

use std::sync::Arc;

use library::fee::{Currency, Fee};
use library::{Library, api};
use serde_json::{Value, json};
use specbound::connections::Connections;
use specbound::{ApiError, Document, HttpService, Page, PageRequest, Response};

#[allow(dead_code, clippy::all)]
mod client {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

async fn start(pages: Vec<Box<dyn Page<Library>>>) -> (Connections, String) {
    let server = library::start("127.0.0.1:0".parse().unwrap(), pages).await.unwrap();
    let base = format!("http://{}", server.address());
    (server, base)
}

/// One request as it stands, and the response: status, media type, body.
async fn raw(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> (u16, String, String) {
    let mut request =
        reqwest::Client::new().request(method.parse().unwrap(), format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let media = response.headers().get("content-type");
    let media = media.map_or("", |value| value.to_str().unwrap()).to_owned();
    (response.status().as_u16(), media, response.text().await.unwrap())
}

#[tokio::test]
async fn library_follows_its_document() {
    let (server, base) = start(Vec::new()).await;
    let library = client::Client::new_with_client(
        &base,
        reqwest::Client::builder()
            .default_headers(
                [("x-key", "k"), ("x-branch", "b")]
                    .into_iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .collect(),
            )
            .build()
            .unwrap(),
    );

    // Several successes: the client has one type for them, and the status says which.
    let author = client::types::AuthorRequest { name: "Ann".into(), born: None, teacher: None };
    let new = |number: i64, genre: client::types::Genre| client::types::BookRequest {
        author: author.clone(),
        editors: vec![author.clone()],
        extra: [("old".to_owned(), json!({"free": [1]}))].into_iter().collect(),
        fee: None,
        genre,
        number,
        price: Some(2.5),
        rating: Some(client::types::BookRequestRating::String("good".into())),
        size: Some(client::types::BookRequestSize { height: 2, width: 1 }),
        title: "A title".into(),
        titles: [("de".to_owned(), "Ein Titel".to_owned())].into_iter().collect(),
        translator: None,
    };
    let made = library.book_put("front", &new(1, client::types::Genre::Fiction)).await.unwrap();
    assert_eq!(made.status(), 201);
    let client::types::BookPutSuccess::Receipt(receipt) = made.into_inner() else {
        panic!("a new book is not answered with a receipt");
    };
    assert_eq!(receipt.shelf, "front");
    let changed = library.book_put("front", &new(1, client::types::Genre::Fiction)).await.unwrap();
    assert_eq!(changed.status(), 200);
    let client::types::BookPutSuccess::Book(book) = changed.into_inner() else {
        panic!("a book was promised")
    };
    assert_eq!(
        (book.author.id, book.titles["de"].as_str(), book.extra["old"]["free"][0].as_i64()),
        (7, "Ein Titel", Some(1))
    );
    let elsewhere = library.book_put("back", &new(1, client::types::Genre::Fiction)).await;
    let client::Error::ErrorResponse(problem) = elsewhere.unwrap_err() else {
        panic!("a documented failure")
    };
    assert_eq!((problem.status().as_u16(), problem.detail.as_str()), (409, "It stands on front."));
    library.book_put("back", &new(2, client::types::Genre::HowTo)).await.unwrap();

    // Parameters of every place and shape.
    let numbers = |books: client::types::BookListResponse200| {
        books.0.iter().map(|book| book.number).collect::<Vec<_>>()
    };
    let order = client::types::BookListOrder::NewestFirst;
    let all =
        library.book_list("all", None, None, Some(order), None, None, None, "me").await.unwrap();
    assert_eq!(numbers(all.into_inner()), [2, 1]);
    let genre =
        vec![client::types::BookListGenreItem::Fiction, client::types::BookListGenreItem::Poetry];
    let some = library
        .book_list("all", Some(&genre), Some(5), None, None, Some(&vec!["old".into()]), None, "me")
        .await;
    assert_eq!(numbers(some.unwrap().into_inner()), [1]);
    let me = [("x-reader", "me")];
    // Out of bounds counts as not sent; a path that no shelf can have is no shelf; a required
    // header is required.
    for (path, headers, status, says) in [
        ("/shelves/all/books/?limit=51", &me[..], 200, "\"number\":2"),
        ("/shelves/all/books/?limit=1", &me, 200, "\"number\":1"),
        ("/shelves/UPPER/books/", &me, 404, "Not found."),
        ("/shelves/all/books/", &[], 400, r#"{"X-Reader":["This field is required."]}"#),
        (
            "/shelves/all/books/",
            &[("x-reader", "m")],
            400,
            r#"{"X-Reader":["This field is required."]}"#,
        ),
        ("/covers/0", &[], 404, "Not found."),
        ("/covers/2", &[], 404, ""),
    ] {
        let (answered, _, body) = raw(&base, "GET", path, headers, None).await;
        assert!(answered == status && body.contains(says), "{path}: {answered} {body}");
    }
    let (_, _, one) = raw(&base, "GET", "/shelves/all/books/?limit=1", &me, None).await;
    assert!(!one.contains("\"number\":2"), "{one}");
    // A nullable member is written even when it is null.
    assert!(one.contains("\"translator\":null"), "{one}");

    // Bytes of another type, and no content at all.
    assert_eq!(raw(&base, "GET", "/covers/1", &[], None).await.1, "image/png");
    assert_eq!(
        raw(&base, "GET", "/catalogue.csv", &[], None).await,
        (200, "text/csv".into(), "number,title\n".into())
    );
    assert_eq!(
        raw(&base, "DELETE", "/covers/1", &[], None).await,
        (204, String::new(), String::new())
    );
    assert_eq!(library.cover_destroy(1).await.unwrap().status(), 204);
    let note = client::types::NoteCreateRequest { text: "four".into(), about: None };
    assert_eq!(library.note_create(&note).await.unwrap().into_inner().place, 4);

    // What the document demands of a request is checked: every bad field at once, at any depth,
    // never a 5xx.
    let mut good = serde_json::to_value(new(3, client::types::Genre::Poetry)).unwrap();
    good["author"]["teacher"] = Value::Null;
    let keys = [("x-key", "k"), ("x-branch", "b")];
    for (member, value, says) in [
        (
            "/title",
            json!("x".repeat(61)),
            "title\":[\"Ensure this field has no more than 60 characters.",
        ),
        ("/number", json!(0), "number\":[\"Ensure this value is greater than or equal to 1."),
        ("/number", json!("one"), "number\":[\"A valid integer is required."),
        ("/price", json!(0), "price\":[\"Ensure this value is greater than 0."),
        ("/author", json!("Ann"), "author\":[\"Invalid data. Expected a dictionary, but got str."),
        (
            "/author/name",
            json!("x".repeat(31)),
            "author\":[\"name: Ensure this field has no more than 30 characters.",
        ),
        ("/author/born", json!(2100), "author\":[\"born: Ensure this value is less than 2100."),
        (
            "/author/teacher",
            json!({"born": 1500}),
            "author\":[\"teacher: name: This field is required.",
        ),
        (
            "/editors",
            json!([{}, {}, {}]),
            "editors\":[\"Ensure this field has no more than 2 elements.",
        ),
        ("/editors/0/name", json!(7), "editors\":[\"name: Not a valid string."),
        (
            "/translator",
            json!({"name": null, "born": null}),
            "translator\":[\"name: This field may not be null.",
        ),
        ("/genre", json!("crime"), "genre\":[\"Not a valid choice."),
        ("/titles", json!({"de": 1}), "titles\":[\"de: Not a valid string."),
        ("/size", json!({"height": 1}), "size\":[\"width: This field is required."),
        ("/rating", json!([]), "rating\":[\"This value matches no alternative."),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(member).unwrap_or_else(|| panic!("{member}")) = value;
        let (status, media, body) =
            raw(&base, "PUT", "/shelves/front/books/", &keys, Some(bad)).await;
        assert!(
            status == 400 && media == "application/json" && body.contains(says),
            "{member}: {status} {body}"
        );
    }
    // What no client may send is ignored, at any depth.
    let mut liar = good.clone();
    liar["added"] = json!("1999-01-01T00:00:00Z");
    liar["author"]["id"] = json!(999);
    assert_eq!(raw(&base, "PUT", "/shelves/front/books/", &keys, Some(liar.clone())).await.0, 201);
    let (_, _, answered) = raw(&base, "PUT", "/shelves/front/books/", &keys, Some(liar)).await;
    let answered: Value = serde_json::from_str(&answered).unwrap();
    assert_eq!(
        (&answered["added"], &answered["author"]["id"]),
        (&json!("1970-01-01T00:00:00Z"), &json!(7))
    );
    assert_eq!(raw(&base, "PUT", "/shelves/front/books/", &[], Some(good)).await.0, 403);
    server.stop().await.unwrap();
}

/// `x-rust-type` in the document: the client sends a type of this crate, and the server reads it.
#[tokio::test]
async fn types_of_this_crate_are_sent_and_received() {
    let (server, base) = start(Vec::new()).await;
    let library = client::Client::new(&base);
    let fee = Fee { cents: 250, currency: Currency::Eur };
    let rounded: Fee = library.fee_round(&fee).await.unwrap().into_inner();
    assert_eq!(rounded, Fee { cents: 300, currency: Currency::Eur });
    // As a member too.
    let book = json!({
        "author": {"name": "Ann", "born": null}, "genre": "poetry", "number": 1, "title": "A title",
        "translator": null, "fee": fee,
    });
    let sent: client::types::BookRequest = serde_json::from_value(book.clone()).unwrap();
    assert_eq!(sent.fee, Some(fee));
    let keys = [("x-key", "k"), ("x-branch", "b")];
    let put = |fee: Value| {
        let (base, mut book) = (&base, book.clone());
        book["fee"] = fee;
        async move { raw(base, "PUT", "/shelves/front/books/", &keys, Some(book)).await }
    };
    assert_eq!(put(json!({"cents": 250, "currency": "EUR"})).await.0, 201);
    let (_, _, answered) = put(json!({"cents": 250, "currency": "EUR"})).await;
    assert!(answered.contains(r#""fee":{"cents":250,"currency":"EUR"}"#), "{answered}");
    // The document is checked before the type is made, with all problems at once.
    for (fee, says) in [
        (json!({"cents": 100_001, "currency": "e"}), &["cents: Ensure", "currency: "][..]),
        (json!({"cents": 1}), &["currency: This field is required."]),
        // The type takes less than the document.
        (json!({"cents": 1, "currency": "XTS"}), &["non_field_errors", "unknown variant `XTS`"]),
    ] {
        let whole = raw(&base, "POST", "/fees/", &[], Some(fee.clone())).await;
        let member = put(fee).await;
        assert_eq!((whole.0, member.0), (400, 400), "{whole:?} {member:?}");
        for text in says {
            assert!(member.2.contains(text), "{text}: {member:?}");
        }
    }
    server.stop().await.unwrap();
}

/// Neither a body that is no JSON nor one that is too large is read for a caller without
/// credentials.
#[tokio::test]
async fn security_is_enforced_before_the_body_is_read() {
    let (server, base) = start(Vec::new()).await;
    let put = |headers: &'static [(&'static str, &'static str)], body: Vec<u8>| {
        let mut request = reqwest::Client::new().put(format!("{base}/shelves/front/books/"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move {
            request
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .unwrap()
                .status()
        }
    };
    for headers in
        [&[][..], &[("x-key", "k")], &[("x-branch", "b")], &[("x-key", "k"), ("x-branch", "wrong")]]
    {
        assert_eq!(put(headers, b"no JSON".to_vec()).await, 403, "{headers:?}");
        assert_eq!(put(headers, vec![b' '; 3_000_000]).await, 403, "{headers:?}");
    }
    let both = &[("x-key", "k"), ("x-branch", "b")];
    assert_eq!(put(both, b"no JSON".to_vec()).await, 400);
    assert_eq!(put(both, vec![b' '; 3_000_000]).await, 413);
    // A wrong key is an error even where none is required.
    let me = ("x-reader", "me");
    assert_eq!(raw(&base, "GET", "/shelves/all/books/", &[me, ("x-key", "k")], None).await.0, 200);
    assert_eq!(
        raw(&base, "GET", "/shelves/all/books/", &[me, ("x-key", "wrong")], None).await.0,
        403
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn paths_and_methods_match_exactly() {
    let (server, base) = start(Vec::new()).await;
    for path in [
        "/",
        "/notes",
        "/notes//",
        "/Notes/",
        "/covers/1/",
        "/covers/x",
        "/covers/-1",
        "/shelves/a/b/books/",
    ] {
        let (status, _, body) = raw(&base, "GET", path, &[], None).await;
        assert_eq!((status, body.as_str()), (404, r#"{"detail":"Not found."}"#), "{path}");
    }
    let request = |method: &str, path: &str| {
        let request =
            reqwest::Client::new().request(method.parse().unwrap(), format!("{base}{path}"));
        async { request.send().await.unwrap() }
    };
    let refused = request("PATCH", "/covers/1").await;
    assert_eq!(refused.status(), 405);
    // In the order of the document, if serde_json keeps that in this build.
    let mut allowed: Vec<&str> = refused.headers()["allow"].to_str().unwrap().split(", ").collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "OPTIONS"]);
    let options = request("OPTIONS", "/covers/1").await;
    assert_eq!(options.status(), 200);
    let options: Value = options.json().await.unwrap();
    assert_eq!(
        (&options["name"], &options["renders"]),
        (&json!("Covers"), &json!(["application/json", "image/png"]))
    );
    let head = request("HEAD", "/covers/1").await;
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-type"]),
        (200, &"image/png".parse().unwrap())
    );
    assert_eq!(head.headers()["x-content-type-options"], "nosniff");
    assert!(head.headers().contains_key("x-request-id") && head.bytes().await.unwrap().is_empty());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn accept_is_matched_against_documented_media_types() {
    let (server, base) = start(Vec::new()).await;
    for (path, accept, status) in [
        ("/covers/1", "image/png", 200),
        ("/covers/1", "image/*", 200),
        ("/covers/1", "text/html", 406),
        ("/catalogue.csv", "text/csv", 200),
        ("/catalogue.csv", "application/json", 406),
        ("/notes/", "text/csv", 406),
    ] {
        assert_eq!(
            raw(&base, "GET", path, &[("accept", accept)], None).await.0,
            status,
            "{path} {accept}"
        );
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn accept_selects_the_content_type_of_a_response() {
    let (server, base) = start(Vec::new()).await;
    let (json, hal, csv) = ("application/json", "application/hal+json", "text/csv");
    for (accept, media) in [
        ("*/*", json),
        ("text/csv", csv),
        ("text/*;q=0.3, application/json;q=0.2", csv),
        ("application/json;q=0.2, application/hal+json", hal),
        ("*/*;q=0.1, application/*;q=0, text/csv;q=0.1", csv),
        ("application/*", json),
        ("application/json;q=0, */*", hal),
    ] {
        let response = raw(&base, "GET", "/catalogue", &[("accept", accept)], None).await;
        assert_eq!((response.0, response.1.as_str()), (200, media), "{accept}");
        let body = if media == csv { "title" } else { r#"{"titles":[]}"# };
        assert_eq!(response.2, body);
    }
    for accept in ["image/png", "application/json;q=0, text/plain", "application/problem+json"] {
        let (status, media, body) =
            raw(&base, "GET", "/catalogue", &[("accept", accept)], None).await;
        let says = r#"{"detail":"Could not satisfy the request Accept header."}"#;
        assert_eq!((status, media.as_str(), body.as_str()), (406, json, says), "{accept}");
    }
    // A failure has one content type, whatever its success has.
    let path = "/catalogue?shelf=x";
    let (status, media, body) = raw(&base, "GET", path, &[("accept", csv)], None).await;
    assert_eq!((status, media.as_str()), (404, "application/problem+json"));
    assert_eq!(body, r#"{"detail":"There is no shelf x."}"#);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn client_reads_documented_headers_and_problems() {
    let (server, base) = start(Vec::new()).await;
    let library = client::Client::new(&base);
    let all = library.catalogue_retrieve(None).await.unwrap();
    assert_eq!(all.headers()["x-total"], "0");
    assert!(!all.headers().contains_key("x-shelves"));
    assert_eq!(all.headers()["vary"], "accept");
    assert!(all.into_inner().titles.is_empty());
    let client::Error::ErrorResponse(problem) =
        library.catalogue_retrieve(Some("x")).await.unwrap_err()
    else {
        panic!("a documented failure")
    };
    assert_eq!(problem.detail, "There is no shelf x.");
    server.stop().await.unwrap();
}

type Outcome = Result<Response, ApiError>;

struct Panics;

#[async_trait::async_trait]
impl Page<Library> for Panics {
    fn path(&self) -> &'static str {
        "/panics"
    }

    fn description(&self) -> &'static str {
        "A page that panics."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/plain"]
    }

    async fn respond(&self, _: &Library, _: PageRequest<Library>) -> Outcome {
        panic!("as the test wants");
    }
}

#[tokio::test]
async fn panics_are_caught() {
    let (server, base) = start(vec![Box::new(Panics)]).await;
    for _ in 0..2 {
        let (status, _, body) = raw(&base, "GET", "/panics", &[], None).await;
        assert_eq!((status, body.as_str()), (500, r#"{"detail":"Internal server error."}"#));
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn page_at_a_documented_path_fails_startup() {
    struct Taken;
    #[async_trait::async_trait]
    impl Page<Library> for Taken {
        fn path(&self) -> &'static str {
            "/covers/{other}"
        }
        fn description(&self) -> &'static str {
            "A page."
        }
        fn renders(&self) -> Vec<&'static str> {
            vec!["text/plain"]
        }
        async fn respond(&self, _: &Library, _: PageRequest<Library>) -> Outcome {
            Err(ApiError::not_found())
        }
    }
    let refused =
        library::start("127.0.0.1:0".parse().unwrap(), vec![Box::new(Taken)]).await.err().unwrap();
    assert_eq!(refused.to_string(), "/covers/{other} is already served");
}

/// Without the dispatcher nothing is authenticated, so nothing is admitted: dropshot's own server
/// cannot serve the API.
#[tokio::test]
async fn request_that_bypasses_the_dispatcher_is_refused() {
    let api = library::api::api_mod::api_description::<Library>().unwrap();
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let config = dropshot::ConfigDropshot {
        bind_address: "127.0.0.1:0".parse().unwrap(),
        ..dropshot::ConfigDropshot::default()
    };
    let builder = dropshot::ServerBuilder::new(api, std::sync::Arc::new(Library::default()), log)
        .config(config);
    let server = builder.start().unwrap();
    let base = format!("http://{}", server.local_addr());
    let keys = [("x-key", "k"), ("x-branch", "b"), ("x-reader", "me")];
    assert_eq!(raw(&base, "GET", "/shelves/all/books/", &keys, None).await.0, 500);
    assert_eq!(raw(&base, "PUT", "/shelves/front/books/", &keys, Some(json!({}))).await.0, 500);
    server.close().await.unwrap();
}

#[tokio::test]
async fn duplicate_operation_ids_fail_startup() {
    let documents = [(), ()].map(|()| Document {
        api: api::api_mod::api_description::<Library>().unwrap(),
        operations: api::OPERATIONS,
    });
    let host = Arc::new(Library::default());
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let started = HttpService::start_documents(host, documents.into(), Vec::new(), log).await;
    let refused = started.err().unwrap().to_string();
    assert!(refused.starts_with("two operations have the id `"), "{refused}");
}
