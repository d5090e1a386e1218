//! Days of the calendar, which policies and `x-sunset` name.

use std::time::{SystemTime, UNIX_EPOCH};

/// A day, as the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The current day in UTC.
    pub fn today() -> Day {
        let seconds =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Day(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX))
    }

    /// Reads `2030-12-31`, also as the beginning of a time of RFC 3339.
    pub fn parse(text: &str) -> Option<Day> {
        let (date, time) =
            text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        if time
            .is_some_and(|time| time.len() < 3 || !time.starts_with(|c: char| c.is_ascii_digit()))
        {
            return None;
        }
        let parts: Vec<&str> = date.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return None };
        let number = |text: &str, length: usize| {
            (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<i64>().ok())?
        };
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=length).contains(&day) {
            return None;
        }
        // Years begin in March, so that the leap day is the last (Hinnant, "chrono-compatible date
        // algorithms").
        let year = if month <= 2 { year - 1 } else { year };
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        Some(Day(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468))
    }

    /// The date after this many days.
    pub fn plus(self, days: u32) -> Day {
        Day(self.0.saturating_add(i64::from(days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calendar_dates_are_parsed() {
        assert_eq!(Day::parse("1970-01-01"), Some(Day(0)));
        assert_eq!(Day::parse("2000-03-01"), Day::parse("2000-02-29").map(|day| day.plus(1)));
        assert_eq!(Day::parse("2026-11-28T10:00:00Z"), Some(Day(20_785)));
        assert!(Day::parse("9999-12-31") > Day::parse("2030-01-01"));
        for text in [
            "",
            "2030",
            "2030-13-01",
            "2030-02-29",
            "30-01-01",
            "2030-1-1",
            "2030-01-01x",
            "2030-01-01T",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
