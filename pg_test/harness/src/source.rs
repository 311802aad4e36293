//! Owns random source tables and random statements that change them.

use crate::rng::Rng;
use crate::time;

/// How a source is laid out.
#[derive(Clone, Copy, PartialEq)]
pub enum Layout {
    /// An ordinary table with a primary key.
    Plain,
    /// Partitions by hash of the key: an update of the time stays in its partition.
    Hash,
    /// Partitions by range of the time and one for the rest: an update of the time may move a row to another partition.
    Range,
}

/// A source table of a sequence.
#[derive(Clone)]
pub struct Source {
    /// Qualified name.
    pub name: String,
    /// The type of its time column.
    pub time_type: &'static str,
    /// How it is laid out.
    pub layout: Layout,
    anchor: i64,
    spread: i64,
    next_id: i64,
    partitions: Vec<String>,
    /// Partitions that are detached for now, with the bounds that they come back under.
    detached: Vec<(String, String)>,
    years: i64,
}

/// Times that are in no bucket, and times far from the present that are in one.
const ODD: [Option<&str>; 5] = [
    None,
    Some("infinity"),
    Some("-infinity"),
    Some("0044-03-15 12:00:00 BC"),
    Some("290000-06-15 12:00:00"),
];

/// How many sessions write to a source. Each has rows of its own (`id % WRITERS`), so that none waits for another's.
pub const WRITERS: i64 = 3;

impl Source {
    /// A random source in a schema, and the statements that make it.
    pub fn random(rng: &mut Rng, schema: &str) -> (Self, Vec<String>) {
        let time_type = *rng.one(&["timestamptz", "timestamptz", "timestamptz", "timestamp", "date"]);
        let layout = *rng.one(&[Layout::Plain, Layout::Plain, Layout::Hash, Layout::Range]);
        let anchor = *rng.one(&time::ANCHORS);
        let spread = *rng.one(&[7_200, 86_400, 86_400 * 3, 86_400 * 60]);
        let name = format!("{schema}.events");
        let columns = format!("id bigint NOT NULL, t {time_type}, k text, w int, v int, f float8, j jsonb");
        let mut source = Source {
            name: name.clone(),
            time_type,
            layout,
            anchor,
            spread,
            next_id: 0,
            partitions: Vec::new(),
            detached: Vec::new(),
            years: 0,
        };
        let mut make = vec![format!("CREATE SCHEMA {schema}")];
        match layout {
            Layout::Plain => make.push(format!("CREATE TABLE {name} ({columns}, PRIMARY KEY (id))")),
            Layout::Hash => {
                make.push(format!(
                    "CREATE TABLE {name} ({columns}, PRIMARY KEY (id)) PARTITION BY HASH (id)"
                ));
                for i in 0..3 {
                    let part = format!("{name}_{i}");
                    make.push(format!(
                        "CREATE TABLE {part} PARTITION OF {name} FOR VALUES WITH (MODULUS 3, REMAINDER {i})"
                    ));
                }
            }
            Layout::Range => {
                make.push(format!("CREATE TABLE {name} ({columns}) PARTITION BY RANGE (t)"));
                let middle = time::text(anchor / 86_400 * 86_400_000_000);
                make.push(format!(
                    "CREATE TABLE {name}_low PARTITION OF {name} FOR VALUES FROM (MINVALUE) TO ('{middle}')"
                ));
                make.push(format!(
                    "CREATE TABLE {name}_high PARTITION OF {name} FOR VALUES FROM ('{middle}') TO ('2035-01-01')"
                ));
                make.push(format!("CREATE TABLE {name}_rest PARTITION OF {name} DEFAULT"));
                source.partitions.push(format!("{name}_rest"));
            }
        }
        if rng.percent(70) {
            make.push(format!("CREATE INDEX ON {name} (t)"));
        }
        (source, make)
    }

    /// A time as it is written, or nothing where it is NULL.
    fn time(&self, rng: &mut Rng) -> Option<String> {
        if rng.percent(3) {
            return rng.one(&ODD).map(str::to_string);
        }
        let anchor = if rng.percent(85) {
            self.anchor
        } else {
            *rng.one(&time::ANCHORS)
        };
        let words = time::text(time::near(rng, anchor, self.spread));
        Some(if self.time_type == "timestamptz" {
            words + "+00"
        } else {
            words
        })
    }

