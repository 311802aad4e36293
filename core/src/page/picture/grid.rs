//! Owns pictures made of cells: the heatmap and the course of states.

use super::super::markup::Markup;
use super::super::model::Panel;
use super::super::number;
use super::{begin, mark, percent, time_marks};

const ROW: usize = 24;
/// Shades of a heatmap; the style sheet has a class for each.
const SHADES: f64 = 7.0;

/// Rows are series; columns are buckets of time or, where the panel names columns, those.
pub fn heatmap(panel: &Panel) -> Markup {
    let unit = panel.unit.as_deref();
    let values = || panel.series.iter().flat_map(|s| s.points.iter().filter_map(|p| p.1));
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let words_fit = !panel.columns.is_empty() && panel.columns.len() <= 8;
    let mut out = Markup::new();
    rows(&mut out, panel, |out, y, series| {
        for (x, value) in &panel.series[series].points {
            let (left, width) = place(panel, *x);
            let share = value.map(|v| if high > low { (v - low) / (high - low) } else { 0.5 });
            let class = share.map_or("h none".to_owned(), |s| {
                format!("h h{}", (s * SHADES).floor().min(SHADES - 1.0))
            });
            let words = format!(
                "{}, {}: {}",
                panel.series[series].name,
                column_name(panel, *x),
                value.map_or("no value".to_owned(), |v| number::short(v, unit))
            );
            cell(out, &class, left, width, y, &words);
            if words_fit && let Some(value) = value {
                let shade = share.map_or("", |s| if s * SHADES >= 4.0 { "cell dark" } else { "cell" });
                out.element(
                    "text",
                    &[
                        ("class", shade),
                        ("x", &percent(left + width / 2.0)),
                        ("y", &(y + 16).to_string()),
                        ("text-anchor", "middle"),
                    ],
                    &number::short(*value, unit),
                );
            }
        }
    });
    if low.is_finite() {
        out.open("p", &[("class", "scale")])
            .text(&number::short(low, unit))
            .constant(" ");
        out.open(
            "svg",
            &[
                ("class", "steps"),
                ("width", "112"),
                ("height", "12"),
                ("aria-hidden", "true"),
            ],
        );
        for shade in 0..SHADES as usize {
            out.empty(
                "rect",
                &[
                    ("class", &format!("h h{shade}")),
                    ("x", &(shade * 16).to_string()),
                    ("y", "0"),
                    ("width", "16"),
                    ("height", "12"),
                ],
            );
        }
        out.close("svg")
            .constant(" ")
            .text(&number::short(high, unit))
            .close("p");
    }
    out
}

/// Rows are series; the value of a cell is 0 for what is well, 1 for a warning, 2 for what is critical, none for no data.
pub fn states(panel: &Panel) -> Markup {
    let mut out = Markup::new();
    rows(&mut out, panel, |out, y, series| {
        for (x, value) in &panel.series[series].points {
            let (left, width) = place(panel, *x);
            let (class, word) = state(*value);
            cell(
                out,
                class,
                left,
                width,
                y,
                &format!("{}, {}: {word}", panel.series[series].name, column_name(panel, *x)),
            );
        }
    });
    out.open("ul", &[("class", "legend")]);
    for value in [Some(0.0), Some(1.0), Some(2.0), None] {
        let (class, word) = state(value);
        out.open("li", &[]);
        out.open(
            "svg",
            &[
                ("class", "key"),
                ("width", "12"),
                ("height", "12"),
                ("aria-hidden", "true"),
            ],
        );
        out.empty("rect", &[("class", class), ("width", "12"), ("height", "12")])
            .close("svg")
            .text(word)
            .close("li");
    }
    out.close("ul");
    out
}

/// The class and the word of a state.
pub fn state(value: Option<f64>) -> (&'static str, &'static str) {
    match value {
        None => ("h none", "no data"),
        Some(v) if v < 1.0 => ("st ok", "within limits"),
        Some(v) if v < 2.0 => ("st warn", "warning"),
        Some(_) => ("st crit", "critical"),
    }
}

fn rows(out: &mut Markup, panel: &Panel, draw: impl Fn(&mut Markup, usize, usize)) {
    let bottom = panel.series.len() * ROW;
    let height = (bottom + 24).to_string();
    begin(out, panel, "cells");
    out.open("svg", &[("class", "side"), ("width", "132"), ("height", &height)]);
    for (place, series) in panel.series.iter().enumerate() {
        let y = (place * ROW + 16).to_string();
        out.element(
            "text",
            &[("class", "label"), ("x", "0"), ("y", &y)],
            &shortened(&series.name, 18),
        );
    }
    out.close("svg");
    out.open("svg", &[("width", "100%"), ("height", &height)]);
    for series in 0..panel.series.len() {
        draw(out, series * ROW, series);
    }
    if panel.columns.is_empty() {
        time_marks(out, panel, bottom + 18);
    } else {
        let every = panel.columns.len().div_ceil(8);
        for (place, name) in panel.columns.iter().enumerate().step_by(every) {
            let x = percent((place as f64 + 0.5) / panel.columns.len() as f64);
            out.element(
                "text",
                &[
                    ("class", mark(place / every)),
                    ("x", &x),
                    ("y", &(bottom + 18).to_string()),
                    ("text-anchor", "middle"),
                ],
                &shortened(name, 80 / panel.columns.len().clamp(1, 8)),
            );
        }
    }
    out.close("svg").close("div");
}

fn cell(out: &mut Markup, class: &str, left: f64, width: f64, y: usize, words: &str) {
    out.open(
        "rect",
        &[
            ("class", class),
            ("x", &percent(left)),
            ("y", &(y + 1).to_string()),
            ("width", &percent(width)),
            ("height", &(ROW - 2).to_string()),
        ],
    );
    out.element("title", &[], words).close("rect");
}

/// Left edge and width of a cell, as shares.
fn place(panel: &Panel, x: f64) -> (f64, f64) {
    if panel.columns.is_empty() {
        let span = panel.until - panel.since;
        let left = ((x - panel.since) / span).clamp(0.0, 1.0);
        (left, (panel.step / span).min(1.0 - left))
    } else {
        let count = panel.columns.len() as f64;
        (x / count + 0.002, 1.0 / count - 0.004)
    }
}

fn column_name(panel: &Panel, x: f64) -> String {
    if panel.columns.is_empty() {
        panel.moment(x)
    } else {
        panel.columns.get(x as usize).cloned().unwrap_or_default()
    }
}

/// The first characters of a name.
pub fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        name.to_owned()
    } else {
        name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}
