/// The request that asked for a callback, and the response to it.
#[derive(Clone, Default)]
pub struct Exchange {
    method: String,
    url: String,
    path: Vec<(String, String)>,
    request: Message,
    status: Option<u16>,
    response: Message,
}

#[derive(Clone, Default)]
struct Message {
    headers: ::reqwest::header::HeaderMap,
    body: ::serde_json::Value,
}

impl Exchange {
    /// A request of this method to this URL, or to this path and query.
    pub fn new(method: &str, url: &str) -> Exchange {
        Exchange { method: method.to_owned(), url: url.to_owned(), ..Exchange::default() }
    }

    /// With the value of a variable in its path.
    pub fn path(mut self, name: &str, value: impl ToString) -> Exchange {
        self.path.push((name.to_owned(), value.to_string()));
        self
    }

    /// With these headers.
    pub fn headers(mut self, headers: &::reqwest::header::HeaderMap) -> Exchange {
        self.request.headers = headers.clone();
        self
    }

    /// With this body.
    pub fn body(mut self, body: &(impl ::serde::Serialize + ?Sized)) -> Exchange {
        self.request.body = ::serde_json::to_value(body).unwrap_or_default();
        self
    }

    /// With this status, and these headers and body.
    pub fn response(
        mut self,
        status: u16,
        headers: &::reqwest::header::HeaderMap,
        body: &(impl ::serde::Serialize + ?Sized),
    ) -> Exchange {
        self.status = Some(status);
        let body = ::serde_json::to_value(body).unwrap_or_default();
        self.response = Message { headers: headers.clone(), body };
        self
    }

    /// The URL of a callback. A value at its beginning stands as it is, and any other one escaped.
    /// None of the others leads to another path: a segment with one is neither empty nor `.` nor
    /// `..`.
    pub(crate) fn callback<E>(&self, parts: &[Part]) -> Result<String, Error<E>> {
        let mut url = String::new();
        let mut variables = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Value(value, expression) => match self.value(value) {
                    Some(text) if url.is_empty() => url.push_str(&text),
                    Some(text) => {
                        let start = url.len();
                        url.push_str(&encoded(&text));
                        variables.push((start..url.len(), expression));
                    }
                    None => {
                        let why = format!("the exchange has no {expression}");
                        return Err(Error::InvalidRequest(why));
                    }
                },
            }
        }
        if let Some((_, name)) = variables.iter().find(|(place, _)| leads_elsewhere(&url, place)) {
            let why = format!("the segment of {name} in the path must not be empty, `.` or `..`");
            return Err(Error::InvalidRequest(why));
        }
        Ok(url)
    }

    fn value(&self, value: &Value) -> Option<String> {
        let header = |message: &Message, name: &str| {
            message.headers.get(name)?.to_str().ok().map(str::to_owned)
        };
        let member = |message: &Message, pointer: &str| match message.body.pointer(pointer)? {
            ::serde_json::Value::Null => None,
            found => Some(text_of(found)),
        };
        match *value {
            Value::Url => Some(self.url.clone()),
            Value::Method => Some(self.method.clone()),
            Value::Status => self.status.map(|status| status.to_string()),
            Value::RequestHeader(name) => header(&self.request, name),
            Value::ResponseHeader(name) => header(&self.response, name),
            Value::RequestBody(pointer) => member(&self.request, pointer),
            Value::ResponseBody(pointer) => member(&self.response, pointer),
            Value::Path(name) => {
                self.path.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }
            Value::Query(name) => {
                let (_, query) = self.url.split_once('?')?;
                let url = ::reqwest::Url::parse(&format!("http://x/?{query}")).ok()?;
                let mut pairs = url.query_pairs();
                pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
            }
        }
    }
}

/// A part of a callback's URL.
#[allow(dead_code)]
pub(crate) enum Part {
    Text(&'static str),
    /// With its expression.
    Value(Value, &'static str),
}

#[allow(dead_code)]
pub(crate) enum Value {
    Url,
    Method,
    Status,
    RequestHeader(&'static str),
    ResponseHeader(&'static str),
    Query(&'static str),
    Path(&'static str),
    RequestBody(&'static str),
    ResponseBody(&'static str),
}
