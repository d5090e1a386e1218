//! The operations of the document. Each responds with its name and with the values that it was
//! given.

use std::sync::Arc;

use dropshot::RequestContext;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use specbound::{
    ApiError, Body, Bytes, Call, Either, EitherBody, Events, File, Form, FormBody, HandlerResult,
    Headers, JsonAs, JsonBody, NoBody, OptionalBody, Outcome, Path, Query, RangeReply, RawBody,
    Reply, StatusCode, UntypedJson, last_event_id,
};

use crate::Workshop;
use crate::api::{Api, content, files, media, params, policy, representations, responses, types};
use crate::streams;

type Rqctx = RequestContext<Arc<Workshop>>;
type Bare = Call<policy::Anyone, NoBody>;

/// A response whose content is this value, or the failure.
macro_rules! told {
    ($name:literal, $kind:ident, $value:expr) => {
        Ok($value
            .map_or_else(Reply::failed, |value| Reply::new(types::$kind(json!([$name, value])))))
    };
}

/// The name, the content type, and the length and last byte of a file, read in pieces.
async fn told(mut file: File) -> Result<Value, ApiError> {
    let (name, kind) = (file.name().map(str::to_owned), file.content_type().map(str::to_owned));
    let (mut length, mut last) = (0, None);
    while let Some(piece) = file.chunk().await? {
        length += piece.len();
        last = piece.last().copied();
    }
    Ok(json!([name, kind, length, last]))
}

fn nothing() -> Result<Value, ApiError> {
    Ok(Value::Null)
}

impl Api for Workshop {
    type Context = Arc<Workshop>;

    async fn tool(
        _: Rqctx,
        path: Path<params::ToolPath>,
        _: Bare,
    ) -> Outcome<200, types::ToolResponse200> {
        told!("tool", ToolResponse200, path.read().map(|path| path.id))
    }

    async fn tool_put(
        _: Rqctx,
        path: Path<params::ToolPutPath>,
        _: Bare,
    ) -> Outcome<200, types::ToolPutResponse200> {
        told!("tool_put", ToolPutResponse200, path.read().map(|path| path.name))
    }

    async fn key_list(
        _: Rqctx,
        _: Call<policy::OauthWithAdminOrOauthWithKeysRead, NoBody>,
    ) -> Outcome<200, types::KeyListResponse200> {
        told!("key_list", KeyListResponse200, nothing())
    }

    async fn key_create(
        _: Rqctx,
        _: Call<policy::BadgeWithForemanAndOauthWithKeysReadAndKeysWrite, NoBody>,
    ) -> Outcome<200, types::KeyCreateResponse200> {
        told!("key_create", KeyCreateResponse200, nothing())
    }

    async fn key_check(
        rqctx: Rqctx,
        call: Call<policy::OauthWithKeysReadOrAnonymous, NoBody>,
    ) -> Outcome<200, UntypedJson> {
        Ok(match call.admit_unread(&rqctx) {
            Ok(Some(_)) => Reply::new(UntypedJson::nothing()),
            _ => Reply::failed(ApiError::not_found()),
        })
    }

    async fn tool_mine(_: Rqctx, _: Bare) -> Outcome<200, types::ToolMineResponse200> {
        told!("tool_mine", ToolMineResponse200, nothing())
    }

    async fn tool_mine_slash(_: Rqctx, _: Bare) -> Outcome<200, types::ToolMineSlashResponse200> {
        told!("tool_mine_slash", ToolMineSlashResponse200, nothing())
    }

    async fn tool_json(
        _: Rqctx,
        path: Path<params::ToolJsonPath>,
        _: Bare,
    ) -> Outcome<200, types::ToolJsonResponse200> {
        told!("tool_json", ToolJsonResponse200, path.read().map(|path| path.id))
    }

    async fn tool_lend(
        _: Rqctx,
        path: Path<params::ToolLendPath>,
        _: Bare,
    ) -> Outcome<200, types::ToolLendResponse200> {
        told!("tool_lend", ToolLendResponse200, path.read().map(|path| path.id))
    }

