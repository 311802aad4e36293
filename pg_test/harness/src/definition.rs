//! Owns random definitions, each twice: as `tally.create_rollup` is told, and as plain SQL over the raw rows. The second is
//! written without any function of pg_tally and without `date_bin`, so that it is an answer of its own.

mod calendar;
mod draw;
mod measure;
mod sessions;

use crate::rng::Rng;
use measure::{MEASURES, given};
use sessions::Session;

/// A rollup: how it is made, and what must be in it.
#[derive(Clone, Default)]
pub struct Rollup {
    /// Name, without a schema.
    pub name: String,
    /// Place of the rollup it stands on, in the list of rollups.
    pub parent: Option<usize>,
    /// `SELECT tally.create_rollup(…)`.
    pub create: String,
    /// Name and value over raw rows of each dimension.
    dimensions: Vec<(&'static str, &'static str)>,
    measures: Vec<usize>,
    /// The bucket's start, from raw rows.
    bucket: String,
    /// Conditions of this rollup and of those below, over raw rows.
    filter: String,
    /// What follows the raw rows in FROM, where a row is counted several times: a list, the buckets that look back.
    joined: String,
    /// One row per value of a key and no buckets.
    pub keyed: bool,
    /// Its buckets are made of earlier ones too.
    pub looks_back: bool,
    /// A stored bucket stands when all its rows are gone.
    pub keeps: bool,
    /// Sessions instead of measures.
    session: Option<Session>,
}

impl Rollup {
    /// Whether another may stand on it. Nothing merges what is per key or looks back, and of kept buckets no raw row tells.
    pub fn carries(&self) -> bool {
        !self.keyed && !self.looks_back && !self.keeps
    }

    /// Has it keep stored buckets whose rows are all gone, from its making on.
    pub fn keep_emptied(&mut self) {
        self.keeps = true;
        self.create = format!("{}, emptied => 'keep')", self.create.trim_end_matches(')'));
    }

    /// Whether its measures can be changed: those of sessions are what sessions are.
    pub fn alterable(&self) -> bool {
        self.session.is_none()
    }

    /// The statement that drops it.
    pub fn drop(&self) -> String {
        let what = if self.session.is_some() { "sessions" } else { "rollup" };
        format!("SELECT tally.drop_{what}('{}')", self.name)
    }

    /// A random change of its definition, and the statement for it: a measure more, or one less.
    pub fn alter(&mut self, rng: &mut Rng) -> String {
        let last = usize::from(!self.keyed);
        let others: Vec<usize> = (last..MEASURES.len()).filter(|m| !self.measures.contains(m)).collect();
        if others.is_empty() || (self.measures.len() > 1 && rng.percent(50)) {
            let place = rng.below(self.measures.len() as u64) as usize;
            let gone = self.measures.remove(place);
            return format!(
                "SELECT tally.alter_rollup('{}', drop_measures => ARRAY['{}'])",
                self.name, MEASURES[gone].name
            );
        }
        let more = *rng.one(&others);
        self.measures.push(more);
        format!(
            "SELECT tally.alter_rollup('{}', add_measures => $j${{{}}}$j$)",
            self.name,
            given(&[more])
        )
    }

    /// Up to five rows in which a relation (the stored table or the live view) differs from the definition over the raw rows. A rollup
    /// that keeps emptied buckets also has the rows of `kept` whose bucket no raw row is in: what was stored before.
    pub fn differences(&self, relation: &str, source: &str, kept: Option<&str>) -> String {
        if let Some(session) = &self.session {
            return session.differences(relation, source, &self.filter);
        }
        let read: Vec<String> = (self.dimensions.iter().map(|d| d.0.to_string()))
            .chain(
                self.measures
                    .iter()
                    .map(|&m| format!("({})::text", MEASURES[m].read.replace('$', MEASURES[m].name))),
            )
            .collect();
        let keys: Vec<String> = self.dimensions.iter().map(|d| d.1.to_string()).collect();
        let exact: Vec<String> = keys
            .iter()
            .cloned()
            .chain(self.measures.iter().map(|&m| format!("({})::text", MEASURES[m].exact)))
            .collect();
        let places: Vec<String> = (1..=keys.len() + usize::from(!self.keyed))
            .map(|i| i.to_string())
            .collect();
        let cast = |list: &[String]| {
            list.iter()
                .enumerate()
                .map(|(i, x)| format!("{x} AS c{i}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let bucket = if self.keyed { "" } else { "bucket, " };
        let kept = kept.filter(|_| self.keeps).map_or_else(String::new, |kept| {
            format!(
                " UNION ALL SELECT {bucket}{} FROM {kept} WHERE bucket NOT IN (SELECT c.bucket FROM computed c)",
                cast(&read)
            )
        });
        format!(
            "WITH got AS (SELECT {bucket}{} FROM {relation}), computed AS (SELECT {}{} FROM {source}{} WHERE {} GROUP BY {}), \
             expected AS (TABLE computed{kept}) \
             SELECT x.what || ' ' || x.line::text FROM ((SELECT 'unexpected' AS what, g::text AS line FROM (TABLE got EXCEPT ALL TABLE expected) g) \
             UNION ALL (SELECT 'missing', e::text FROM (TABLE expected EXCEPT ALL TABLE got) e)) x LIMIT 5",
            cast(&read),
            if self.keyed {
                String::new()
            } else {
                format!("{} AS bucket, ", self.bucket)
            },
            cast(&exact),
            self.joined,
            self.filter,
            places.join(", ")
        )
    }
}
