/// How a parameter is written (OpenAPI, "Style Values").
#[allow(dead_code)]
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Form,
    Simple,
    Label,
    Matrix,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
    Json,
}

/// A request whose parameters are written by their styles.
struct Target {
    url: String,
    query: Vec<String>,
    headers: ::reqwest::header::HeaderMap,
    cookies: Vec<String>,
}

#[allow(dead_code)]
impl Target {
    fn new(baseurl: &str) -> Target {
        Target {
            url: baseurl.to_owned(),
            query: Vec::new(),
            headers: ::reqwest::header::HeaderMap::new(),
            cookies: Vec::new(),
        }
    }

    fn literal(&mut self, text: &str) {
        self.url.push_str(text);
    }

    fn path<E>(
        &mut self,
        name: &str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) -> Result<(), Error<E>> {
        let value = json_of(value)?;
        let text = match style {
            Style::Label => in_style(&value, if explode { "." } else { "," }, explode)
                .map_or(String::new(), |text| format!(".{text}")),
            Style::Matrix => matrix(name, &value, explode),
            Style::Json => encoded(&value.to_string()),
            _ => in_style(&value, ",", explode).unwrap_or_default(),
        };
        // A URL has no such segment: it would lead to another path.
        if text == "." || text == ".." {
            return Err(Error::InvalidRequest(format!("{name} must not be `{text}`")));
        }
        self.url.push_str(&text);
        Ok(())
    }

    fn query<E>(
        &mut self,
        name: &str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) -> Result<(), Error<E>> {
        let value = json_of(value)?;
        if value.is_null() {
            return Ok(());
        }
        let mut add = |name: &str, value: &str| self.query.push(format!("{name}={value}"));
        let own = encoded(name);
        match (style, &value) {
            (Style::Json, value) => add(&own, &encoded(&value.to_string())),
            (Style::DeepObject, value) => deep(name, value, &mut |name, text| {
                add(&encoded(name), &encoded(text));
            }),
            (_, ::serde_json::Value::Object(members)) if explode => {
                for (name, value) in members.iter().filter(|(_, value)| is_said(value)) {
                    match value {
                        ::serde_json::Value::Array(items) => items
                            .iter()
                            .for_each(|item| add(&encoded(name), &encoded(&text_of(item)))),
                        value => add(&encoded(name), &encoded(&text_of(value))),
                    }
                }
            }
            (_, ::serde_json::Value::Array(items)) if explode => {
                items.iter().for_each(|item| add(&own, &encoded(&text_of(item))));
            }
            (style, value) => {
                let between = match style {
                    Style::SpaceDelimited => "%20",
                    Style::PipeDelimited => "%7C",
                    _ => ",",
                };
                if let Some(text) = in_style(value, between, explode) {
                    add(&own, &text);
                }
            }
        }
        Ok(())
    }

    /// A header holds its text as it is.
    fn header<E>(
        &mut self,
        name: &'static str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) -> Result<(), Error<E>> {
        let text = match (style, json_of(value)?) {
            (_, ::serde_json::Value::Null) => return Ok(()),
            (Style::Json, value) => value.to_string(),
            (_, value) => parts(&value, explode, str::to_owned).join(","),
        };
        let value = ::reqwest::header::HeaderValue::from_bytes(text.as_bytes())?;
        self.headers.append(::reqwest::header::HeaderName::from_static(name), value);
        Ok(())
    }

    fn cookie<E>(
        &mut self,
        name: &str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) -> Result<(), Error<E>> {
        let value = json_of(value)?;
        let mut add = |name: &str, value: &str| self.cookies.push(format!("{name}={value}"));
        match (style, &value) {
            (_, ::serde_json::Value::Null) => {}
            (Style::Json, value) => add(name, &encoded(&value.to_string())),
            (_, ::serde_json::Value::Array(items)) if explode => {
                items.iter().for_each(|item| add(name, &encoded(&text_of(item))));
            }
            (_, ::serde_json::Value::Object(members)) if explode => {
                for (name, value) in members.iter().filter(|(_, value)| is_said(value)) {
                    add(&encoded(name), &encoded(&text_of(value)));
                }
            }
            // A comma has no place in a cookie.
            (_, value) => {
                if let Some(text) = in_style(value, "%2C", explode) {
                    add(name, &text);
                }
            }
        }
        Ok(())
    }

    fn request<E>(
        mut self,
        client: &::reqwest::Client,
        method: ::reqwest::Method,
    ) -> Result<::reqwest::RequestBuilder, Error<E>> {
        if !self.query.is_empty() {
            self.url.push(if self.url.contains('?') { '&' } else { '?' });
            self.url.push_str(&self.query.join("&"));
        }
        if !self.cookies.is_empty() {
            let mut value = ::reqwest::header::HeaderValue::from_str(&self.cookies.join("; "))?;
            value.set_sensitive(true);
            self.headers.insert(::reqwest::header::COOKIE, value);
        }
        Ok(client.request(method, self.url).headers(self.headers))
    }
}

fn json_of<E>(
    value: &(impl ::serde::Serialize + ?Sized),
) -> Result<::serde_json::Value, Error<E>> {
    ::serde_json::to_value(value).map_err(|why| Error::InvalidRequest(why.to_string()))
}

/// A plain value as it is, and any other as JSON.
fn text_of(value: &::serde_json::Value) -> String {
    match value {
        ::serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a member has a value that its style can write.
fn is_said(value: &::serde_json::Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
}

/// Everything but unreserved characters is escaped (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// The items of a list, or the members of an object: `a=1` each, or name and value in turn.
fn parts(
    value: &::serde_json::Value,
    explode: bool,
    written: fn(&str) -> String,
) -> Vec<String> {
    let text = |value: &::serde_json::Value| written(&text_of(value));
    match value {
        ::serde_json::Value::Null => Vec::new(),
        ::serde_json::Value::Array(items) => items.iter().map(text).collect(),
        ::serde_json::Value::Object(members) => members
            .iter()
            .filter(|(_, value)| is_said(value))
            .flat_map(|(name, value)| match explode {
                true => vec![format!("{}={}", written(name), text(value))],
                false => vec![written(name), text(value)],
            })
            .collect(),
        one => vec![text(one)],
    }
}

/// Escaped, with a delimiter; `None` where there is nothing to say.
fn in_style(value: &::serde_json::Value, between: &str, explode: bool) -> Option<String> {
    let all = parts(value, explode, encoded);
    (!all.is_empty()).then(|| all.join(between))
}

/// `;name=a;name=b`.
fn matrix(name: &str, value: &::serde_json::Value, explode: bool) -> String {
    let name = encoded(name);
    match value {
        ::serde_json::Value::Array(_) if explode => {
            parts(value, true, encoded).iter().map(|part| format!(";{name}={part}")).collect()
        }
        ::serde_json::Value::Object(_) if explode => in_style(value, ";", true)
            .map_or(String::new(), |members| format!(";{members}")),
        value => in_style(value, ",", explode)
            .map_or(String::new(), |text| format!(";{name}={text}")),
    }
}

/// `name[a][b]=text`; the items of a list have one name.
fn deep(name: &str, value: &::serde_json::Value, add: &mut dyn FnMut(&str, &str)) {
    match value {
        ::serde_json::Value::Null => {}
        ::serde_json::Value::Object(members) => {
            for (member, value) in members {
                deep(&format!("{name}[{member}]"), value, add);
            }
        }
        ::serde_json::Value::Array(items) => {
            items.iter().for_each(|item| add(name, &text_of(item)));
        }
        one => add(name, &text_of(one)),
    }
}
