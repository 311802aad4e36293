-- Asked of both kernels by pg_test/hosted/agree.sh: what actors did, as rollups compute it and as the aggregates do in a query. The kernel in SQL has two ways.
-- answers: 40

\set VERBOSITY terse
SET extra_float_digits = 0;
CREATE SCHEMA actors;
-- Actors of one event to forty, events at one time, times that are none or without end, conditions that are NULL.
CREATE TABLE actors.events AS
SELECT u AS actor, CASE WHEN h % 53 = 7 THEN NULL WHEN u = 7 AND h % 19 = 3 THEN timestamptz 'infinity' WHEN u = 8 AND h % 17 = 3 THEN '-infinity'
                        WHEN u = 9 THEN timestamptz '4000-01-01 00:00+00 BC' + h % 5 * interval '1 hour'
                        ELSE timestamptz '2026-01-01 00:00+00' + (h % (7 * i) * CASE WHEN u % 3 = 0 THEN 60 ELSE 1 END) * interval '1 minute' END AS at,
       CASE WHEN h % 31 = 5 THEN NULL ELSE (ARRAY['a', 'b', 'c', 'd', 'x', 'y'])[1 + h % (3 + u % 4)] END AS kind, h % 4 AS n
  FROM generate_series(1, 120) u, LATERAL (SELECT i, (i * 7919 + u * 104729) % 9973 % 1009 AS h FROM generate_series(1, 1 + u * u % 40) i) e;
SELECT count(tally.create_rollup('actors.done', source => 'actors.events', key => '["actor"]', measures => $${
    "one": "tally.funnel_path('90 minutes'::interval, at, ARRAY[(kind = 'a'), (kind = 'b'), (kind = 'c')]::boolean[], 'once')",
    "entry": "(tally.funnel_path('90 minutes'::interval, at, ARRAY[(kind = 'a'), (kind = 'b'), (kind = 'c')]::boolean[], 'once'))[1]",
    "level": "pg_catalog.cardinality(tally.funnel_path('90 minutes'::interval, at, ARRAY[(kind = 'a'), (kind = 'b'), (kind = 'c')]::boolean[], 'once'))",
    "reuse": "tally.funnel_path('1 hour', at, ARRAY[kind IN ('a', 'b'), kind IN ('b', 'c'), kind = 'c' OR n = 2], 'reuse')",
    "mixed": "tally.funnel_path('1 hour', at, ARRAY[kind IN ('a', 'b'), kind IN ('b', 'c'), kind = 'c' OR n = 2], '')",
    "increase": "tally.funnel_path('1 day', at, ARRAY[kind = 'a', kind = 'a', kind = 'b'], 'increase')",
    "same": "tally.funnel_path('1 day', at, kind = 'a', kind = 'a', kind = 'a', kind = 'b', n > 1)",
    "strict": "tally.funnel_path('1 day', at, ARRAY[kind = 'a', kind = 'b'], 'strict')",
    "scan": "tally.window_funnel('1 day', at, kind, '{a,b,c}', 'strict_order')",
    "dedup": "tally.window_funnel('1 day', at, kind, '{a,b,c}', 'strict_deduplication')",
    "any_order": "tally.window_funnel('2 hours', at, kind, '{a,b,c}', 'any_order') FILTER (WHERE n < 3)",
    "excluded": "tally.window_funnel('1 day', at, ARRAY[kind = 'a', kind = 'b', kind = 'd'], 'exclude 1-2 remove')",
    "by_kind": "tally.window_funnel('1 month', at, kind, '{a,b,c,d}') FILTER (WHERE kind <> 'y')",
    "none": "tally.window_funnel('1 month', at, kind = 'nothing')",
    "zero": "tally.window_funnel('0', at, n = 1, n = 2)",
    "given": "tally.window_funnel('1 day', at, ARRAY[kind = 'a'] || ARRAY[kind = 'b'], 'once')",
    "events": "tally.sequence_events(at, kind = 'a', COALESCE(n > 1, false), kind = 'c')",
    "times": "tally.sequence_count(tally.sequence_events(at, kind = 'a', kind = 'b') FILTER (WHERE n > 0), '(?1)(?t<=3600)(?2)')",
    "near": "round(tally.approx_percentile(n, 0.5)::numeric, 3)", "distinct": "tally.approx_distinct(kind)",
    "share": "tally.percentile(tally.tdigest(n, 50), 0.25) + tally.distinct_count(tally.hll(kind, 10)) -- two of them",
    "hits": "tally.value_text(tally.first(kind, at)) || tally.count(tally.gauge(n, at) FILTER (WHERE n > 0))",
    "starts": "pg_catalog.array_agg(at ORDER BY at) FILTER (WHERE kind = 'a')", "returns": "pg_catalog.array_agg(at ORDER BY at)"
  }$$, with_data => true));
