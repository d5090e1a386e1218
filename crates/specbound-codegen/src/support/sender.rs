/// Sends the callbacks and webhooks of the document.
///
/// Their URLs come from clients, who may name a host of your own network (server-side request
/// forgery). So a target is `http` or `https`, the given function must allow it, and redirects are
/// not followed. A name can lead to any address: where that matters, give the builder a
/// `dns_resolver` that refuses the addresses of your network, and `no_proxy`.
///
/// A receiver may respond slowly, or without end: a request has 15 seconds with its response,
/// whatever `timeout` the builder has, and the body of a response 1 MiB. More is an error.
#[derive(Clone)]
pub struct Sender {
    client: ::reqwest::Client,
    allow: ::std::sync::Arc<dyn Fn(&::reqwest::Url) -> bool + Send + Sync>,
    timeout: ::std::time::Duration,
    max_response_bytes: usize,
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
            max_response_bytes: 1 << 20,
        })
    }

    /// With another time for a request with its response.
    pub fn with_timeout(mut self, timeout: ::std::time::Duration) -> Sender {
        self.timeout = timeout;
        self
    }

    /// With another limit on the bytes of a response's body.
    pub fn with_max_response_bytes(mut self, max_response_bytes: usize) -> Sender {
        self.max_response_bytes = max_response_bytes;
        self
    }

    /// The response, with its body read within the limit.
    async fn whole<E>(
        &self,
        mut response: ::reqwest::Response,
    ) -> Result<::reqwest::Response, Error<E>> {
        use ::reqwest::ResponseBuilderExt;
        let broken = |error: ::reqwest::Error| Error::ResponseBodyError(error.without_url());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if body.len() + piece.len() > self.max_response_bytes {
                let why = format!("the response is longer than {} bytes", self.max_response_bytes);
                return Err(Error::Custom(why));
            }
            body.extend_from_slice(&piece);
        }
        let whole = ::http::Response::builder();
        let whole = whole.status(response.status()).version(response.version());
        match whole.url(response.url().clone()).body(body) {
            Ok(mut whole) => {
                *whole.headers_mut() = ::std::mem::take(response.headers_mut());
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
