//! Owns random metrics and experiments: how pg_tally is told of them.

use super::world::{EVENTS, EXPOSURES, VISITS, World, ZONES};
use crate::rng::Rng;

/// What a metric measures. Texts are over its table, columns written {so}.
#[derive(Clone, Debug)]
pub struct Metric {
    pub name: String,
    pub kind: &'static str,
    /// Place of its table.
    pub table: usize,
    pub expression: Option<&'static str>,
    pub denominator: Option<&'static str>,
    pub filter: Option<&'static str>,
    pub steps: &'static [&'static str],
    pub level: f64,
    /// The cap as it was given; of one that is a quantile of the units, what it is by now.
    pub cap: Option<f64>,
    pub cap_level: Option<f64>,
    pub up_is_good: bool,
    /// Hours; none is the experiment's.
    pub window: Option<i64>,
    pub delay: Option<i64>,
}

const NUMBERS: [&str; 5] = [
    "{amount}",
    "{items}",
    "{amount} * {items}",
    "CASE WHEN {kind} = 'buy' THEN {amount} END",
    "{ms}",
];
const FILTERS: [&str; 3] = ["{kind} = 'buy'", "{items} > 0", "{amount} IS NOT NULL"];
const PAGES: [&str; 2] = ["{page} = 'home'", "{page} IN ('shop', 'help')"];
const KINDS: [&str; 3] = ["{kind} = 'buy'", "{amount} > 20", "{items} = 3"];
const STEPS: [&[&str]; 4] = [
    &["{kind} = 'view'", "{kind} = 'buy'"],
    &["{kind} = 'view'", "{kind} = 'cart'", "{kind} = 'buy'"],
    // One event may be of both.
    &["{kind} = 'buy'", "{amount} > 5"],
    &["true", "{kind} = 'cart'", "true"],
];

impl Metric {
    /// A random one.
    pub fn random(rng: &mut Rng, name: String) -> Self {
        let kind = *rng.one(&[
            "mean",
            "mean",
            "mean",
            "proportion",
            "ratio",
            "ratio",
            "quantile",
            "retention",
            "funnel",
        ]);
        let count = matches!(kind, "mean" | "proportion" | "retention");
        let table = if count && rng.percent(30) { VISITS } else { EVENTS };
        let yes = matches!(kind, "proportion" | "retention");
        let expression = match (kind, table) {
            ("funnel", _) => None,
            ("quantile", _) => Some(*rng.one(&["{ms}", "{amount}"])),
            (_, VISITS) => {
                if yes {
                    Some(*rng.one(&PAGES))
                } else {
                    None
                }
            }
            _ if yes => Some(*rng.one(&KINDS)),
            ("mean", _) if rng.percent(15) => None,
            _ => Some(*rng.one(&NUMBERS)),
        };
        let steps = *rng.one(&STEPS);
        let may_be_capped = matches!(kind, "mean" | "ratio");
        let cap = (may_be_capped && rng.percent(30)).then(|| *rng.one(&[0.0, 10.0, 30.5, -1.0]));
        Metric {
            name,
            kind,
            table,
            expression,
            denominator: (kind == "ratio").then(|| *rng.one(&["{items}", "1", "{items} + 1"])),
            filter: (table == EVENTS && rng.percent(30)).then(|| *rng.one(&FILTERS)),
            steps: if kind == "funnel" { steps } else { &[] },
            level: *rng.one(&[0.5, 0.9, 0.25]),
            cap,
            cap_level: (may_be_capped && cap.is_none() && rng.percent(40)).then(|| *rng.one(&[0.5, 0.9, 0.05])),
            up_is_good: rng.percent(60),
            window: rng.percent(40).then(|| *rng.one(&[1, 20, 72, 240])),
            delay: (kind == "retention" || rng.percent(25)).then(|| *rng.one(&[1, 24, 30, 72])),
        }
    }

    /// The statement that defines it.
    pub fn create(&self, world: &World) -> String {
        let text = |name: &str, words: Option<&str>| {
            words.map_or_else(String::new, |w| {
                format!(", {name} => $t${}$t$", world.words(self.table, w))
            })
        };
        let hours = |name: &str, h: Option<i64>| h.map_or_else(String::new, |h| format!(", \"{name}\" => '{h} hours'"));
        let steps: Vec<String> = self
            .steps
            .iter()
            .enumerate()
            .map(|(i, s)| format!("\"s{i}\": \"{}\"", world.words(self.table, s)))
            .collect();
        // The column has the name that the exposures have for it, or is named.
        let unit = world.column(self.table, self.unit());
        let unit = if unit == world.column(EXPOSURES, "unit") {
            String::new()
        } else {
            format!(", unit => '{unit}'")
        };
        format!(
            "SELECT tally.create_experiment_metric('{}', '{}', '{}'{}{}{}{}{}{}{}, direction => '{}'{}{}, time_column => '{}'{})",
            self.name,
            world.name(self.table),
            self.kind,
            text("expression", self.expression),
            text("denominator", self.denominator),
            text("\"where\"", self.filter),
            if steps.is_empty() {
                String::new()
            } else {
                format!(", steps => $t${{{}}}$t$", steps.join(", "))
            },
            if self.kind == "quantile" {
                format!(", level => {}", self.level)
            } else {
                String::new()
            },
            self.cap.map_or_else(String::new, |c| format!(", cap => {c}")),
            self.cap_level
                .map_or_else(String::new, |l| format!(", cap_level => {l}")),
            if self.up_is_good { "up_is_good" } else { "down_is_good" },
            hours("window", self.window),
            hours("delay", self.delay),
            world.column(self.table, if self.table == VISITS { "t" } else { "at" }),
            unit,
        )
    }

