//! The operations of the document.

use std::sync::{Arc, MutexGuard, PoisonError};

use dropshot::RequestContext;
use specbound::{
    ApiError, Body, Bytes, Call, HandlerResult, Headers, JsonAs, NoBody, OptionalBody, Outcome,
    Path, Query, Reply, UntypedJson,
};

use crate::Library;
use crate::api::{Api, content, headers, media, params, policy, representations, responses, types};

impl Library {
    fn shelves(&self) -> MutexGuard<'_, std::collections::BTreeMap<i64, (String, types::Book)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn book(request: types::BookRequest) -> types::Book {
    let types::BookRequest {
        author,
        editors,
        extra,
        fee,
        genre,
        number,
        price,
        rating,
        size,
        title,
        titles,
        translator,
    } = request;
    types::Book {
        added: chrono::DateTime::UNIX_EPOCH,
        author: written(author),
        editors: editors.into_iter().map(written).collect(),
        extra,
        fee,
        genre,
        number,
        price,
        rating: rating.map(|rating| match rating {
            types::BookRequestRating::Integer(stars) => types::BookRating::Integer(stars),
            types::BookRequestRating::String(words) => types::BookRating::String(words),
        }),
        size: size
            .map(|types::BookRequestSize { height, width }| types::BookSize { height, width }),
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
    type Context = Arc<Library>;

    async fn book_list(
        rqctx: RequestContext<Arc<Library>>,
        path: Path<params::BookListPath>,
        query: Query<params::BookListQuery>,
        headers: Headers<params::BookListHeaders>,
        call: Call<policy::ReaderKeyOrAnonymous, NoBody>,
    ) -> Outcome<200, types::BookListResponse200> {
        let run = async {
            let params::BookListPath { shelf } = path.read()?;
            let params::BookListQuery { order, tag, genre, limit, since: _, type_: _ } =
                query.read()?;
            let params::BookListHeaders { x_reader: _ } = headers.read()?;
            call.admit(&rqctx).await?;
            let shelves = rqctx.context().shelves();
            let fits = |book: &&types::Book| {
                let genres = genre.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
                let tags = tag.iter().flatten().all(|tag| book.extra.contains_key(tag));
                tags && (genres.is_empty() || genres.contains(&book.genre.to_string()))
            };
            let on_shelf = shelves
                .values()
                .filter(|(place, _)| shelf == "all" || *place == shelf)
                .map(|(_, book)| book);
            let mut found: Vec<types::Book> = on_shelf.filter(fits).cloned().collect();
            if matches!(order, Some(types::BookListOrder::NewestFirst)) {
                found.reverse();
            }
            found.truncate(limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX));
            Ok::<_, ApiError>(Reply::new(types::BookListResponse200(found)))
        };
        Ok(run.await.unwrap_or_else(Reply::failed))
    }

    async fn book_put(
        rqctx: RequestContext<Arc<Library>>,
        path: Path<params::BookPutPath>,
        call: Call<policy::BranchAndReaderKey, Body<types::BookRequest, content::Json>>,
    ) -> HandlerResult<responses::BookPut> {
        let run = async {
            let params::BookPutPath { shelf } = path.read()?;
            let (_reader, sent) = call.read(&rqctx).await?;
            let book = book(sent);
            let (number, mut shelves) = (book.number, rqctx.context().shelves());
            Ok::<_, ApiError>(match shelves.get(&number) {
                Some((place, _)) if *place != shelf => {
                    responses::BookPut::Status409(Reply::new(types::Problem {
                        detail: format!("It stands on {place}."),
                    }))
                }
                there => {
                    let is_new = there.is_none();
                    shelves.insert(number, (shelf.clone(), book.clone()));
                    match is_new {
                        true => responses::BookPut::Status201(Reply::new(types::Receipt {
                            number,
                            shelf,
                        })),
                        false => responses::BookPut::Status200(Reply::new(book)),
                    }
                }
            })
        };
        Ok(run.await.unwrap_or_else(responses::BookPut::from))
    }

