/// Sends the callbacks and webhooks of the document.
///
/// Their URLs come from clients, who may name a host of your own network (server-side request
/// forgery). So a target is `http` or `https`, the given function must allow it, and redirects are
/// not followed. A name can lead to any address: where that matters, give the builder a
/// `dns_resolver` that refuses the addresses of your network, and `no_proxy`.
///
/// A receiver may answer slowly, or without end: a request has 15 seconds with its answer, whatever
/// `timeout` the builder has, and the body of an answer 1 MiB. More is an error.
#[derive(Clone)]
pub struct Sender {
    client: ::reqwest::Client,
    allow: ::std::sync::Arc<dyn Fn(&::reqwest::Url) -> bool + Send + Sync>,
    timeout: ::std::time::Duration,
    answer_bytes: usize,
}

impl Sender {
    /// A sender on an HTTP client of your own, to the targets that `allow` returns true for.
    pub fn new(
        builder: ::reqwest::ClientBuilder,
        allow: impl Fn(&::reqwest::Url) -> bool + Send + Sync + 'static,
    ) -> ::reqwest::Result<Sender> {
        let client = builder.redirect(::reqwest::redirect::Policy::none()).build()?;
        Ok(Sender {
            client,
            allow: ::std::sync::Arc::new(allow),
            timeout: ::std::time::Duration::from_secs(15),
            answer_bytes: 1 << 20,
        })
    }

    /// With another time for a request with its answer.
    pub fn with_timeout(mut self, timeout: ::std::time::Duration) -> Sender {
        self.timeout = timeout;
        self
    }

    /// With another limit on the bytes of an answer's body.
    pub fn with_answer_bytes(mut self, answer_bytes: usize) -> Sender {
        self.answer_bytes = answer_bytes;
        self
    }

    /// The answer, with its body read within the limit.
    async fn whole<E>(
        &self,
        mut answer: ::reqwest::Response,
    ) -> Result<::reqwest::Response, Error<E>> {
        use ::reqwest::ResponseBuilderExt;
        let broken = |error: ::reqwest::Error| Error::ResponseBodyError(error.without_url());
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(broken)? {
            if body.len() + piece.len() > self.answer_bytes {
                let why = format!("the answer is longer than {} bytes", self.answer_bytes);
                return Err(Error::Custom(why));
            }
            body.extend_from_slice(&piece);
        }
        let whole = ::http::Response::builder().status(answer.status()).version(answer.version());
        match whole.url(answer.url().clone()).body(body) {
            Ok(mut whole) => {
                *whole.headers_mut() = ::std::mem::take(answer.headers_mut());
                Ok(whole.into())
            }
            Err(error) => Err(Error::Custom(error.to_string())),
        }
    }

    /// The URL, if it may be requested.
    #[allow(clippy::result_large_err)]
    fn target<E>(&self, url: &str) -> Result<String, Error<E>> {
        let refused = |why: &str| Err(Error::InvalidRequest(why.to_owned()));
        let Ok(mut url) = ::reqwest::Url::parse(url) else {
            return refused("the target is no absolute URL");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return refused("the target is neither http nor https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("the target has a user name or a password");
        }
        if !(self.allow)(&url) {
            return refused("this target is not allowed");
        }
        url.set_fragment(None);
        Ok(url.into())
    }
}

impl ::std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        f.write_str("Sender")
    }
}
