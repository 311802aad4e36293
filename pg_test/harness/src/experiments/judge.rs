//! Owns the comparison of reports and health with the right answer. What is hidden, how p values are corrected, and which badge
//! follows, is worked out here a second time.

use super::Sequence;
use super::define::Experiment;
use super::oracle::{self, Asked};
use super::verdict::{badge, corrected};
use crate::server::words_of;
use postgres::{Client, Row};
use std::collections::BTreeMap;

/// One line of the expected report.
struct Line {
    key: String,
    metric: usize,
    labels: String,
    arm: String,
    units: i64,
    numbers: Vec<Option<f64>>,
    reason: Option<String>,
    method: Option<String>,
    /// Values behind a quantile; more than the sketch keeps one by one are compared loosely.
    values: i64,
}

/// Places of numbers in a line.
const VALUE: usize = 0;
const VALUE_A: usize = 2;
const EFFECT: usize = 3;
const P: usize = 8;
const SEQUENTIAL_P: usize = 9;

fn expected(client: &mut Client, e: &Experiment, seq: &Sequence, asked: &Asked) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (place, m) in e.metrics.iter().enumerate() {
        let sql = oracle::metric(e, m, &seq.world, asked);
        for row in client
            .query(&sql, &[])
            .map_err(|error| format!("{}\n{sql}", words_of(&error)))?
        {
            lines.push(Line {
                key: format!("{} {} {}", m.name, row.get::<_, String>(0), row.get::<_, String>(1)),
                metric: place,
                labels: row.get(0),
                arm: row.get(1),
                units: row.get(2),
                values: row.get(5),
                numbers: [3, 4, 6, 7, 8, 9, 10, 11, 12, 13]
                    .iter()
                    .map(|i| row.get::<_, Option<f64>>(*i))
                    .collect(),
                reason: row.get(14),
                method: row.get(15),
            });
        }
    }
    Ok(lines)
}

fn near(a: Option<f64>, b: Option<f64>, share: f64) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => (a - b).abs() <= share * a.abs().max(b.abs()) + 1e-12,
        _ => false,
    }
}

