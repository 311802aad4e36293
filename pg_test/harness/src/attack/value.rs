//! Owns hostile values: of each type what is wrong, extreme, somebody else's, or code.

use super::world::{Argument, World};
use crate::rng::Rng;

/// Text that is code wherever it is put into a statement by hand.
const CODE: [&str; 15] = [
    "evil.pwn()",
    "max(evil.pwn())",
    "SELECT evil.pwn() AS value",
    "SELECT 1 AS value, who FROM evil.mine",
    "SELECT word AS who, 1 AS value FROM root.treasure",
    "1) OR (SELECT evil.pwn()) IS NULL --",
    "x'; SELECT evil.pwn(); --",
    "x\"; DROP TABLE root.treasure; --",
    "$$ $x$ $j$ %1$I %s {{value}} {slot} :as_of",
    "count(*) /*",
    "(SELECT word FROM root.treasure)",
    "INSERT INTO evil.log (what) VALUES ('task')",
    "SELECT evil.dead() AS value",
    "SELECT evil.slow() AS value",
    "SELECT evil.cancelled() AS value",
];
pub(super) const ODD_TEXTS: [&str; 12] = [
    "",
    " ",
    "*",
    "(none)",
    "ä\u{202e}\u{1F600}",
    "Infinity",
    "1e400",
    "-0",
    "null",
    "\\",
    "2026-03-01 00:00+00",
    "tally_victim",
];
const INTERVALS: [&str; 12] = [
    "1 hour",
    "1 day",
    "1 month",
    "0",
    "-1 month 1 day",
    "178000000 years",
    "-178000000 years",
    "1 microsecond",
    "1 month -30 days",
    "2147483647 days",
    "1 year 1 day 1 second",
    "5 minutes",
];
pub(super) const INSTANTS: [&str; 10] = [
    "2026-03-01 00:00+00",
    "2026-03-02 12:00+00",
    "infinity",
    "-infinity",
    "4713-01-01 00:00+00 BC",
    "294276-12-31 23:59:59.999999+00",
    "1900-01-01 00:00+00",
    "epoch",
    "now",
    "2026-03-29 01:30+00",
];
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "100",
    "2147483647",
    "-2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "0.5",
    "1e308",
    "12345",
];
const DOCUMENTS: [&str; 14] = [
    "{}",
    "[]",
    "null",
    "0",
    "\"x\"",
    "{\"n\": \"count(*)\"}",
    "{\"n\": \"max(evil.pwn())\", \"m\": \"count(*)\"}",
    "[\"who\"]",
    "[{\"x\\\"y\": \"who || evil.pwn()::text\"}]",
    "{\"id\": 1, \"owner\": \"postgres\", \"rollup_id\": 1, \"kind\": \"compare\", \"op\": \">\", \"limit\": 1e308}",
    "{\"severity\": \"critical\", \"who\": null}",
    "[[[[[[[[[[1]]]]]]]]]]",
    "[{\"title\": \"x\", \"metric\": \"victim_mean\", \"by\": [\"arm\"]}]",
    "{\"old\": 1, \"new\": -1, \"x\": 1e300}",
];
/// What an argument of a name is likely to take, so that calls come past the first question.
const LIKELY: [(&str, &str); 24] = [
    ("source", "'evil.mine'"),
    ("relation", "'evil.plain'"),
    ("time_column", "'at'"),
    ("bucket", "'1 hour'"),
    ("measures", "'{\"n\": \"count(*)\", \"x\": \"max(n)\"}'"),
    ("dimensions", "'[\"who\"]'"),
    ("key", "'who'"),
    ("condition", "'> 1'"),
    ("query", "'SELECT evil.pwn() AS value, who FROM evil.mine'"),
    ("expression", "'evil.pwn() + n'"),
    ("statement", "'SELECT evil.pwn()'"),
    ("schedule", "'* * * * *'"),
    ("rollup", "'evil_hourly'"),
    ("metric", "'evil_metric'"),
    ("threshold", "'evil_alert'"),
    ("zone", "'Europe/Berlin'"),
    ("matchers", "'{\"severity\": \"critical\"}'"),
    ("actor", "'who'"),
    ("steps", "'{\"a\": \"n = 1\", \"b\": \"evil.pwn() = 0\"}'"),
    ("kind", "'table'"),
    ("search_path", "'evil, pg_catalog'"),
    ("every", "'5 minutes'"),
    ("rule", "'fixed 3600000000'"),
    ("unit", "'who'"),
];

pub(super) fn quoted(text: impl AsRef<str>) -> String {
    format!("E'{}'", text.as_ref().replace('\\', "\\\\").replace('\'', "''"))
}

/// A text: somebody's name, a relation, code, or nonsense of any length.
fn text(rng: &mut Rng, world: &World) -> String {
    match rng.below(20) {
        0..7 if !world.names.is_empty() => quoted(rng.one(&world.names)),
        7 => quoted(&rng.one(&world.relations).1),
        8..12 => quoted(rng.one(&CODE)),
        12 => format!(
            "repeat({}, {})",
            quoted(rng.one(&ODD_TEXTS)),
            rng.one(&[63, 64, 9000, 1_000_000])
        ),
        13 => quoted(format!("evil_{}", rng.below(6))),
        14 => quoted(format!("evil{}\"'.;", rng.below(3))),
        15 => quoted(rng.one(&INSTANTS)),
        16 => quoted(rng.one(&DOCUMENTS)),
        17 => quoted(rng.one(&[
            "fixed 1",
            "fixed 3600000000",
            "calendar day Europe/Berlin",
            "calendar 1000000000months@0 UTC",
            "fixed -1 9223372036854775807",
        ])),
        18 => quoted(rng.one(&[
            "* * * * *",
            "0 2 * * *",
            "59 23 31 2 *",
            "30 seconds",
            "@reboot",
            "*/0 * * * *",
        ])),
        _ => quoted(rng.one(&ODD_TEXTS)),
    }
}