    /// The column of its table that names the unit, as it was called first.
    pub fn unit(&self) -> &'static str {
        if self.table == VISITS { "person" } else { "unit" }
    }
}

/// An experiment.
#[derive(Clone, Debug)]
pub struct Experiment {
    pub name: String,
    pub metrics: Vec<Metric>,
    /// Names with weights; the control is the first.
    pub arms: Vec<(&'static str, f64)>,
    /// Of which value of the exposures' column it is, if the table holds several.
    pub key: Option<&'static str>,
    pub filter: Option<&'static str>,
    /// Name and expression over the exposures.
    pub dimensions: Vec<(&'static str, &'static str)>,
    pub window: i64,
    pub delay: i64,
    pub covariate_days: i64,
    pub twice: &'static str,
    pub starts: Option<String>,
    pub ends: Option<String>,
    pub planned: Option<i64>,
    pub alpha: f64,
    pub correction: &'static str,
    pub zone: &'static str,
}

impl Experiment {
    /// A random one, of metrics that are there.
    pub fn random(rng: &mut Rng, name: String, metrics: Vec<Metric>, before: &[Experiment], world: &World) -> Self {
        let control = *rng.one(&["control", "control", "new"]);
        let mut arms = vec![(control, *rng.one(&[1.0, 0.5]))];
        arms.push((if control == "new" { "control" } else { "new" }, *rng.one(&[1.0, 0.5])));
        arms.push(("third", *rng.one(&[1.0, 0.0])));
        if rng.percent(70) {
            arms.push(("strange", 0.0));
        }
        if rng.percent(30) {
            arms.push(("nobody", 0.0));
        }
        let mut dimensions = Vec::new();
        if rng.percent(60) {
            dimensions.push(("country", "{country}"));
        }
        if rng.percent(25) {
            dimensions.push(("size", "CASE WHEN {plan} > 0 THEN 'big' END"));
        }
        let twice = *rng.one(&["exclude", "first"]);
        let correction = *rng.one(&["holm", "benjamini_hochberg", "none"]);
        let zone = *rng.one(&ZONES);
        let day = |n: i64| world.moment(n * 24)[..10].to_string();
        let mut made = Experiment {
            name,
            metrics,
            arms,
            key: rng.percent(50).then(|| *rng.one(&["price", "color"])),
            filter: rng.percent(25).then_some("{plan} < 2"),
            dimensions,
            window: *rng.one(&[5, 24, 72, 168]),
            delay: *rng.one(&[0, 0, 0, 12]),
            covariate_days: *rng.one(&[0, 2, 7]),
            twice,
            starts: rng.percent(30).then(|| day(2)),
            ends: rng.percent(40).then(|| day(13)),
            planned: rng.percent(40).then_some(40),
            alpha: *rng.one(&[0.05, 0.2]),
            correction,
            zone,
        };
        // Often on the units of another.
        if let Some(other) = before.first()
            && rng.percent(60)
        {
            (made.filter, made.zone, made.dimensions) = (other.filter, other.zone, other.dimensions.clone());
            made.key = other.key.map(|_| *rng.one(&["price", "color"]));
        }
        made
    }

    /// The condition on a unit u that it counts, whatever it was shown later.
    pub fn counted(&self) -> &'static str {
        if self.twice == "first" { "true" } else { "NOT u.mixed" }
    }

    /// Hours from a unit's exposure to the end of its window.
    pub fn matured_after(&self, m: &Metric) -> i64 {
        m.delay.unwrap_or(self.delay) + m.window.unwrap_or(self.window)
    }

    /// The statement that defines it.
    pub fn create(&self, world: &World, rng: &mut Rng) -> String {
        let arms: Vec<String> = (self.arms.iter())
            .map(|(arm, weight)| {
                if rng.percent(50) {
                    format!("\"{arm}\": {weight}")
                } else {
                    format!("\"{arm}\": {{\"weight\": {weight}, \"budget\": {}}}", rng.below(90))
                }
            })
            .collect();
        let dimensions: Vec<String> = (self.dimensions.iter())
            .map(|(name, expression)| format!("{{\"{name}\": \"{}\"}}", world.words(EXPOSURES, expression)))
            .collect();
        let names: Vec<&str> = self.metrics.iter().map(|m| m.name.as_str()).collect();
        let mut sql = format!(
            "SELECT tally.create_experiment('{}', '{}', '{}', $t${{{}}}$t$, '{{{}}}', control => '{}', arm => '{}', time_column => '{}', \
             dimensions => $t$[{}]$t$, \
             \"window\" => '{} hours', delay => '{} hours', covariate_days => {}, twice => '{}', alpha => {}, correction => '{}', zone => '{}'",
            self.name,
            world.name(EXPOSURES),
            world.column(EXPOSURES, "unit"),
            arms.join(", "),
            names.join(","),
            self.arms[0].0,
            world.column(EXPOSURES, "arm"),
            world.column(EXPOSURES, "at"),
            dimensions.join(", "),
            self.window,
            self.delay,
            self.covariate_days,
            self.twice,
            self.alpha,
            self.correction,
            self.zone
        );
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                sql.push_str(&format!(", {name} => {value}"));
            }
        };
        add(
            "experiment_column",
            self.key.map(|_| format!("'{}'", world.column(EXPOSURES, "experiment"))),
        );
        add("experiment_key", self.key.map(|k| format!("'{k}'")));
        add(
            "\"where\"",
            self.filter.map(|f| format!("$t${}$t$", world.words(EXPOSURES, f))),
        );
        add("starts", self.starts.as_ref().map(|d| format!("'{d}'")));
        add("ends", self.ends.as_ref().map(|d| format!("'{d}'")));
        add("planned_units", self.planned.map(|p| p.to_string()));
        add("with_data", rng.percent(30).then(|| "true".to_string()));
        sql + ")"
    }
}
