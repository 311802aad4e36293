//! Owns scales: where the marks of an axis stand and how far it reaches.

use chrono::{DateTime, Datelike, Months, NaiveDateTime, Timelike};

/// An axis of values from `low` to `high`, both of which carry marks.
pub struct Values {
    pub low: f64,
    pub high: f64,
    pub marks: Vec<f64>,
}

impl Values {
    /// The axis that holds all values and begins at 0 where none is below.
    pub fn over(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = values.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        if low == high {
            high = low + 1.0;
        }
        // Beyond this a span of two finite numbers is no number.
        low = low.max(-1e300);
        high = high.min(1e300);
        let rough = (high - low) / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|s| s * power)
            .find(|s| *s >= rough * 0.999)
            .unwrap_or(power * 10.0);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let marks: Vec<f64> = (0..=((last - first) as usize).min(12))
            .map(|i| (first + i as f64) * step)
            .collect();
        Self {
            low: first * step,
            high: last * step,
            marks,
        }
    }

    /// Place of a value, 0 at the low end and 1 at the high one.
    pub fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86400.0;

/// Marks of an axis of time with their words: about five, at round moments of the clock that the seconds are of.
pub fn times(since: f64, until: f64) -> Vec<(f64, String)> {
    let span = until - since;
    if span.is_nan() || span <= 0.0 || since.abs() > 2e11 || until.abs() > 2e11 {
        return Vec::new();
    }
    let steps = [
        1.0,
        5.0,
        10.0,
        30.0,
        MINUTE,
        5.0 * MINUTE,
        10.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        3.0 * HOUR,
        6.0 * HOUR,
        12.0 * HOUR,
        DAY,
        2.0 * DAY,
        7.0 * DAY,
        14.0 * DAY,
    ];
    match steps.into_iter().find(|step| span / step <= 6.0) {
        Some(step) => {
            // Weeks are counted from a Monday.
            let origin = if step >= 7.0 * DAY { 4.0 * DAY } else { 0.0 };
            let first = ((since - origin) / step).ceil() * step + origin;
            (0..8)
                .map(|i| first + f64::from(i) * step)
                .take_while(|t| *t <= until)
                .map(|t| (t, moment(t, step)))
                .collect()
        }
        None => months(since, until),
    }
}

fn months(since: f64, until: f64) -> Vec<(f64, String)> {
    let every = [1, 2, 3, 6, 12, 24, 60, 120, 600, 1200]
        .into_iter()
        .find(|m| (until - since) / (f64::from(*m) * 30.4 * DAY) <= 6.0)
        .unwrap_or(6000);
    let Some(start) = instant(since) else { return Vec::new() };
    let Some(mut at) = start
        .date()
        .with_day(1)
        .and_then(|d| if every >= 12 { d.with_month(1) } else { Some(d) })
    else {
        return Vec::new();
    };
    let mut marks = Vec::new();
    while let Some(moment) = at.and_hms_opt(0, 0, 0) {
        let second = moment.and_utc().timestamp() as f64;
        if second > until || marks.len() > 8 {
            break;
        }
        if second >= since {
            marks.push((second, at.format(if every >= 12 { "%Y" } else { "%b %Y" }).to_string()));
        }
        let Some(next) = at.checked_add_months(Months::new(every)) else {
            break;
        };
        at = next;
    }
    marks
}

fn instant(second: f64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(second.floor() as i64, 0).map(|t| t.naive_utc())
}

fn moment(second: f64, step: f64) -> String {
    let Some(at) = instant(second) else {
        return String::new();
    };
    let form = match step {
        s if s >= DAY => "%-d %b",
        _ if at.hour() == 0 && at.minute() == 0 && at.second() == 0 => "%-d %b",
        s if s >= MINUTE => "%H:%M",
        _ => "%H:%M:%S",
    };
    at.format(form).to_string()
}

/// A moment in full, as tables show it: no more of it than a bucket of `step` seconds needs.
pub fn full(second: f64, step: f64) -> String {
    let Some(at) = instant(second) else {
        return String::new();
    };
    at.format(if step >= DAY && at.num_seconds_from_midnight() == 0 {
        "%Y-%m-%d"
    } else if at.second() == 0 {
        "%Y-%m-%d %H:%M"
    } else {
        "%Y-%m-%d %H:%M:%S"
    })
    .to_string()
}
