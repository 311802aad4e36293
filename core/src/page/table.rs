//! Owns the numbers behind a picture: the table below it and its CSV.

use serde_json::Value;

use super::markup::{Markup, is_link, is_page, percent};
use super::model::{Panel, Series};
use super::number;
use super::picture::state;

/// How many rows a page shows; the file has them all.
const SHOWN: usize = 500;

/// Names of columns and cells, in the order of the table.
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    units: Vec<Option<String>>,
}

impl Table {
    /// The numbers of a panel: its own rows, or its series side by side.
    pub fn of(panel: &Panel) -> Self {
        if !panel.rows.is_empty() || panel.series.is_empty() {
            return Self {
                columns: panel.columns.clone(),
                rows: panel.rows.clone(),
                units: panel.units.clone(),
            };
        }
        if !panel.columns.is_empty() && panel.picture == "heatmap" {
            return Self::matrix(panel);
        }
        let first = match panel.picture.as_str() {
            "histogram" => format!(
                "from{}",
                panel.unit.as_deref().map(|u| format!(" ({u})")).unwrap_or_default()
            ),
            _ => format!("time ({})", panel.zone),
        };
        let mut places: Vec<f64> = panel.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        // A cursor for each series, since both lists are in order.
        let mut next = vec![0; panel.series.len()];
        let rows = places
            .iter()
            .map(|place| {
                let head = match panel.picture.as_str() {
                    "histogram" => Value::from(*place),
                    _ => Value::from(panel.moment(*place)),
                };
                let mut row = vec![head];
                for (series, cursor) in panel.series.iter().zip(&mut next) {
                    let value = series.points.get(*cursor).filter(|p| p.0 == *place);
                    *cursor += usize::from(value.is_some());
                    row.push(match value {
                        Some((_, value)) if panel.picture == "states" => Value::from(state(*value).1),
                        Some((_, Some(value))) => Value::from(*value),
                        _ => Value::Null,
                    });
                }
                row
            })
            .collect();
        let columns = std::iter::once(first)
            .chain(panel.series.iter().map(|s| s.name.clone()))
            .collect();
        Self {
            columns,
            rows,
            units: Vec::new(),
        }
    }

    /// Rows are series, columns those of the panel.
    fn matrix(panel: &Panel) -> Self {
        let row = |series: &Series| {
            let mut cells = vec![Value::Null; panel.columns.len() + 1];
            cells[0] = Value::from(series.name.as_str());
            for (place, value) in &series.points {
                if let (Some(cell), Some(value)) = (cells.get_mut(*place as usize + 1), value) {
                    *cell = Value::from(*value);
                }
            }
            cells
        };
        Self {
            // A screen reader skips a head without words.
            columns: std::iter::once("name".to_owned())
                .chain(panel.columns.iter().cloned())
                .collect(),
            rows: panel.series.iter().map(row).collect(),
            units: Vec::new(),
        }
    }

    /// A cell for people, in the unit of its column. The CSV has the number itself.
    pub fn words(&self, place: usize, cell: &Value) -> String {
        let unit = self.units.get(place).and_then(Option::as_deref);
        cell.as_f64()
            .and_then(|value| number::cell(value, unit))
            .unwrap_or_else(|| plain(cell))
    }

