-- Owns: reading a funnel over any range, and dropping funnels and retentions.

CREATE OR REPLACE FUNCTION tally_internal._behaviour(name text, kind text) RETURNS tally.behaviours
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.behaviours;
BEGIN
    SELECT * INTO found_ FROM tally.behaviours b WHERE b.counts = (
        SELECT tally_internal._choose(kind, name, array_agg(x.counts), array_agg(COALESCE(tally_internal._schema_of(r.relation), '')), array_agg(x.name))
          FROM tally.behaviours x JOIN tally.rollups r ON r.id = x.counts
         WHERE x.kind = kind AND x.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF found_.counts IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('%s %L does not exist', kind, name),
            COALESCE('Known: ' || (SELECT string_agg(quote_literal(b.name), ', ' ORDER BY b.name) FROM tally.behaviours b WHERE b.kind = kind)
                              || '.', 'None is known.'),
            format('SELECT name FROM tally.behaviours WHERE kind = %L;', kind));
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._behaviour(text, text) IS 'The funnel, retention or sessions of a name, or an error that lists the known ones.';

CREATE OR REPLACE FUNCTION tally.funnel(
    name    text,
    since   text DEFAULT '30 days',
    until   text DEFAULT 'now',
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}',
    live    boolean DEFAULT true,
    as_of   timestamptz DEFAULT now()
) RETURNS TABLE (labels jsonb, step int, step_name text, actors bigint, of_previous float8, of_first float8, seconds_mean float8, seconds_p50 float8,
                 seconds_p90 float8)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_variable
DECLARE
    f     tally.behaviours := tally_internal._behaviour(name, 'funnel');
    r     tally.rollups;
    call  text := format('SELECT * FROM tally.funnel(%L', name);
    first timestamptz;
    last  timestamptz;
    most  bigint;
    n     bigint;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = f.counts;
    PERFORM tally_internal._check_dimensions(r, by, 'by');
    SELECT a.first, a.last, a.most INTO first, last, most FROM tally_internal._asked_range(r, since, until, as_of, call) a;
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe(r, format(
        'SELECT g.labels, s.* FROM (SELECT %s AS labels, tally.rollup(funnel) AS funnel FROM %s WHERE bucket >= $1 AND bucket < $2%s GROUP BY 1) g '
        'CROSS JOIN LATERAL tally.funnel_steps(g.funnel, $3) s ORDER BY g.labels, s.step LIMIT $4',
        tally_internal._labels_sql(by), CASE WHEN live THEN tally_internal._live_for_reader(r)
            ELSE r.relation END, COALESCE(' AND ' || tally_internal._where_sql(r, "where"), '')))
        USING first, last, ARRAY(SELECT s ->> 'name' FROM jsonb_array_elements(f.definition -> 'steps') WITH ORDINALITY s(s, n) ORDER BY n), most + 1;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM tally_internal._check_rows(n, most, 'a funnel', call || ', by => ''{}'');');
END $$;
COMMENT ON FUNCTION tally.funnel(text, text, text, text[], jsonb, boolean, timestamptz) IS
'A funnel over the buckets that begin in [since, until): a row per step for each combination of the dimensions in by, of the actors whose dimensions meet '
    'where. Arguments as in timeseries(). Runs with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally.funnel_time(
    name    text,
    since   text DEFAULT '30 days',
    until   text DEFAULT 'now',
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}',
    live    boolean DEFAULT true,
    as_of   timestamptz DEFAULT now()
) RETURNS TABLE (labels jsonb, actors bigint, seconds_mean float8, seconds_p50 float8, seconds_p90 float8)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_variable
DECLARE
    f     tally.behaviours := tally_internal._behaviour(name, 'funnel');
    r     tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = f.counts);
    a     tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = f.actors);
    call  text := format('SELECT * FROM tally.funnel_time(%L', name);
    rule  text := tally_internal._bucket_rule_of(r);
    first timestamptz;
    last  timestamptz;
    most  bigint;
    n     bigint;
