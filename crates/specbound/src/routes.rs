//! Which operations and pages are served, by path.

mod start_error;
mod tree;

use std::cmp::Reverse;
use std::collections::HashMap;

use http::header::HeaderMap;
use http::{HeaderValue, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;
pub use start_error::StartError;
pub use tree::variables;
use tree::{Tree, segments};

use crate::error::json_response;
use crate::operation::Security;
use crate::security::unknown_scheme;
use crate::{ApiError, Host, Operation, Page, Response, negotiation};

/// All that is served.
pub struct Routes<H: Host> {
    /// Paths without variables.
    literal: HashMap<String, Resource<H>>,
    /// Paths with variables.
    variable: Tree<Resource<H>>,
    /// Paths up to their `{*}`.
    prefixes: Vec<(&'static str, Resource<H>)>,
}

/// A resource, and the values of the variables in its path.
pub struct RouteMatch<'a, H: Host> {
    pub resource: &'a Resource<H>,
    pub values: Vec<String>,
}

impl<H: Host> RouteMatch<'_, H> {
    /// The operation that a request with this method calls.
    pub fn operation(&self, method: &Method) -> Option<&'static Operation> {
        let Target::Operations(operations) = &self.resource.target else { return None };
        let of = |wanted: &str| {
            let all = operations.iter().filter(|operation| operation.method == wanted);
            let taken = all.filter(|operation| takes(operation, &self.values));
            // One that names the values comes before one that takes any.
            taken.min_by_key(|operation| Reverse(operation.choices.len())).copied()
        };
        of(method.as_str()).or_else(|| if method == Method::HEAD { of("GET") } else { None })
    }

    /// The name of a request with this method in the log and in metrics.
    pub fn name(&self, method: &Method) -> Option<&'static str> {
        self.operation(method)
            .map(|operation| operation.id)
            .or_else(|| self.resource.page(method).map(Page::path))
    }
}

/// Whether the path of an operation can have these values.
fn takes<V: AsRef<str>>(operation: &Operation, values: &[V]) -> bool {
    variables(operation.path).zip(values).all(|(name, value)| {
        let value = value.as_ref();
        let choices = operation.choices.iter().find(|(variable, _)| *variable == name);
        choices.is_none_or(|(_, choices)| choices.contains(&value))
            && (!operation.integers.contains(&name)
                || value.bytes().all(|byte| byte.is_ascii_digit()))
    })
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

    /// The page that responds to a request with this method.
    pub fn page(&self, method: &Method) -> Option<&dyn Page<H>> {
        let Target::Page(page) = &self.target else { return None };
        if page.takes_every_method() {
            return Some(&**page);
        }
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        page.methods().contains(&wanted).then_some(&**page)
    }

    /// The page that responds to everything at its path.
    pub fn page_of_every_method(&self) -> Option<&dyn Page<H>> {
        let Target::Page(page) = &self.target else { return None };
        page.takes_every_method().then_some(&**page)
    }

    /// Whether its path can have these values.
    fn takes(&self, values: &[&str]) -> bool {
        match &self.target {
            Target::Operations(operations) => {
                operations.iter().any(|operation| takes(operation, values))
            }
            Target::Page(page) => {
                values.iter().all(|value| !value.contains('/') && page.takes(value))
            }
        }
    }

    /// # Errors
    ///
    /// 406 or 404 when the client does not accept the content type.
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

    /// The response to OPTIONS.
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
        operations: impl IntoIterator<Item = &'static Operation>,
        pages: Vec<Box<dyn Page<H>>>,
    ) -> Result<Routes<H>, StartError> {
        let mut grouped: Vec<(String, Vec<&'static Operation>)> = Vec::new();
        for operation in operations {
            check_schemes::<H>(operation.id, operation.security)?;
            // Operations of one path may have other names for its variables.
            let shape = shape(operation.path);
            match grouped.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, operations)) => operations.push(operation),
                None => grouped.push((shape, vec![operation])),
            }
        }
        let mut routes =
            Routes { literal: HashMap::new(), variable: Tree::default(), prefixes: Vec::new() };
        for (_, operations) in grouped {
            let path = operations.first().map(|first| first.path).unwrap_or_default();
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
        if let Some(prefix) = path.strip_suffix("{*}") {
            self.prefixes.push((prefix, resource));
            return Ok(());
        }
        let is_new = match path.contains('{') {
            true => self.variable.insert(path, resource),
            false => {
                let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
                self.literal.insert(path, resource).is_none()
            }
        };
        if is_new { Ok(()) } else { Err(StartError::TakenPath(path)) }
    }

    /// Exactly, except for prefixes: no missing last slash, no doubled slash, no other case.
    pub fn find(&self, path: &str) -> Option<RouteMatch<'_, H>> {
        self.exactly(path).or_else(|| {
            let (_, resource) =
                self.prefixes.iter().find(|(prefix, _)| path.starts_with(prefix))?;
            Some(RouteMatch { resource, values: Vec::new() })
        })
    }

    fn exactly(&self, path: &str) -> Option<RouteMatch<'_, H>> {
        let literal = |path: &str| {
            self.literal.get(path).map(|resource| RouteMatch { resource, values: Vec::new() })
        };
        let is_encoded = path.contains('%');
        if !is_encoded && let Some(found) = literal(path) {
            return Some(found);
        }
        let segments = segments(path)?;
        if is_encoded
            && segments.iter().all(|segment| !segment.contains('/'))
            && let Some(found) = literal(&segments.join("/"))
        {
            return Some(found);
        }
        let found = self.variable.find(&segments, &|resource, values| resource.takes(values));
        found.map(|(resource, values)| RouteMatch {
            resource,
            values: values.into_iter().map(str::to_owned).collect(),
        })
    }
}

