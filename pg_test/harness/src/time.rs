//! Owns instants as text: the moments that the tests use, and how they are written for PostgreSQL.

use crate::rng::Rng;

/// Seconds since 1970 of moments where calendars are hard: clocks set forward and back in several zones, ends of years and
/// months, the origin of PostgreSQL's time and of the buckets, local mean time.
pub const ANCHORS: [i64; 14] = [
    1_774_746_000,  // 2026-03-29 01:00 UTC: Europe sets its clocks forward
    1_792_890_000,  // 2026-10-25 01:00 UTC: and back
    1_446_357_600,  // 2015-11-01 06:00 UTC: New York sets them back; Havana an hour before, over midnight
    1_775_314_800,  // 2026-04-04 15:00 UTC: Lord Howe sets them back by half an hour
    1_777_593_600,  // 2026-05-01 00:00 UTC: Cairo skipped a midnight a week before
    1_714_082_400,  // 2024-04-25 22:00 UTC: Cairo skips a midnight
    1_541_300_400,  // 2018-11-04 03:00 UTC: Sao Paulo skips one
    1_325_239_200,  // 2011-12-30 10:00 UTC: Apia skips a day
    1_680_120_000,  // 2023-03-29 20:00 UTC: Beirut skips a midnight two hours later
    1_767_225_600,  // 2026-01-01 00:00 UTC
    946_857_600,    // 2000-01-03 00:00 UTC: the origin of the buckets
    0,              // 1970-01-01 00:00 UTC
    -3_786_825_600, // 1850-01-01 00:00 UTC: before time zones
    2_000_000_000,  // 2033-05-18 03:33:20 UTC
];

/// An instant near an anchor: sometimes on the hour, so that the edges of buckets are met, sometimes odd to the microsecond.
pub fn near(rng: &mut Rng, anchor: i64, spread: i64) -> i64 {
    let second = anchor + rng.between(-spread, spread);
    match rng.below(10) {
        0..3 => second.div_euclid(3600) * 3_600_000_000,
        3 => second.div_euclid(900) * 900_000_000 - 1,
        4..7 => second.div_euclid(60) * 60_000_000,
        _ => second * 1_000_000 + rng.between(0, 999_999),
    }
}

/// Microseconds since 1970 as `YYYY-MM-DD hh:mm:ss.ffffff`.
pub fn text(micros: i64) -> String {
    let (day, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    // Days to a date: Howard Hinnant, "chrono-compatible low-level date algorithms".
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        of_year - (153 * shifted + 2) / 5 + 1,
        rest / 3_600_000_000,
        rest / 60_000_000 % 60,
        rest / 1_000_000 % 60,
        rest % 1_000_000
    )
}