-- The same by the aggregates. A different way to say the steps keeps them from being computed as a rollup does.
CREATE TABLE actors.asked AS
SELECT actor::text, tally.funnel_path('90 minutes', at, kind = 'a', kind = 'b', kind = 'c') AS one,
       tally.funnel_path('1 hour', at, ARRAY[kind IN ('a', 'b'), kind IN ('b', 'c'), kind = 'c' OR n = 2], 'reuse') AS reuse,
       tally.funnel_path('1 hour', at, kind IN ('a', 'b'), kind IN ('b', 'c'), kind = 'c' OR n = 2) AS mixed,
       tally.funnel_path('1 day', at, ARRAY[kind = 'a', kind = 'a', kind = 'b'], 'increase') AS increase,
       tally.funnel_path('1 day', at, kind = 'a', kind = 'a', kind = 'a', kind = 'b', n > 1) AS same,
       tally.funnel_path('1 day', at, ARRAY[kind = 'a', kind = 'b'], 'strict') AS strict,
       tally.window_funnel('1 day', at, kind, '{a,b,c}', 'strict_order') AS scan,
       tally.window_funnel('1 day', at, kind, '{a,b,c}', 'strict_deduplication') AS dedup,
       tally.window_funnel('2 hours', at, kind, '{a,b,c}', 'any_order') FILTER (WHERE n < 3) AS any_order,
       tally.window_funnel('1 day', at, ARRAY[kind = 'a', kind = 'b', kind = 'd'], 'exclude 1-2 remove') AS excluded,
       tally.window_funnel('1 month', at, kind, '{a,b,c,d}') FILTER (WHERE kind <> 'y') AS by_kind,
       tally.window_funnel('1 month', at, kind = 'nothing') AS none, tally.window_funnel('0', at, n = 1, n = 2) AS zero,
       tally.window_funnel('1 day', at, kind = 'a', kind = 'b') AS given,
       tally.sequence_events(at, kind = 'a', COALESCE(n > 1, false), kind = 'c') AS events,
       tally.sequence_count(tally.sequence_events(at, kind = 'a', kind = 'b') FILTER (WHERE n > 0), '(?1)(?t<=3600)(?2)') AS times
  FROM actors.events GROUP BY actor;
SELECT z.of, count(*), count(*) FILTER (WHERE z.computed IS DISTINCT FROM z.asked), md5(string_agg(z.computed, ' ' ORDER BY d.actor))
  FROM actors.done d JOIN actors.asked a USING (actor), LATERAL (VALUES
    ('one', d.one::text, a.one::text), ('entry', d.entry::text, a.one[1]::text), ('level', d.level::text, cardinality(a.one)::text),
    ('reuse', d.reuse::text, a.reuse::text), ('mixed', d.mixed::text, a.mixed::text), ('increase', d.increase::text, a.increase::text),
    ('same', d.same::text, a.same::text), ('strict', d.strict::text, a.strict::text), ('scan', d.scan::text, a.scan::text),
    ('dedup', d.dedup::text, a.dedup::text), ('any_order', d.any_order::text, a.any_order::text),
    ('excluded', d.excluded::text, a.excluded::text), ('by_kind', d.by_kind::text, a.by_kind::text),
    ('none', d.none::text, a.none::text), ('zero', d.zero::text, a.zero::text), ('given', d.given::text, a.given::text),
    ('events', tally.sequence_times(d.events, '(?1).*(?2).*(?3)')::text, tally.sequence_times(a.events, '(?1).*(?2).*(?3)')::text),
    ('events are the same', (d.events = a.events)::text, (d.events IS NOT NULL)::text),
    ('times', d.times::text, a.times::text)) z(of, computed, asked) WHERE z.of <> 'events are the same' OR d.events IS NOT NULL GROUP BY 1 ORDER BY 1;
