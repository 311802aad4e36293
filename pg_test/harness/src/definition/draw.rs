//! Owns the draw of a definition: over time, on a rollup, or per key, each twice, as `create_rollup` is told and as plain SQL.

use super::Rollup;
use super::calendar::{CALENDAR, FIXED, LATE, LOOKBACK, SKIPPED_DAY, ZONES, calendar_start, fixed_start, times};
use super::measure::{MEASURES, given};
use crate::rng::Rng;

/// Name, JSON for `create_rollup`, and the value over raw rows.
const DIMENSIONS: [(&str, &str, &str); 5] = [
    ("k", "\"k\"", "COALESCE(k, '(none)')"),
    ("w", "\"w\"", "COALESCE(w::text, '(none)')"),
    (
        "large",
        "{\"large\": \"v > 10\"}",
        "CASE WHEN v > 10 THEN 'true' WHEN v <= 10 THEN 'false' ELSE '(none)' END",
    ),
    ("third", "{\"third\": \"v % 3\"}", "COALESCE(mod(v, 3)::text, '(none)')"),
    (
        "kw",
        "{\"kw\": \"k || w\"}",
        "CASE WHEN k IS NULL OR w IS NULL THEN '(none)' ELSE concat(k, w) END",
    ),
];

const FILTERS: [&str; 4] = ["v > 2", "k = 'a' OR v IS NULL", "w = 1", "f < 50 AND k IS NOT NULL"];

/// Lists that make several rows of one: as `expand` is told, and what gives the same rows from what the lists are known to hold.
const LISTS: [(&str, &str, &str); 2] = [
    (
        "jsonb_each_text(j) AS part(pk, pv)",
        " CROSS JOIN LATERAL (SELECT x.pk, x.pv FROM (VALUES ('a', j ->> 'a'), ('b', j ->> 'b')) x(pk, pv) WHERE j IS NOT NULL) part",
        "pk",
    ),
    (
        "unnest(ARRAY[w, w + 10]) AS part(pk)",
        " CROSS JOIN (VALUES (0), (10)) y(more) CROSS JOIN LATERAL (SELECT w + more AS pk) part",
        "pk::text",
    ),
];

/// Sometimes a list that makes several rows of one, perhaps with a dimension of it.
fn expanded(
    rng: &mut Rng,
    joined: &mut String,
    dimensions: &mut Vec<(&'static str, &'static str)>,
    listed: &mut Vec<&'static str>,
) -> String {
    if !rng.percent(15) {
        return String::new();
    }
    let (list, rows, exact) = *rng.one(&LISTS);
    joined.push_str(rows);
    if rng.percent(60) {
        dimensions.push((
            "pk",
            if exact == "pk" {
                exact
            } else {
                "COALESCE(pk::text, '(none)')"
            },
        ));
        listed.push("\"pk\"");
    }
    format!(", expand => $x${list}$x$")
}

/// Sometimes a filter.
pub(super) fn filtered(rng: &mut Rng, filter: &mut String) -> String {
    if !rng.percent(35) {
        return String::new();
    }
    let condition = rng.one(&FILTERS);
    filter.push_str(&format!(" AND ({condition})"));
    format!(", \"where\" => $w${condition}$w$")
}

/// Sometimes how late in its unit a bucket begins, and the origin that says so.
fn late(rng: &mut Rng, unit: &str, zone: &str, nested: bool, origin: &mut String) -> &'static str {
    if nested || !rng.percent(30) {
        return "0";
    }
    let (late, from) = *rng.one(if ["day", "week"].contains(&unit) {
        &LATE[..4]
    } else {
        &LATE
    });
    // A month begins on the first when it begins at a time of day alone.
    let from = if ["day", "week"].contains(&unit) {
        from.to_string()
    } else {
        from.replace("-03 ", "-01 ")
    };
    *origin = format!(", origin => '{from} {zone}'");
    late
}

