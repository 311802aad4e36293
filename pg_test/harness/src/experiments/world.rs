//! Owns the tables that random experiments are of: exposures, and two tables of events with other names and types; and random
//! statements that change them.

use crate::rng::Rng;

/// A table with the names that its columns have by now, and how many rows it was given.
#[derive(Clone)]
struct Table {
    name: String,
    /// The name at first, and the one that it has.
    columns: Vec<(&'static str, String)>,
    rows: u64,
}

/// The tables of a sequence.
#[derive(Clone)]
pub struct World {
    pub schema: String,
    /// The first day of its times, in seconds.
    pub since: i64,
    units: u64,
    /// Types of the times of exposures and of the first table of events.
    pub time_types: [&'static str; 2],
    tables: [Table; 3],
    renamed: u64,
}

/// Place of the exposures, the events and the visits among the tables.
pub const EXPOSURES: usize = 0;
pub const EVENTS: usize = 1;
pub const VISITS: usize = 2;

/// First days of all times; a random time lies on the 20 days from one of them. Clocks are set: forward in Europe on the sixth day; back in
/// Havana on the twelfth, where midnight comes twice; back in St. John's on the seventh, where the last hour of a day comes again.
const SINCE: [i64; 4] = [1_774_224_000, 1_774_224_000, 1_792_454_400, 1_288_569_600]; // 2026-03-23, 2026-10-20, 2010-11-01, 00:00 UTC

/// The zones that experiments have their days in.
pub const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "America/Havana",
    "America/St_Johns",
];

fn table(name: &str, columns: &[&'static str]) -> Table {
    Table {
        name: name.to_string(),
        columns: columns.iter().map(|c| (*c, (*c).to_string())).collect(),
        rows: 0,
    }
}

impl World {
    /// Random tables in a schema, and the statements that make them.
    pub fn random(rng: &mut Rng, schema: &str) -> (Self, Vec<String>) {
        let unit_types = *rng.one(&[
            ["int", "int"],
            ["int", "bigint"],
            ["text", "text"],
            ["bigint", "text"],
            ["text", "varchar(20)"],
        ]);
        let times = ["timestamptz", "timestamptz", "timestamptz", "timestamp", "date"];
        let world = World {
            schema: schema.to_string(),
            since: *rng.one(&SINCE),
            units: *rng.one(&[6, 24, 60, 60, 400]),
            time_types: [*rng.one(&times), *rng.one(&times)],
            tables: [
                table(
                    "exposures",
                    &["id", "experiment", "unit", "arm", "at", "country", "plan"],
                ),
                table("events", &["id", "unit", "at", "kind", "amount", "items", "ms"]),
                table("visits", &["id", "person", "t", "page"]),
            ],
            renamed: 0,
        };
        let [ours, theirs] = unit_types;
        let [at, time] = world.time_types;
        let mut make = vec![
            format!("CREATE SCHEMA {schema}"),
            format!(
                "CREATE TABLE {schema}.exposures (id int, experiment text, unit {ours}, arm text, at {at}, country text, plan int)"
            ),
            format!(
                "CREATE TABLE {schema}.events (id int, unit {theirs}, at {time}, kind text, amount numeric, items int, ms float8)"
            ),
            format!("CREATE TABLE {schema}.visits (id int, person {theirs}, t timestamptz, page text)"),
        ];
        // When each day of a zone begins and is past, by the minutes of its calendar.
        make.push(format!(
            "CREATE TABLE {schema}.days AS SELECT zone, (i AT TIME ZONE zone)::date AS date, min(i) AS begins, max(i) + interval '1 minute' AS past \
             FROM unnest('{{{}}}'::text[]) zone, generate_series('{}+00'::timestamptz, '{}+00'::timestamptz, interval '1 minute') i GROUP BY 1, 2",
            ZONES.join(","),
            world.moment(-20 * 24),
            world.moment(60 * 24)
        ));
        for (name, column) in [("exposures", "unit"), ("events", "unit"), ("visits", "person")] {
            if rng.percent(75) {
                make.push(format!("CREATE INDEX ON {schema}.{name} ({column})"));
            }
        }
        (world, make)
    }

    /// Date and time of an hour from the first day on, in UTC.
    pub fn moment(&self, hour: i64) -> String {
        crate::time::text((self.since + hour * 3600) * 1_000_000)
    }

    /// The name of a table, with its schema.
    pub fn name(&self, place: usize) -> String {
        format!("{}.{}", self.schema, self.tables[place].name)
    }

    /// The name that a column has by now.
    pub fn column(&self, place: usize, first: &str) -> String {
        self.tables[place]
            .columns
            .iter()
            .find(|c| c.0 == first)
            .map_or_else(|| first.to_string(), |c| c.1.clone())
    }

    /// A text over a table, whose columns are written {so}, by the names that they have.
    pub fn words(&self, place: usize, text: &str) -> String {
        self.tables[place]
            .columns
            .iter()
            .fold(text.to_string(), |t, (first, now)| {
                t.replace(&format!("{{{first}}}"), now)
            })
    }

    fn time(&self, rng: &mut Rng, time_type: &str) -> String {
        if rng.percent(2) {
            return rng.one(&["NULL", "'infinity'", "'-infinity'"]).to_string();
        }
        let second = self.since
            + match rng.below(3) {
                0 => rng.between(0, 20) * 86_400,
                1 => rng.between(0, 480) * 3600,
                _ => rng.between(0, 20 * 86_400),
            };
        format!(
            "'{}{}'",
            crate::time::text(second * 1_000_000),
            if time_type == "timestamptz" { "+00" } else { "" }
        )
    }

    /// New rows of a table as a list of VALUES.
    fn values(&mut self, rng: &mut Rng, place: usize, rows: u64) -> String {
        let mut lines = Vec::new();
        for _ in 0..rows {
            self.tables[place].rows += 1;
            let id = self.tables[place].rows;
            let number = rng.below(self.units + 3);
            let unit = if rng.percent(2) {
                "NULL".to_string()
            } else {
                format!("'{number}'")
            };
            lines.push(match place {
                EXPOSURES => {
                    // Mostly one arm for each unit, as an assignment that is kept.
                    let arm = match rng.below(100) {
                        0..3 => "NULL".to_string(),
                        3..10 => format!("'{}'", rng.one(&["control", "new", "third"])),
                        10 => "'strange'".to_string(),
                        _ => format!("'{}'", ["control", "new", "third"][(number * 7 % 11 % 3) as usize]),
                    };
                    let country = rng.one(&["'DE'", "'FR'", "NULL", "'(none)'", "''"]);
                    let experiment = rng.one(&["'price'", "'price'", "'color'", "NULL"]);
                    format!(
                        "({id}, {experiment}, {unit}, {arm}, {}, {country}, {})",
                        self.time(rng, self.time_types[0]),
                        rng.below(3)
                    )
                }
                EVENTS => {
                    let amount = if rng.percent(5) {
                        "NULL".to_string()
                    } else {
                        format!("{}.{}", rng.between(-3, 40), rng.one(&["0", "25", "5"]))
                    };
                    let kind = rng.one(&["'view'", "'cart'", "'buy'", "'buy'", "NULL"]);
                    format!(
                        "({id}, {unit}, {}, {kind}, {amount}, {}, {})",
                        self.time(rng, self.time_types[1]),
                        rng.below(4),
                        rng.between(1, 400) as f64 / 4.0
                    )
                }
                _ => format!(
                    "({id}, {unit}, {}, {})",
                    self.time(rng, "timestamptz"),
                    rng.one(&["'home'", "'shop'", "'help'"])
                ),
            });
        }
        lines.join(", ")
    }

    /// The first rows of all tables.
    pub fn fill(&mut self, rng: &mut Rng) -> Vec<String> {
        let share = |rng: &mut Rng| if rng.percent(10) { 0 } else { 1 + rng.below(3) };
        let counts = [
            self.units * share(rng),
            self.units * 2 * share(rng),
            self.units * share(rng),
        ];
        (0..3)
            .filter(|i| counts[*i] > 0)
            .map(|i| format!("INSERT INTO {} VALUES {}", self.name(i), self.values(rng, i, counts[i])))
            .collect()
    }

    fn some_rows(&self, rng: &mut Rng, place: usize) -> String {
        let unit = if place == VISITS { "person" } else { "unit" };
        match rng.below(3) {
            0 => format!("id % 7 = {}", rng.below(7)),
            1 => format!("{} = '{}'", self.column(place, unit), rng.below(self.units)),
            _ => format!("id > {}", self.tables[place].rows.saturating_sub(rng.below(5) + 1)),
        }
    }

    /// A random change of one table, as one statement: rows that come late, change, or go.
    pub fn change(&mut self, rng: &mut Rng) -> String {
        let place = *rng.one(&[EXPOSURES, EXPOSURES, EVENTS, EVENTS, EVENTS, VISITS]);
        let name = self.name(place);
        let time_type = if place == VISITS {
            "timestamptz"
        } else {
            self.time_types[place]
        };
        let at = self.column(place, if place == VISITS { "t" } else { "at" });
        let rows = self.some_rows(rng, place);
        match rng.below(9) {
            0 => format!("DELETE FROM {name} WHERE {rows}"),
            1 => {
                let shift = if time_type == "date" {
                    "2"
                } else {
                    *rng.one(&["interval '3 hours'", "interval '-30 hours'"])
                };
                format!("UPDATE {name} SET {at} = {at} + {shift} WHERE isfinite({at}) AND {rows}")
            }
            2 => {
                let time = self.time(rng, time_type);
                format!("UPDATE {name} SET {at} = {time} WHERE {rows}")
            }
            3 => {
                let (column, values): (_, &[&str]) = match place {
                    EXPOSURES => *rng.one(&[
                        ("arm", &["'new'", "'control'", "NULL"][..]),
                        ("country", &["'DE'", "NULL"][..]),
                        ("experiment", &["'price'", "'color'"][..]),
                        ("unit", &["'3'", "'5'", "NULL"][..]),
                    ]),
                    EVENTS => *rng.one(&[
                        ("amount", &["7.5", "NULL", "-2"][..]),
                        ("kind", &["'buy'", "'view'"][..]),
                        ("items", &["0", "2"][..]),
                        ("unit", &["'3'", "'5'", "NULL"][..]),
                    ]),
                    _ => *rng.one(&[("page", &["'home'", "NULL"][..]), ("person", &["'3'", "'4'"][..])]),
                };
                format!(
                    "UPDATE {name} SET {} = {} WHERE {rows}",
                    self.column(place, column),
                    rng.one(values)
                )
            }
            4 if place == EXPOSURES => {
                // An exposure that comes late and is the unit's first.
                let (unit, arm) = (rng.below(self.units), rng.one(&["control", "new"]));
                self.tables[place].rows += 1;
                format!(
                    "INSERT INTO {name} VALUES ({}, 'price', '{unit}', '{arm}', '{}{}', 'FR', 1)",
                    self.tables[place].rows,
                    self.moment(-12),
                    if time_type == "timestamptz" { "+00" } else { "" }
                )
            }
            _ => {
                let rows = rng.below(20) + 1;
                format!("INSERT INTO {name} VALUES {}", self.values(rng, place, rows))
            }
        }
    }

    /// A column of a table gets another name. Of one that names units, a refresh says how it is mended, and does nothing.
    pub fn rename(&mut self, rng: &mut Rng) -> String {
        let place = rng.below(3) as usize;
        let columns = &self.tables[place].columns;
        let open: Vec<usize> = (1..columns.len())
            .filter(|i| !["unit", "person", "experiment"].contains(&columns[*i].0))
            .collect();
        let chosen = *rng.one(&open);
        self.renamed += 1;
        let becomes = format!("c{}", self.renamed);
        let name = self.name(place);
        let was = std::mem::replace(&mut self.tables[place].columns[chosen].1, becomes.clone());
        format!("ALTER TABLE {name} RENAME COLUMN {was} TO {becomes}")
    }

    /// All rows of a table go.
    pub fn truncate(&self, rng: &mut Rng) -> String {
        format!("TRUNCATE {}", self.name(rng.below(3) as usize))
    }
}
