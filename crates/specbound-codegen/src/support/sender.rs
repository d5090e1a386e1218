/// Sends the callbacks and webhooks of the document.
///
/// Their URLs come from clients, who may name a host of your own network (server-side request
/// forgery). So a target is `http` or `https`, the given function must allow it, and redirects are
/// not followed. A name can lead to any address: where that matters, give the builder a
/// `dns_resolver` that refuses the addresses of your network, and `no_proxy`. Give it a `timeout`
/// too: a receiver may answer slowly, or without end.
#[derive(Clone)]
pub struct Sender {
    client: ::reqwest::Client,
    allow: ::std::sync::Arc<dyn Fn(&::reqwest::Url) -> bool + Send + Sync>,
}

impl Sender {
    /// A sender on an HTTP client of your own, to the targets that `allow` returns true for.
    pub fn new(
        builder: ::reqwest::ClientBuilder,
        allow: impl Fn(&::reqwest::Url) -> bool + Send + Sync + 'static,
    ) -> ::reqwest::Result<Sender> {
        let client = builder.redirect(::reqwest::redirect::Policy::none()).build()?;
        Ok(Sender { client, allow: ::std::sync::Arc::new(allow) })
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
