//! Owns hostile statements: calls with hostile values; writes to tables of others; changes of the attacker's own session, tables and
//! definitions that the work of others may stumble over.

use super::value::{INSTANTS, ODD_TEXTS, quoted, value};
use super::world::{Function, World};
use crate::rng::Rng;

/// A call of a function, and what to call it in a report.
pub(super) fn call(rng: &mut Rng, world: &World) -> (String, String) {
    let function = rng.one(&world.functions);
    let arguments = arguments(rng, world, function);
    let name = &function.name;
    let sql = match function.kind.as_str() {
        "p" => format!("CALL {name}({arguments})"),
        "a" => format!(
            "SELECT {name}({arguments})::text FROM generate_series(1, {}) g",
            rng.one(&[0, 1, 50, 2000])
        ),
        "w" => format!("SELECT {name}({arguments}) OVER (ORDER BY g) FROM generate_series(1, 50) g"),
        _ if rng.percent(30) => format!("SELECT {name}({arguments}) LIMIT 500"),
        _ => format!("SELECT * FROM {name}({arguments}) LIMIT 500"),
    };
    (function.signature.clone(), sql)
}

fn arguments(rng: &mut Rng, world: &World, function: &Function) -> String {
    let all = &function.arguments;
    let named = function.kind == "f" && !function.variadic && all.iter().all(|a| !a.name.is_empty());
    let needed = all.len() - function.defaults;
    let mut given = Vec::new();
    for (i, argument) in all.iter().enumerate() {
        if i >= needed {
            // The ticket of who calls is drawn by default; now and then it is forged.
            let share = if argument.name == "who" { 4 } else { 50 };
            if !rng.percent(share) {
                if named {
                    continue;
                }
                break;
            }
        }
        let value = value(rng, world, argument);
        given.push(match (named, function.variadic && i + 1 == all.len()) {
            (true, _) => format!("\"{}\" => {value}", argument.name),
            (_, true) if argument.element.is_some() => format!("VARIADIC {value}"),
            _ => value,
        });
    }
    given.join(", ")
}

/// A write to what is somebody else's, or a change of it.
pub(super) fn write(rng: &mut Rng, world: &World) -> (String, String) {
    let (_, name, kind) = rng.one(&world.relations);
    let sql = match (kind.as_str(), rng.below(18)) {
        ("S", n) => [
            format!("SELECT nextval('{name}')"),
            format!("SELECT setval('{name}', 1)"),
            format!("ALTER SEQUENCE {name} RESTART"),
        ][n as usize % 3]
            .clone(),
        (_, 0 | 1) => format!("INSERT INTO {name} SELECT * FROM {name} LIMIT 1"),
        (_, 2) => format!("INSERT INTO {name} DEFAULT VALUES"),
        (_, 3) => format!("DELETE FROM {name}"),
        (_, 4) => format!("TRUNCATE {name} CASCADE"),
        (_, 5) => format!("DROP TABLE {name} CASCADE"),
        (_, 6) => format!("ALTER TABLE {name} DISABLE TRIGGER ALL"),
        (_, 7) => format!(
            "LOCK TABLE {name} IN {} MODE",
            rng.one(&["ACCESS EXCLUSIVE", "SHARE", "ROW EXCLUSIVE", "ROW SHARE"])
        ),
        (_, 8) => format!("CREATE TRIGGER evil BEFORE INSERT ON {name} EXECUTE FUNCTION tally.capture()"),
        (_, 9) => format!("CREATE RULE evil AS ON INSERT TO {name} DO ALSO SELECT evil.pwn()"),
        (_, 10) => format!("CREATE POLICY evil ON {name} USING (true)"),
        (_, 11) => format!("GRANT ALL ON {name} TO tally_attacker"),
        (_, 12) => format!("ALTER TABLE {name} OWNER TO tally_attacker"),
        (_, 13) => format!("COMMENT ON TABLE {name} IS 'evil'"),
        (_, 14) => format!("CREATE INDEX ON {name} ((evil.pwn()))"),
        (_, 15) => format!("SELECT * FROM {name}"),
        (_, 16) => format!("SELECT 1 FROM {name} FOR UPDATE"),
        _ => format!("CREATE TABLE evil.part{} PARTITION OF {name} DEFAULT", rng.below(100)),
    };
    (format!("write {name}"), sql)
}

