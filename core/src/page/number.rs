//! Owns numbers for people: short, with their unit, never more digits than they need.

/// A number with its unit, as it stands on an axis or in a tile.
pub fn short(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some("ratio" | "share") => format!("{}\u{202F}%", digits(value * 100.0)),
        Some("%") => format!("{}\u{202F}%", digits(value)),
        Some("ms") if value.abs() >= 10_000.0 => span(value / 1000.0),
        Some("ms") => format!("{}\u{202F}ms", digits(value)),
        Some("s" | "seconds") => span(value),
        Some("minutes") => span(value * 60.0),
        Some("hours") => span(value * 3600.0),
        _ => compact(value),
    }
}

/// A number in a table whose column has this unit: with the unit, where `short` writes it; none where it stands as it is.
pub fn cell(value: f64, unit: Option<&str>) -> Option<String> {
    unit.filter(|_| suffix(unit).is_empty()).map(|_| short(value, unit))
}

/// The unit that stands beside a number which `short` has written without it.
pub fn suffix(unit: Option<&str>) -> &str {
    match unit {
        None | Some("ratio" | "share" | "%" | "ms" | "s" | "seconds" | "minutes" | "hours") => "",
        Some(unit) => unit,
    }
}

/// What an axis is named.
pub fn axis(unit: Option<&str>) -> &str {
    match unit {
        Some("ratio" | "share") => "%",
        Some(unit) => unit,
        None => "",
    }
}

/// By what the numbers of an axis are multiplied to be those that `short` writes for the greatest of them.
pub fn scale(most: f64, unit: Option<&str>) -> f64 {
    match unit {
        Some("ratio" | "share") => 100.0,
        Some("ms") if most >= 10_000.0 => spans(most / 1000.0).0 / 1000.0,
        Some("s" | "seconds") => spans(most).0,
        Some("minutes") => spans(most * 60.0).0 * 60.0,
        Some("hours") => spans(most * 3600.0).0 * 3600.0,
        _ => 1.0,
    }
}

/// How many of the unit that fits a length a second is, and that unit.
fn spans(seconds: f64) -> (f64, &'static str) {
    match seconds.abs() {
        m if m >= 172_800.0 => (1.0 / 86_400.0, "d"),
        m if m >= 7_200.0 => (1.0 / 3_600.0, "h"),
        m if m >= 120.0 => (1.0 / 60.0, "min"),
        m if m >= 1.0 || m == 0.0 => (1.0, "s"),
        _ => (1000.0, "ms"),
    }
}

fn span(seconds: f64) -> String {
    let (scale, unit) = spans(seconds);
    format!("{}\u{202F}{unit}", digits(seconds * scale))
}

/// A number of any size in at most five characters and a letter.
pub fn compact(value: f64) -> String {
    const STEPS: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
    for (least, letter) in STEPS {
        if value.abs() >= least {
            let by = if letter == "k" { 1e3 } else { least };
            return format!("{}\u{202F}{letter}", digits(value / by));
        }
    }
    digits(value)
}

/// Three significant digits, or all before the point; groups of three with a comma.
pub fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude < 1e-4 || magnitude >= 1e18 {
        return format!("{value:.2e}");
    }
    let places = match magnitude {
        m if m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        m if m >= 0.1 => 3,
        0.0 => 0,
        m => (2 - m.log10().floor() as i32) as usize,
    };
    let mut text = format!("{value:.places$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    grouped(&text)
}

fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("−", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(if rest.chars().all(|c| matches!(c, '0' | '.')) {
        ""
    } else {
        sign
    });
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// How much a number has changed since another, in percent; none where that says nothing.
pub fn change(value: f64, before: f64) -> Option<String> {
    if before == 0.0 || !(value / before).is_finite() {
        return None;
    }
    let percent = (value - before) / before.abs() * 100.0;
    if percent.abs() < 0.05 {
        return Some("unchanged".to_owned());
    }
    Some(format!(
        "{}{}\u{202F}%",
        if percent > 0.0 { "+" } else { "" },
        digits(percent)
    ))
}