    async fn compare(
        _: Rqctx,
        path: Path<params::ComparePath>,
        _: Bare,
    ) -> Outcome<200, types::CompareResponse200> {
        told!("compare", CompareResponse200, path.read().map(|path| (path.base, path.head)))
    }

    async fn order(
        rqctx: Rqctx,
        call: Call<policy::Anyone, Body<types::OrderRequest, content::JsonOrForm>>,
    ) -> Outcome<200, types::OrderResponse200> {
        let read = async { call.admit(&rqctx).await?.1.read() };
        told!("order", OrderResponse200, read.await)
    }

    async fn draft(
        rqctx: Rqctx,
        call: Call<policy::Anyone, OptionalBody<types::OrderRequest, content::Json>>,
    ) -> Outcome<200, types::DraftResponse200> {
        told!("draft", DraftResponse200, call.read(&rqctx).await.map(|(_, order)| order))
    }

    async fn texts(
        rqctx: Rqctx,
        query: Query<params::TextsQuery>,
        headers: Headers<params::TextsHeaders>,
        call: Call<policy::Anyone, OptionalBody<types::Texts, content::Json>>,
    ) -> Outcome<200, types::TextsResponse200> {
        let read = async {
            let (query, headers) = (query.read()?, headers.read()?);
            let body = call.admit(&rqctx).await?.1.read_optional()?;
            Ok(json!([query.from, query.hosts, query.span, headers.x_mail, body]))
        };
        told!("texts", TextsResponse200, read.await)
    }

    async fn links(
        rqctx: Rqctx,
        call: Call<policy::Anyone, Body<types::LinksRequest, content::Form>>,
    ) -> Outcome<200, types::LinksResponse200> {
        let read = async { call.admit(&rqctx).await?.1.read() };
        told!("links", LinksResponse200, read.await)
    }

    async fn parts(
        _: Rqctx,
        path: Path<params::PartsPath>,
        query: Query<params::PartsQuery>,
        headers: Headers<params::PartsHeaders>,
        _: Bare,
    ) -> Outcome<200, types::PartsResponse200> {
        let read = || {
            let (path, query, headers) = (path.read()?, query.read()?, headers.read()?);
            Ok(json!({
                "ids": path.ids,
                "size": path.size,
                "filter": query.filter,
                "tags": query.tags,
                "page": query.page,
                "step": query.step,
                "either": query.either,
                "where": query.where_,
                "session": headers.session,
                "sizes": headers.x_sizes,
            }))
        };
        told!("parts", PartsResponse200, read())
    }

    async fn batch(
        rqctx: Rqctx,
        call: Call<policy::Anyone, JsonBody<types::BatchRequest, content::Json>>,
    ) -> Outcome<200, types::BatchResponse200> {
        let read = async { Ok(call.read(&rqctx).await?.1) };
        told!("batch", BatchResponse200, read.await)
    }

    async fn anything(
        rqctx: Rqctx,
        call: Call<policy::Anyone, Body<types::Size, content::Json>>,
    ) -> Outcome<200, types::Size> {
        let read = async { Ok(Reply::new(call.read(&rqctx).await?.1)) };
        Ok(read.await.unwrap_or_else(Reply::failed))
    }

    async fn text(
        rqctx: Rqctx,
        call: Call<policy::Anyone, Body<types::Size, content::TextJson>>,
    ) -> Outcome<200, JsonAs<types::Size, content::TextJson>> {
        let read = async { Ok(Reply::new(JsonAs::new(call.read(&rqctx).await?.1))) };
        Ok(read.await.unwrap_or_else(Reply::failed))
    }

    async fn word(
        rqctx: Rqctx,
        call: Call<policy::Anyone, JsonBody<types::WordRequest, content::Json, false>>,
    ) -> Outcome<200, types::WordResponse200> {
        let read = async { Ok(call.read(&rqctx).await?.1) };
        told!("word", WordResponse200, read.await)
    }

    async fn size_patch(
        rqctx: Rqctx,
        call: Call<
            policy::Anyone,
            EitherBody<
                Body<types::Size, content::ApplicationMergePatchJson>,
                RawBody<content::TextCsv>,
            >,
        >,
    ) -> Outcome<200, types::SizePatchResponse200> {
        let read = async {
            match call.admit(&rqctx).await?.1 {
                Either::Fields(input) => Ok(json!(input.read()?)),
                Either::Raw(upload) => Ok(json!(upload.text(10).await?)),
            }
        };
        told!("size_patch", SizePatchResponse200, read.await)
    }

