//! Owns instants as text: `2026-01-01T00:00:00.25Z`, the same for every session, and read back exactly.

use super::is_time;
use crate::calendar::{DAY, SECOND, civil};

/// The text of an instant.
pub fn write(time: i64) -> String {
    let (day, rest) = (time.div_euclid(DAY), time.rem_euclid(DAY));
    let month = civil::month_of(day);
    let (year, number) = (2000 + month.div_euclid(12), month.rem_euclid(12) + 1);
    let of_month = day - civil::first_day_of(month) + 1;
    let (seconds, micros) = (rest / SECOND, rest % SECOND);
    let sign = if year < 0 { "-" } else { "" };
    let fraction = if micros == 0 {
        String::new()
    } else {
        format!(".{micros:06}").trim_end_matches('0').to_owned()
    };
    format!(
        "{sign}{:04}-{number:02}-{of_month:02}T{:02}:{:02}:{:02}{fraction}Z",
        year.abs(),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The instant of a text that [`write`] made; none for any other text.
pub fn read(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let (negative, date) = match date.strip_prefix('-') {
        Some(date) => (true, date),
        None => (false, date),
    };
    let mut parts = date.split('-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if negative { -i64::from(year) } else { i64::from(year) };
    let month = (year - 2000) * 12 + i64::from(month) - 1;
    let day = civil::first_day_of(month) + i64::from(day) - 1;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(|part| part.parse::<u32>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let seconds = (i64::from(hours) * 60 + i64::from(minutes)) * 60 + i64::from(seconds);
    let time = day
        .checked_mul(DAY)?
        .checked_add(seconds.checked_mul(SECOND)?)?
        .checked_add(micros)?;
    (is_time(time) && write(time) == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back() {
        assert_eq!(write(0), "2000-01-01T00:00:00Z");
        assert_eq!(write(-1), "1999-12-31T23:59:59.999999Z");
        assert_eq!(
            read("2026-03-01T12:30:00.25Z"),
            Some((9556 * 86_400 + 45_000) * SECOND + 250_000)
        );
        for time in [0, -1, 1, DAY, -DAY * 800_000, DAY * 100_000_000, 123_456_789_012_345] {
            assert_eq!(read(&write(time)), Some(time), "{}", write(time));
        }
        for text in [
            "",
            "Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.10Z",
            "-T::Z",
            "2026-01-01T00:00:00.é",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