impl Rollup {
    /// A random rollup of a source, or of one of the rollups there are.
    pub fn random(
        rng: &mut Rng,
        name: String,
        source: &str,
        time_type: &str,
        others: &[Rollup],
        parent: Option<usize>,
    ) -> Self {
        let parent = parent.filter(|&p| others[p].carries());
        if parent.is_none() && rng.percent(12) {
            return Rollup::sessions(rng, name, source, time_type);
        }
        if parent.is_none() && rng.percent(20) {
            return Rollup::per_key(rng, name, source);
        }
        let zone = if rng.percent(40) { "UTC" } else { *rng.one(&ZONES) };
        let below = parent.map(|p| &others[p]);
        let instant = match (below, time_type) {
            (Some(b), _) => b.bucket.clone(),
            (None, "timestamptz") => "t".to_string(),
            (None, _) => format!("(t::timestamp AT TIME ZONE '{zone}')"),
        };
        let calendar = if below.is_some() {
            rng.percent(70)
        } else {
            rng.percent(35)
        };
        let looks_back = below.is_none() && zone != SKIPPED_DAY && rng.percent(15);
        let mut origin = String::new();
        let (width, bucket) = if calendar {
            let (width, unit) = *rng.one(&CALENDAR);
            let late = late(rng, unit, zone, below.is_some(), &mut origin);
            let later = if looks_back {
                format!(" + back.s * interval '{width}'")
            } else {
                String::new()
            };
            // In UTC a day and a week are fixed widths.
            (width, calendar_start(unit, zone, &instant, late, &later))
        } else {
            let (width, seconds) = *rng.one(if below.is_some() { &FIXED[2..5] } else { &FIXED[..5] });
            let start = fixed_start(seconds, &instant);
            (
                width,
                if looks_back {
                    format!("({start} + back.s * interval '{seconds} seconds')")
                } else {
                    start
                },
            )
        };
        let mut joined = below.map_or_else(String::new, |b| b.joined.clone());

        let mut dimensions: Vec<(&'static str, &'static str)> = Vec::new();
        let mut listed: Vec<&'static str> = Vec::new();
        for (dimension, json, exact) in DIMENSIONS {
            let there = below.is_none_or(|b| b.dimensions.iter().any(|d| d.0 == dimension));
            if there && rng.percent(if below.is_some() { 60 } else { 30 }) {
                dimensions.push((dimension, exact));
                listed.push(json);
            }
        }
        let measures: Vec<usize> = match below {
            Some(b) => b.measures.clone(),
            None => {
                let mut chosen: Vec<usize> = (1..MEASURES.len()).filter(|_| rng.percent(30)).collect();
                if chosen.is_empty() {
                    chosen.push(1);
                }
                chosen
            }
        };
        let mut options = format!("bucket => '{width}', zone => '{zone}'{origin}");
        let mut filter = below.map_or_else(|| "t IS NOT NULL AND isfinite(t)".to_string(), |b| b.filter.clone());
        match below {
            None => {
                if looks_back {
                    options += &format!(", lookback => '{}'", times(width, LOOKBACK));
                    joined += &format!(" CROSS JOIN generate_series(0, {}) back(s)", LOOKBACK - 1);
                }
                options += &expanded(rng, &mut joined, &mut dimensions, &mut listed);
                options += &format!(
                    ", time_column => 't', dimensions => $j$[{}]$j$, measures => $j${{{}}}$j$",
                    listed.join(", "),
                    given(&measures)
                );
                options += &filtered(rng, &mut filter);
            }
            Some(b) => {
                // Dimensions of a rollup are its columns, whatever they were below.
                let list: Vec<String> = dimensions.iter().map(|d| format!("\"{}\"", d.0)).collect();
                options += &format!(", dimensions => $j$[{}]$j$", list.join(", "));
                if let (true, Some((column, exact))) = (rng.percent(25), b.dimensions.first()) {
                    options += &format!(", \"where\" => $w${column} <> 'a'$w$");
                    filter += &format!(" AND ({exact}) <> 'a'");
                }
            }
        }
        if rng.percent(20) {
            options += ", with_data => true";
        }
        let from = below.map_or_else(|| source.to_string(), |b| b.name.clone());
        Rollup {
            create: format!("SELECT tally.create_rollup('{name}', '{from}', {options})"),
            name,
            parent,
            dimensions,
            measures,
            bucket,
            filter,
            joined,
            keyed: false,
            looks_back,
            keeps: false,
            session: None,
        }
    }

    /// A random rollup per key: all rows of a key, whatever their time.
    fn per_key(rng: &mut Rng, name: String, source: &str) -> Self {
        let key: &[&str] = rng.one::<&[&str]>(&[&["k"], &["w"], &["w", "k"]]);
        let of_key = |d: &(&str, &str, &str)| key.contains(&d.0);
        let mut dimensions: Vec<(&'static str, &'static str)> =
            DIMENSIONS.iter().filter(|d| of_key(d)).map(|d| (d.0, d.2)).collect();
        let mut listed: Vec<&'static str> = Vec::new();
        for (dimension, json, exact) in &DIMENSIONS[2..4] {
            if rng.percent(25) {
                dimensions.push((dimension, exact));
                listed.push(json);
            }
        }
        let (mut joined, mut filter) = (String::new(), "true".to_string());
        let measures: Vec<usize> = (0..MEASURES.len()).filter(|&m| m == 1 || rng.percent(30)).collect();
        let mut options = expanded(rng, &mut joined, &mut dimensions, &mut listed);
        options += &filtered(rng, &mut filter);
        let keys: Vec<String> = key.iter().map(|k| format!("\"{k}\"")).collect();
        Rollup {
            create: format!(
                "SELECT tally.create_rollup('{name}', '{source}', key => $j$[{}]$j$, dimensions => $j$[{}]$j$, measures => $j${{{}}}$j${options})",
                keys.join(", "),
                listed.join(", "),
                given(&measures)
            ),
            name,
            dimensions,
            measures,
            filter,
            joined,
            keyed: true,
            ..Rollup::default()
        }
    }
}