/// What a report says otherwise than the tables do; nothing where it is right.
pub fn report(client: &mut Client, e: &Experiment, seq: &Sequence, asked: &Asked) -> Result<(), String> {
    let by: Vec<String> = asked.by.iter().map(|b| (*b).to_string()).collect();
    let sql = format!(
        "SELECT metric || ' ' || labels::text || ' ' || arm, units, value, uncapped, lift, low, high, sequential_low, sequential_high, p, \
         sequential_p, adjusted_p, \
         badge, reason, method FROM tally.experiment_report('{}.{}', '{}', {}, '{{{}}}', {})",
        seq.schema,
        e.name,
        asked.as_of,
        asked.matured,
        by.join(","),
        asked.k
    );
    let rows = client
        .query(&sql, &[])
        .map_err(|error| format!("{}\n{sql}", words_of(&error)))?;
    let mut got: BTreeMap<String, Row> = rows.into_iter().map(|r| (r.get::<_, String>(0), r)).collect();
    let lines = expected(client, e, seq, asked)?;
    let srm = split(client, e, seq, asked)?;
    let ended = client
        .query_one(
            &match &e.ends {
                Some(d) => format!(
                    "SELECT past <= '{}'::timestamptz FROM {}.days WHERE date = '{d}' AND zone = '{}'",
                    asked.as_of, seq.schema, e.zone
                ),
                None => "SELECT false".to_string(),
            },
            &[],
        )
        .map_err(|error| words_of(&error))?
        .get::<_, bool>(0);
    let control = e.arms[0].0;
    let few = |units: i64| units > 0 && units < asked.k;
    let control_units: BTreeMap<(usize, &str), i64> = (lines.iter().filter(|l| l.arm == control))
        .map(|l| ((l.metric, l.labels.as_str()), l.units))
        .collect();
    let hidden = |l: &Line| few(l.units) || few(control_units[&(l.metric, l.labels.as_str())]);
    // All labels have lines for all metrics: where no unit of a metric is matured, a line without units.
    let labels: std::collections::BTreeSet<&str> = lines.iter().map(|l| l.labels.as_str()).collect();
    let mut wrong = Vec::new();
    for l in &lines {
        let asked_p = |place: usize| -> Option<f64> {
            let all: Vec<(&str, f64)> = (lines.iter())
                .filter(|x| x.labels == l.labels && x.arm != control && !hidden(x))
                .filter_map(|x| x.numbers[place].map(|p| (x.key.as_str(), p)))
                .collect();
            let p: Vec<f64> = all.iter().map(|x| x.1).collect();
            let at = all.iter().position(|x| x.0 == l.key)?;
            corrected(&p, e.correction).get(at).copied()
        };
        let compared = l.arm != control && !hidden(l);
        let mut numbers: Vec<Option<f64>> = vec![
            if few(l.units) { None } else { l.numbers[VALUE] },
            if few(l.units) { None } else { l.numbers[1] },
        ];
        for place in [EFFECT, 4, 5, 6, 7, P] {
            numbers.push(l.numbers[place].filter(|_| compared));
        }
        let (p, sequential) = (
            asked_p(P).filter(|_| compared),
            asked_p(SEQUENTIAL_P).filter(|_| compared),
        );
        numbers.extend([sequential, p]);
        let lift = l.numbers[EFFECT].map(|x| {
            if l.numbers[VALUE_A].is_some_and(|a| a < 0.0) {
                -x
            } else {
                x
            }
        });
        let units_a = control_units[&(l.metric, l.labels.as_str())];
        let badge = compared.then(|| {
            badge(
                srm,
                units_a,
                l.units,
                lift,
                if ended { p } else { sequential },
                e.metrics[l.metric].up_is_good,
                e.alpha,
            )
        });
        let reason = if hidden(l) && (few(l.units) || l.arm != control) {
            Some("hidden".to_string())
        } else if l.arm == control {
            (l.units == 0).then(|| "empty_arm".to_string())
        } else {
            l.reason.clone()
        };
        let Some(row) = got.remove(&l.key) else {
            wrong.push(format!("missing: {} with {} units", l.key, l.units));
            continue;
        };
        // Where a quantile has many values, only the size of the answer is right.
        let share = if l.values > 60 { 0.2 } else { 1e-7 };
        let units = (!few(l.units)).then_some(l.units);
        let found: Vec<Option<f64>> = (2..12).map(|i| row.get::<_, Option<f64>>(i)).collect();
        let words: Vec<Option<String>> = (12..15).map(|i| row.get::<_, Option<String>>(i)).collect();
        let method = l.method.clone().filter(|_| compared);
        let same = row.get::<_, Option<i64>>(1) == units
            && numbers
                .iter()
                .zip(&found)
                .enumerate()
                .all(|(i, (a, b))| l.values > 60 && i > 0 || near(*a, *b, share))
            && (l.values > 60 || words == vec![badge.map(str::to_string), reason.clone(), method.clone()]);
        if !same {
            wrong.push(format!(
                "{}: got units {:?}, {found:?}, {words:?}\n    expected {units:?}, {numbers:?}, {badge:?}, {reason:?}, {method:?}",
                l.key, row.get::<_, Option<i64>>(1)
            ));
        }
    }
    // A line for labels that another metric has, of no units, is right.
    for (key, row) in &got {
        if row.get::<_, Option<i64>>(1) != Some(0) || !labels.iter().any(|l| key.contains(l)) {
            wrong.push(format!("unexpected: {key}"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{sql}\n{}\n{e:?}\n{}",
            wrong.join("\n"),
            oracles(e, seq, asked, &wrong)
        ))
    }
}

/// The queries of the metrics that are wrong.
fn oracles(e: &Experiment, seq: &Sequence, asked: &Asked, wrong: &[String]) -> String {
    (e.metrics.iter())
        .filter(|m| wrong.iter().any(|w| w.contains(&m.name)))
        .map(|m| oracle::metric(e, m, &seq.world, asked))
        .take(1)
        .collect()
}

/// p of the sample ratio as of a moment.
fn split(client: &mut Client, e: &Experiment, seq: &Sequence, asked: &Asked) -> Result<Option<f64>, String> {
    let weights: Vec<String> = e.arms.iter().map(|a| a.1.to_string()).collect();
    let counts: Vec<String> = e
        .arms
        .iter()
        .map(|a| format!("(SELECT count(*) FROM u WHERE arm = '{}')", a.0))
        .collect();
    let sql = format!(
        "WITH {}, u AS (SELECT * FROM units u WHERE {} AND {}) SELECT (tally.sample_ratio(ARRAY[{}], ARRAY[{}]::float8[])).p",
        oracle::units(e, &seq.world),
        e.counted(),
        oracle::in_days(e, &seq.world, &asked.as_of, None),
        counts.join(", "),
        weights.join(", ")
    );
    client
        .query_one(&sql, &[])
        .map(|r| r.get(0))
        .map_err(|error| format!("{}\n{sql}", words_of(&error)))
}

/// What the health of an experiment says otherwise than the tables do.
pub fn health(client: &mut Client, e: &Experiment, seq: &Sequence, as_of: &str) -> Result<(), String> {
    let days = oracle::in_days(e, &seq.world, as_of, None);
    let mut outside = vec!["false".to_string()];
    outside.extend(e.starts.as_ref().map(|d| format!("day < date '{d}'")));
    outside.extend(e.ends.as_ref().map(|d| format!("day > date '{d}'")));
    let arms: Vec<String> = e.arms.iter().map(|a| format!("'{}'", a.0)).collect();
    let counts = e.counted();
    let sql = format!(
        "WITH {units}, want(\"check\", value) AS (SELECT 'units_seen_twice', (SELECT count(*) FROM units WHERE mixed AND {days}) \
         UNION ALL SELECT 'undeclared_arms', (SELECT count(*) FROM units u WHERE {counts} AND {days} AND arm NOT IN ({arms})) \
         UNION ALL SELECT 'exposures_without_arm', (SELECT count(*) FROM raw WHERE arm IS NULL) \
         UNION ALL SELECT 'exposures_without_time', (SELECT count(*) FROM raw WHERE isfinite(at) IS NOT TRUE) \
         UNION ALL SELECT 'exposures_outside', (SELECT count(*) FROM units WHERE {outside}) \
         UNION ALL SELECT 'planned_units', (SELECT count(*) FROM units u WHERE {counts} AND {days})) \
         SELECT w.\"check\" || ': got ' || COALESCE(h.value::text, 'NULL') || ', expected ' || w.value FROM want w \
         LEFT JOIN tally.experiment_health('{schema}.{name}', '{as_of}') h ON h.\"check\" = w.\"check\" WHERE h.value IS DISTINCT FROM w.value::float8",
        units = oracle::units(e, &seq.world),
        arms = arms.join(", "),
        outside = outside.join(" OR "),
        schema = seq.schema,
        name = e.name
    );
    let rows = client
        .query(&sql, &[])
        .map_err(|error| format!("{}\n{sql}", words_of(&error)))?;
    match rows.first() {
        Some(row) => Err(format!("health of {}: {}\n{sql}", e.name, row.get::<_, String>(0))),
        None => Ok(()),
    }
}
