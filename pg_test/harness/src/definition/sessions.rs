//! Owns random sessions, each twice: as `tally.create_sessions` is told, and by window functions over the raw rows.

use super::Rollup;
use super::calendar::ZONES;
use crate::rng::Rng;

/// Columns of sessions that come from their events: name, expression, and whether the last event decides.
const COLUMNS: [(&str, &str, bool); 3] = [("entry", "w", false), ("exit", "w", true), ("large", "v > 10", false)];

/// What a session is.
#[derive(Clone)]
pub(super) struct Session {
    /// Longest pause within one.
    gap: &'static str,
    /// The time of a raw row.
    at: String,
    /// Those of [`COLUMNS`] that it has.
    columns: Vec<usize>,
}

impl Rollup {
    /// Random sessions of the actors `k`.
    pub(super) fn sessions(rng: &mut Rng, name: String, source: &str, time_type: &str) -> Self {
        let zone = if rng.percent(40) { "UTC" } else { *rng.one(&ZONES) };
        let session = Session {
            gap: rng.one::<&str>(&["0", "1 second", "30 minutes", "6 hours", "50 hours"]),
            at: if time_type == "timestamptz" {
                "t".into()
            } else {
                format!("(t::timestamp AT TIME ZONE '{zone}')")
            },
            columns: match rng.below(4) {
                0 => vec![],
                1 => vec![0, 1],
                2 => vec![2],
                _ => vec![0, 1, 2],
            },
        };
        let (mut options, mut filter) = (String::new(), "true".to_string());
        if session.columns.contains(&0) {
            options += ", page => $w$w$w$";
        }
        if session.columns.contains(&2) {
            options += ", dimensions => $j$[{\"large\": \"v > 10\"}]$j$";
        }
        options += &super::draw::filtered(rng, &mut filter);
        if rng.percent(30) {
            options += ", with_data => true";
        }
        Rollup {
            create: format!(
                "SELECT tally.create_sessions('{name}', '{source}', 't', 'k', gap => '{}', zone => '{zone}'{options})",
                session.gap
            ),
            name,
            filter,
            keyed: true,
            session: Some(session),
            ..Rollup::default()
        }
    }
}

impl Session {
    /// Up to five rows in which a relation differs from the sessions of the raw rows.
    pub(super) fn differences(&self, relation: &str, source: &str, filter: &str) -> String {
        let Session { gap, at, columns } = self;
        let (mut read, mut exact, mut raw) = (String::new(), String::new(), String::new());
        for &(name, expression, lasts) in columns.iter().map(|&c| &COLUMNS[c]) {
            let order = if lasts { " DESC" } else { "" };
            read += &format!(", {name}");
            raw += &format!(", ({expression})::text AS {name}");
            exact += &format!(
                ", (array_agg({name} ORDER BY at{order}, {name}{order}) FILTER (WHERE {name} IS NOT NULL))[1] AS {name}"
            );
        }
        format!(
            "WITH raw AS (SELECT k, {at} AS at{raw} FROM {source} WHERE k IS NOT NULL AND isfinite(t) AND ({filter})), \
             cut AS (SELECT *, CASE WHEN at - lag(at) OVER (PARTITION BY k ORDER BY at) <= interval '{gap}' THEN 0 ELSE 1 END AS opens FROM raw), \
             numbered AS (SELECT *, sum(opens) OVER (PARTITION BY k ORDER BY at) AS n FROM cut), \
             expected AS (SELECT k::text, min(at) AS started_at, max(at) AS ended_at, extract(epoch FROM max(at) - min(at))::float8 AS seconds, \
                          count(*) AS events{exact} FROM numbered GROUP BY k, n), \
             got AS (SELECT k::text, started_at, ended_at, seconds, events{read} FROM {relation}) \
             SELECT x.what || ' ' || x.line::text FROM ((SELECT 'unexpected' AS what, g::text AS line FROM (TABLE got EXCEPT ALL TABLE expected) g) \
             UNION ALL (SELECT 'missing', e::text FROM (TABLE expected EXCEPT ALL TABLE got) e)) x LIMIT 5"
        )
    }
}
