// An implementation of small.yaml. With a changed document it must not compile.
use api::*;
use dropshot::RequestContext;
use specbound::{Body, Call, Outcome, Reply};

struct Implementation;

impl SmallApi for Implementation {
    type Context = ();

    async fn ping_create(
        _: RequestContext<()>,
        _: Call<policy::TokenOrAnonymous, Body<types::Ping, content::JsonOrMultipart>>,
    ) -> Outcome<200, types::Pong> {
        Ok(Reply::new(echo(types::Ping { word: "ping".to_owned() })))
    }
}

fn echo(request: types::Ping) -> types::Pong {
    // Destructured, as in every handler, so that a new property must be used before this compiles.
    let types::Ping { word } = request;
    types::Pong { word }
}

fn main() {
    let _ = api::small_api_mod::api_description::<Implementation>();
}
