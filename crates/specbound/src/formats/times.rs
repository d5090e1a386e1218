//! Dates, times and durations of RFC 3339.
//!
//! A calendar date must exist, and a leap second be the last of a day in UTC. Nothing here knows in
//! which years there was one.

const MINUTES_OF_DAY: i32 = 24 * 60;

pub fn is_date(text: &str) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return false };
    let parts = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
    let (Some(year), Some(month), Some(day)) = parts else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// With an offset.
pub fn is_time(text: &str) -> bool {
    let Some((time, rest)) = Time::read(text.as_bytes()) else { return false };
    let offset = match *rest {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            match (number(&[h1, h2]), number(&[m1, m2])) {
                (Some(hours @ 0..24), Some(minutes @ 0..60)) => {
                    let offset = hours * 60 + minutes;
                    Some(if sign == b'-' { -offset } else { offset })
                }
                _ => None,
            }
        }
        _ => None,
    };
    let Some(offset) = offset else { return false };
    let is_last = (time.minutes - offset).rem_euclid(MINUTES_OF_DAY) == MINUTES_OF_DAY - 1;
    time.seconds < 60 || is_last
}

/// Without an offset, so that any second can be the last of a day in UTC.
pub fn is_local_time(text: &str) -> bool {
    Time::read(text.as_bytes()).is_some_and(|(_, rest)| rest.is_empty())
}

pub fn is_date_time(text: &str) -> bool {
    date_and_time(text).is_some_and(|(date, time)| is_date(date) && is_time(time))
}

pub fn is_local_date_time(text: &str) -> bool {
    date_and_time(text).is_some_and(|(date, time)| is_date(date) && is_local_time(time))
}

fn date_and_time(text: &str) -> Option<(&str, &str)> {
    text.split_once(['T', 't'])
}

struct Time {
    /// Of the day.
    minutes: i32,
    seconds: i32,
}

impl Time {
    /// The time at the beginning of a text, and the text after it.
    fn read(text: &[u8]) -> Option<(Time, &[u8])> {
        let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else { return None };
        let hours = number(&[*h1, *h2]).filter(|hours| *hours < 24)?;
        let minutes = number(&[*m1, *m2]).filter(|minutes| *minutes < 60)?;
        let seconds = number(&[*s1, *s2]).filter(|seconds| *seconds <= 60)?;
        let rest = match rest {
            [b'.', fraction @ ..] => {
                let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
                if digits == 0 {
                    return None;
                }
                &fraction[digits..]
            }
            rest => rest,
        };
        Some((Time { minutes: hours * 60 + minutes, seconds }, rest))
    }
}

/// A number of few digits.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i32::from(*byte - b'0'))
    })
}

/// Numbers with units, each of which follows the next larger one (`P1Y2M`, and not `P1Y2D`).
pub fn is_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('P') else { return false };
    if let Some(weeks) = text.strip_suffix('W') {
        return is_number(weeks);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let has_date = !date.is_empty();
    (has_date || time.is_some())
        && (!has_date || are_in_order(date, b"YMD"))
        && time.is_none_or(|time| are_in_order(time, b"HMS"))
}

fn are_in_order(text: &str, units: &[u8]) -> bool {
    let mut last = None;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest.as_bytes().get(digits);
        let Some(place) = units.iter().position(|known| Some(known) == unit) else { return false };
        if digits == 0 || last.is_some_and(|last| place != last + 1) {
            return false;
        }
        last = Some(place);
        rest = &rest[digits + 1..];
    }
    last.is_some()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
