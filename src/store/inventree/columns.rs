//! Columns as Django declares them, in SQLite and in PostgreSQL.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rusqlite::types::{FromSql as FromSqlite, FromSqlError, FromSqlResult, ValueRef};
use tokio_postgres::types::{FromSql as FromPostgres, Type};

type PostgresResult<T> = Result<T, Box<dyn std::error::Error + Sync + Send>>;

/// An integer of any width.
pub(super) struct Id(pub(super) i64);

/// A time in UTC; in SQLite `2026-11-23 21:40:22.301802`, with an optional fraction.
pub(super) struct DjangoTime(pub(super) DateTime<Utc>);

pub(super) struct DjangoDay(pub(super) NaiveDate);

/// A JSON document, which Django stores as text in SQLite and as `jsonb` in PostgreSQL.
pub(super) struct JsonText(pub(super) String);

impl FromSqlite for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Id)
    }
}

impl<'a> FromPostgres<'a> for Id {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        Ok(Id(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT2, Type::INT4, Type::INT8].contains(ty)
    }
}

impl FromSqlite for DjangoTime {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let text = text.strip_suffix("+00:00").unwrap_or(text);
        let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
            .map_err(FromSqlError::other)?;
        Ok(DjangoTime(time.and_utc()))
    }
}

impl<'a> FromPostgres<'a> for DjangoTime {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        Ok(DjangoTime(match *ty {
            Type::TIMESTAMP => NaiveDateTime::from_sql(ty, raw)?.and_utc(),
            _ => DateTime::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        [Type::TIMESTAMPTZ, Type::TIMESTAMP].contains(ty)
    }
}

impl FromSqlite for DjangoDay {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let day = NaiveDate::parse_from_str(value.as_str()?, "%Y-%m-%d");
        day.map(DjangoDay).map_err(FromSqlError::other)
    }
}

impl<'a> FromPostgres<'a> for DjangoDay {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        NaiveDate::from_sql(ty, raw).map(DjangoDay)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::DATE
    }
}

impl FromSqlite for JsonText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(|text| JsonText(text.to_owned()))
    }
}

impl<'a> FromPostgres<'a> for JsonText {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        // A version precedes the text of a `jsonb`.
        let raw = if *ty == Type::JSONB { raw.strip_prefix(&[1]).unwrap_or(raw) } else { raw };
        Ok(JsonText(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        [Type::JSONB, Type::JSON, Type::TEXT, Type::VARCHAR].contains(ty)
    }
}
