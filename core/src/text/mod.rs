//! Owns pictures made of text, for people at a psql prompt: sparklines and bars.

const TICKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// One character per value, from ▁ for the least to █ for the greatest; a space for a missing or not finite one.
///
/// Equal values all stand at ▄: there is no least or greatest to show.
pub fn sparkline(values: &[Option<f64>]) -> String {
    let finite = || values.iter().flatten().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    values
        .iter()
        .map(|value| match value {
            Some(v) if v.is_finite() && low == high => TICKS[3],
            Some(v) if v.is_finite() => {
                // Halved first: the difference of two finite numbers may be infinite.
                let share = (v / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
                TICKS[(share * 7.0).round() as usize]
            }
            _ => ' ',
        })
        .collect()
}

/// A bar of `share × width` characters, in eighths of a character; empty at and below 0, full at and above 1.
pub fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8 - 1]);
    }
    bar
}

/// JSON text with its numbers without trailing zeros behind the point. The numbers are decimals without exponents, as PostgreSQL's
/// jsonb prints them.
pub fn trim_numbers(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped, mut number) = (false, false, false);
    // Where the digits behind the point of the present number begin.
    let mut fraction = None;
    for c in json.chars().chain(['\n']) {
        if !in_string {
            match c {
                '0'..='9' | '-' => number = true,
                '.' if number => fraction = Some(out.len()),
                _ => {
                    if let Some(point) = fraction.take() {
                        out.truncate(point.max(out.trim_end_matches('0').len()));
                        if out.len() == point + 1 {
                            out.truncate(point);
                        }
                    }
                    number = false;
                }
            }
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_uses_every_tick() {
        let ramp: Vec<_> = (0..8).map(|v| Some(f64::from(v))).collect();
        assert_eq!(sparkline(&ramp), "▁▂▃▄▅▆▇█");
    }

    #[test]
    fn gaps_and_equal_values() {
        assert_eq!(sparkline(&[Some(1.0), None, Some(f64::NAN), Some(2.0)]), "▁  █");
        assert_eq!(sparkline(&[Some(5.0), Some(5.0)]), "▄▄");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[Some(f64::MIN), Some(0.0), Some(f64::MAX)]), "▁▅█");
    }

    #[test]
    fn bars_are_exact_to_an_eighth() {
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(1.0 / 32.0, 4), "▏");
        assert_eq!(bar(0.6875, 2), "█▍");
        assert_eq!(bar(7.0, 3), "███");
        assert_eq!(bar(-1.0, 3), "");
    }

    #[test]
    fn numbers_lose_their_zeros_and_strings_keep_theirs() {
        let json = r#"{"a": 1.00, "1.00": "2.50", "b": [0.10, 100, 10.0, -0.50, "\\", "\"1.0"], "c": true}"#;
        let trimmed = r#"{"a": 1, "1.00": "2.50", "b": [0.1, 100, 10, -0.5, "\\", "\"1.0"], "c": true}"#;
        assert_eq!(trim_numbers(json), trimmed);
        assert_eq!(trim_numbers("1.50"), "1.5");
        assert_eq!(trim_numbers("0.00"), "0");
        assert_eq!(trim_numbers("\"0.00\""), "\"0.00\"");
    }
}
