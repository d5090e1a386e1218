//! How dates and times lie in columns.
//!
//! Must never be used outside the store: callers see chrono's types only.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// Unix microseconds; finer parts of a time are lost.
pub(super) struct Time(pub DateTime<Utc>);

/// `YYYY-MM-DD`.
pub(super) struct Day(pub NaiveDate);

const DAY_FORMAT: &str = "%Y-%m-%d";

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.timestamp_micros().into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        DateTime::from_timestamp_micros(micros).map(Time).ok_or(FromSqlError::OutOfRange(micros))
    }
}

impl ToSql for Day {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.format(DAY_FORMAT).to_string().into())
    }
}

impl FromSql for Day {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        NaiveDate::parse_from_str(value.as_str()?, DAY_FORMAT).map(Day).map_err(FromSqlError::other)
    }
}

/// No limit is the largest one: engines disagree on every other way to say it.
pub(super) fn row_limit(limit: Option<i64>) -> i64 {
    limit.unwrap_or(i64::MAX)
}

/// The pattern that finds a text anywhere in a column, for `LIKE $n ESCAPE '\'`.
pub(super) fn containing(text: &str) -> String {
    format!("%{}%", text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_"))
}
