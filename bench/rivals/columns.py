"""Owns the column stores of bench/rivals/run.sh: DuckDB and chDB read the same events from a file, make the same hourly relation, bring it up to date and are
asked the same question. Prints `NAME<TAB>milliseconds` for each figure; leaves each answer in FOLDER/answer.NAME.csv.

    columns.py FOLDER ROUNDS SINCE
"""

import sys
import time
from pathlib import Path

import chdb.session
import duckdb

folder, rounds, since = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
keys = "world, adventure, locale, model, experiment, variation, content_version"
kinds = {"turns": "turn", "retries": "retry", "fallbacks": "fallback", "validator_retries": "validator_retry", "stuck": "stuck", "choices": "choice"}
sums = ["tokens_in", "tokens_out", "ticks", "tool_calls", "acts"]


# What a column of the file is, where it is not a text: empty fields say nothing about it.
duck_types = str({"event_time": "TIMESTAMPTZ", "latency_ms": "DOUBLE"} | {column: "BIGINT" for column in sums})


def timed(name, work):
    begun = time.perf_counter()
    work()
    print(f"{name}\t{(time.perf_counter() - begun) * 1000:.1f}", flush=True)


def duck():
    at = duckdb.connect(str(folder / "duck.db"))
    at.sql("SET TimeZone = 'UTC'")
    at.sql(f"CREATE TABLE events AS SELECT * FROM read_csv('{folder}/events.csv', types = {duck_types})")
    counts = ", ".join(f"count(*) FILTER (event_type = '{kind}') AS {name}" for name, kind in kinds.items())
    totals = ", ".join(f"sum({column}) AS {column}" for column in sums)
    hourly = (f"SELECT date_trunc('hour', event_time) AS bucket, {keys}, {counts}, {totals}, "
              "approx_quantile(latency_ms, [0.5, 0.95]) AS latency, approx_count_distinct(session_id) AS sessions FROM events")
    timed("duckdb made", lambda: at.sql(f"CREATE TABLE hourly AS {hourly} GROUP BY ALL"))
    for i in range(1, rounds + 1):
        at.sql(f"CREATE OR REPLACE TEMP TABLE new AS SELECT * FROM read_csv('{folder}/new.{i}.csv', types = {duck_types})")
        at.sql("INSERT INTO events SELECT * FROM new")
        first, last = at.sql("SELECT date_trunc('hour', min(event_time)), date_trunc('hour', max(event_time)) + INTERVAL 1 HOUR FROM new").fetchall()[0]

        def due():
            at.execute("DELETE FROM hourly WHERE bucket >= ? AND bucket < ?", [first, last])
            at.execute(f"INSERT INTO hourly {hourly} WHERE event_time >= ? AND event_time < ? GROUP BY ALL", [first, last])

        timed("duckdb due", due)
    question = ("SELECT strftime(date_trunc('day', event_time), '%Y-%m-%d') AS day, count(*) FILTER (event_type = 'turn'), approx_quantile(latency_ms, 0.95), "
                f"approx_count_distinct(session_id) FROM events WHERE event_time >= '{since}' GROUP BY 1 ORDER BY 1")
    for _ in range(rounds):
        timed("duckdb asked", lambda: at.sql(question).fetchall())
    (folder / "answer.duckdb.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in at.sql(question).fetchall()))
    at.close()


def ch():
    at = chdb.session.Session(str(folder / "chdb"))
    ask = lambda text: str(at.query(text, "CSV"))
    columns = ("event_time DateTime64(6, 'UTC'), event_type LowCardinality(String), session_id String, "
               + ", ".join(f"{key} String" for key in keys.split(", ")) + ", latency_ms Nullable(Float64), "
               + ", ".join(f"{column} Nullable(Int64)" for column in sums))
    ask("CREATE DATABASE IF NOT EXISTS b ENGINE = Atomic")
    ask(f"CREATE TABLE b.events ({columns}) ENGINE = MergeTree ORDER BY event_time")
    load = ("INSERT INTO b.events SELECT * FROM file('{}', 'CSVWithNames', '" + columns.replace("'", "\\'")
            + "') SETTINGS date_time_input_format = 'best_effort'")
    ask(load.format(folder / "events.csv"))
    ask(f"CREATE TABLE b.hourly (bucket DateTime('UTC'), {', '.join(key + ' String' for key in keys.split(', '))}, "
        + ", ".join(f"{name} SimpleAggregateFunction(sum, UInt64)" for name in kinds) + ", "
        + ", ".join(f"{column} SimpleAggregateFunction(sum, Nullable(Int64))" for column in sums)
        + ", latency AggregateFunction(quantilesTDigest(0.5, 0.95), Nullable(Float64)), sessions AggregateFunction(uniq, String)) "
        f"ENGINE = AggregatingMergeTree ORDER BY (bucket, {keys})")
    grouped = (f"SELECT toStartOfHour(event_time) AS bucket, {keys}, "
               + ", ".join(f"countIf(event_type = '{kind}') AS {name}" for name, kind in kinds.items()) + ", "
               + ", ".join(f"sum({column}) AS {column}" for column in sums)
               + f", quantilesTDigestState(0.5, 0.95)(latency_ms) AS latency, uniqState(session_id) AS sessions FROM {{}} GROUP BY bucket, {keys}")
    timed("chdb made", lambda: ask("INSERT INTO b.hourly " + grouped.format("b.events")))
    for i in range(1, rounds + 1):
        ask("CREATE TABLE b.new AS b.events")
        ask(load.format(folder / f"new.{i}.csv").replace("b.events", "b.new"))
        ask("INSERT INTO b.events SELECT * FROM b.new")
        # What its materialized view does within an INSERT of these rows.
        timed("chdb due", lambda: ask("INSERT INTO b.hourly " + grouped.format("b.new")))
        ask("DROP TABLE b.new SYNC")
    asked = {
        "chdb": f"SELECT toDate(bucket) AS day, sum(turns), quantilesTDigestMerge(0.5, 0.95)(latency)[2], uniqMerge(sessions) FROM b.hourly "
                f"WHERE bucket >= '{since}' GROUP BY day ORDER BY day",
        "chraw": f"SELECT toDate(event_time) AS day, countIf(event_type = 'turn'), quantileTDigest(0.95)(latency_ms), uniq(session_id) FROM b.events "
                 f"WHERE event_time >= '{since}' GROUP BY day ORDER BY day",
    }
    for name, question in asked.items():
        for _ in range(rounds):
            timed(f"{name} asked", lambda: ask(question))
        (folder / f"answer.{name}.csv").write_text(ask(question).replace('"', ""))
    at.close()


duck()
ch()
