//! Owns the tile of one number, and the tile over rows.

use super::super::axis::Values;
use super::super::markup::Markup;
use super::super::model::Panel;
use super::super::number;
use super::time::{hits, line};
use super::{begin, rows};

/// The tile of one number: the number, how it changed, and its course.
pub fn tile(panel: &Panel) -> Markup {
    let unit = panel.unit.as_deref();
    let mut out = Markup::new();
    if !panel.rows.is_empty() {
        answers(&mut out, panel);
        return out;
    }
    let breached = panel
        .limits
        .iter()
        .filter(|l| {
            panel
                .value
                .is_some_and(|v| if l.above { v > l.value } else { v < l.value })
        })
        .max_by_key(|l| l.severity == "critical");
    out.open(
        "p",
        &[("class", if breached.is_some() { "value breach" } else { "value" })],
    );
    match panel.value {
        Some(value) => {
            out.text(&number::short(value, unit));
            let suffix = number::suffix(unit);
            if !suffix.is_empty() {
                out.constant(" ").element("small", &[], suffix);
            }
        }
        None => _ = out.text("no value"),
    }
    out.close("p");
    if let (Some(value), Some(before)) = (panel.value, panel.before) {
        let better = match panel.direction.as_str() {
            "up_is_good" => Some(value > before),
            "down_is_good" => Some(value < before),
            _ => None,
        };
        let change = number::change(value, before);
        let (class, verdict) = match (better, change.as_deref()) {
            (_, Some("unchanged") | None) | (None, _) => ("change", ""),
            (Some(true), _) => ("change good", ", better"),
            (Some(false), _) => ("change bad", ", worse"),
        };
        let words = change.map_or_else(
            || format!("{} in the range before", number::short(before, unit)),
            |c| format!("{c} against the range before{verdict}"),
        );
        out.element("p", &[("class", class)], &words);
    }
    if let Some(limit) = breached {
        out.element(
            "p",
            &[("class", "change bad")],
            &format!(
                "beyond the limit of {} ({})",
                number::short(limit.value, unit),
                limit.severity
            ),
        );
    }
    if panel
        .series
        .iter()
        .any(|s| s.points.iter().filter(|p| p.1.is_some()).count() > 1)
    {
        let axis = Values::over(panel.series.iter().flat_map(|s| s.points.iter().filter_map(|p| p.1)));
        begin(&mut out, panel, "spark");
        out.open(
            "svg",
            &[
                ("width", "100%"),
                ("height", "40"),
                ("viewBox", "0 0 1000 1000"),
                ("preserveAspectRatio", "none"),
            ],
        );
        line(&mut out, panel, &panel.series[0], &axis, "s0");
        hits(&mut out, panel);
        out.close("svg").close("div");
    }
    out
}

/// A tile over rows: of each the last cell in large, and what it is of, where the row says that.
fn answers(out: &mut Markup, panel: &Panel) {
    let unit = panel.unit.as_deref();
    out.open("ul", &[("class", "answers")]);
    for (label, value, is_number) in rows::answers(panel) {
        out.open("li", &[]).open("span", &[("class", "value")]).text(&value);
        let suffix = number::suffix(unit);
        if is_number && !suffix.is_empty() {
            out.constant(" ").element("small", &[], suffix);
        }
        out.close("span");
        if let Some(label) = label {
            out.element("span", &[("class", "about")], &label);
        }
        out.close("li");
    }
    out.close("ul");
}