/// Something about the attacker's own session, tables and definitions that others' work may stumble over.
pub(super) fn own(rng: &mut Rng) -> (String, String) {
    let table = *rng.one(&["evil.mine", "evil.plain", "evil.mine_0"]);
    let sql = match rng.below(20) {
        0 => "SET search_path = evil, tally, pg_catalog".to_string(),
        1 => "SET search_path = evil, pg_catalog, tally_internal".to_string(),
        2 => "RESET ALL".to_string(),
        3 => format!(
            "SET tally.{} = {}",
            rng.one(&[
                "actor",
                "as_of",
                "query_timeout",
                "task_timeout",
                "lock_timeout",
                "keep_runs",
                "attaching",
                "default_privileges"
            ]),
            quoted(rng.one(&["-1", "0", "postgres", "x'y", "10", "infinity", "1000 years"]))
        ),
        4 => format!(
            "SET ROLE {}",
            rng.one(&["postgres", "tally_victim", "pg_read_all_data", "none"])
        ),
        5 => format!(
            "SET SESSION AUTHORIZATION {}",
            rng.one(&["postgres", "tally_victim", "DEFAULT"])
        ),
        6 => format!(
            "INSERT INTO {table} (at, who, n) VALUES ('{}', {}, {})",
            rng.one(&INSTANTS),
            quoted(rng.one(&ODD_TEXTS)),
            rng.below(9)
        ),
        7 => format!("DELETE FROM {table} WHERE n = {}", rng.below(40)),
        8 => format!(
            "ALTER TABLE {table} RENAME COLUMN {} TO {}",
            rng.one(&["at", "who", "n", "at2", "who2"]),
            rng.one(&["at2", "who2", "n", "at", "who"])
        ),
        9 => format!(
            "ALTER TABLE {table} ALTER n TYPE {}",
            rng.one(&["bigint", "text", "numeric", "int USING n::int"])
        ),
        10 => format!(
            "CREATE TABLE IF NOT EXISTS evil.t{0} (at timestamptz, who text, n int); ALTER TABLE evil.t{0} ENABLE ROW LEVEL SECURITY",
            rng.below(5)
        ),
        11 => format!("DROP TABLE IF EXISTS evil.t{} CASCADE", rng.below(5)),
        12 => format!(
            "CREATE OR REPLACE VIEW evil.v{} AS SELECT at, who, n, evil.pwn() AS p FROM evil.plain",
            rng.below(3)
        ),
        13 => format!(
            "CREATE TRIGGER t{} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION tally.capture()",
            rng.below(50)
        ),
        14 => format!(
            "ALTER FUNCTION evil.pwn() {}",
            rng.one(&["IMMUTABLE", "STABLE", "SECURITY DEFINER", "RESET ALL", "PARALLEL SAFE"])
        ),
        15 => format!(
            "{} EXTENSION pg_tally {}",
            rng.one(&["ALTER", "DROP", "COMMENT ON"]),
            rng.one(&[
                "UPDATE",
                "CASCADE",
                "IS 'evil'",
                "ADD TABLE evil.plain",
                "SET SCHEMA evil"
            ])
        ),
        16 => format!(
            "CREATE {} tally.{}",
            rng.one(&["TABLE", "VIEW"]),
            rng.one(&["evil (x int)", "evil AS SELECT 1 AS x"])
        ),
        17 => format!(
            "ALTER {} OWNER TO {}",
            rng.one(&["TABLE evil.plain", "TABLE evil.mine", "FUNCTION evil.pwn()"]),
            rng.one(&["postgres", "tally_victim"])
        ),
        18 => format!(
            "SELECT pg_advisory_lock_shared({}, {})",
            rng.one(&["1952541804", "1952541805"]),
            rng.below(8)
        ),
        _ => format!(
            "REASSIGN OWNED BY {} TO tally_attacker",
            rng.one(&["postgres", "tally_victim"])
        ),
    };
    ("own".to_string(), sql)
}
