//! Owns a board at the prompt: sparklines, bars and tables of text.

use super::markup::is_unseen;
use super::model::{Model, Panel};
use super::number;
use super::picture::state;
use super::table::{Table, plain};
use crate::text::{bar, sparkline};

/// Widest line.
const WIDTH: usize = 100;

/// The board as text.
pub fn text(model: &Model) -> String {
    let range = format!("{} to {}, as of {}", model.since_text, model.until_text, model.as_of);
    let mut out = format!("{}\n{}\n", clean(&model.title), clean(&range));
    for variable in model.variables.iter().filter(|v| !v.chosen.is_empty()) {
        out.push_str(&format!(
            "{} = {}\n",
            clean(&variable.name),
            clean(&variable.chosen.join(", "))
        ));
    }
    for panel in &model.panels {
        out.push_str(&format!(
            "\n── {} {}\n",
            clean(&panel.title),
            "─".repeat(WIDTH.saturating_sub(panel.title.chars().count() + 4))
        ));
        panel_text(&mut out, panel);
        if let Some(note) = &panel.note {
            out.push_str(&format!("   {}\n", clean(note)));
        }
    }
    out
}

/// Text for a terminal: no control character may move its cursor, change its colours or turn its direction.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_unseen(c) { '\u{FFFD}' } else { c })
        .collect()
}

fn cut(text: &str, most: usize) -> String {
    super::picture::shortened(&clean(text), most)
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())))
}

fn panel_text(out: &mut String, panel: &Panel) {
    let unit = panel.unit.as_deref();
    if let Some(fault) = &panel.error {
        out.push_str(&format!("   ERROR: {}\n", clean(&fault.message)));
        for hint in fault.hint.iter().filter(|h| !h.is_empty()) {
            out.push_str(&format!("   {}\n", clean(hint)));
        }
        return;
    }
    let names = panel
        .series
        .iter()
        .map(|s| s.name.chars().count())
        .max()
        .unwrap_or(0)
        .min(24);
    match panel.picture.as_str() {
        "stat" if !panel.rows.is_empty() => {
            for (label, value, is_number) in super::picture::answers(panel) {
                let of = label.map_or(String::new(), |l| format!("{}: ", clean(&l)));
                let suffix = if is_number {
                    prefixed(number::suffix(unit))
                } else {
                    String::new()
                };
                out.push_str(&format!("   {of}{}{suffix}\n", clean(&value)));
            }
        }
        "stat" => {
            let value = panel.value.map_or("no value".to_owned(), |v| number::short(v, unit));
            let change = panel
                .value
                .zip(panel.before)
                .and_then(|(v, b)| number::change(v, b))
                .map_or(String::new(), |c| format!("   {c}"));
            let points: Vec<_> = panel.series.first().map(|s| thinned(&s.points)).unwrap_or_default();
            out.push_str(&format!(
                "   {value}{}{change}   {}\n",
                prefixed(number::suffix(unit)),
                sparkline(&points)
            ));
        }
        "line" | "area" | "bars" | "heatmap" if !panel.series.is_empty() && panel.columns.is_empty() => {
            for series in &panel.series {
                let last = series
                    .points
                    .iter()
                    .rev()
                    .find_map(|p| p.1)
                    .map_or("no value".to_owned(), |v| number::short(v, unit));
                out.push_str(&format!(
                    "   {}  {}  {last}\n",
                    padded(&cut(&series.name, 24), names),
                    sparkline(&thinned(&series.points))
                ));
            }
            let breaches = panel
                .limits
                .iter()
                .map(|l| format!("{} {}", clean(&l.label), number::short(l.value, unit)))
                .collect::<Vec<_>>();
            if !breaches.is_empty() {
                out.push_str(&format!("   limits: {}\n", breaches.join(", ")));
            }
        }
        "states" if !panel.series.is_empty() => {
            for series in &panel.series {
                let line: String = series
                    .points
                    .iter()
                    .map(|p| match state(p.1).1 {
                        "within limits" => '·',
                        "warning" => '!',
                        "critical" => 'X',
                        _ => ' ',
                    })
                    .collect();
                out.push_str(&format!("   {}  {line}\n", padded(&cut(&series.name, 24), names)));
            }
        }
        "ranking" | "funnel" if !panel.rows.is_empty() => {
            let most = panel
                .rows
                .iter()
                .filter_map(|r| r.get(1)?.as_f64())
                .fold(0.0_f64, f64::max);
            for row in &panel.rows {
                let value = row.get(1).and_then(serde_json::Value::as_f64);
                let share = value.filter(|_| most > 0.0).map_or(0.0, |v| v / most);
                let words = value.map_or("no value".to_owned(), |v| number::short(v, unit));
                out.push_str(&format!(
                    "   {}  {}  {words}\n",
                    padded(&cut(&row.first().map(plain).unwrap_or_default(), 28), 28),
                    padded(&bar(share, 40), 40)
                ));
            }
        }
        "histogram" if !panel.series.is_empty() => {
            let most = panel.series[0]
                .points
                .iter()
                .filter_map(|p| p.1)
                .fold(0.0_f64, f64::max);
            for (low, value) in &panel.series[0].points {
                let value = value.unwrap_or(0.0);
                let share = if most > 0.0 { value / most } else { 0.0 };
                out.push_str(&format!(
                    "   {:>10}  {}  {}\n",
                    number::short(*low, unit),
                    padded(&bar(share, 40), 40),
                    number::compact(value)
                ));
            }
        }
        _ => table_text(out, panel),
    }
}

fn prefixed(suffix: &str) -> String {
    if suffix.is_empty() {
        String::new()
    } else {
        format!(" {}", clean(suffix))
    }
}

/// At most sixty points, the last of each stretch.
fn thinned(points: &[(f64, Option<f64>)]) -> Vec<Option<f64>> {
    let every = points.len().div_ceil(60).max(1);
    points
        .chunks(every)
        .filter_map(|chunk| chunk.last().map(|p| p.1))
        .collect()
}

fn table_text(out: &mut String, panel: &Panel) {
    let table = Table::of(panel);
    if table.rows.is_empty() {
        let nothing = panel.nothing.as_deref().unwrap_or("Nothing in this range.");
        out.push_str(&format!("   {}\n", clean(nothing)));
        return;
    }
    let cells: Vec<Vec<String>> = std::iter::once(table.columns.iter().map(|c| cut(c, 32)).collect())
        .chain(
            table
                .rows
                .iter()
                .take(20)
                .map(|r| r.iter().enumerate().map(|(i, c)| cut(&table.words(i, c), 32)).collect()),
        )
        .collect();
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|i| {
            cells
                .iter()
                .filter_map(|r| r.get(i))
                .map(|c| c.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in &cells {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| padded(cell, *width))
            .collect();
        out.push_str(&format!("   {}\n", line.join("  ").trim_end()));
    }
    if table.rows.len() > 20 {
        out.push_str(&format!("   and {} more\n", table.rows.len() - 20));
    }
}