    /// The columns of one new row as text, NULL as nothing.
    fn fields(&mut self, rng: &mut Rng, writer: i64) -> [Option<String>; 7] {
        self.next_id += 1;
        let maybe = |rng: &mut Rng, value: String| if rng.percent(15) { None } else { Some(value) };
        let t = self.time(rng);
        let k = rng.one(&["a", "b", "c", "", "(none)", "ä'\"\\"]).to_string();
        let (w, v) = (rng.below(2).to_string(), rng.between(-5, 20).to_string());
        let f = format!("{}", rng.between(-40, 400) as f64 / 4.0);
        let j = format!("{{\"a\": {}, \"b\": {}}}", rng.below(9), rng.below(100));
        [
            Some((self.next_id * WRITERS + writer).to_string()),
            t,
            maybe(rng, k),
            maybe(rng, w),
            maybe(rng, v),
            maybe(rng, f),
            maybe(rng, j),
        ]
    }

    /// Rows as `VALUES` lists.
    pub fn values(&mut self, rng: &mut Rng, writer: i64, rows: u64) -> String {
        let types = ["bigint", self.time_type, "text", "int", "int", "float8", "jsonb"];
        (0..rows)
            .map(|_| {
                let fields = self.fields(rng, writer);
                let list: Vec<String> = fields
                    .iter()
                    .zip(types)
                    .map(|(x, ty)| {
                        x.as_ref().map_or_else(
                            || format!("NULL::{ty}"),
                            |x| format!("E'{}'::{ty}", x.replace('\\', "\\\\").replace('\'', "''")),
                        )
                    })
                    .collect();
                format!("({})", list.join(", "))
            })
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Rows as the text that COPY reads.
    pub fn copied(&mut self, rng: &mut Rng, writer: i64, rows: u64) -> String {
        (0..rows)
            .map(|_| {
                let fields = self.fields(rng, writer);
                fields
                    .iter()
                    .map(|x| {
                        x.as_ref()
                            .map_or_else(|| "\\N".to_string(), |x| x.replace('\\', "\\\\"))
                    })
                    .collect::<Vec<_>>()
                    .join("\t")
                    + "\n"
            })
            .collect()
    }

    /// A condition that chooses some of a writer's rows.
    fn some_rows(&self, rng: &mut Rng, writer: i64) -> String {
        let own = format!("mod(id, {WRITERS}) = {writer}");
        match rng.below(4) {
            0 => format!("{own} AND id > {}", (self.next_id - rng.between(1, 6)) * WRITERS),
            1 => format!("{own} AND mod(id, 7) = {}", rng.below(7)),
            2 => format!("{own} AND v = {}", rng.between(-5, 20)),
            _ => format!("{own} AND k IS NOT DISTINCT FROM {}", rng.one(&["'a'", "'b'", "NULL"])),
        }
    }

    /// A random change of the source by one of its writers, as one statement.
    pub fn change(&mut self, rng: &mut Rng, writer: i64) -> String {
        let name = self.name.clone();
        let keyed = self.layout != Layout::Range;
        match rng.below(13) {
            0..3 => {
                let rows = rng.below(12) + 1;
                format!("INSERT INTO {name} VALUES {}", self.values(rng, writer, rows))
            }
            3 => {
                let time = self.time(rng).map_or("NULL".to_string(), |t| format!("'{t}'"));
                format!("UPDATE {name} SET t = {time} WHERE {}", self.some_rows(rng, writer))
            }
            4 => {
                let shift = if self.time_type == "date" {
                    "3"
                } else {
                    *rng.one(&["interval '1 hour'", "interval '-90 minutes'", "interval '1 month'"])
                };
                format!(
                    "UPDATE {name} SET t = t + {shift} WHERE {}",
                    self.some_rows(rng, writer)
                )
            }
            5 => format!(
                "UPDATE {name} SET v = v + 1, f = f - 0.5, k = CASE WHEN k = 'a' THEN 'b' ELSE 'a' END WHERE {}",
                self.some_rows(rng, writer)
            ),
            6 => format!("DELETE FROM {name} WHERE {}", self.some_rows(rng, writer)),
            7 => {
                let (rows, own) = (rng.below(4) + 1, self.some_rows(rng, writer));
                let again = self.values(rng, writer, rows);
                let action = rng.one(&["UPDATE SET t = n.t, v = n.v", "DELETE", "DO NOTHING"]);
                format!(
                    "MERGE INTO {name} e USING (SELECT * FROM (VALUES {again}) x(id, t, k, w, v, f, j) UNION ALL SELECT id, t + {}, k, w, v, f, \
                    j FROM {name} WHERE {own}) n ON e.id = n.id \
                     WHEN MATCHED THEN {action} WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.t, n.k, n.w, n.v, n.f, n.j)",
                    if self.time_type == "date" {
                        "1"
                    } else {
                        "interval '26 hours'"
                    }
                )
            }
            8 if keyed => {
                let rows = rng.below(4) + 1;
                // Some of the keys are there already.
                let newest = self.next_id;
                self.next_id = (newest - rng.between(0, 6)).max(0);
                let list = self.values(rng, writer, rows);
                self.next_id = self.next_id.max(newest);
                let action = rng.one(&[
                    "NOTHING",
                    "UPDATE SET t = EXCLUDED.t, v = EXCLUDED.v",
                    "UPDATE SET f = EXCLUDED.f + 1 WHERE e.w = 1",
                ]);
                format!("INSERT INTO {name} AS e VALUES {list} ON CONFLICT (id) DO {action}")
            }
            9 if self.layout == Layout::Hash => format!(
                "UPDATE {name}_{} SET f = f + 1, t = t WHERE {}",
                rng.below(3),
                self.some_rows(rng, writer)
            ),
            9 | 10 if self.layout == Layout::Range => {
                let part = rng.one(&self.partitions).clone();
                format!("DELETE FROM {part} WHERE {}", self.some_rows(rng, writer))
            }
            // A change by a query that also reads, as applications write it.
            11 => format!(
                "WITH gone AS (DELETE FROM {name} WHERE {} RETURNING *) INSERT INTO {name} SELECT id, t, k, w, v + 1, f, j FROM gone WHERE v IS NOT NULL",
                self.some_rows(rng, writer)
            ),
            _ => format!("INSERT INTO {name} VALUES {}", self.values(rng, writer, 1)),
        }
    }

    /// A partition that goes, comes back, or is dropped, where the layout has one.
    pub fn move_partition(&mut self, rng: &mut Rng) -> Option<String> {
        let name = self.name.clone();
        if let Some((part, bounds)) = self.detached.pop() {
            if rng.percent(30) {
                return Some(format!("DROP TABLE {part}"));
            }
            self.partitions.push(part.clone());
            return Some(format!("ALTER TABLE {name} ATTACH PARTITION {part} {bounds}"));
        }
        // The first one is for the rest, and stays.
        if self.partitions.len() < 2 {
            return None;
        }
        let part = self
            .partitions
            .remove(1 + rng.below(self.partitions.len() as u64 - 1) as usize);
        let year: i64 = part.rsplit('_').next()?.parse().ok()?;
        if rng.percent(25) {
            return Some(format!("DROP TABLE {part}"));
        }
        let bounds = format!("FOR VALUES FROM ('{year}-01-01') TO ('{}-01-01')", year + 1);
        self.detached.push((part.clone(), bounds));
        Some(format!("ALTER TABLE {name} DETACH PARTITION {part}"))
    }

    /// A moment that is past, near which there are rows.
    pub fn past(&self) -> String {
        time::text(self.anchor.min(1_780_000_000) * 1_000_000)
    }

    /// Takes over the keys that a writer's copy of this source has given out.
    pub fn continue_after(&mut self, other: &Source) {
        self.next_id = self.next_id.max(other.next_id);
    }

    /// A partition made after the rollups, and a row straight into it. Only where the layout has room for it.
    pub fn new_partition(&mut self, rng: &mut Rng, writer: i64) -> Option<Vec<String>> {
        if self.layout != Layout::Range {
            return None;
        }
        self.years += 1;
        let year = 2040 + self.years;
        let part = format!("{}_{year}", self.name);
        self.next_id += 1;
        let (id, v) = (self.next_id * WRITERS + writer, rng.between(0, 20));
        self.partitions.push(part.clone());
        Some(vec![
            format!(
                "CREATE TABLE {part} PARTITION OF {} FOR VALUES FROM ('{year}-01-01') TO ('{}-01-01')",
                self.name,
                year + 1
            ),
            format!("GRANT ALL ON {part} TO tally_scribe"),
            format!("INSERT INTO {part} VALUES ({id}, '{year}-06-15 12:34:56', 'a', 1, {v}, 2.5, NULL)"),
        ])
    }
}