    async fn cover_retrieve(
        _: RequestContext<Arc<Library>>,
        path: Path<params::CoverRetrievePath>,
        _: Call<policy::Anyone, NoBody>,
    ) -> HandlerResult<responses::CoverRetrieve> {
        Ok(match path.read() {
            Ok(params::CoverRetrievePath { number: 1 }) => {
                responses::CoverRetrieve::Status200(Reply::new(Bytes::new(&b"\x89PNG\0"[..])))
            }
            Ok(_) => responses::CoverRetrieve::Status404(Reply::new(UntypedJson::nothing())),
            Err(error) => error.into(),
        })
    }

    async fn cover_destroy(
        _: RequestContext<Arc<Library>>,
        path: Path<params::CoverDestroyPath>,
        _: Call<policy::Anyone, NoBody>,
    ) -> Outcome<204, UntypedJson> {
        Ok(path.read().map_or_else(Reply::failed, |_| Reply::new(UntypedJson::nothing())))
    }

    async fn catalogue(
        _: RequestContext<Arc<Library>>,
        _: Call<policy::Anyone, NoBody>,
    ) -> Outcome<200, Bytes<media::TextCsv>> {
        Ok(Reply::new(Bytes::new("number,title\n")))
    }

    async fn catalogue_retrieve(
        rqctx: RequestContext<Arc<Library>>,
        query: Query<params::CatalogueRetrieveQuery>,
        _: Call<policy::Anyone, NoBody>,
    ) -> HandlerResult<responses::CatalogueRetrieve> {
        let params::CatalogueRetrieveQuery { shelf } = match query.read() {
            Ok(query) => query,
            Err(error) => return Ok(error.into()),
        };
        let shelves = rqctx.context().shelves();
        let wanted = |place: &&String| shelf.as_ref().is_none_or(|shelf| shelf == *place);
        let places: Vec<String> =
            shelves.values().map(|(place, _)| place).filter(wanted).cloned().collect();
        if let (Some(shelf), true) = (&shelf, places.is_empty()) {
            let detail = format!("There is no shelf {shelf}.");
            let problem = JsonAs::new(types::Problem { detail });
            return Ok(responses::CatalogueRetrieve::Status404(Reply::new(problem)));
        }
        let on_shelf = shelves.values().filter(|(place, _)| wanted(&place));
        let titles: Vec<String> = on_shelf.map(|(_, book)| book.title.clone()).collect();
        let headers = headers::CatalogueRetrieve200 {
            x_total: shelves.len() as i64,
            x_shelves: (!places.is_empty()).then_some(places),
        };
        let content = match representations::CatalogueRetrieve200Type::preferred() {
            representations::CatalogueRetrieve200Type::ApplicationJson => {
                let catalogue = JsonAs::new(types::Catalogue { titles });
                representations::CatalogueRetrieve200::ApplicationJson(catalogue)
            }
            representations::CatalogueRetrieve200Type::TextCsv => {
                let rows = ["title".to_owned()].into_iter().chain(titles);
                let text = rows.collect::<Vec<_>>().join("\n");
                representations::CatalogueRetrieve200::TextCsv(Bytes::new(text))
            }
        };
        Ok(responses::CatalogueRetrieve::Status200(Reply::with_headers(content, headers)))
    }

    async fn note_create(
        rqctx: RequestContext<Arc<Library>>,
        call: Call<policy::Anyone, OptionalBody<types::NoteCreateRequest, content::JsonOrForm>>,
    ) -> Outcome<202, types::NoteCreateResponse202> {
        let run = async {
            let note = call.read(&rqctx).await?.1;
            let place = note.map_or(0, |note| note.text.len() as i64);
            Ok::<_, ApiError>(Reply::new(types::NoteCreateResponse202 { place }))
        };
        Ok(run.await.unwrap_or_else(Reply::failed))
    }

    async fn fee_round(
        rqctx: RequestContext<Arc<Library>>,
        call: Call<policy::Anyone, Body<types::Fee, content::Json>>,
    ) -> Outcome<200, types::Fee> {
        let run =
            async { Ok::<_, ApiError>(Reply::new(call.read(&rqctx).await?.1.rounded().into())) };
        Ok(run.await.unwrap_or_else(Reply::failed))
    }
}
