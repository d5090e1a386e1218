/// The same response without the query of its URL, where a key may stand.
pub(crate) fn without_query(response: ::reqwest::Response) -> ::reqwest::Response {
    use ::reqwest::ResponseBuilderExt;
    let mut url = response.url().clone();
    url.set_query(None);
    let (parts, body) = ::http::Response::<::reqwest::Body>::from(response).into_parts();
    let shell = ::http::Response::builder().status(parts.status).version(parts.version);
    match shell.url(url).body(body) {
        Ok(mut response) => {
            *response.headers_mut() = parts.headers;
            response.into()
        }
        Err(_) => ::http::Response::new(::reqwest::Body::default()).into(),
    }
}
