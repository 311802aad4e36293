//! Owns the clock of a picture: data stands at moments, and words are those of the clock in the panel's zone. An hour that comes twice there is two
//! places on the picture, and an hour that the clock leaves out is none.

use super::axis;
use super::model::Panel;

impl Panel {
    /// Seconds that the zone's clock is ahead of UTC at a moment.
    fn shift(&self, second: f64) -> f64 {
        let known = self.clock.iter().rev().find(|c| c.0 <= second).or(self.clock.first());
        known.map_or(0.0, |c| c.1)
    }

    /// A moment as the clock shows it; beside it how far that clock is ahead, where it shows the same twice.
    pub fn moment(&self, second: f64) -> String {
        let own = self.shift(second);
        let shown = second + own;
        let words = axis::full(shown, self.step);
        let twice = |c: &(f64, f64)| c.1 != own && self.shift(shown - c.1) == c.1;
        if words.contains(':') && self.clock.iter().any(twice) {
            let minutes = (own / 60.0).round().abs() as i64;
            let sign = if own < 0.0 { '-' } else { '+' };
            return format!("{words}{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
        words
    }

    /// The marks of the axis of time, at round moments of the clock.
    pub fn marks(&self) -> Vec<(f64, String)> {
        let shown = (self.since + self.shift(self.since), self.until + self.shift(self.until));
        axis::times(shown.0, shown.1)
            .into_iter()
            .filter_map(|(mark, words)| Some((self.instant(mark)?, words)))
            .filter(|(second, _)| (self.since..=self.until).contains(second))
            .collect()
    }

    /// The first moment at which the clock shows this; none where it leaves that out.
    fn instant(&self, shown: f64) -> Option<f64> {
        if self.clock.is_empty() {
            return Some(shown);
        }
        let mut shifts = self.clock.iter().map(|c| c.1);
        shifts.find(|s| self.shift(shown - s) == *s).map(|s| shown - s)
    }

    /// Whose clock it is, where that is not clear by itself.
    pub fn whose_clock(&self) -> Option<String> {
        let timed =
            matches!(self.picture.as_str(), "line" | "area" | "bars" | "states" | "heatmap") && self.columns.is_empty();
        (timed && !self.zone.is_empty() && self.zone != "UTC").then(|| format!("Times of {}.", self.zone))
    }
}
