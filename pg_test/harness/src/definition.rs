//! Owns random definitions, each twice: as `tally.create_rollup` is told, and as plain SQL over the raw rows. The second is
//! written without any function of pg_tally and without `date_bin`, so that it is an answer of its own.

use crate::rng::Rng;

/// What a measure is to pg_tally, how its stored value is read, and the same by PostgreSQL's own exact aggregates.
struct Measure {
    name: &'static str,
    given: &'static str,
    /// Reads column `$`, as text.
    read: &'static str,
    exact: &'static str,
}

const MEASURES: [Measure; 15] = [
    // Not merged by anything, so only for rollups per key.
    Measure {
        name: "last",
        given: "(array_agg(v ORDER BY t DESC NULLS LAST, id DESC, v DESC NULLS LAST))[1]",
        read: "$",
        exact: "(array_agg(v ORDER BY t NULLS FIRST, id, v NULLS FIRST))[count(*)]",
    },
    Measure {
        name: "n",
        given: "count(*)",
        read: "$",
        exact: "count(*)",
    },
    Measure {
        name: "big",
        given: "count(*) FILTER (WHERE v > 5)",
        read: "$",
        exact: "sum(CASE WHEN v > 5 THEN 1 ELSE 0 END)",
    },
    Measure {
        name: "nv",
        given: "count(v)",
        read: "$",
        exact: "sum((v IS NOT NULL)::int)",
    },
    Measure {
        name: "sv",
        given: "sum(v)",
        read: "$",
        exact: "sum(v)",
    },
    Measure {
        name: "sf",
        given: "sum(f)",
        read: "$",
        exact: "sum(f::numeric)::float8",
    },
    Measure {
        name: "lo",
        given: "min(v)",
        read: "$",
        exact: "(array_agg(v ORDER BY v) FILTER (WHERE v IS NOT NULL))[1]",
    },
    Measure {
        name: "hi",
        given: "max(k)",
        read: "$",
        exact: "(array_agg(k ORDER BY k DESC) FILTER (WHERE k IS NOT NULL))[1]",
    },
    Measure {
        name: "anyw",
        given: "bool_or(w = 1)",
        read: "$",
        exact: "max((w = 1)::int)::boolean",
    },
    Measure {
        name: "late",
        given: "max(f) FILTER (WHERE w = 0)",
        read: "$",
        exact: "(array_agg(f ORDER BY f DESC) FILTER (WHERE w = 0 AND f IS NOT NULL))[1]",
    },
    Measure {
        name: "dv",
        given: "tally.hll(v)",
        read: "COALESCE(tally.distinct_count($), 0)",
        exact: "count(DISTINCT v)",
    },
    Measure {
        name: "median",
        given: "tally.tdigest(f)",
        read: "round(tally.percentile($, 0.5)::numeric, 6)",
        exact: "round((percentile_cont(0.5) WITHIN GROUP (ORDER BY f))::numeric, 6)",
    },
    Measure {
        name: "spread",
        given: "tally.stats(f)",
        // The digest's floats may end one unit below the exact decimal; the small offset keeps a
        // mean such as 123.5 / 64 = 1.9296875 away from the tie where that unit would decide.
        read: "concat_ws(' ', COALESCE(tally.count($), 0), round(tally.mean($)::numeric + 0.0000000123457, 6), round(tally.stddev($)::numeric + 0.00000123457, 4))",
        exact: "concat_ws(' ', count(f), round(avg(f::numeric) + 0.0000000123457, 6), round(stddev_samp(f::numeric) + 0.00000123457, 4))",
    },
    Measure {
        name: "tops",
        given: "tally.topk(k)",
        read: "(SELECT string_agg(x.item || ':' || x.count, ',' ORDER BY x.count DESC, x.item) FROM tally.top($) x)",
        exact: "(SELECT string_agg(z.x || ':' || z.n, ',' ORDER BY z.n DESC, z.x) FROM (SELECT x, count(*) AS n FROM unnest(array_agg(k)) x WHERE x IS NOT NULL GROUP BY x) z)",
    },
    Measure {
        name: "keys",
        given: "tally.jsonb_totals(j)",
        read: "concat_ws(' ', tally.total($, 'a'), tally.total($, 'b'))",
        exact: "concat_ws(' ', sum((j ->> 'a')::float8), sum((j ->> 'b')::float8))",
    },
];

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

/// Zones with daylight saving, without, with half hours, and with midnights that do not exist or exist twice.
const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "America/Havana",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Antarctica/Troll",
    "Europe/Dublin",
    SKIPPED_DAY,
];
/// The zone whose 30 December 2011 never was.
const SKIPPED_DAY: &str = "Pacific/Apia";

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

/// Widths that divide any clock, and those of a calendar.
const FIXED: [(&str, i64); 6] = [
    ("5 minutes", 300),
    ("15 minutes", 900),
    ("1 hour", 3600),
    ("90 minutes", 5400),
    ("6 hours", 21_600),
    ("1 day", 86_400),
];
const CALENDAR: [(&str, &str); 5] = [
    ("1 day", "day"),
    ("1 week", "week"),
    ("1 month", "month"),
    ("3 months", "quarter"),
    ("1 year", "year"),
];

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
}

