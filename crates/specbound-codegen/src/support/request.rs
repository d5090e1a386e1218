/// How a parameter is written (OpenAPI, "Style Values").
#[allow(dead_code)]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    Form,
    Simple,
    Label,
    Matrix,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
    Json,
}

/// A request whose parameters are written by their styles. The first value that cannot be written
/// is an error at the end.
pub(crate) struct Target {
    method: ::reqwest::Method,
    url: String,
    /// Where each variable of the path stands in the URL, and its name.
    variables: Vec<(::std::ops::Range<usize>, &'static str)>,
    query: Vec<String>,
    headers: ::reqwest::header::HeaderMap,
    cookies: Vec<String>,
    body: Option<::reqwest::Body>,
    form: Option<WriteForm>,
    error: Option<String>,
}

/// Puts a form into a request.
type WriteForm = Box<dyn FnOnce(::reqwest::RequestBuilder) -> ::reqwest::RequestBuilder + Send>;

#[allow(dead_code)]
impl Target {
    pub(crate) fn new(method: ::reqwest::Method, baseurl: &str) -> Target {
        Target {
            method,
            url: baseurl.to_owned(),
            variables: Vec::new(),
            query: Vec::new(),
            headers: ::reqwest::header::HeaderMap::new(),
            cookies: Vec::new(),
            body: None,
            form: None,
            error: None,
        }
    }

    pub(crate) fn literal(&mut self, text: &str) {
        self.url.push_str(text);
    }

    pub(crate) fn path(
        &mut self,
        name: &'static str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) {
        let value = self.json_of(value);
        let text = match style {
            Style::Label => in_style(&value, if explode { "." } else { "," }, explode)
                .map_or(String::new(), |text| format!(".{text}")),
            Style::Matrix => matrix(name, &value, explode),
            Style::Json => encoded(&value.to_string()),
            _ => in_style(&value, ",", explode).unwrap_or_default(),
        };
        let start = self.url.len();
        self.url.push_str(&text);
        self.variables.push((start..self.url.len(), name));
    }

    pub(crate) fn query(
        &mut self,
        name: &str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) {
        let value = self.json_of(value);
        let query = &mut self.query;
        let mut add = |name: &str, value: &str| query.push(format!("{name}={value}"));
        match (style, &value) {
            (_, ::serde_json::Value::Null) => {}
            (Style::Json, value) => add(&encoded(name), &encoded(&value.to_string())),
            (Style::DeepObject, value) => deep(name, value, &mut |name, text| {
                add(&encoded(name), &encoded(text));
            }),
            (_, value) if explode && (value.is_object() || value.is_array()) => {
                exploded(&encoded(name), value, &mut add);
            }
            (style, value) => {
                let between = match style {
                    Style::SpaceDelimited => "%20",
                    Style::PipeDelimited => "%7C",
                    _ => ",",
                };
                if let Some(text) = in_style(value, between, explode) {
                    add(&encoded(name), &text);
                }
            }
        }
    }

    /// A header holds its text as it is.
    pub(crate) fn header(
        &mut self,
        name: &'static str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) {
        let text = match (style, self.json_of(value)) {
            (_, ::serde_json::Value::Null) => return,
            (Style::Json, value) => value.to_string(),
            (_, value) => parts(&value, explode, str::to_owned).join(","),
        };
        match ::reqwest::header::HeaderValue::from_bytes(text.as_bytes()) {
            Ok(value) => {
                self.headers.append(::reqwest::header::HeaderName::from_static(name), value);
            }
            Err(_) => self.fail(format!("{name} has a character that no header can hold")),
        }
    }

    pub(crate) fn cookie(
        &mut self,
        name: &str,
        style: Style,
        explode: bool,
        value: &(impl ::serde::Serialize + ?Sized),
    ) {
        let value = self.json_of(value);
        let cookies = &mut self.cookies;
        let mut add = |name: &str, value: &str| cookies.push(format!("{name}={value}"));
        match (style, &value) {
            (_, ::serde_json::Value::Null) => {}
            (Style::Json, value) => add(name, &encoded(&value.to_string())),
            (_, value) if explode && (value.is_object() || value.is_array()) => {
                exploded(name, value, &mut add);
            }
            // A comma has no place in a cookie.
            (_, value) => {
                if let Some(text) = in_style(value, "%2C", explode) {
                    add(name, &text);
                }
            }
        }
    }

    /// A body of JSON, under this content type.
    pub(crate) fn json(
        &mut self,
        content_type: &'static str,
        body: &(impl ::serde::Serialize + ?Sized),
    ) {
        match ::serde_json::to_vec(body) {
            Ok(body) => self.body(content_type, body),
            Err(why) => self.fail(why.to_string()),
        }
    }

    /// A body of fields. A list has one for each item, and an object is written as JSON.
    pub(crate) fn form(&mut self, body: &(impl ::serde::Serialize + ?Sized)) {
        let mut fields = Vec::new();
        if let body @ ::serde_json::Value::Object(_) = self.json_of(body) {
            exploded("", &body, &mut |name, text| fields.push(format!("{name}={text}")));
        }
        self.body("application/x-www-form-urlencoded", fields.join("&"));
    }

    pub(crate) fn body(&mut self, content_type: &str, body: impl Into<::reqwest::Body>) {
        match ::reqwest::header::HeaderValue::from_str(content_type) {
            Ok(value) => {
                self.headers.insert(::reqwest::header::CONTENT_TYPE, value);
                self.body = Some(body.into());
            }
            Err(_) => self.fail("the content type has a character that no header can hold".into()),
        }
    }

