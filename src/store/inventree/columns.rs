//! Columns as Django declares them, in SQLite and in PostgreSQL.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};
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

/// The epoch of PostgreSQL, 2000-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAY: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);

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
    fn from_sql(_: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        let since_epoch = i64::from_sql(&Type::INT8, raw)?;
        let time = since_epoch.checked_add(EPOCH_MICROS).and_then(DateTime::from_timestamp_micros);
        time.map(DjangoTime).ok_or_else(|| "a time out of range".into())
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
    fn from_sql(_: &Type, raw: &'a [u8]) -> PostgresResult<Self> {
        let since_epoch = i32::from_sql(&Type::INT4, raw)?;
        let days = Days::new(since_epoch.unsigned_abs().into());
        let day = EPOCH_DAY.and_then(|epoch| match since_epoch {
            0.. => epoch.checked_add_days(days),
            _ => epoch.checked_sub_days(days),
        });
        day.map(DjangoDay).ok_or_else(|| "a day out of range".into())
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
