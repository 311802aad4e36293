//! Owns pictures with an axis of values: lines, areas, bars over time, a histogram.

use super::super::axis::Values;
use super::super::markup::Markup;
use super::super::model::{Panel, Series};
use super::super::number;
use super::{at, begin, colours, mark, percent, time_marks};

/// Height of the frame that data is drawn in, in pixels.
const FRAME: f64 = 160.0;
const TOP: f64 = 10.0;
/// The frame as an element.
const FRAMED: [(&str, &str); 4] = [("class", "frame"), ("y", "10"), ("width", "100%"), ("height", "160")];
/// Data is drawn in a square of this many units, which the frame stretches.
const UNITS: f64 = 1000.0;

/// Lines, areas, bars over time, or a histogram.
pub fn chart(panel: &Panel) -> Markup {
    let unit = panel.unit.as_deref();
    let limits = drawn_limits(panel);
    let values = || {
        let points = panel.series.iter().flat_map(|s| s.points.iter().filter_map(|p| p.1));
        points.chain(limits.iter().map(|l| panel.limits[*l].value))
    };
    // Marks are round in the unit that they are written in.
    let scale = number::scale(values().fold(0.0, |most, v| v.abs().max(most)), unit);
    let mut axis = Values::over(values().map(|v| v * scale));
    axis.low /= scale;
    axis.high /= scale;
    axis.marks.iter_mut().for_each(|m| *m /= scale);

    let mut out = Markup::new();
    begin(&mut out, panel, "chart");
    out.open("svg", &[("class", "side"), ("width", "60"), ("height", "198")]);
    for mark in &axis.marks {
        let y = TOP + FRAME * (1.0 - axis.share(*mark));
        let words = if panel.picture == "histogram" {
            number::compact(*mark)
        } else {
            number::short(*mark, unit)
        };
        out.element(
            "text",
            &[
                ("class", "mark"),
                ("x", "52"),
                ("y", &at(y + 4.0)),
                ("text-anchor", "end"),
            ],
            &words,
        );
    }
    out.close("svg");
    out.open("svg", &[("width", "100%"), ("height", "198")]);
    out.open("svg", &FRAMED);
    for mark in &axis.marks {
        let y = at(FRAME * (1.0 - axis.share(*mark)));
        out.empty(
            "line",
            &[
                ("class", if *mark == 0.0 { "base" } else { "rule" }),
                ("x1", "0"),
                ("x2", "100%"),
                ("y1", &y),
                ("y2", &y),
            ],
        );
    }
    if panel.picture == "histogram" {
        bin_marks(&mut out, panel);
    } else {
        time_marks(&mut out, panel, FRAME as usize + 18);
    }
    out.close("svg");

    out.open(
        "svg",
        &[
            FRAMED[0],
            FRAMED[1],
            FRAMED[2],
            FRAMED[3],
            ("viewBox", "0 0 1000 1000"),
            ("preserveAspectRatio", "none"),
        ],
    );
    let colours = colours(panel);
    for (place, series) in panel.series.iter().enumerate() {
        let class = format!("s{}", colours[place]);
        match panel.picture.as_str() {
            "bars" => columns(&mut out, panel, &axis, place, &class),
            "histogram" => bins(&mut out, series, &axis),
            _ => line(&mut out, panel, series, &axis, &class),
        }
    }
    if panel.picture != "histogram" {
        hits(&mut out, panel);
    }
    out.close("svg");

    out.open("svg", &FRAMED);
    for place in limits {
        let limit = &panel.limits[place];
        let y = FRAME * (1.0 - axis.share(limit.value));
        let class = if limit.severity == "critical" {
            "limit critical"
        } else {
            "limit"
        };
        out.empty(
            "line",
            &[
                ("class", class),
                ("x1", "0"),
                ("x2", "100%"),
                ("y1", &at(y)),
                ("y2", &at(y)),
            ],
        );
        let words = format!("{} {}", limit.label, number::short(limit.value, unit));
        let below = if y < 14.0 { y + 12.0 } else { y - 4.0 };
        out.element(
            "text",
            &[
                ("class", class),
                ("x", "100%"),
                ("y", &at(below)),
                ("text-anchor", "end"),
            ],
            &words,
        );
    }
    out.close("svg").close("svg").close("div");
    out
}

/// The limits to draw: those near enough to the data that it is still to be seen beside them, each value once, the gravest.
fn drawn_limits(panel: &Panel) -> Vec<usize> {
    let high = panel
        .series
        .iter()
        .flat_map(|s| s.points.iter().filter_map(|p| p.1))
        .fold(0.0_f64, |h, v| h.max(v.abs()));
    let mut drawn: Vec<usize> = Vec::new();
    for (place, limit) in panel.limits.iter().enumerate() {
        let twin = drawn.iter().position(|d| panel.limits[*d].value == limit.value);
        match twin {
            Some(twin) if limit.severity == "critical" => drawn[twin] = place,
            Some(_) => {}
            None if limit.value.abs() <= high * 5.0 => drawn.push(place),
            None => {}
        }
    }
    drawn
}

fn x_of(panel: &Panel, second: f64) -> f64 {
    UNITS * ((second - panel.since) / (panel.until - panel.since)).clamp(0.0, 1.0)
}