fn check_schemes<H: Host>(name: &'static str, security: Security) -> Result<(), StartError> {
    match unknown_scheme::<H>(security) {
        Some(scheme) => Err(StartError::UnknownScheme { name, scheme }),
        None => Ok(()),
    }
}

/// A path with all variables alike.
fn shape(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shape, part| {
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        shape + "{}" + rest
    })
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

        async fn respond(&self, _: &Open, _: PageRequest<Open>) -> Result<Response, ApiError> {
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
            scopes: &[],
            parses: &[],
            produces: &[],
            integers: &[],
            choices: &[],
        }
    }

    const OPERATIONS: &[Operation] = &[
        operation("user", "GET", "/user/"),
        Operation { integers: &["id"], ..operation("verify", "POST", "/emails/{id}/verify/") },
        operation("book", "GET", "/shelves/{shelf}/books/{number}"),
    ];

    #[test]
    fn page_at_a_taken_path_fails_startup() {
        for path in ["/user/", "/emails/{key}/verify/", "/shelves/{a}/books/{b}"] {
            let refused = Routes::build(OPERATIONS, vec![Box::new(At(path))]).err();
            assert_eq!(refused.unwrap().to_string(), format!("{path} is already served"));
        }
    }

    #[test]
    fn prefix_route_matches_the_rest_after_exact_routes() {
        let pages = ["/ask/{*}", "/ask/exact/"];
        let pages = pages.map(|path| Box::new(At(path)) as Box<dyn Page<Open>>);
        let routes = Routes::build(OPERATIONS, pages.into()).ok().unwrap();
        let name = |path: &str| routes.find(path)?.name(&Method::GET);
        for path in ["/ask/", "/ask/a/b", "/ask//", "/ask/%2e%2e/%ff", "/ask/exact"] {
            assert_eq!(name(path), Some("/ask/{*}"), "{path}");
        }
        assert_eq!(name("/ask/exact/"), Some("/ask/exact/"));
        assert_eq!(name("/ask"), None);
        assert_eq!(name("/user/"), Some("user"));
    }

    #[test]
    fn scheme_without_an_authenticator_fails_startup() {
        const KEYED: &[Operation] =
            &[Operation { security: &[&["key"], &[]], ..operation("user", "GET", "/user/") }];
        let refused = Routes::<Open>::build(KEYED, Vec::new()).err().unwrap().to_string();
        assert_eq!(
            refused,
            "`user` requires the security scheme `key`, for which the host has no authenticator"
        );
    }

    #[test]
    fn variable_matches_one_segment() {
        let path = "/accounts/{key}/";
        let routes = Routes::<Open>::build(OPERATIONS, vec![Box::new(At(path))]).unwrap();
        let found = |path: &str| routes.find(path).and_then(|found| found.name(&Method::GET));
        assert_eq!(found("/accounts/MQ:1abc:x_y/"), Some(path));
        for other in ["/accounts//", "/accounts/../", "/accounts/a/b/", "/accounts/a"] {
            assert_eq!(found(other), None, "{other}");
        }
        assert_eq!(found("/shelves/a/books/b"), Some("book"));
        assert_eq!(found("/shelves/a/books/"), None);
    }

    #[test]
    fn integer_path_variable_matches_digits() {
        let routes = Routes::<Open>::build(OPERATIONS, Vec::new()).unwrap();
        let found = |path: &str| routes.find(path).and_then(|found| found.name(&Method::POST));
        assert_eq!(found("/emails/007/verify/"), Some("verify"));
        for other in
            ["/emails/-1/verify/", "/emails/+1/verify/", "/emails/x/verify/", "/emails/ 1/verify/"]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }
    #[test]
    fn page_path_rejects_an_encoded_slash() {
        let path = "/accounts/{key}/";
        let routes = Routes::<Open>::build(OPERATIONS, vec![Box::new(At(path))]).unwrap();
        for path in ["/accounts/a%2Fb/", "/accounts%2Fa/", "/accounts/a%2fb/"] {
            assert!(routes.find(path).is_none(), "{path}");
        }
        let found = |path: &str| routes.find(path).and_then(|found| found.name(&Method::GET));
        assert_eq!(found("/%75ser/"), Some("user"));
        assert_eq!(found("/accounts/%2561/"), Some(path));
    }

    #[test]
    fn methods_of_one_path_may_name_its_variables_differently() {
        const OTHER: &[Operation] = &[
            operation("read", "GET", "/items/{id}"),
            Operation { integers: &["number"], ..operation("write", "PUT", "/items/{number}") },
        ];
        let routes = Routes::<Open>::build(OTHER, Vec::new()).unwrap();
        let found = routes.find("/items/7").unwrap();
        assert_eq!(found.name(&Method::GET), Some("read"));
        assert_eq!(found.name(&Method::PUT), Some("write"));
        assert_eq!(found.resource.allow, "GET, PUT, HEAD, OPTIONS");
        assert_eq!(routes.find("/items/x").unwrap().name(&Method::PUT), None);
    }

    #[test]
    fn operations_of_one_path_and_method_are_selected_by_choices() {
        const OTHER: &[Operation] = &[
            Operation {
                choices: &[("kind", &["a", "b"])],
                ..operation("letters", "GET", "/{kind}/")
            },
            Operation { choices: &[("sign", &["1"])], ..operation("digits", "GET", "/{sign}/") },
        ];
        const ANY: &[Operation] = &[
            operation("any", "GET", "/{any}/"),
            Operation { choices: &[("kind", &["a"])], ..operation("a", "GET", "/{kind}/") },
        ];
        let routes = Routes::<Open>::build(ANY, Vec::new()).unwrap();
        let found = |path: &str| routes.find(path).and_then(|found| found.name(&Method::GET));
        assert_eq!((found("/a/"), found("/b/")), (Some("a"), Some("any")));
        let routes = Routes::<Open>::build(OTHER, Vec::new()).unwrap();
        let found = |path: &str| routes.find(path).and_then(|found| found.name(&Method::GET));
        assert_eq!(found("/b/"), Some("letters"));
        assert_eq!(found("/1/"), Some("digits"));
        assert_eq!(found("/c/"), None);
    }
}