BEGIN
    PERFORM tally_internal._check_dimensions(r, by, 'by');
    SELECT x.first, x.last, x.most INTO first, last, most FROM tally_internal._asked_range(r, since, until, as_of, call) x;
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe(a, format(
        'SELECT %s, pg_catalog.count(*), pg_catalog.avg("the time"), pg_catalog.percentile_cont(0.5) WITHIN GROUP (ORDER BY "the time"), '
        'pg_catalog.percentile_cont(0.9) WITHIN GROUP (ORDER BY "the time") FROM (SELECT %s'
        '(SELECT pg_catalog.date_part(''epoch'', pg_catalog.max(t) - pg_catalog.min(t)) FROM pg_catalog.unnest(path) t) AS "the time" '
        'FROM %s WHERE entry >= $1 AND entry < $2 AND level = $3) done%s GROUP BY 1 ORDER BY 1 LIMIT $4',
        tally_internal._labels_sql(by),
        (SELECT string_agg(format('%s AS %I, ', d.expression, d.name), '' ORDER BY d.ordinal) FROM tally.dimensions d WHERE d.rollup_id = r.id),
        CASE WHEN live THEN tally_internal._live_for_reader(a) ELSE a.relation END, COALESCE(' WHERE ' || tally_internal._where_sql(r, "where"), '')))
        USING tally_internal._bucket_at_or_after(rule, first), tally_internal._bucket_at_or_after(rule, last),
              jsonb_array_length(f.definition -> 'steps'), most + 1;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM tally_internal._check_rows(n, most, 'a funnel', call || ', by => ''{}'');');
END $$;
COMMENT ON FUNCTION tally.funnel_time(text, text, text, text[], jsonb, boolean, timestamptz) IS
'The whole time that actors took from the first step of a funnel to the last: how many came so far, and mean, median and 90th percentile of their seconds, '
    'exact. A row for each combination of the dimensions in by. Arguments as in funnel(). It reads the rollup of actors, with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally.drop_funnel(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._drop_behaviour(tally_internal._behaviour($1, 'funnel')) $$;
COMMENT ON FUNCTION tally.drop_funnel(text) IS 'Drops a funnel: its views and its rollups. Source rows stay.';

CREATE OR REPLACE FUNCTION tally_internal._rollups_of(b tally.behaviours) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN b.definition ? 'every_start' THEN ARRAY[(SELECT r.source_rollup FROM tally.rollups r WHERE r.id = b.actors)] ELSE '{}' END
        || ARRAY[b.actors, b.counts]
$$;
COMMENT ON FUNCTION tally_internal._rollups_of(tally.behaviours) IS
'The rollups of a funnel, retention or sessions, each behind what it stands on: the first is on the source, the last has the counts.';

CREATE OR REPLACE FUNCTION tally_internal._views_of(b tally.behaviours) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', n.nspname, b.name || s) FROM tally.rollups r JOIN pg_class c ON c.oid = r.relation JOIN pg_namespace n ON n.oid = c.relnamespace,
           unnest(CASE b.kind WHEN 'funnel' THEN '{_steps,_steps_live}' WHEN 'retention' THEN '{_cohorts,_cohorts_live}' END::text[]) s
     WHERE r.id = b.counts
$$;
COMMENT ON FUNCTION tally_internal._views_of(tally.behaviours) IS 'The flat views of a funnel or retention, whether they exist or not; sessions have none.';

CREATE OR REPLACE FUNCTION tally_internal._lost_views(b tally.behaviours) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT v FROM tally_internal._views_of(b) v WHERE tally_internal._relation_named(v) IS NULL $$;
COMMENT ON FUNCTION tally_internal._lost_views(tally.behaviours) IS 'The flat views of a funnel or retention that are gone.';

CREATE OR REPLACE FUNCTION tally_internal._drop_behaviour(b tally.behaviours) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view text;
BEGIN
    -- They are known by their names. What is another role's is none of them.
    FOR view IN SELECT v FROM tally_internal._views_of(b) v WHERE tally_internal._holds(b.owner, tally_internal._relation_named(v)) LOOP
        EXECUTE format('DROP VIEW %s', view);
    END LOOP;
    PERFORM tally_internal._forget_behaviour(b.counts);
    PERFORM tally.drop_rollup((SELECT tally_internal._called(x) FROM tally.rollups x WHERE x.id = (tally_internal._rollups_of(b))[1]), "cascade" => true);
END $$;
COMMENT ON FUNCTION tally_internal._drop_behaviour(tally.behaviours) IS
'Drops a funnel, retention or sessions with its views and rollups, with the caller''s rights.';