    /// A body that the builder of the request writes.
    pub(crate) fn write_form(
        &mut self,
        write: impl FnOnce(::reqwest::RequestBuilder) -> ::reqwest::RequestBuilder + Send + 'static,
    ) {
        self.form = Some(Box::new(write));
    }

    /// The request, which asks for these content types.
    pub(crate) fn request<E>(
        mut self,
        client: &::reqwest::Client,
        version: &str,
        accept: &'static str,
    ) -> Result<::reqwest::Request, Error<E>> {
        use ::reqwest::header::{ACCEPT, COOKIE, HeaderValue};
        self.check_path();
        if let Some(why) = self.error {
            return Err(Error::InvalidRequest(why));
        }
        if !self.query.is_empty() {
            self.url.push(if self.url.contains('?') { '&' } else { '?' });
            self.url.push_str(&self.query.join("&"));
        }
        if !self.cookies.is_empty() {
            let mut value = HeaderValue::from_str(&self.cookies.join("; "))?;
            value.set_sensitive(true);
            self.headers.insert(COOKIE, value);
        }
        if !accept.is_empty() {
            self.headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        // A version is any text, and not each text can be a header.
        let version = HeaderValue::from_str(version).ok();
        if let Some(version) = version.filter(|one| one.to_str().is_ok_and(|one| one != "")) {
            self.headers.insert("api-version", version);
        }
        let mut builder = client.request(self.method, self.url).headers(self.headers);
        if let Some(body) = self.body {
            builder = builder.body(body);
        }
        if let Some(write) = self.form {
            builder = write(builder);
        }
        Ok(builder.build()?)
    }

    fn check_path(&mut self) {
        let mut variables = self.variables.iter();
        if let Some((_, name)) = variables.find(|(place, _)| leads_elsewhere(&self.url, place)) {
            self.fail(format!("the segment of {name} in the path must not be empty, `.` or `..`"));
        }
    }

    fn fail(&mut self, why: String) {
        self.error.get_or_insert(why);
    }

    /// By way of text, in which a number has no more digits than it needs.
    fn json_of(&mut self, value: &(impl ::serde::Serialize + ?Sized)) -> ::serde_json::Value {
        let value = ::serde_json::to_string(value);
        value.and_then(|text| ::serde_json::from_str(&text)).unwrap_or_else(|why| {
            self.fail(why.to_string());
            ::serde_json::Value::Null
        })
    }
}

/// Whether a value in the path of a URL leads to another path: its segment is empty, `.` or `..`.
pub(crate) fn leads_elsewhere(url: &str, place: &::std::ops::Range<usize>) -> bool {
    let before = &url[..place.start];
    let start = before.rfind('/').map_or(0, |at| at + 1);
    let end = url[place.end..].find(['/', '?', '#']).map_or(url.len(), |at| place.end + at);
    !before.contains(['?', '#']) && matches!(&url[start..end], "" | "." | "..")
}

/// A plain value as it is, and any other as JSON.
pub(crate) fn text_of(value: &::serde_json::Value) -> String {
    match value {
        ::serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a style can write a member with this value.
fn has_text(value: &::serde_json::Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
}

/// Everything but unreserved characters is escaped (RFC 3986, section 2.3).
pub(crate) fn encoded(text: &str) -> String {
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

/// The items of a list under its name, which is escaped already, or the members of an object under
/// theirs.
fn exploded(name: &str, value: &::serde_json::Value, add: &mut dyn FnMut(&str, &str)) {
    match value {
        ::serde_json::Value::Object(members) => {
            members.iter().for_each(|(name, value)| exploded_list(&encoded(name), value, add));
        }
        value => exploded_list(name, value, add),
    }
}

fn exploded_list(name: &str, value: &::serde_json::Value, add: &mut dyn FnMut(&str, &str)) {
    let mut one = |value| add(name, &encoded(&text_of(value)));
    match value {
        ::serde_json::Value::Null => {}
        ::serde_json::Value::Array(items) => items.iter().for_each(one),
        value => one(value),
    }
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
            .filter(|(_, value)| has_text(value))
            .flat_map(|(name, value)| match explode {
                true => vec![format!("{}={}", written(name), text(value))],
                false => vec![written(name), text(value)],
            })
            .collect(),
        one => vec![text(one)],
    }
}

/// Escaped, with a delimiter; `None` where there is nothing to write.
fn in_style(value: &::serde_json::Value, between: &str, explode: bool) -> Option<String> {
    let all = parts(value, explode, encoded);
    (!all.is_empty()).then(|| all.join(between))
}

/// `;name=a;name=b`, and `;name` for an empty text (RFC 6570, section 3.2.7).
fn matrix(name: &str, value: &::serde_json::Value, explode: bool) -> String {
    let name = encoded(name);
    let pair = |text: &str| match text {
        "" => format!(";{name}"),
        text => format!(";{name}={text}"),
    };
    match value {
        ::serde_json::Value::Array(_) if explode => {
            parts(value, true, encoded).iter().map(|part| pair(part)).collect()
        }
        ::serde_json::Value::Object(_) if explode => parts(value, true, encoded)
            .iter()
            .map(|part| format!(";{}", part.strip_suffix('=').unwrap_or(part)))
            .collect(),
        value => in_style(value, ",", explode).map_or(String::new(), |text| pair(&text)),
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
