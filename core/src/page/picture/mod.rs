//! Owns the pictures: SVG that grows with its place. Words are set in pixels and stand at percentages, and only the data is stretched, so a
//! picture is sharp and readable at any width without a script or a style of its own.

mod grid;
pub use grid::{shortened, state};
mod rows;
pub use rows::answers;
mod tile;
mod time;

use super::markup::Markup;
use super::model::Panel;
use super::number;

/// How many colours there are for series; the style sheet has a class for each.
pub const COLOURS: usize = 8;

/// The picture of a panel, or none where its numbers are best read as a table.
pub fn draw(panel: &Panel) -> Option<Markup> {
    let empty = panel.series.iter().all(|s| s.points.iter().all(|p| p.1.is_none()))
        && panel.rows.is_empty()
        && panel.value.is_none();
    if empty {
        return None;
    }
    match panel.picture.as_str() {
        "line" | "area" | "bars" | "histogram" => Some(time::chart(panel)),
        "stat" => Some(tile::tile(panel)),
        "heatmap" => Some(grid::heatmap(panel)),
        "states" => Some(grid::states(panel)),
        "ranking" | "funnel" => Some(rows::bars(panel)),
        _ => None,
    }
}

/// The colour of each series: by its name, so that a thing has one colour on every panel; the next free one where two names agree.
pub fn colours(panel: &Panel) -> Vec<usize> {
    let mut taken = [false; COLOURS];
    let mut places: Vec<usize> = (0..panel.series.len()).collect();
    places.sort_by(|a, b| panel.series[*a].name.cmp(&panel.series[*b].name));
    let mut colours = vec![0; panel.series.len()];
    for place in places {
        // FNV-1a: the same on every machine and in every version.
        let hash = panel.series[place]
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
            });
        let wanted = (hash % COLOURS as u64) as usize;
        let free = (0..COLOURS)
            .map(|step| (wanted + step) % COLOURS)
            .find(|c| !taken[*c])
            .unwrap_or(wanted);
        taken[free] = true;
        colours[place] = free;
    }
    // A panel of one series is drawn in the first colour, as all such panels are.
    if colours.len() == 1 {
        colours[0] = 0;
    }
    colours
}

/// What a picture says, in words, for who cannot see it.
pub fn summary(panel: &Panel) -> String {
    let unit = panel.unit.as_deref();
    let mut words = Vec::new();
    for series in panel.series.iter().take(COLOURS) {
        let values: Vec<f64> = series.points.iter().filter_map(|p| p.1).collect();
        if let Some(last) = values.last() {
            let (low, high) = values
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            words.push(format!(
                "{}: from {} to {}, last {}",
                series.name,
                number::short(low, unit),
                number::short(high, unit),
                number::short(*last, unit)
            ));
        }
    }
    format!(
        "{}. {}",
        panel.title,
        if words.is_empty() {
            "The table below holds its numbers.".to_owned()
        } else {
            words.join("; ") + "."
        }
    )
}

/// A coordinate with as many digits as a screen can tell apart.
pub fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(text)
}

/// A place in percent.
pub fn percent(share: f64) -> String {
    format!("{}%", at(share * 1000.0 / 10.0))
}

/// Opens a picture with its words. Its SVGs stand in this element, so that what is left of the data has a fixed width.
fn begin(out: &mut Markup, panel: &Panel, class: &'static str) {
    out.open(
        "div",
        &[("class", class), ("role", "img"), ("aria-label", &summary(panel))],
    );
}

/// The class of a word of an axis: every second one is left out where there is little room.
fn mark(place: usize) -> &'static str {
    if place.is_multiple_of(2) { "mark" } else { "mark odd" }
}

/// Words of an axis of time, below a frame.
fn time_marks(out: &mut Markup, panel: &Panel, y: usize) {
    for (place, (second, words)) in panel.marks().into_iter().enumerate() {
        let share = (second - panel.since) / (panel.until - panel.since);
        // Words at an end would be cut off.
        let anchor = match share {
            s if s < 0.06 => "start",
            s if s > 0.94 => "end",
            _ => "middle",
        };
        out.element(
            "text",
            &[
                ("class", mark(place)),
                ("x", &percent(share)),
                ("y", &y.to_string()),
                ("text-anchor", anchor),
            ],
            &words,
        );
    }
}
