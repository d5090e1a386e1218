//! Parameters and columns, common to both engines.
//!
//! Private to the store: callers use types of std and chrono.

use bytes::BytesMut;
use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::ToSql as ToSqlite;
use rusqlite::types::{
    FromSql as FromSqlite, FromSqlError, FromSqlResult, Null, ToSqlOutput, ValueRef,
};
use tokio_postgres::types::{
    FromSql as FromPostgres, IsNull, ToSql as ToPostgres, Type, to_sql_checked,
};

use super::StoreError;

/// One parameter of a statement.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Day(NaiveDate),
}

/// The parameters of a statement, starting with `$1`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::store::values::Value::from($value)),*] };
}
pub(super) use params;

/// Unix time in microseconds; finer fractions are truncated.
pub(super) struct Time(pub DateTime<Utc>);

/// `YYYY-MM-DD`.
pub(super) struct Day(pub NaiveDate);

const DAY_FORMAT: &str = "%Y-%m-%d";

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Value::Bytes(value)
    }
}

impl<'a> From<&'a [u8; 32]> for Value<'a> {
    fn from(value: &'a [u8; 32]) -> Self {
        Value::Bytes(value)
    }
}

impl From<Time> for Value<'_> {
    fn from(value: Time) -> Self {
        Value::Integer(value.0.timestamp_micros())
    }
}

impl From<Day> for Value<'_> {
    fn from(value: Day) -> Self {
        Value::Day(value.0)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl ToSqlite for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match *self {
            Value::Null => Null.into(),
            Value::Bool(value) => value.into(),
            Value::Integer(value) => value.into(),
            Value::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Value::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Value::Day(value) => value.format(DAY_FORMAT).to_string().into(),
        })
    }
}

impl std::fmt::Debug for Value<'_> {
    /// Hides the value, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }
}

impl ToPostgres for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Bool(value) => value.to_sql_checked(ty, out),
            Value::Integer(value) => value.to_sql_checked(ty, out),
            Value::Text(value) => value.to_sql_checked(ty, out),
            Value::Bytes(value) => value.to_sql_checked(ty, out),
            Value::Day(value) => value.format(DAY_FORMAT).to_string().to_sql_checked(ty, out),
        }
    }

    /// The type is checked when the value is written.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A row of a result.
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// A type that a column can be read as.
pub(super) trait Column: FromSqlite + for<'a> FromPostgres<'a> {}

impl<T: FromSqlite + for<'a> FromPostgres<'a>> Column for T {}

impl Row<'_> {
    pub(super) fn get<T: Column>(&self, column: usize) -> Result<T, StoreError> {
        Ok(match self {
            Row::Sqlite(row) => row.get(column)?,
            Row::Postgres(row) => row.try_get(column)?,
        })
    }
}

impl FromSqlite for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        DateTime::from_timestamp_micros(micros).map(Time).ok_or(FromSqlError::OutOfRange(micros))
    }
}

impl FromSqlite for Day {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        NaiveDate::parse_from_str(value.as_str()?, DAY_FORMAT).map(Day).map_err(FromSqlError::other)
    }
}

impl<'a> FromPostgres<'a> for Time {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let micros = i64::from_sql(ty, raw)?;
        DateTime::from_timestamp_micros(micros).map(Time).ok_or_else(|| "no time".into())
    }

    fn accepts(ty: &Type) -> bool {
        <i64 as FromPostgres>::accepts(ty)
    }
}

impl<'a> FromPostgres<'a> for Day {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Day(NaiveDate::parse_from_str(<&str>::from_sql(ty, raw)?, DAY_FORMAT)?))
    }

    fn accepts(ty: &Type) -> bool {
        <&str as FromPostgres>::accepts(ty)
    }
}

/// No limit is `i64::MAX`, the only notation that both engines share.
pub(super) fn row_limit(limit: Option<i64>) -> i64 {
    limit.unwrap_or(i64::MAX)
}

/// The pattern for `LIKE $n ESCAPE '\'` that finds a text anywhere in a column.
pub(super) fn containing(text: &str) -> String {
    format!("%{}%", text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_"))
}
