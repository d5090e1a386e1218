// A server of another document, started from what the generator made of library.yaml, and driven through the client it
// made of the same document. It ends with 0 when all is as the document says.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use api::*;
use dropshot::{ApiDescription, ConfigDropshot, RequestContext, ServerBuilder};
use inventree_auth::contract;
use inventree_auth::http::typed::{
    Answering, ApiError, Body, Bytes, Call, Headers, NoBody, OptionalBody, Outcome, Path, Query, Reply, Rules,
    Undescribed,
};
use serde_json::{Value, json};

type Shelves = Mutex<BTreeMap<i64, (String, types::Book)>>;

enum Library {}

fn book(request: types::BookRequest) -> types::Book {
    let types::BookRequest { author, editors, extra, genre, number, price, rating, size, title, titles, translator } = request;
    types::Book {
        added: "2026-03-01T12:00:00Z".parse().unwrap(),
        author: written(author),
        editors: editors.into_iter().map(written).collect(),
        extra,
        genre,
        number,
        price,
        rating: rating.map(|rating| match rating {
            types::BookRequestRating::Integer(stars) => types::BookRating::Integer(stars),
            types::BookRequestRating::String(words) => types::BookRating::String(words),
        }),
        size: size.map(|types::BookRequestSize { height, width }| types::BookSize { height, width }),
        title,
        titles,
        translator: translator.map(|author| Box::new(written(*author))),
    }
}

fn written(request: types::AuthorRequest) -> types::Author {
    let types::AuthorRequest { name, born, teacher } = request;
    types::Author { id: 7, name, born, teacher: teacher.map(|teacher| Box::new(written(*teacher))) }
}

impl Api for Library {
    type Context = Arc<Shelves>;

    async fn book_list(
        rqctx: RequestContext<Self::Context>,
        path: Path<params::BookListPath>,
        query: Query<params::BookListQuery>,
        headers: Headers<params::BookListHeaders>,
        call: Call<policy::ReaderKeyOrAnonymous, NoBody>,
    ) -> Outcome<200, types::BookListAnswer200> {
        let run = async {
            let params::BookListPath { shelf } = path.read()?;
            let params::BookListQuery { order, tag, genre, limit, since: _, type_: _ } = query.read()?;
            let params::BookListHeaders { x_reader: _ } = headers.read()?;
            call.open().await?;
            let shelves = rqctx.context().lock().unwrap();
            let fits = |book: &&types::Book| {
                let genres = genre.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
                let tags = tag.iter().flatten().all(|tag| book.extra.contains_key(tag));
                tags && (genres.is_empty() || genres.contains(&book.genre.to_string()))
            };
            let on_shelf = shelves.values().filter(|(place, _)| shelf == "all" || *place == shelf).map(|(_, book)| book);
            let mut found: Vec<types::Book> = on_shelf.filter(fits).cloned().collect();
            if matches!(order, Some(types::BookListOrder::NewestFirst)) {
                found.reverse();
            }
            found.truncate(limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX));
            Ok::<_, ApiError>(Reply::new(types::BookListAnswer200(found)))
        };
        Ok(run.await.unwrap_or_else(Reply::failed))
    }

    async fn book_put(
        rqctx: RequestContext<Self::Context>,
        path: Path<params::BookPutPath>,
        call: Call<policy::BranchAndReaderKey, Body<types::BookRequest, content::Json>>,
    ) -> Answering<answers::BookPut> {
        let run = async {
            let params::BookPutPath { shelf } = path.read()?;
            let (request, input) = call.open().await?;
            if !["x-key", "x-branch"].iter().all(|name| request.headers.contains_key(*name)) {
                return Err(ApiError::forbidden("Show your key, and that of your branch."));
            }
            let book = book(input.check(Rules::default()).finish(inventree_auth::domain::Problems::none())?);
            let (number, mut shelves) = (book.number, rqctx.context().lock().unwrap());
            Ok(match shelves.get(&number) {
                Some((place, _)) if *place != shelf => answers::BookPut::Status409(Reply::new(types::Problem {
                    detail: format!("It stands on {place}."),
                })),
                there => {
                    let is_new = there.is_none();
                    shelves.insert(number, (shelf.clone(), book.clone()));
                    match is_new {
                        true => answers::BookPut::Status201(Reply::new(types::Receipt { number, shelf })),
                        false => answers::BookPut::Status200(Reply::new(book)),
                    }
                }
            })
        };
        Ok(run.await.unwrap_or_else(answers::BookPut::from))
    }

    async fn cover_retrieve(
        _: RequestContext<Self::Context>,
        path: Path<params::CoverRetrievePath>,
        _: Call<policy::Anyone, NoBody>,
    ) -> Answering<answers::CoverRetrieve> {
        Ok(match path.read() {
            Ok(params::CoverRetrievePath { number: 1 }) => {
                answers::CoverRetrieve::Status200(Reply::new(Bytes::new(&b"\x89PNG\0"[..])))
            }
            Ok(_) => answers::CoverRetrieve::Status404(Reply::new(Undescribed::nothing())),
            Err(error) => error.into(),
        })
    }

    async fn cover_destroy(
        _: RequestContext<Self::Context>,
        path: Path<params::CoverDestroyPath>,
        _: Call<policy::Anyone, NoBody>,
    ) -> Outcome<204, Undescribed> {
        Ok(path.read().map_or_else(Reply::failed, |_| Reply::new(Undescribed::nothing())))
    }

    async fn catalogue(
        _: RequestContext<Self::Context>,
        _: Call<policy::Anyone, NoBody>,
    ) -> Outcome<200, Bytes<media::TextCsv>> {
        Ok(Reply::new(Bytes::new("number,title\n")))
    }

    async fn note_create(
        _: RequestContext<Self::Context>,
        call: Call<policy::Anyone, OptionalBody<types::NoteCreateRequest, content::JsonOrForm>>,
    ) -> Outcome<202, types::NoteCreateAnswer202> {
        let run = async {
            let types::NoteCreateRequest { text, about: _ } = call.open().await?.1.read()?;
            Ok::<_, ApiError>(Reply::new(types::NoteCreateAnswer202 { place: text.len() as i64 }))
        };
        Ok(run.await.unwrap_or_else(Reply::failed))
    }
}

