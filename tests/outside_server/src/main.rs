//! A server of `greetings.yaml`, as a user of specbound would write it.

use std::sync::Arc;

use specbound::connections::{self, Connections};
use specbound::{ApiError, Body, Call, Context, Credentials, Host, HttpService, Outcome, Reply};

#[allow(clippy::all)]
mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

struct Greeter;

#[derive(Clone, Copy)]
struct Key;

impl Host for Greeter {
    type Caller = Key;
    type Scheme = Key;
    type Exchange = ();

    const SCHEMES: &'static [(&'static str, Key)] = &[("key", Key)];

    async fn authenticate(
        &self,
        _: Key,
        credentials: &mut Credentials<'_, Greeter>,
    ) -> Result<Option<Key>, ApiError> {
        match credentials.head.headers.get("x-key").map(|key| key.as_bytes()) {
            None => Ok(None),
            Some(b"secret") => Ok(Some(Key)),
            Some(_) => Err(credentials.unauthorized("Unknown key.")),
        }
    }

    fn combine(&self, key: Key, _: Key) -> Result<Key, ApiError> {
        Ok(key)
    }

    fn begin(&self, _: &mut http::Request<dropshot::Body>) {}
}

impl api::Api for Greeter {
    type Context = Arc<Greeter>;

    async fn greeting_create(
        rqctx: Context<Greeter>,
        call: Call<api::policy::Key, Body<api::types::Name, api::content::Json>>,
    ) -> Outcome<201, api::types::Greeting> {
        let run = async {
            let (_key, input) = call.admit(&rqctx).await?;
            let api::types::Name { name } = input.read()?;
            Ok::<_, ApiError>(Reply::new(api::types::Greeting { text: format!("Hello, {name}!") }))
        };
        Ok(run.await.unwrap_or_else(Reply::failed))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let api = api::api_mod::api_description::<Greeter>()?;
    let service =
        HttpService::start(Arc::new(Greeter), api, api::OPERATIONS, Vec::new(), log.clone())
            .await?;
    let service = Arc::new(service);
    let (address, most) = ("127.0.0.1:0".parse()?, connections::max_connections());
    let connections = Connections::listen(address, most, None, service, log)?;
    println!("{}", connections.address());
    Ok(connections.stopped().await?)
}
