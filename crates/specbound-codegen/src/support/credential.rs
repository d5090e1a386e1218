/// A credential, and its place in a request.
#[allow(dead_code)]
pub(crate) enum Credential<'a> {
    Basic(&'a str, &'a str),
    /// After the name of a scheme.
    Authorization(&'static str, &'a str),
    Header(&'static str, &'a str),
    Cookie(&'static str, &'a str),
    Query(&'static str, &'a str),
}

impl Credential<'_> {
    pub(crate) fn apply<E>(
        &self,
        client: &::reqwest::Client,
        request: &mut ::reqwest::Request,
    ) -> Result<(), Error<E>> {
        use ::reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
        let has_control = |text: &&&str| text.contains(char::is_control);
        let secret = |text: &str| {
            let mut value = HeaderValue::from_str(text)?;
            value.set_sensitive(true);
            Ok::<_, ::reqwest::header::InvalidHeaderValue>(value)
        };
        match self {
            Credential::Basic(username, password) => {
                // The receiver takes the first colon for the end of the name (RFC 7617).
                if username.contains(':') || [username, password].iter().any(has_control) {
                    let why = "the user name has a colon, or a credential a control character";
                    return Err(Error::InvalidRequest(why.to_owned()));
                }
                let url = request.url().clone();
                let made = client.get(url).basic_auth(username, Some(password)).build()?;
                if let Some(value) = made.headers().get(AUTHORIZATION) {
                    request.headers_mut().append(AUTHORIZATION, value.clone());
                }
            }
            Credential::Authorization(word, value) => {
                let value = secret(&format!("{word} {value}"))?;
                request.headers_mut().append(AUTHORIZATION, value);
            }
            // An argument of the same name is this credential already.
            Credential::Header(name, _) if request.headers().contains_key(*name) => {}
            Credential::Query(name, _)
                if request.url().query_pairs().any(|(sent, _)| sent == *name) => {}
            Credential::Header(name, value) => {
                let value = secret(value)?;
                request.headers_mut().append(HeaderName::from_static(name), value);
            }
            Credential::Cookie(name, value) => {
                let is_octet = |c: char| c.is_ascii_graphic() && !"\",;\\".contains(c);
                if !value.chars().all(is_octet) {
                    let why = format!("the cookie {name} has a character that no cookie can hold");
                    return Err(Error::InvalidRequest(why));
                }
                add_cookie(request, &format!("{name}={value}"))?;
            }
            Credential::Query(name, value) => {
                request.url_mut().query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(())
    }
}

/// Adds to the one `Cookie` header that a request has.
fn add_cookie<E>(request: &mut ::reqwest::Request, cookie: &str) -> Result<(), Error<E>> {
    use ::reqwest::header::{COOKIE, HeaderValue};
    let mut all = request.headers().get(COOKIE).map_or(Vec::new(), |all| all.as_bytes().to_vec());
    if !all.is_empty() {
        all.extend(b"; ");
    }
    all.extend(cookie.as_bytes());
    let mut value = HeaderValue::from_bytes(&all)?;
    value.set_sensitive(true);
    request.headers_mut().insert(COOKIE, value);
    Ok(())
}
