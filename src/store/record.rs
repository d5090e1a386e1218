//! Records and inserts whose columns are stated once.
//!
//! [`record!`] makes the struct of a record, its columns in a `SELECT` and the reader of a row from
//! one list. [`insert!`] states each column beside its value. So neither can be out of step, and no
//! position of a column is written anywhere.

use chrono::{DateTime, NaiveDate, Utc};

use super::StoreError;
use super::values::{Column, Day, Row, Time};

/// A type of a record's field, with the type that its column is read as.
pub(super) trait Field: Sized {
    type Stored: Column;

    fn from_stored(stored: Self::Stored) -> Self;
}

macro_rules! stored_as_it_is {
    ($($type:ty),*) => {$(
        impl Field for $type {
            type Stored = $type;

            fn from_stored(stored: $type) -> $type {
                stored
            }
        }
    )*};
}

stored_as_it_is!(bool, i64, String, Vec<u8>);

impl Field for DateTime<Utc> {
    type Stored = Time;

    fn from_stored(Time(time): Time) -> DateTime<Utc> {
        time
    }
}

impl Field for NaiveDate {
    type Stored = Day;

    fn from_stored(Day(day): Day) -> NaiveDate {
        day
    }
}

impl<T: Field> Field for Option<T> {
    type Stored = Option<T::Stored>;

    fn from_stored(stored: Option<T::Stored>) -> Option<T> {
        stored.map(T::from_stored)
    }
}

/// The columns of a row, read from the first one on.
pub(super) struct Columns<'c, 'r> {
    row: &'c Row<'r>,
    next: usize,
}

impl<'c, 'r> Columns<'c, 'r> {
    pub(super) fn of(row: &'c Row<'r>) -> Columns<'c, 'r> {
        Columns { row, next: 0 }
    }

    pub(super) fn next<T: Field>(&mut self) -> Result<T, StoreError> {
        let stored = self.row.get(self.next)?;
        self.next += 1;
        Ok(T::from_stored(stored))
    }
}

/// Declares a record, and a macro of its columns for a `SELECT`. The columns have the names of
/// their fields behind the prefix; a field may name another expression.
macro_rules! record {
    (@column $prefix:literal, $field:ident) => { concat!($prefix, stringify!($field)) };
    (@column $prefix:literal, $field:ident, $column:literal) => { $column };
    (
        $(#[$attribute:meta])*
        pub struct $name:ident: $columns:ident with prefix $prefix:literal {
            $(#[$first_attribute:meta])*
            pub $first:ident: $first_type:ty $(= $first_column:literal)?,
            $(
                $(#[$field_attribute:meta])*
                pub $field:ident: $type:ty $(= $column:literal)?,
            )*
        }
    ) => {
        $(#[$attribute])*
        pub struct $name {
            $(#[$first_attribute])*
            pub $first: $first_type,
            $(
                $(#[$field_attribute])*
                pub $field: $type,
            )*
        }

        macro_rules! $columns {
            () => {
                concat!(
                    $crate::store::record::record!(@column $prefix, $first $(, $first_column)?),
                    $(
                        ", ",
                        $crate::store::record::record!(@column $prefix, $field $(, $column)?),
                    )*
                )
            };
        }

        impl $name {
            pub(in $crate::store) fn read(
                row: &$crate::store::values::Row<'_>,
            ) -> Result<$name, StoreError> {
                $name::next(&mut $crate::store::record::Columns::of(row))
            }

            pub(in $crate::store) fn next(
                columns: &mut $crate::store::record::Columns<'_, '_>,
            ) -> Result<$name, StoreError> {
                Ok($name { $first: columns.next()?, $($field: columns.next()?,)* })
            }
        }
    };
}
pub(super) use record;

/// The text of an `INSERT`, with a parameter for each column.
pub(super) fn insert_into(table: &str, columns: &str, rest: &str) -> String {
    let parameters = (1..=columns.split(", ").count()).map(|n| format!("${n}"));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    format!("INSERT INTO {table} ({columns}) VALUES ({parameters}) {rest}")
}

/// Runs an `INSERT` by a method of a writer; the text behind the values may be empty.
macro_rules! insert {
    ($writer:ident.$run:ident into $table:literal {
        $first:ident: $first_value:expr,
        $($column:ident: $value:expr,)*
    } $rest:literal $(, $record:expr)?) => {{
        static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
            let columns = concat!(stringify!($first) $(, ", ", stringify!($column))*);
            $crate::store::record::insert_into($table, columns, $rest)
        });
        let values = $crate::store::values::params![$first_value $(, $value)*];
        $writer.$run(SQL.as_str(), values $(, $record)?)
    }};
}
pub(super) use insert;