/// One request as it stands, and what came back: status, media type, body.
async fn raw(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> (u16, String, String) {
    let mut request = reqwest::Client::new().request(method.parse().unwrap(), format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let media = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (answer.status().as_u16(), media, answer.text().await.unwrap())
}

#[tokio::main]
async fn main() {
    let registered: ApiDescription<Arc<Shelves>> = api_mod::api_description::<Library>().unwrap();
    let source = contract::parse(DOCUMENT).unwrap();
    let facts = contract::ServerInfo {
        title: TITLE,
        version: VERSION,
        servers: json!([{"url": "https://library.example.com"}]),
        security_schemes: json!({
            "readerKey": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "branch": {"type": "apiKey", "in": "header", "name": "X-Branch"},
        }),
        guarantees: &[],
    };
    let export = contract::export_of(&registered, OPERATIONS, &facts, &source).unwrap();
    let differences = contract::diff::diff(&source, &export);
    assert!(differences.is_empty(), "{}", contract::diff::to_text(&differences, contract::diff::Sides::SOURCE_SERVER));

    let config = ConfigDropshot { bind_address: "127.0.0.1:0".parse().unwrap(), ..ConfigDropshot::default() };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let server = ServerBuilder::new(registered, Arc::new(Shelves::default()), log).config(config).start().unwrap();
    let base = format!("http://{}", server.local_addr());
    let library = client::Client::new_with_client(
        &base,
        reqwest::Client::builder()
            .default_headers([("x-key", "k"), ("x-branch", "b")].into_iter().map(|(name, value)| {
                (name.parse().unwrap(), value.parse().unwrap())
            }).collect())
            .build()
            .unwrap(),
    );

    // Several successes: the client has one type for them, and the status says which.
    let author = client::types::AuthorRequest { name: "Ann".into(), born: None, teacher: None };
    let new = |number: i64, genre: client::types::Genre| client::types::BookRequest {
        author: author.clone(),
        editors: vec![author.clone()],
        extra: [("old".to_owned(), json!({"free": [1]}))].into_iter().collect(),
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
    assert!(matches!(made.into_inner(), client::types::BookPutSuccess::Receipt(receipt) if receipt.shelf == "front"));
    let changed = library.book_put("front", &new(1, client::types::Genre::Fiction)).await.unwrap();
    assert_eq!(changed.status(), 200);
    let client::types::BookPutSuccess::Book(book) = changed.into_inner() else { panic!("a book was promised") };
    assert_eq!((book.author.id, book.titles["de"].as_str(), book.extra["old"]["free"][0].as_i64()), (7, "Ein Titel", Some(1)));
    let elsewhere = library.book_put("back", &new(1, client::types::Genre::Fiction)).await;
    let client::Error::ErrorResponse(problem) = elsewhere.unwrap_err() else { panic!("a documented failure") };
    assert_eq!((problem.status().as_u16(), problem.detail.as_str()), (409, "It stands on front."));
    library.book_put("back", &new(2, client::types::Genre::HowTo)).await.unwrap();

    // Parameters of every place and shape.
    let numbers = |books: client::types::BookListAnswer200| books.0.iter().map(|book| book.number).collect::<Vec<_>>();
    let order = client::types::BookListOrder::NewestFirst;
    let all = library.book_list("all", None, None, Some(order), None, None, None, "me").await.unwrap();
    assert_eq!(numbers(all.into_inner()), [2, 1]);
    let genre = vec![client::types::BookListGenreItem::Fiction, client::types::BookListGenreItem::Poetry];
    let some = library.book_list("all", Some(&genre), Some(5), None, None, Some(&vec!["old".into()]), None, "me").await;
    assert_eq!(numbers(some.unwrap().into_inner()), [1]);
    let me = [("x-reader", "me")];
    // Out of bounds counts as not sent; a path that no shelf can have is no shelf; a required header is required.
    for (path, headers, status, says) in [
        ("/shelves/all/books/?limit=51", &me[..], 200, "\"number\":2"),
        ("/shelves/all/books/?limit=1", &me, 200, "\"number\":1"),
        ("/shelves/UPPER/books/", &me, 404, "Not found."),
        ("/shelves/all/books/", &[], 400, r#"{"X-Reader":["This field is required."]}"#),
        ("/shelves/all/books/", &[("x-reader", "m")], 400, r#"{"X-Reader":["This field is required."]}"#),
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
    assert_eq!(raw(&base, "GET", "/catalogue.csv", &[], None).await, (200, "text/csv".into(), "number,title\n".into()));
    assert_eq!(raw(&base, "DELETE", "/covers/1", &[], None).await, (204, String::new(), String::new()));
    assert_eq!(library.cover_destroy(1).await.unwrap().status(), 204);
    let note = client::types::NoteCreateRequest { text: "four".into(), about: None };
    assert_eq!(library.note_create(&note).await.unwrap().into_inner().place, 4);

    // What the document demands of a request is checked: every bad field at once, at any depth, never a 5xx.
    let good = serde_json::to_value(new(3, client::types::Genre::Poetry)).unwrap();
    let keys = [("x-key", "k"), ("x-branch", "b")];
    for (member, value, says) in [
        ("/title", json!("x".repeat(61)), "title\":[\"Ensure this field has no more than 60 characters."),
        ("/number", json!(0), "number\":[\"Ensure this value is greater than or equal to 1."),
        ("/number", json!("one"), "number\":[\"A valid integer is required."),
        ("/price", json!(0), "price\":[\"Ensure this value is greater than 0."),
        ("/author", json!("Ann"), "author\":[\"Invalid data. Expected a dictionary, but got str."),
        ("/author/name", json!("x".repeat(31)), "author\":[\"name: Ensure this field has no more than 30 characters."),
        ("/author/born", json!(2100), "author\":[\"born: Ensure this value is less than 2100."),
        ("/author/teacher", json!({"born": 1500}), "author\":[\"teacher: name: This field is required."),
        ("/editors", json!([{}, {}, {}]), "editors\":[\"Ensure this field has no more than 2 elements."),
        ("/editors/0/name", json!(""), "editors\":[\"name: This field may not be blank."),
        ("/translator", json!({"name": null, "born": null}), "translator\":[\"name: This field may not be null."),
        ("/genre", json!("crime"), "non_field_errors"),
        ("/titles", json!({"de": 1}), "non_field_errors"),
        ("/size", json!({"height": 1}), "size\":[\"width: This field is required."),
        ("/rating", json!([]), "non_field_errors"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(member).unwrap_or_else(|| panic!("{member}")) = value;
        let (status, media, body) = raw(&base, "PUT", "/shelves/front/books/", &keys, Some(bad)).await;
        assert!(status == 400 && media == "application/json" && body.contains(says), "{member}: {status} {body}");
    }
    // What no client may send is ignored, at any depth.
    let mut liar = good.clone();
    liar["added"] = json!("1999-01-01T00:00:00Z");
    liar["author"]["id"] = json!(999);
    assert_eq!(raw(&base, "PUT", "/shelves/front/books/", &keys, Some(liar.clone())).await.0, 201);
    let (_, _, answered) = raw(&base, "PUT", "/shelves/front/books/", &keys, Some(liar)).await;
    let answered: Value = serde_json::from_str(&answered).unwrap();
    assert_eq!((&answered["added"], &answered["author"]["id"]), (&json!("2026-03-01T12:00:00Z"), &json!(7)));
    assert_eq!(raw(&base, "PUT", "/shelves/front/books/", &[], Some(good)).await.0, 403);
    server.close().await.unwrap();
    println!("the library is as its document says");
}