    /// The table as HTML, in a region of its own that scrolls.
    pub fn draw(&self, out: &mut Markup, title: &str) {
        out.open(
            "section",
            &[
                ("class", "scroll"),
                ("tabindex", "0"),
                ("aria-label", &format!("Numbers of {title}")),
            ],
        );
        out.open("table", &[]).open("thead", &[]).open("tr", &[]);
        // A column of numbers stands to the right, with its head over it. Numbers among words stand where the words do.
        let numbers: Vec<bool> = (0..self.columns.len())
            .map(|place| {
                let cells = || {
                    self.rows
                        .iter()
                        .filter_map(move |r| r.get(place))
                        .filter(|c| !c.is_null())
                };
                cells().next().is_some() && cells().all(Value::is_number)
            })
            .collect();
        for (column, numbers) in self.columns.iter().zip(&numbers) {
            let head: &[_] = if *numbers {
                &[("scope", "col"), ("class", "n")]
            } else {
                &[("scope", "col")]
            };
            out.element("th", head, column);
        }
        out.close("tr").close("thead").open("tbody", &[]);
        // Rows of time end with the newest.
        let left_out = self.rows.len().saturating_sub(SHOWN);
        for row in &self.rows[left_out..] {
            out.open("tr", &[]);
            for (place, cell) in row.iter().enumerate() {
                match cell {
                    Value::Number(_) | Value::Null if numbers.get(place) == Some(&true) => {
                        _ = out.element("td", &[("class", "n")], &self.words(place, cell))
                    }
                    Value::String(text) if is_link(text) => {
                        _ = out
                            .open("td", &[])
                            .element("a", &[("href", text), ("rel", "noreferrer")], text)
                            .close("td")
                    }
                    Value::Object(link) => match link.get("address").and_then(Value::as_str) {
                        Some(address) if is_page(address) => {
                            _ = out
                                .open("td", &[])
                                .element("a", &[("href", address)], &plain(cell))
                                .close("td")
                        }
                        _ => _ = out.element("td", &[], &plain(cell)),
                    },
                    Value::String(text)
                        if matches!(text.as_str(), "critical" | "firing" | "error" | "failing" | "stopped") =>
                    {
                        _ = out
                            .open("td", &[])
                            .element("span", &[("class", "tag bad")], text)
                            .close("td")
                    }
                    Value::String(text) if matches!(text.as_str(), "warning" | "pending" | "new" | "late" | "slow") => {
                        _ = out
                            .open("td", &[])
                            .element("span", &[("class", "tag mid")], text)
                            .close("td")
                    }
                    Value::String(text) if matches!(text.as_str(), "ok" | "fresh" | "resolved" | "recovered") => {
                        _ = out
                            .open("td", &[])
                            .element("span", &[("class", "tag good")], text)
                            .close("td")
                    }
                    cell => _ = out.element("td", &[], &self.words(place, cell)),
                }
            }
            out.close("tr");
        }
        out.close("tbody").close("table").close("section");
        if left_out > 0 {
            let words = format!("The last {SHOWN} rows of {}. The CSV has all.", self.rows.len());
            out.element("p", &[("class", "about")], &words);
        }
    }

    /// The address of the numbers as a file: the file itself, so that a page that was saved still has it.
    pub fn csv_link(&self) -> String {
        format!("data:text/csv;charset=utf-8,{}", percent(&self.csv()))
    }

    /// CSV by RFC 4180. Text that a spreadsheet would run as a formula is put behind an apostrophe.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let heads = self.columns.iter().map(|c| Value::from(c.as_str())).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let cells: Vec<String> = row.iter().map(csv_cell).collect();
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        }
        out
    }
}

fn csv_cell(cell: &Value) -> String {
    let text = match cell {
        Value::Null => return String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        Value::Number(number) => return number.to_string(),
        other => plain(other),
    };
    if text.contains([',', '"', '\r', '\n', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// A cell as text: numbers to six significant digits.
pub fn plain(cell: &Value) -> String {
    match cell {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(value) => (if *value { "yes" } else { "no" }).to_owned(),
        Value::Number(given) => match given.as_f64() {
            Some(value) if value.fract() == 0.0 && value.abs() < 1e15 => number::digits(value),
            Some(value) if value != 0.0 && value.abs() < 1e9 => {
                let places = (5 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
                let text = format!("{value:.places$}");
                if text.contains('.') {
                    text.trim_end_matches('0').trim_end_matches('.').to_owned()
                } else {
                    text
                }
            }
            _ => given.to_string(),
        },
        // A link to another page, by its text.
        Value::Object(link) => match link.get("text") {
            Some(Value::String(text)) => text.clone(),
            _ => cell.to_string(),
        },
        other => other.to_string(),
    }
}
