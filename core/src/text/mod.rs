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
}