fn number(rng: &mut Rng) -> String {
    match rng.below(3) {
        0 => rng.below(12).to_string(),
        _ => format!("({})", rng.one(&NUMBERS)),
    }
}

/// A value of a type.
pub(super) fn value(rng: &mut Rng, world: &World, argument: &Argument) -> String {
    let t = argument.type_name.as_str();
    if rng.percent(6) {
        return format!("NULL::{}", if argument.type_kind == "p" { "text" } else { t });
    }
    let likely = LIKELY.iter().find(|l| l.0 == argument.name);
    if let (Some((_, words)), true, true) = (likely, argument.type_kind != "p", rng.percent(60)) {
        // Not all of these are of its type: then it is an error, which is also a try.
        return format!("{words}::{t}");
    }
    if let Some(element) = &argument.element {
        return array(rng, world, t, element);
    }
    match (argument.type_kind.as_str(), t) {
        (_, "text" | "character varying" | "name" | "cstring" | "character") => format!("{}::{t}", text(rng, world)),
        (_, "boolean") => rng.one(&["true", "false"]).to_string(),
        (_, "smallint" | "integer" | "bigint" | "numeric" | "double precision" | "real") => {
            format!("{}::{t}", number(rng))
        }
        (_, "interval") => format!("interval '{}'", rng.one(&INTERVALS)),
        (_, "timestamp with time zone" | "timestamp without time zone" | "date") => {
            format!("'{}'::{t}", rng.one(&INSTANTS))
        }
        (_, "json" | "jsonb") if rng.percent(10) => {
            format!("(SELECT jsonb_object_agg('k' || g, g) FROM generate_series(1, 20000) g)::{t}")
        }
        (_, "json" | "jsonb") => format!("{}::{t}", quoted(rng.one(&DOCUMENTS))),
        (_, "regclass") if rng.percent(30) => "'evil.mine'::regclass".to_string(),
        (_, "regclass" | "oid") => format!("{}::oid::{t}", rng.one(&world.relations).0),
        (_, "regrole" | "tally.role") => {
            format!(
                "{}::oid::{t}",
                rng.one(&[
                    "10",
                    "0",
                    "'tally_victim'::regrole",
                    "'tally_attacker'::regrole",
                    "6171"
                ])
            )
        }
        ("p", _) => rng
            .one(&[
                "1",
                "'x'::text",
                "NULL::int",
                "ARRAY[1, 2]",
                "ROW(1, 'x')",
                "'NaN'::numeric",
                "interval '1 day'",
                "'{}'::jsonb",
            ])
            .to_string(),
        ("c", _) => row(rng, t),
        _ if rng.percent(50) => format!("NULL::{t}"),
        _ => format!("{}::{t}", quoted(rng.one(&ODD_TEXTS))),
    }
}

/// A row of one of the engine's tables: somebody's, or forged of one.
fn row(rng: &mut Rng, t: &str) -> String {
    let some = format!("(SELECT x FROM {t} x ORDER BY x::text OFFSET {} LIMIT 1)", rng.below(6));
    match rng.below(3) {
        0 => some,
        1 => format!(
            "jsonb_populate_record({some}, {})",
            quoted(rng.one(&[
                "{\"owner\": 10, \"filter\": \"evil.pwn() = 0\", \"expression\": \"evil.pwn()\", \"query\": \"SELECT evil.pwn() AS value\"}",
                "{\"id\": 1, \"name\": \"victim_hourly\", \"bucket\": \"178000000 years\", \"zone\": \"x'y\", \"every\": \"-1 day\"}",
                "{\"time_column\": \"at) OR evil.pwn() = (0\", \"live_view\": 1260, \"relation\": 1260, \"source\": 1260}",
            ]))
        ),
        _ => format!("jsonb_populate_record(NULL::{t}, '{{\"id\": {}}}')", rng.below(8)),
    }
}

fn array(rng: &mut Rng, world: &World, t: &str, element: &str) -> String {
    let one = Argument {
        name: String::new(),
        type_name: element.to_string(),
        type_kind: "b".to_string(),
        element: None,
    };
    match rng.below(6) {
        0 => format!("'{{}}'::{t}"),
        1 => format!("ARRAY[[{0}], [{0}]]::{t}", value(rng, world, &one)),
        2 => format!(
            "array_fill({}::{element}, ARRAY[{}])",
            value(rng, world, &one),
            rng.one(&[1, 1000, 100_000])
        ),
        3 => format!("'[5:6]={{NULL,NULL}}'::{t}"),
        _ => {
            let values: Vec<String> = (0..rng.below(4) + 1).map(|_| value(rng, world, &one)).collect();
            format!("ARRAY[{}]::{t}", values.join(", "))
        }
    }
}