/// How many buckets a lookback reaches over.
const LOOKBACK: i64 = 3;
/// So often the width of a bucket, in words.
fn times(width: &str, n: i64) -> String {
    let (count, unit) = width.split_once(' ').unwrap_or(("1", width));
    format!("{} {unit}", count.parse::<i64>().unwrap_or(1) * n)
}

/// The start of the bucket of an instant, for a fixed width in seconds: whole widths since Monday, 2000-01-03.
fn fixed_start(seconds: i64, instant: &str) -> String {
    // In days and seconds: as a float a moment of the year 290000 is off by half a millisecond.
    format!(
        "(SELECT (timestamp '2000-01-03' + (y.s / 86400)::int * interval '1 day' + (y.s % 86400)::int * interval '1 second') AT TIME ZONE 'UTC' \
         FROM (SELECT (floor((extract(epoch FROM {instant}) - 946857600) / {seconds}) * {seconds})::bigint AS s) y)"
    )
}

/// The start of a calendar bucket: midnight of the local day that begins it, by arithmetic on dates. Where a midnight comes
/// twice, the second is meant, as PostgreSQL reads local times. `later` moves the local day on before it is read.
fn calendar_start(unit: &str, zone: &str, instant: &str, later: &str) -> String {
    let first_day = match unit {
        "day" => "x.d".to_string(),
        "week" => "x.d - (extract(isodow FROM x.d)::int - 1)".to_string(),
        "month" => "x.d - (extract(day FROM x.d)::int - 1)".to_string(),
        "quarter" => {
            "make_date(extract(year FROM x.d)::int, (extract(month FROM x.d)::int - 1) / 3 * 3 + 1, 1)".to_string()
        }
        _ => "make_date(extract(year FROM x.d)::int, 1, 1)".to_string(),
    };
    format!(
        "(SELECT (({first_day})::timestamp{later}) AT TIME ZONE '{zone}' FROM (SELECT (({instant}) AT TIME ZONE '{zone}')::date AS d) x)"
    )
}

/// Measures as `create_rollup` is told.
fn given(measures: &[usize]) -> String {
    let list: Vec<String> = measures
        .iter()
        .map(|&m| format!("\"{}\": \"{}\"", MEASURES[m].name, MEASURES[m].given))
        .collect();
    list.join(", ")
}

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
fn filtered(rng: &mut Rng, filter: &mut String) -> String {
    if !rng.percent(35) {
        return String::new();
    }
    let condition = rng.one(&FILTERS);
    filter.push_str(&format!(" AND ({condition})"));
    format!(", \"where\" => $w${condition}$w$")
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
        // Nothing merges what is per key or looks back.
        let parent = parent.filter(|&p| !others[p].keyed && !others[p].looks_back);
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
        let (width, bucket) = if calendar {
            let (width, unit) = *rng.one(&CALENDAR);
            let later = if looks_back {
                format!(" + back.s * interval '{width}'")
            } else {
                String::new()
            };
            // In UTC a day and a week are fixed widths.
            (width, calendar_start(unit, zone, &instant, &later))
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
        let mut options = format!("bucket => '{width}', zone => '{zone}'");
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
        let origin = below.map_or_else(|| source.to_string(), |b| b.name.clone());
        Rollup {
            create: format!("SELECT tally.create_rollup('{name}', '{origin}', {options})"),
            name,
            parent,
            dimensions,
            measures,
            bucket,
            filter,
            joined,
            keyed: false,
            looks_back,
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

    /// A random change of its definition, and the statement for it: a measure more, or one less.
    pub fn alter(&mut self, rng: &mut Rng) -> String {
        let last = usize::from(!self.keyed);
        let others: Vec<usize> = (last..MEASURES.len()).filter(|m| !self.measures.contains(m)).collect();
        if others.is_empty() || (self.measures.len() > 1 && rng.percent(50)) {
            let place = rng.below(self.measures.len() as u64) as usize;
            let gone = self.measures.remove(place);
            return format!(
                "SELECT tally.alter_rollup('{}', drop_measures => '{{{}}}')",
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

    /// Up to five rows in which a relation (the stored table or the live view) differs from the definition over the raw rows.
    pub fn differences(&self, relation: &str, source: &str) -> String {
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
        format!(
            "WITH got AS (SELECT {}{} FROM {relation}), expected AS (SELECT {}{} FROM {source}{} WHERE {} GROUP BY {}) \
             SELECT x.what || ' ' || x.line::text FROM ((SELECT 'unexpected' AS what, g::text AS line FROM (TABLE got EXCEPT ALL TABLE expected) g) \
             UNION ALL (SELECT 'missing', e::text FROM (TABLE expected EXCEPT ALL TABLE got) e)) x LIMIT 5",
            if self.keyed { "" } else { "bucket, " },
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
