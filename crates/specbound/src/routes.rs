//! Which operations and pages are served, by path.

use std::borrow::Cow;
use std::collections::HashMap;

use http::header::HeaderMap;
use http::{HeaderValue, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::dispatcher::StartError;
use crate::error::json_response;
use crate::security::{Security, unknown_scheme};
use crate::{ApiError, Host, Operation, Page, Response, negotiation};

/// All that is served.
pub struct Routes<H: Host> {
    literal: HashMap<&'static str, Resource<H>>,
    /// Paths with variables.
    variable: Vec<(Template, Resource<H>)>,
}

/// A path with variables, each of them one whole segment.
#[derive(PartialEq)]
struct Template(Vec<Segment>);

enum Segment {
    Literal(&'static str),
    Variable(&'static str),
}

/// Templates that match the same paths are equal, whatever their variables are called.
impl PartialEq for Segment {
    fn eq(&self, other: &Segment) -> bool {
        match (self, other) {
            (Segment::Literal(one), Segment::Literal(two)) => one == two,
            (Segment::Variable(_), Segment::Variable(_)) => true,
            _ => false,
        }
    }
}

impl Template {
    fn new(path: &'static str) -> Template {
        let variable = |segment: &'static str| {
            segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
        };
        let segment = |text| variable(text).map_or(Segment::Literal(text), Segment::Variable);
        Template(path.split('/').map(segment).collect())
    }

    /// Whether each segment is a literal.
    fn literals(&self) -> Vec<bool> {
        self.0.iter().map(|segment| matches!(segment, Segment::Literal(_))).collect()
    }

    fn matches(&self, path: &str, takes: impl Fn(&str, &str) -> bool) -> bool {
        let mut sent = path.split('/');
        let fits = |segment: &Segment| match (segment, sent.next()) {
            (Segment::Literal(text), Some(sent)) => *text == sent,
            // The router refuses dots: a client that follows RFC 3986 resolves them.
            (Segment::Variable(_), None | Some("" | "." | "..")) | (Segment::Literal(_), None) => {
                false
            }
            (Segment::Variable(name), Some(value)) => takes(name, value),
        };
        self.0.iter().all(fits) && sent.next().is_none()
    }
}

/// One path.
pub struct Resource<H: Host> {
    pub target: Target<H>,
    pub allow: HeaderValue,
}

pub enum Target<H: Host> {
    /// The operations of the document at this path.
    Operations(Vec<&'static Operation>),
    Page(Box<dyn Page<H>>),
}

impl<H: Host> Resource<H> {
    fn new(target: Target<H>) -> Resource<H> {
        let mut allow: Vec<&str> = match &target {
            Target::Operations(operations) => {
                operations.iter().map(|operation| operation.method).collect()
            }
            Target::Page(page) => page.methods().to_vec(),
        };
        if allow.contains(&"GET") && !allow.contains(&"HEAD") {
            allow.push("HEAD");
        }
        if !allow.contains(&"OPTIONS") {
            allow.push("OPTIONS");
        }
        let allow =
            HeaderValue::from_str(&allow.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"));
        Resource { target, allow }
    }

    /// The operation that a request with this method calls.
    pub fn operation(&self, method: &Method) -> Option<&'static Operation> {
        let Target::Operations(operations) = &self.target else { return None };
        let of =
            |wanted: &str| operations.iter().find(|operation| operation.method == wanted).copied();
        of(method.as_str()).or_else(|| if method == Method::HEAD { of("GET") } else { None })
    }

    /// The page that answers a request with this method.
    pub fn page(&self, method: &Method) -> Option<&dyn Page<H>> {
        let Target::Page(page) = &self.target else { return None };
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        page.methods().contains(&wanted).then_some(&**page)
    }

    /// The name of a request with this method in the log and in metrics.
    pub fn name(&self, method: &Method) -> Option<&'static str> {
        self.operation(method)
            .map(|operation| operation.id)
            .or_else(|| self.page(method).map(Page::path))
    }

    /// Whether its path can have this value for its variable `name`.
    fn takes(&self, name: &str, value: &str) -> bool {
        match &self.target {
            Target::Operations(operations) => {
                let is_integer =
                    operations.first().is_some_and(|first| first.integers.contains(&name));
                !is_integer || value.bytes().all(|byte| byte.is_ascii_digit())
            }
            Target::Page(page) => page.takes(value),
        }
    }

    /// # Errors
    ///
    /// 406 or 404 when the client does not accept what is produced here.
    pub fn negotiate(
        &self,
        operation: Option<&Operation>,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<(), ApiError> {
        match &self.target {
            Target::Operations(_) => negotiation::require(
                headers,
                uri,
                operation.map(|operation| operation.produces).unwrap_or_default(),
            ),
            Target::Page(page) => page.negotiate(headers, uri),
        }
    }

    /// Security of OPTIONS and of methods that are not allowed.
    pub fn security(&self) -> Security {
        match &self.target {
            Target::Operations(operations) => {
                operations.first().map(|o| o.security).unwrap_or_default()
            }
            Target::Page(page) => page.security(),
        }
    }

    /// The answer to OPTIONS.
    pub fn options(&self) -> Response {
        let (path, description, renders, parses) = match &self.target {
            Target::Operations(operations) => {
                let first = operations.first();
                let parses = operations.iter().map(|o| o.parses).find(|parses| !parses.is_empty());
                let (path, description) =
                    first.map(|o| (o.path, o.description)).unwrap_or_default();
                let produced = operations.iter().flat_map(|o| o.produces).copied();
                let mut renders = vec!["application/json"];
                renders.extend(produced.filter(|media_type| *media_type != "application/json"));
                (path, description, renders, parses.unwrap_or_default())
            }
            Target::Page(page) => {
                (page.path(), page.description(), page.renders(), Default::default())
            }
        };
        let body = json!({
            "name": title(H::BASE_PATH, path),
            "description": description,
            "renders": renders,
            "parses": parses,
            "actions": {},
        });
        json_response(StatusCode::OK, body.to_string().into_bytes())
    }
}

impl<H: Host> Routes<H> {
    /// # Errors
    ///
    /// A path that is served already, or a security scheme without an authenticator.
    pub fn build(
        operations: &'static [Operation],
        pages: Vec<Box<dyn Page<H>>>,
    ) -> Result<Routes<H>, StartError> {
        let mut grouped: Vec<(&'static str, Vec<&'static Operation>)> = Vec::new();
        for operation in operations {
            check_schemes::<H>(operation.id, operation.security)?;
            match grouped.iter_mut().find(|(path, _)| *path == operation.path) {
                Some((_, operations)) => operations.push(operation),
                None => grouped.push((operation.path, vec![operation])),
            }
        }
        let mut routes = Routes { literal: HashMap::new(), variable: Vec::new() };
        for (path, operations) in grouped {
            routes.add(path, Target::Operations(operations))?;
        }
        for page in pages {
            check_schemes::<H>(page.path(), page.security())?;
            routes.add(page.path(), Target::Page(page))?;
        }
        Ok(routes)
    }

    fn add(&mut self, path: &'static str, target: Target<H>) -> Result<(), StartError> {
        let resource = Resource::new(target);
        let is_taken = match path.contains('{') {
            true => {
                let template = Template::new(path);
                let is_taken = self.variable.iter().any(|(other, _)| *other == template);
                // A literal segment comes before a variable.
                let place = self
                    .variable
                    .partition_point(|(other, _)| other.literals() >= template.literals());
                self.variable.insert(place, (template, resource));
                is_taken
            }
            false => self.literal.insert(path, resource).is_some(),
        };
        if is_taken { Err(StartError::TakenPath(path)) } else { Ok(()) }
    }

    /// Exactly: no missing last slash, no doubled slash, no other case.
    pub fn find(&self, path: &str) -> Option<&Resource<H>> {
        self.literal.get(path).or_else(|| {
            let fits = |(template, resource): &&(Template, Resource<H>)| {
                template.matches(path, |name, value| resource.takes(name, value))
            };
            self.variable.iter().find(fits).map(|(_, resource)| resource)
        })
    }
}

fn check_schemes<H: Host>(name: &'static str, security: Security) -> Result<(), StartError> {
    match unknown_scheme::<H>(security) {
        Some(scheme) => Err(StartError::UnknownScheme { name, scheme }),
        None => Ok(()),
    }
}

/// A request's path as it is matched; `None` for one with an encoded slash, which separates no
/// segments, and which no segment contains.
pub fn decoded(path: &str) -> Option<Cow<'_, str>> {
    let has_slash = path.as_bytes().windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f"));
    (!has_slash).then(|| percent_decode_str(path).decode_utf8_lossy())
}

/// With the base `/api/auth/`, `/api/auth/password/reset/` is "Password Reset".
fn title(base: &str, path: &str) -> String {
    let words =
        path.trim_start_matches(base).split(['/', '-']).filter(|word| !word.starts_with('{'));
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    words.filter_map(capital).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{Credentials, PageRequest};

    /// A host without authenticators.
    struct Open;

    impl Host for Open {
        type Caller = ();
        type Scheme = ();
        type Exchange = ();

        const SCHEMES: &'static [(&'static str, ())] = &[];

        async fn authenticate(
            &self,
            (): (),
            _: &mut Credentials<'_, Open>,
        ) -> Result<Option<()>, ApiError> {
            Ok(None)
        }

        fn combine(&self, (): (), (): ()) -> Result<(), ApiError> {
            Ok(())
        }

        fn begin(&self, _: &mut Request<dropshot::Body>) {}
    }

    /// A page at this path.
    struct At(&'static str);

    #[async_trait::async_trait]
    impl Page<Open> for At {
        fn path(&self) -> &'static str {
            self.0
        }

        fn description(&self) -> &'static str {
            "A page."
        }

        fn renders(&self) -> Vec<&'static str> {
            vec!["text/plain"]
        }

        async fn answer(&self, _: &Open, _: PageRequest<Open>) -> Result<Response, ApiError> {
            Ok(Response::new(dropshot::Body::empty()))
        }
    }

    const fn operation(id: &'static str, method: &'static str, path: &'static str) -> Operation {
        Operation {
            id,
            method,
            path,
            route: path,
            description: "",
            security: &[&[]],
            parses: &[],
            produces: &[],
            integers: &[],
        }
    }

    const OPERATIONS: &[Operation] = &[
        operation("user", "GET", "/user/"),
        Operation { integers: &["id"], ..operation("verify", "POST", "/emails/{id}/verify/") },
        operation("book", "GET", "/shelves/{shelf}/books/{number}"),
    ];

    #[test]
    fn page_at_a_taken_path_stops_the_start() {
        for path in ["/user/", "/emails/{key}/verify/", "/shelves/{a}/books/{b}"] {
            let refused = Routes::build(OPERATIONS, vec![Box::new(At(path))]).err();
            assert_eq!(refused.unwrap().to_string(), format!("{path} is served already"));
        }
    }

    #[test]
    fn scheme_without_an_authenticator_stops_the_start() {
        const KEYED: &[Operation] =
            &[Operation { security: &[&["key"], &[]], ..operation("user", "GET", "/user/") }];
        let refused = Routes::<Open>::build(KEYED, Vec::new()).err().unwrap().to_string();
        assert_eq!(
            refused,
            "`user` requires the security scheme `key`, for which the host has no authenticator"
        );
    }

    #[test]
    fn encoded_slash_separates_no_segments() {
        assert_eq!(decoded("/emails/%31/verify/").as_deref(), Some("/emails/1/verify/"));
        assert_eq!(decoded("/emails/%252F/").as_deref(), Some("/emails/%2F/"));
        for path in ["/emails%2F1%2Fverify/", "/emails/1%2fverify/", "%2f"] {
            assert_eq!(decoded(path), None, "{path}");
        }
    }

    #[test]
    fn variable_is_one_segment() {
        let path = "/accounts/{key}/";
        let routes = Routes::<Open>::build(OPERATIONS, vec![Box::new(At(path))]).unwrap();
        let found = |path: &str| routes.find(path).and_then(|resource| resource.name(&Method::GET));
        assert_eq!(found("/accounts/MQ:1abc:x_y/"), Some(path));
        for other in ["/accounts//", "/accounts/../", "/accounts/a/b/", "/accounts/a"] {
            assert_eq!(found(other), None, "{other}");
        }
        assert_eq!(found("/shelves/a/books/b"), Some("book"));
        assert_eq!(found("/shelves/a/books/"), None);
    }

    #[test]
    fn integer_in_a_path_is_digits() {
        let routes = Routes::<Open>::build(OPERATIONS, Vec::new()).unwrap();
        let found =
            |path: &str| routes.find(path).and_then(|resource| resource.name(&Method::POST));
        assert_eq!(found("/emails/007/verify/"), Some("verify"));
        for other in
            ["/emails/-1/verify/", "/emails/+1/verify/", "/emails/x/verify/", "/emails/ 1/verify/"]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