-- Beside plain SQL.
SELECT 'plain', count(*), count(*) FILTER (WHERE d.near IS DISTINCT FROM e.near OR d.distinct IS DISTINCT FROM e.distinct OR d.share IS DISTINCT FROM e.share
                                           OR d.hits IS DISTINCT FROM e.hits)
  FROM actors.done d JOIN (
    SELECT actor::text, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY n)::numeric, 3) AS near, nullif(count(DISTINCT kind), 0) AS distinct,
           percentile_cont(0.25) WITHIN GROUP (ORDER BY n) + nullif(count(DISTINCT kind), 0) AS share,
           (array_agg(kind ORDER BY at, kind COLLATE "C") FILTER (WHERE isfinite(at) AND kind IS NOT NULL))[1]
           || nullif(count(*) FILTER (WHERE n > 0 AND isfinite(at)), 0) AS hits
      FROM actors.events GROUP BY actor) e USING (actor);
-- What actors add up to.
SELECT count(tally.create_rollup('actors.counted', source => 'actors.done', time_column => 'entry', bucket => '1 day', measures => $${
    "paths": "tally.funnel_counts(one)", "levels": "tally.funnel_counts(level)", "some": "tally.funnel_counts(one) FILTER (WHERE level > 1)"}$$,
    with_data => true));
SELECT c.bucket, tally.reached(c.paths), tally.reached(c.levels), tally.reached(c.some), s.step, s.actors, round(s.seconds_mean::numeric, 3), s.seconds_p50
  FROM actors.counted c, LATERAL tally.funnel_steps(c.paths) s ORDER BY 1, s.step;
SELECT 'levels', bool_and(tally.reached(c.paths) = tally.reached(c.levels)),
       bool_and(tally.reached(c.paths) = (SELECT array_agg(n ORDER BY i) FROM (
           SELECT i, count(*) AS n FROM actors.asked a, generate_series(1, cardinality(a.one)) i
            WHERE a.one[1] >= c.bucket AND a.one[1] < c.bucket + interval '1 day' GROUP BY i) x)) FROM actors.counted c;
SELECT count(tally.create_rollup('actors.seen', source => 'actors.done', key => '["actor"]', measures => $${
    "entry": "pg_catalog.min(starts[1])",
    "seen": "pg_catalog.min(tally.retention(starts, returns, '1 hour', 6, '2026-01-02 00:00+00', 'UTC', CASE WHEN level > 1 THEN 'on' ELSE 'on_or_after' END))"
  }$$, with_data => true));
SELECT count(tally.create_rollup('actors.kept', source => 'actors.seen', time_column => 'entry', bucket => '1 day',
    measures => '{"kept": "tally.retention_counts(seen)", "some": "tally.retention_counts(seen) FILTER (WHERE actor > ''3'')"}', with_data => true));
SELECT k.bucket, p.*, q.retained FROM actors.kept k, LATERAL tally.retention_periods(k.kept) p
  LEFT JOIN LATERAL tally.retention_periods(k.some) q USING (period)
 ORDER BY 1, 2;
SELECT 'verified', count(*) FROM unnest('{actors.done,actors.counted,actors.seen,actors.kept}'::text[]) r, LATERAL tally.verify(r);
SELECT count(tally.drop_rollup(name)) FROM unnest('{actors.kept,actors.seen,actors.counted,actors.done}'::text[]) name;
DROP SCHEMA actors CASCADE;
