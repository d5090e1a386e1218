//! The authenticated request on its way from the dispatcher to the extractors of its handler.
//!
//! dropshot hands an extractor nothing but the request, so the rest travels in a task-local value.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;

use http::HeaderMap;

use crate::keywords::Formats;
use crate::{ApiError, Host, LazyBody, negotiation};

/// The caller, unless anonymous, and the unread body.
pub(crate) type AdmittedRequest<C> = (Option<C>, LazyBody);

/// An [`AdmittedRequest`] whose type of caller only the handler knows: dropshot's extractors don't.
pub(crate) type Admitted = Box<dyn Any + Send + Sync>;

/// An authenticated request on its way from the dispatcher to the extractors of its handler.
struct Admission {
    entry: Cell<Option<Admitted>>,
    variables: Variables,
    /// `Accept`, where the operation has several content types to choose from.
    accept: HeaderMap,
    parameter_rules: ParameterRules,
}

/// How a host reads parameters.
#[derive(Clone, Copy)]
pub(crate) struct ParameterRules {
    /// [`Host::LENIENT_PARAMETERS`].
    pub is_lenient: bool,
    /// [`Host::FORMATS`].
    pub formats: &'static Formats,
}

/// The variables in a request's path, by name.
pub(crate) type Variables = Vec<(&'static str, String)>;

tokio::task_local! {
    /// dropshot gives an extractor nothing but the request, whose extensions would cost four
    /// allocations and a clone. Unset under dropshot's own server, so no call is admitted there.
    static ADMISSION: Admission;
}

/// Runs a handler whose [`Call`] gets this caller and this body.
pub(crate) fn with_admitted<H: Host, F: Future>(
    caller: Option<H::Caller>,
    body: LazyBody,
    variables: Variables,
    accept: HeaderMap,
    handler: F,
) -> impl Future<Output = F::Output> {
    let entry: AdmittedRequest<H::Caller> = (caller, body);
    let entry = Cell::new(Some(Box::new(entry) as Admitted));
    let parameter_rules = ParameterRules { is_lenient: H::LENIENT_PARAMETERS, formats: H::FORMATS };
    ADMISSION.scope(Admission { entry, variables, accept, parameter_rules }, handler)
}

/// Calls `read` with the values of the variables in the path of the request that is being handled.
///
/// # Errors
///
/// 500 if the request did not come through the dispatcher.
pub(crate) fn with_path<T>(
    read: impl FnOnce(&dyn Fn(&str) -> Vec<String>) -> T,
) -> Result<T, ApiError> {
    let with = |admission: &Admission| {
        read(&|name| {
            let found = admission.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone()).into_iter().collect()
        })
    };
    ADMISSION.try_with(with).map_err(|_| not_admitted())
}

/// Of these content types with their values, the value of the one that the client of the current
/// request prefers. `None` if it accepts none of them.
pub fn preferred<T: Copy>(all: &[(T, &str)]) -> Option<T> {
    let choose = |admission: &Admission| {
        let media_types = all.iter().map(|(_, media)| *media);
        negotiation::best(&admission.accept, media_types)
    };
    let place = ADMISSION.try_with(choose).ok().flatten()?;
    all.get(place).map(|(value, _)| *value)
}

/// Those of the host whose request is being handled.
pub(crate) fn parameter_rules() -> ParameterRules {
    let outside = ParameterRules { is_lenient: false, formats: &Formats::DEFAULT };
    ADMISSION.try_with(|admission| admission.parameter_rules).unwrap_or(outside)
}

pub(crate) fn not_admitted() -> ApiError {
    ApiError::internal("a request that the dispatcher has not admitted".to_owned())
}

/// The caller and the body of the current request, once.
pub(crate) fn take() -> Option<Admitted> {
    ADMISSION.try_with(|admission| admission.entry.take()).ok().flatten()
}
