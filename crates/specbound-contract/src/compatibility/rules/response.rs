//! Rules for responses, their headers and their bodies.

use super::Severity::{Breaking, Compatible, Unclear};
use super::{Rule, added_or_removed, fixed};
use crate::compatibility::Audience;
use crate::compatibility::location::Location;
use crate::quoting::code;

pub(super) fn promised_header(location: &Location<'_>) -> Rule {
    match location.new.is_some() {
        true => fixed(
            Compatible,
            Audience::Readers,
            format!("header {} is always sent now.", location.subject),
        ),
        false => fixed(
            Breaking,
            Audience::Readers,
            format!(
                "header {} may now be missing: clients that rely on it fail.",
                location.subject
            ),
        ),
    }
}

pub(super) fn response(location: &Location<'_>, status: &str) -> Rule {
    let status_code = code(status);
    let failure = status.starts_with(['4', '5']);
    let come = match status {
        _ if failure => fixed(
            Compatible,
            Audience::Readers,
            format!("status {status_code} is documented now and describes a failure."),
        ),
        "default" => fixed(
            Compatible,
            Audience::Readers,
            "every other status is documented now, which was undocumented before.".to_owned(),
        ),
        _ => fixed(
            Breaking,
            Audience::Readers,
            format!(
                "status {status_code} is new: clients that know only the statuses before do not \
                 expect it."
            ),
        ),
    };
    let gone = match status {
        _ if failure => fixed(
            Compatible,
            Audience::Readers,
            format!("status {status_code} is no longer documented: clients that handle it lose \
                nothing."),
        ),
        "default" => fixed(
            Unclear,
            Audience::Readers,
            "other statuses are no longer documented: whether clients still read them this must be \
             judged by hand."
                .to_owned(),
        ),
        _ => fixed(
            Breaking,
            Audience::Readers,
            format!(
                "status {status_code} is gone: clients that wait for it take the response for a \
                 failure."
            ),
        ),
    };
    added_or_removed(location, come, gone)
}
