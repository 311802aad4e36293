//! Owns what must hold after an attack: what was there is as it was, work goes on and is right, and nothing of others has come to the attacker.

use crate::server::words_of;
use postgres::Client;

/// Statements that give no row, with what it means where they give one.
fn none(client: &mut Client, queries: &[(&str, &str)]) -> Result<(), String> {
    for (what, sql) in queries {
        let rows = client
            .query(*sql, &[])
            .map_err(|e| format!("{what}: {}\n{sql}", words_of(&e)))?;
        if !rows.is_empty() {
            let lines: Vec<String> = rows
                .iter()
                .map(|r| r.get::<_, Option<String>>(0).unwrap_or_default())
                .collect();
            return Err(format!(
                "{what}\n{}",
                lines.join("\n").chars().take(4000).collect::<String>()
            ));
        }
    }
    Ok(())
}

/// Everything of others is as it was before the attack.
pub(super) fn unchanged(client: &mut Client) -> Result<(), String> {
    let changed = "WITH now AS MATERIALIZED (SELECT * FROM judge.state()) \
        SELECT * FROM (SELECT '- ' || what || ': ' || line FROM (TABLE judge.before EXCEPT ALL TABLE now) a \
        UNION ALL SELECT '+ ' || what || ': ' || line FROM (TABLE now EXCEPT ALL TABLE judge.before) b) x LIMIT 10";
    none(client, &[("something of others is not as it was", changed), ROLE])
}

const ROLE: (&str, &str) = (
    "the attacker has become more than he was",
    "SELECT to_jsonb(r)::text FROM pg_roles r WHERE r.rolname = 'tally_attacker' AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb \
    OR r.rolbypassrls OR r.rolreplication)",
);

/// Refresh, evaluation, probes and tasks of others go on and are right. The definitions of the attacker run with them.
pub(super) fn goes_on(client: &mut Client) -> Result<(), String> {
    client
        .batch_execute(
            "SET statement_timeout = '120s'; SET lock_timeout = '20s'; SET tally.query_timeout = '500ms'; SET tally.task_timeout = '500ms'; \
            SET tally.refresh_timeout = '30s'; \
             SET ROLE tally_victim; INSERT INTO app.events VALUES ('2026-03-01 10:30Z', 'CANARY-late', 'old', 7), ('2026-03-03 10:30Z', 'CANARY-new', \
             'new', 7); RESET ROLE; \
             INSERT INTO root.events VALUES ('2026-03-03 10:00Z', 'CANARY-root', 5)",
        )
        .map_err(|e| format!("writers are stopped: {}", words_of(&e)))?;
    none(
        client,
        &[
            (
                "refresh fails",
                "SELECT rollup || ': ' || error FROM tally.refresh() WHERE error IS NOT NULL AND (rollup LIKE 'victim%' OR rollup LIKE 'root%')",
            ),
            (
                "a rollup by hours is wrong",
                "(SELECT (bucket, arm, n, total)::text FROM app.victim_hourly EXCEPT ALL \
                 SELECT (date_trunc('hour', at, 'UTC'), arm, count(*), sum(ms))::text FROM app.events GROUP BY date_trunc('hour', at, 'UTC'), arm) UNION ALL \
                 (SELECT (date_trunc('hour', at, 'UTC'), arm, count(*), sum(ms))::text FROM app.events GROUP BY date_trunc('hour', at, 'UTC'), arm \
                 EXCEPT ALL SELECT (bucket, arm, n, total)::text FROM app.victim_hourly)",
            ),
            (
                "a rollup per key is wrong",
                "SELECT x::text FROM (SELECT who, n FROM app.victim_keys) x FULL JOIN (SELECT who, count(*) AS n \
                FROM app.events GROUP BY who) y USING (who, n) WHERE x.who IS NULL OR y.who IS NULL",
            ),
            (
                "the live view is wrong",
                "SELECT x::text FROM (SELECT sum(n) AS n FROM app.victim_hourly_live) x WHERE n <> (SELECT count(*) FROM app.events)",
            ),
            (
                "evaluation fails",
                "SELECT threshold || ': ' || error FROM tally.evaluate('2026-03-03 12:00Z') WHERE error IS NOT NULL AND (threshold LIKE 'victim%' \
                OR threshold LIKE 'root%')",
            ),
            (
                "a threshold was not judged",
                "SELECT t.name FROM tally.thresholds t WHERE (t.name LIKE 'victim%' OR t.name LIKE 'root%') \
                    AND NOT EXISTS (SELECT FROM tally.evaluations e WHERE e.threshold_id = t.id AND e.tick = '2026-03-03 12:00Z' AND e.sqlstate IS NULL)",
            ),
            (
                "tasks fail",
                "SELECT task || ': ' || error FROM tally.run_tasks('0 2 * * *', '2026-03-03 02:00Z') WHERE task = 'victim_task' AND error IS NOT NULL",
            ),
            (
                "the task has not run once",
                "SELECT n::text FROM (SELECT count(*) AS n FROM app.done) x WHERE n <> 1",
            ),
            (
                "a probe fails",
                "SELECT probe || ': ' || error FROM tally.sample_probes('2026-03-03 12:00Z') WHERE probe = 'victim_probe' AND error IS NOT NULL",
            ),
            (
                "a number of others is hidden or wrong",
                "SELECT 'victim_mean'::text WHERE tally.metric_value('victim_mean', '2026-03-01 00:00Z', '2026-03-04 00:00Z') IS DISTINCT \
                FROM (SELECT sum(ms)::float8 / count(*) FROM app.events)",
            ),
        ],
    )?;
    // What else the clock runs.
    client
        .batch_execute("SELECT tally.maintain(interval '1 day')")
        .map_err(|e| format!("the upkeep fails: {}", words_of(&e)))?;
    none(
        client,
        &[(
            "status or health cannot be read",
            "SELECT 'x'::text FROM (SELECT count(*) AS n FROM tally.status) s, (SELECT count(*) AS n FROM tally.health) h WHERE s.n + h.n < 1",
        )],
    )
}

/// His code has run as nobody else, and no table of his holds what is others'.
pub(super) fn nothing_taken(client: &mut Client) -> Result<(), String> {
    none(
        client,
        &[
            ROLE,
            (
                "the attacker's code has run as somebody else",
                "SELECT DISTINCT as_user::text FROM evil.log WHERE as_user <> 'tally_attacker'",
            ),
        ],
    )?;
    let tables = client
        .query("SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'm') AND c.relowner = 'tally_attacker'::regrole", &[])
        .map_err(|e| words_of(&e))?;
    for row in tables {
        let name: String = row.get(0);
        none(
            client,
            &[(
                &format!("{name} holds what is others'"),
                &format!("SELECT x::text FROM {name} x WHERE x::text LIKE '%CANARY-%' LIMIT 3"),
            )],
        )?;
    }
    Ok(())
}