    async fn drawing(
        rqctx: Rqctx,
        call: Call<policy::Anyone, RawBody<content::ApplicationOctetStreamOrImage>>,
    ) -> Outcome<200, types::DrawingResponse200> {
        let read = async {
            let mut upload = call.admit(&rqctx).await?.1;
            let mut length = 0;
            while let Some(chunk) = upload.chunk().await? {
                length += chunk.len();
            }
            Ok(json!([upload.content_type(), length]))
        };
        told!("drawing", DrawingResponse200, read.await)
    }

    async fn plan(
        rqctx: Rqctx,
        call: Call<
            policy::BadgeOrDesk,
            EitherBody<
                Body<types::OrderRequest, content::Json>,
                FormBody<types::PlanForm, files::Plan, content::Multipart>,
            >,
        >,
    ) -> Outcome<200, types::PlanResponse200> {
        let read = async {
            let Form { fields, files } = match call.admit(&rqctx).await?.1 {
                Either::Fields(input) => return Ok(json!(input.read()?)),
                Either::Raw(form) => form.read()?,
            };
            let mut notes = Vec::new();
            for note in files.notes {
                notes.push(told(note).await?);
            }
            let stamp = files.stamp.map(|stamp| stamp.len());
            Ok(json!([fields, told(files.drawing).await?, notes, stamp]))
        };
        told!("plan", PlanResponse200, read.await)
    }

    async fn photos(
        rqctx: Rqctx,
        call: Call<
            policy::Anyone,
            FormBody<types::PhotosForm, files::Photos, content::Multipart, false>,
        >,
    ) -> Outcome<200, types::PhotosResponse200> {
        let read = async {
            let mut photos = Vec::new();
            for photo in call.read(&rqctx).await?.1.files.photos {
                photos.push(photo.len());
            }
            Ok(json!(photos))
        };
        told!("photos", PhotosResponse200, read.await)
    }

    async fn stream(
        _: Rqctx,
        path: Path<params::StreamPath>,
        _: Bare,
    ) -> Outcome<200, Bytes<media::ApplicationOctetStream>> {
        Ok(path.read().map_or_else(Reply::failed, |path| Reply::new(streams::pieces(path.kind))))
    }

    async fn ticks(rqctx: Rqctx, _: Bare) -> Outcome<200, Events<types::Tick>> {
        Ok(Reply::new(streams::ticks(last_event_id(&rqctx.request))))
    }

    async fn news(_: Rqctx, _: Bare) -> Outcome<200, representations::News200> {
        Ok(Reply::new(match representations::News200Type::preferred() {
            representations::News200Type::TextEventStream => {
                representations::News200::TextEventStream(streams::news())
            }
            representations::News200Type::TextPlain => {
                representations::News200::TextPlain(Bytes::new("no news"))
            }
            representations::News200Type::TextXNews => {
                representations::News200::TextXNews(Bytes::new("none"))
            }
            representations::News200Type::TextXNewsV2 => {
                representations::News200::TextXNewsV2(Bytes::new("none, in version 2"))
            }
        }))
    }

    async fn weather(
        _: Rqctx,
        query: Query<params::WeatherQuery>,
        _: Bare,
    ) -> HandlerResult<responses::Weather> {
        let status = match query.read() {
            Ok(query) => query.status as u16,
            Err(error) => return Ok(error.into()),
        };
        let told = StatusCode::from_u16(status).unwrap_or_default();
        let cool = (HeaderName::from_static("x-cool"), HeaderValue::from_static("yes"));
        let text = types::WeatherResponseDefault(json!("stormy"));
        Ok(match status {
            200 => responses::Weather::Status200(
                Reply::new(types::WeatherResponse200(json!("sunny"))).with_header(cool.0, cool.1),
            ),
            400..500 => responses::Weather::Range4xx(RangeReply::new(told, Bytes::new("cloudy"))),
            _ => responses::Weather::Default(RangeReply::new(told, text)),
        })
    }
}
