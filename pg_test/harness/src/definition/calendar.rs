//! Owns buckets as plain SQL: widths, zones, and the start of the bucket of an instant, without `date_bin` and `date_trunc`.

/// Zones with daylight saving, without, with half hours, and with midnights that do not exist or exist twice.
pub(super) const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "America/Havana",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Antarctica/Troll",
    "Europe/Dublin",
    SKIPPED_DAY,
];
/// The zone whose 30 December 2011 never was.
pub(super) const SKIPPED_DAY: &str = "Pacific/Apia";

/// Widths that divide any clock, and those of a calendar.
pub(super) const FIXED: [(&str, i64); 6] = [
    ("5 minutes", 300),
    ("15 minutes", 900),
    ("1 hour", 3600),
    ("90 minutes", 5400),
    ("6 hours", 21_600),
    ("1 day", 86_400),
];
pub(super) const CALENDAR: [(&str, &str); 5] = [
    ("1 day", "day"),
    ("1 week", "week"),
    ("1 month", "month"),
    ("3 months", "quarter"),
    ("1 year", "year"),
];

/// How many buckets a lookback reaches over.
pub(super) const LOOKBACK: i64 = 3;
/// So often the width of a bucket, in words.
pub(super) fn times(width: &str, n: i64) -> String {
    let (count, unit) = width.split_once(' ').unwrap_or(("1", width));
    format!("{} {unit}", count.parse::<i64>().unwrap_or(1) * n)
}

/// The start of the bucket of an instant, for a fixed width in seconds: whole widths since Monday, 2000-01-03.
pub(super) fn fixed_start(seconds: i64, instant: &str) -> String {
    // In days and seconds: as a float a moment of the year 290000 is off by half a millisecond.
    format!(
        "(SELECT (timestamp '2000-01-03' + (y.s / 86400)::int * interval '1 day' + (y.s % 86400)::int * interval '1 second') AT TIME ZONE 'UTC' \
         FROM (SELECT (floor((extract(epoch FROM {instant}) - 946857600) / {seconds}) * {seconds})::bigint AS s) y)"
    )
}

/// How late in its day (`1 day`, `1 week`) or month a bucket may begin, and in the month, quarter or year of 2000 one that begins so.
pub(super) const LATE: [(&str, &str); 6] = [
    ("00:30", "2000-01-03 00:30"),
    ("02:30", "2000-01-03 02:30"),
    ("06:00", "2000-01-03 06:00"),
    ("23:59:30", "2000-01-03 23:59:30"),
    ("14 days", "2000-01-15"),
    ("27 days 02:00", "2000-01-28 02:00"),
];

/// The start of a calendar bucket: midnight of the local day that begins it, by arithmetic on dates. Where a midnight comes
/// twice, the second is meant, as PostgreSQL reads local times. It begins `late`; `later` moves the local time on before it is read.
pub(super) fn calendar_start(unit: &str, zone: &str, instant: &str, late: &str, later: &str) -> String {
    let first_day = match unit {
        "day" => "x.d".to_string(),
        "week" => "x.d - (extract(isodow FROM x.d)::int - 1)".to_string(),
        "month" => "x.d - (extract(day FROM x.d)::int - 1)".to_string(),
        "quarter" => {
            "make_date(extract(year FROM x.d)::int, (extract(month FROM x.d)::int - 1) / 3 * 3 + 1, 1)".to_string()
        }
        _ => "make_date(extract(year FROM x.d)::int, 1, 1)".to_string(),
    };
    format!(
        "(SELECT (({first_day})::timestamp + interval '{late}'{later}) AT TIME ZONE '{zone}' \
         FROM (SELECT ((({instant}) AT TIME ZONE '{zone}') - interval '{late}')::date AS d) x)"
    )
}
