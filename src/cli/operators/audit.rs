//! `audit`: queries the audit trail.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{AdminContext, CommonArgs, LimitArg, find, to_failure};
use crate::cli::output::{self, AuditRow};
use crate::cli::{Failure, failure, print};
use crate::domain::audit::Event;
use crate::store::AuditFilter;

#[derive(Args)]
pub struct AuditQuery {
    /// Only entries of this account.
    name: Option<String>,
    /// The event, such as `login_failed`.
    #[arg(
        long,
        value_parser = PossibleValuesParser::new(Event::ALL.iter().map(|event| event.name())),
    )]
    event: Option<String>,
    /// The client's network address (for IPv6, its /64), or `operator`.
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// Start: a day (2026-11-25), a time (RFC 3339) or an age (7d, 12h, 30m).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

/// Prints entries, newest first.
///
/// # Errors
///
/// One line for the operator.
pub async fn print_trail(
    args: &CommonArgs,
    query: &AuditQuery,
    limit: &LimitArg,
) -> Result<(), Failure> {
    let AuditQuery { name, event, client, since } = query;
    let context = AdminContext::open(&args.config()?)?;
    let op = &context.op;
    let account_id = match name {
        Some(name) => Some(find(op, name).await?.id),
        None => None,
    };
    let since = since.as_deref().map(|text| moment(text, op.now())).transpose()?;
    let filter = AuditFilter { account_id, event: event.clone(), client: client.clone(), since };
    let found = op
        .store
        .read(|r| r.audit_list(&filter, Some(limit.limit() + 1)))
        .await
        .map_err(to_failure)?;
    let rows: Vec<_> = limit.take(found).into_iter().map(AuditRow::new).collect();
    print(&output::list(args.format, &rows)?)
}

/// A day begins at midnight UTC.
fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let ago = text.char_indices().last().and_then(|(at, unit)| {
        let number: i64 = text[..at].parse().ok()?;
        match unit {
            'd' => TimeDelta::try_days(number),
            'h' => TimeDelta::try_hours(number),
            'm' => TimeDelta::try_minutes(number),
            _ => None,
        }
    });
    let at =
        ago.filter(|ago| *ago >= TimeDelta::zero()).and_then(|ago| now.checked_sub_signed(ago));
    at.ok_or_else(|| {
        failure(
            "--since takes a day (2026-11-25), a time (RFC 3339), or so long ago (7d, 12h, 30m)",
        )
    })
}
