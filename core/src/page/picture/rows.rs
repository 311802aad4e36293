//! Owns pictures of one bar a row, the ranking and the funnel, and the words of a tile over rows.

use super::super::markup::Markup;
use super::super::model::{EMPTY, Panel};
use super::super::number;
use super::super::table::plain;
use super::shortened;
use super::{begin, percent};

const ROW: usize = 38;
/// What a funnel says of a step stands below its bar, where there is room for it on a narrow screen too.
const STEP: usize = 54;

/// A row of the panel is a name and a number, longest first in a ranking, in the order of steps in a funnel.
pub fn bars(panel: &Panel) -> Markup {
    let unit = panel.unit.as_deref();
    let items: Vec<(String, Option<f64>)> = panel
        .rows
        .iter()
        .map(|r| {
            let name = r.first().map(plain).unwrap_or_default();
            (
                if name.trim().is_empty() { EMPTY.to_owned() } else { name },
                r.get(1).and_then(|v| v.as_f64()),
            )
        })
        .collect();
    let most = items.iter().filter_map(|i| i.1).fold(0.0_f64, |m, v| m.max(v.abs()));
    let first = items.first().and_then(|i| i.1);
    let row = if panel.picture == "funnel" { STEP } else { ROW };
    let mut out = Markup::new();
    begin(&mut out, panel, "rows");
    out.open(
        "svg",
        &[("width", "100%"), ("height", &(items.len() * row).to_string())],
    );
    for (place, (name, value)) in items.iter().enumerate() {
        let y = place * row;
        let share = if most > 0.0 {
            value.unwrap_or(0.0).abs() / most
        } else {
            0.0
        };
        let words = value.map_or("no value".to_owned(), |v| number::short(v, unit));
        let mut shares = Vec::new();
        if panel.picture == "funnel"
            && let (Some(value), Some(first)) = (value, first)
        {
            if first > 0.0 {
                shares.push(format!("{} of all", number::short(value / first, Some("ratio"))));
            }
            if let Some(before) = place
                .checked_sub(2)
                .and_then(|_| items[place - 1].1)
                .filter(|b| *b > 0.0)
            {
                shares.push(format!(
                    "{} of the step before",
                    number::short(value / before, Some("ratio"))
                ));
            }
        }
        out.element(
            "text",
            &[("class", "label"), ("x", "0"), ("y", &(y + 14).to_string())],
            &shortened(name, 28),
        );
        out.element(
            "text",
            &[
                ("class", "mark"),
                ("x", "100%"),
                ("y", &(y + 14).to_string()),
                ("text-anchor", "end"),
            ],
            &words,
        );
        // The length of a bar says how great a number is, its colour whether it is below 0.
        let bar = if value.is_some_and(|v| v < 0.0) {
            "column s1"
        } else {
            "column s0"
        };
        out.empty(
            "rect",
            &[
                ("class", "track"),
                ("x", "0"),
                ("y", &(y + 20).to_string()),
                ("width", "100%"),
                ("height", "10"),
                ("rx", "3"),
            ],
        );
        out.empty(
            "rect",
            &[
                ("class", bar),
                ("x", "0"),
                ("y", &(y + 20).to_string()),
                ("width", &percent(share)),
                ("height", "10"),
                ("rx", "3"),
            ],
        );
        if !shares.is_empty() {
            out.element(
                "text",
                &[("class", "mark"), ("x", "0"), ("y", &(y + 44).to_string())],
                &shares.join(" · "),
            );
        }
    }
    out.close("svg").close("div");
    out
}

/// What a tile over rows says: what each answer is of, the answer in words, and whether it is a number that may carry a unit.
pub fn answers(panel: &Panel) -> Vec<(Option<String>, String, bool)> {
    let answer = |row: &Vec<serde_json::Value>| {
        let last = row.last()?;
        let label = if row.len() > 1 { row.first().map(plain) } else { None };
        Some(match last.as_f64() {
            Some(value) => (label, number::short(value, panel.unit.as_deref()), true),
            None if last.is_null() => (label, "no value".to_owned(), false),
            None => (label, plain(last), false),
        })
    };
    panel.rows.iter().filter_map(answer).collect()
}