/// The line of one series.
pub(super) fn line(out: &mut Markup, panel: &Panel, series: &Series, axis: &Values, class: &str) {
    let (mut path, mut area, mut dots) = (String::new(), String::new(), String::new());
    let y_of = |v: f64| UNITS * (1.0 - axis.share(v));
    let floor = at(y_of(0.0_f64.clamp(axis.low, axis.high)));
    let mut before: Option<f64> = None;
    let mut start = 0.0;
    let mut end = 0.0;
    let mut pieces = 0;
    // A bucket without a row is a gap, not a slope.
    let joined = |before: f64, second: f64| second - before < panel.step * 1.7 + 1.0;
    for (place, (second, value)) in series.points.iter().enumerate() {
        let Some(value) = value else {
            before = None;
            continue;
        };
        let (x, y) = (x_of(panel, *second), y_of(*value));
        if before.is_some_and(|b| joined(b, *second)) {
            path.push_str(&format!("L{} {}", at(x), at(y)));
            area.push_str(&format!("L{} {}", at(x), at(y)));
        } else {
            if pieces > 0 {
                area.push_str(&format!("L{} {floor}L{} {floor}Z", at(end), at(start)));
            }
            start = x;
            pieces += 1;
            let next = series.points.get(place + 1);
            if next.is_some_and(|(after, value)| value.is_some() && joined(*second, *after)) {
                path.push_str(&format!("M{} {}", at(x), at(y)));
            } else {
                // The line of no length is a dot, for a point that has no neighbour.
                dots.push_str(&format!("M{0} {1}L{0} {1}", at(x), at(y)));
            }
            area.push_str(&format!("M{} {}", at(x), at(y)));
        }
        end = x;
        before = Some(*second);
    }
    if pieces == 0 {
        return;
    }
    if panel.picture == "area" || panel.series.len() == 1 {
        area.push_str(&format!("L{} {floor}L{} {floor}Z", at(end), at(start)));
        out.empty("path", &[("class", &format!("area {class}")), ("d", &area)]);
    }
    for (class, path) in [(format!("line {class}"), path), (format!("line dot {class}"), dots)] {
        if !path.is_empty() {
            out.empty("path", &[("class", &class), ("d", &path)]);
        }
    }
}

fn columns(out: &mut Markup, panel: &Panel, axis: &Values, place: usize, class: &str) {
    let width = UNITS * panel.step / (panel.until - panel.since);
    let part = width * 0.8 / panel.series.len() as f64;
    let zero = UNITS * (1.0 - axis.share(0.0));
    let mut path = String::new();
    for (second, value) in &panel.series[place].points {
        if let Some(value) = value {
            let x = x_of(panel, *second) + width * 0.1 + part * place as f64;
            let y = UNITS * (1.0 - axis.share(*value));
            path.push_str(&format!("M{} {}h{:.2}V{}h-{:.2}z", at(x), at(zero), part, at(y), part));
        }
    }
    out.empty("path", &[("class", &format!("column {class}")), ("d", &path)]);
}

fn bins(out: &mut Markup, series: &Series, axis: &Values) {
    let part = UNITS / series.points.len().max(1) as f64;
    for (place, (_, value)) in series.points.iter().enumerate() {
        let share = value.map_or(0.0, |v| axis.share(v));
        out.empty(
            "rect",
            &[
                ("class", "column s0"),
                ("x", &at(part * (place as f64 + 0.05))),
                ("y", &at(UNITS * (1.0 - share))),
                ("width", &at(part * 0.9)),
                ("height", &at(UNITS * share)),
            ],
        );
    }
}

fn bin_marks(out: &mut Markup, panel: &Panel) {
    let Some(series) = panel.series.first() else { return };
    let every = series.points.len().div_ceil(6).max(1);
    for (place, (low, _)) in series.points.iter().enumerate().step_by(every) {
        let share = place as f64 / series.points.len() as f64;
        let words = number::short(*low, panel.unit.as_deref());
        out.element(
            "text",
            &[
                ("class", mark(place / every)),
                ("x", &percent(share)),
                ("y", "178"),
                ("text-anchor", if place == 0 { "start" } else { "middle" }),
            ],
            &words,
        );
    }
}

/// More bars than this are narrower than a mouse can tell apart, and only make the page larger.
const HITS: usize = 400;

/// A bar that nobody sees over each bucket, which says the bucket's numbers where a mouse rests.
pub(super) fn hits(out: &mut Markup, panel: &Panel) {
    let width = UNITS * panel.step / (panel.until - panel.since);
    let mut seconds: Vec<f64> = panel.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.dedup();
    let lead = if panel.picture == "bars" { 0.0 } else { width / 2.0 };
    let every = seconds.len().div_ceil(HITS).max(1);
    let width = width * every as f64;
    for second in seconds.into_iter().step_by(every) {
        let mut words = panel.moment(second);
        for series in &panel.series {
            // In order of time, so that the bucket is found by halving.
            if let Ok(found) = series.points.binary_search_by(|p| p.0.total_cmp(&second))
                && let Some(value) = series.points[found].1
            {
                words.push_str(&format!(
                    "\n{} {}",
                    series.name,
                    number::short(value, panel.unit.as_deref())
                ));
            }
        }
        let x = (x_of(panel, second) - lead).max(0.0);
        out.open(
            "rect",
            &[
                ("class", "hit"),
                ("x", &at(x)),
                ("y", "0"),
                ("width", &at(width)),
                ("height", "1000"),
            ],
        );
        out.element("title", &[], &words).close("rect");
    }
}
