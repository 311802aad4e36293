-- Owns: create_retention, drop_retention and tally.retention(name). A retention is a rollup per actor, which holds when each
-- started and in which periods it was seen again, and a rollup of cohorts on it, by the period of the start. Both are facts of
-- the events alone; which periods are wholly past is asked when they are read, so that no refresh is due because time goes by.

CREATE OR REPLACE FUNCTION tally.create_retention(
    name        text,
    source      regclass,
    time_column text,
    actor       text,
    "start"     text DEFAULT 'true',
    return      text DEFAULT 'true',
    period      interval DEFAULT '1 day',
    periods     int DEFAULT 30,
    mode        text DEFAULT 'on',
    dimensions  jsonb DEFAULT '[]',
    "where"     text DEFAULT NULL,
    zone        text DEFAULT 'UTC',
    schedule    text DEFAULT '*/5 * * * *',
    description text DEFAULT NULL,
    with_data   boolean DEFAULT false,
    search_path text DEFAULT pg_catalog.current_setting('search_path'),
    origin      timestamptz DEFAULT NULL,
    every_start boolean DEFAULT false
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts  text[] := tally_internal._name_parts(name);
    label  text := parts[array_upper(parts, 1)];
    home   text := tally_internal._target_schema(parts, search_path);
    prefix text := COALESCE(quote_ident(home) || '.', '');
    given  jsonb := jsonb_build_object('source', source::text, 'time_column', time_column, 'actor', actor, 'start',
               tally_internal._one_expression("start", format('start of retention %L', label)), 'return',
               tally_internal._one_expression(return, format('return of retention %L', label)),
               'period', period, 'periods', periods, 'mode', mode, 'dimensions', dimensions, 'where',
               tally_internal._one_expression("where", format('where of retention %L', label)), 'zone', zone)
               || CASE WHEN origin IS NULL THEN '{}' ELSE jsonb_build_object('origin', tally_internal._origin_text(origin)) END
               || CASE WHEN every_start THEN '{"every_start": true}' ELSE '{}' END::jsonb;
    elapsed boolean := tally_internal._counts_elapsed(given);
    clock  text := COALESCE(zone, 'UTC');
    at     text := tally_internal._funnel_at(given || jsonb_build_object('zone', clock), label);
    filter text := format('%I IS NOT NULL AND pg_catalog.isfinite(%s) AND ((%s) OR (%s))', actor, at, given ->> 'start', given ->> 'return')
                       || COALESCE(' AND (' || (given ->> 'where') || ')', '');
    about  text := format('Retention %s: when each actor started, and whether it was seen 0, 1, … periods later.', label);
    later  int;
    times  regclass;
    people regclass;
    counts regclass;
BEGIN
    counts := tally_internal._behaviour_just_so(home, label, 'retention', given);
    IF counts IS NOT NULL THEN RETURN counts; END IF;
    PERFORM tally_internal._check_own_names('retention', label, given,
        '{bucket,entry,retained}'::text[] || CASE WHEN every_start THEN '{cohort,starts,returns}'::text[] END,
        ARRAY['bucket', 'entry', 'retained', 'actors', 'retention', 'period', 'share', actor] || CASE WHEN every_start THEN 'cohort' END);
    IF periods NOT BETWEEN 0 AND 400 OR mode NOT IN ('on', 'on_or_after') OR "start" IS NULL OR return IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('retention %L needs a start, a return, 0 to 400 periods and mode on or on_or_after, got %s', label, given - 'source'), NULL,
            format('SELECT tally.create_retention(%L, %L, %L, %L, "start" => ''kind = ''''signup'''''');', label, source::text, time_column, actor));
    END IF;
    PERFORM tally_internal._check_one_zone(format('retention %L', label), source, zone,
                format('SELECT tally.create_retention(%L, %L, %L, %L, zone => ''UTC'');', label, source::text, time_column, actor)),
            tally_internal._check_period(label, period, zone, elapsed,
                format('SELECT tally.create_retention(%L, %L, %L, %L, period => ''1 week'', …);', label, source::text, time_column, actor));
    later := tally_internal._days_later(label, period, clock, origin, elapsed);
    IF every_start THEN
        PERFORM tally_internal._check_every_start(label, origin, given);
        times := tally.create_rollup(prefix || quote_ident(label || '_times'), source, key => jsonb_build_array(actor)::text,
            measures => tally_internal._retention_times(given, at), "where" => filter, schedule => schedule, zone => clock, search_path => search_path,
            with_data => with_data, description => format('Retention %s: the times at which each actor started and was seen.', label));
        people := tally.create_rollup(prefix || quote_ident(label || '_actors'), times, key => jsonb_build_array(actor)::text,
            expand => tally_internal._cohort_rows(given, elapsed), dimensions => '[{"cohort": "_entry"}]',
            measures => tally_internal._cohort_measures(given), schedule => schedule, zone => clock, search_path => search_path, with_data => with_data,
            description => about);
    ELSE
        people := tally.create_rollup(prefix || quote_ident(label || '_actors'), source, key => jsonb_build_array(actor)::text,
            measures => tally_internal._retention_measures(given, at, elapsed, later), "where" => filter, schedule => schedule, zone => clock,
            search_path => search_path, with_data => with_data, description => about);
    END IF;
    EXECUTE format('CREATE INDEX ON %s (entry)', people);
    counts := tally.create_rollup(prefix || quote_ident(label), people, time_column => 'entry', bucket => period, zone => clock, schedule => schedule,
                                  search_path => search_path, origin => origin,
        dimensions => (SELECT COALESCE(jsonb_agg(t.name ORDER BY t.place, t.name), '[]') FROM tally_internal._funnel_touches(given) t),
        measures => '{"actors": "count(*)", "retention": "tally.retention_counts(retained)"}', with_data => with_data,
        description => COALESCE(description || E'\n', '') || format('Retention %s: cohorts by the period of their start.', label));
    PERFORM tally_internal._retention_view(label, '_cohorts', counts, counts, elapsed);
    PERFORM tally_internal._retention_view(label, '_cohorts_live', counts, (SELECT r.live_view FROM tally.rollups r WHERE r.relation = counts), elapsed);
    PERFORM tally_internal._store_behaviour('retention', counts, given);
    RETURN counts;
END $$;
COMMENT ON FUNCTION tally.create_retention(text, regclass, text, text, text, text, interval, int, text, jsonb, text, text, text, text, boolean, text,
                                           timestamptz, boolean) IS
'Defines a retention: actors (a column) who start (a condition, their first such event counts) and return (another) 0 to periods periods later. Periods are '
    'days or months by the calendar of the zone; a width in hours (''24 hours''), and any width with zone => NULL, is counted from the actor''s own start. '
    'origin: a midnight of the zone at which a period begins (a Sunday for weeks from Sunday, the 15th for months from there). mode on (in that period) or '
    'on_or_after. every_start: an actor belongs to the cohort of each period in which it started, not only of the first; where periods are counted from the '
    'actor''s own start, each start counts for itself. dimensions are values of the start event. Makes the rollups <name>_actors and <name> and the views '
    '<name>_cohorts (as of the last refresh) and <name>_cohorts_live (exact now), which show periods that are wholly past. The same definition again changes '
    'nothing.';

CREATE OR REPLACE FUNCTION tally_internal._origin_text(origin timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET timezone = 'UTC' AS $$ SELECT origin::text $$;
COMMENT ON FUNCTION tally_internal._origin_text(timestamptz) IS 'An origin as a definition keeps it, whatever the session.';

CREATE OR REPLACE FUNCTION tally_internal._days_later(label text, period interval, zone text, origin timestamptz, elapsed boolean) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    local  CONSTANT timestamp := tally.local_time(origin, zone);
    days   CONSTANT int := (extract(epoch FROM period) / 86400)::int;
    months CONSTANT boolean := date_trunc('month', period) <> interval '0';
BEGIN
    IF origin IS NULL THEN RETURN NULL; END IF;
    IF elapsed OR NOT COALESCE(isfinite(local) AND local = date_trunc('day', local), false)
       OR months AND (period <> interval '1 month' OR extract(day FROM local) > 28) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('origin of retention %L must be a midnight of zone %L at which a period of the calendar begins, got %L', label, zone,
                   tally_internal._origin_text(origin)),
            'Periods with an origin are days, weeks, or months that begin on one of the first 28 days. Widths in hours are counted from each actor''s start.',
            format('SELECT tally.create_retention(%L, …, period => ''1 week'', zone => %L, origin => %L);', label, zone,
                   tally_internal._origin_text(timestamp '2000-01-02 00:00' AT TIME ZONE zone)));
    END IF;
    RETURN CASE WHEN months THEN extract(day FROM local)::int - 1 ELSE ((local::date - date '2000-01-03') % days + days) % days END;
END $$;
COMMENT ON FUNCTION tally_internal._days_later(text, interval, text, timestamptz, boolean) IS
'How many days after Mondays, or after the first of a month, the periods of a retention begin, by its origin; null without one, an error for '
    'one that cannot be.';

CREATE OR REPLACE FUNCTION tally_internal._retention_measures(given jsonb, at text, elapsed boolean, later int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
            'entry', format('pg_catalog.min(%s) FILTER (WHERE %s)', at, given ->> 'start'),
            'retained', format('tally.retention(pg_catalog.array_agg(%1$s) FILTER (WHERE %2$s), pg_catalog.array_agg(%1$s) FILTER (WHERE %3$s), '
                '%4$L::interval, %5$s, ''infinity''::timestamptz, %6$L, %7$L%8$s)', at, given ->> 'start', given ->> 'return',
                given ->> 'period', given ->> 'periods', CASE WHEN NOT elapsed THEN given ->> 'zone' END, given ->> 'mode', ', ' || later))
        || COALESCE((SELECT jsonb_object_agg(t.name, format('(pg_catalog.array_agg((%1$s)::text ORDER BY %2$s, (%1$s)::text) FILTER (WHERE %3$s))[1]',
                                                            t.expression, at, given ->> 'start'))
                       FROM tally_internal._funnel_touches(given) t), '{}')
$$;
COMMENT ON FUNCTION tally_internal._retention_measures(jsonb, text, boolean, int) IS
'Measures of a retention''s rollup per actor: when the actor started, in which periods it was seen again, and the dimensions of its start event.';

CREATE OR REPLACE FUNCTION tally_internal._check_every_start(label text, origin timestamptz, given jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF origin IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('retention %L can have an origin or every_start, got both', label),
            'With every_start, weeks begin on Mondays and months on the first.',
            format('SELECT tally.create_retention(%L, %L, %L, %L, "start" => %L, return => %L, period => %L, zone => %L, every_start => true);', label,
                   given ->> 'source', given ->> 'time_column', given ->> 'actor', given ->> 'start', given ->> 'return', given ->> 'period',
                   given ->> 'zone'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_every_start(text, timestamptz, jsonb) IS 'An error where a retention with every start has an origin too.';

CREATE OR REPLACE FUNCTION tally_internal._retention_times(given jsonb, at text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('starts', format('pg_catalog.array_agg(%1$s ORDER BY %1$s) FILTER (WHERE %2$s)', at, given ->> 'start'),
                              'returns', format('pg_catalog.array_agg(%1$s ORDER BY %1$s) FILTER (WHERE %2$s)', at, given ->> 'return'))
        || COALESCE((SELECT jsonb_object_agg(tally_internal._inner_name('values_of_', t.name),
                         format('pg_catalog.array_agg((%1$s)::text ORDER BY %2$s, (%1$s)::text) FILTER (WHERE %3$s)', t.expression, at, given ->> 'start'))
                       FROM tally_internal._funnel_touches(given) t), '{}')
$$;
COMMENT ON FUNCTION tally_internal._retention_times(jsonb, text) IS
'Measures of the rollup per actor behind a retention with every start: the times of its starts and of its returns, and the dimensions of each start.';

CREATE OR REPLACE FUNCTION tally_internal._cohort_rows(given jsonb, elapsed boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('tally.retention_every(starts, returns, %L::interval, %s, ''infinity''::timestamptz, %L, %L) AS _cohort(_entry, _retained)',
                  given ->> 'period', given ->> 'periods', CASE WHEN NOT elapsed THEN given ->> 'zone' END, given ->> 'mode')
$$;
COMMENT ON FUNCTION tally_internal._cohort_rows(jsonb, boolean) IS
'SQL text that makes a row for each cohort of an actor out of the times of its starts and returns.';

CREATE OR REPLACE FUNCTION tally_internal._cohort_measures(given jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Each is an aggregate over the one row of its cohort.
    SELECT jsonb_build_object('entry', 'pg_catalog.min(_entry)', 'retained', 'pg_catalog.min(_retained)')
        || COALESCE((SELECT jsonb_object_agg(t.name, format('pg_catalog.min(%I[pg_catalog.array_position(starts, _entry)])',
                                                            tally_internal._inner_name('values_of_', t.name)))
                       FROM tally_internal._funnel_touches(given) t), '{}')
$$;
COMMENT ON FUNCTION tally_internal._cohort_measures(jsonb) IS
'Measures of the rollup with a row for each actor and cohort: the first start in it, in which periods the actor was seen again, and the dimensions of that '
    'start.';

CREATE OR REPLACE FUNCTION tally_internal._check_period(label text, period interval, zone text, elapsed boolean, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF elapsed AND date_trunc('month', period) <> interval '0' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('period of retention %L must be a fixed width where it is counted from each actor''s start, got %L', label, period::text),
            'Months have no fixed length; by the calendar of a zone they are periods too.',
            again);
    -- Cohorts are counted by periods that the kernel's retention() knows.
    ELSIF NOT elapsed AND tally_internal._bucket_rule(period, zone) LIKE 'calendar %@%' THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('period %L of retention %L is no unit of the calendar of zone %L', period::text, label, zone),
            'By a calendar periods are one day, one week, one month, three months or one year; in UTC also any number of days. '
                     'Hours, and all widths with zone => NULL, are counted from each actor''s start.',
            again);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_period(text, interval, text, boolean, text) IS
'An error where a retention cannot count by a period; again is the statement to run instead.';

CREATE OR REPLACE FUNCTION tally_internal._period_past_sql(rule text, start text, period text, elapsed boolean, as_of text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Periods are counted from each actor's start. For actors that start at the end of the cohort's bucket, a period ends a bucket later.
    SELECT format('tally_internal._bucket_shifted(%L, %s, %s + %s) <= %s', rule, start, period, CASE WHEN elapsed THEN 2 ELSE 1 END, as_of)
$$;
COMMENT ON FUNCTION tally_internal._period_past_sql(text, text, text, boolean, text) IS
'SQL text for "so many periods after start, the period is wholly past for the whole cohort"; elapsed: periods are counted from each actor''s own start.';

CREATE OR REPLACE FUNCTION tally_internal._counts_elapsed(definition jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT definition ->> 'zone' IS NULL OR p.period NOT IN (date_trunc('month', p.period), date_trunc('day', p.period) - date_trunc('month', p.period))
      FROM (SELECT (definition ->> 'period')::interval) p(period)
$$;
COMMENT ON FUNCTION tally_internal._counts_elapsed(jsonb) IS
'Whether a retention counts its periods from each actor''s own start: without a zone, and for widths that no calendar has.';

CREATE OR REPLACE FUNCTION tally_internal._retention_query(r tally.rollups, origin regclass, elapsed boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s, p.period, r.actors, p.retained, p.share FROM %s r CROSS JOIN LATERAL tally.retention_periods(r.retention) p WHERE %s AND %s',
                  tally_internal._columns_sql(tally_internal._resolved(r), 'r.%I', ', ', 'key'), origin,
                  tally_internal._period_past_sql(tally_internal._bucket_rule_of(r), 'r.bucket', 'p.period', elapsed, 'pg_catalog.now()'),
                  tally_internal._flat_gate_sql(r.relation))
$$;
COMMENT ON FUNCTION tally_internal._retention_query(tally.rollups, regclass, boolean) IS
'The SELECT behind a flat view of a retention''s cohorts, over the rollup of its counts or over that one''s live view.';

CREATE OR REPLACE FUNCTION tally_internal._retention_view(label text, suffix text, counts regclass, origin regclass, elapsed boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    target text;
    item   record;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.relation = counts;
    SELECT format('%I.%I', n.nspname, label || suffix) INTO target FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = counts;
    EXECUTE format('CREATE VIEW %s AS %s', target, tally_internal._retention_query(r, origin, elapsed));
    PERFORM tally_internal._owner_only(target);
    EXECUTE format('COMMENT ON VIEW %s IS %L', target,
                   format('Retention %s: a row per cohort, dimension and period that is wholly past, %s. Made by pg_tally.', label,
        CASE WHEN origin = counts THEN 'as of its last refresh' ELSE 'exact at every moment' END));
    FOR item IN SELECT * FROM (VALUES ('bucket', 'Start of the cohort: the period in which its actors started.'),
                               ('period', 'Periods since the start, from 0.'),
                    ('actors', 'Actors of the cohort.'), ('retained', 'Those of them seen again.'), ('share', 'Their share.')) c(name, words)
                UNION ALL SELECT d.name, format('Dimension: %s of the start.', d.name) FROM tally.dimensions d WHERE d.rollup_id = r.id LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._retention_view(text, text, regclass, regclass, boolean) IS 'Makes a flat view of a retention''s cohorts, stored or live.';

CREATE OR REPLACE FUNCTION tally.retention(
    name    text,
    since   text DEFAULT '-infinity',
    until   text DEFAULT 'now',
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}',
    live    boolean DEFAULT true,
    as_of   timestamptz DEFAULT now()
) RETURNS TABLE (labels jsonb, period int, eligible bigint, retained bigint, share float8)
LANGUAGE plpgsql STABLE ROWS 30 SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_variable
DECLARE
    b     tally.behaviours := tally_internal._behaviour(name, 'retention');
    r     tally.rollups;
    call  text := format('SELECT * FROM tally.retention(%L', name);
    first timestamptz;
    last  timestamptz;
    most  bigint;
    n     bigint;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = b.counts;
    PERFORM tally_internal._check_dimensions(r, by, 'by');
    SELECT a.first, a.last, a.most INTO first, last, most FROM tally_internal._asked_range(r, since, until, as_of, call) a;
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe(r, format(
        'SELECT g.labels, p.period, sum(p.eligible)::bigint, sum(p.retained)::bigint, sum(p.retained)::float8 / sum(p.eligible)::float8 '
        'FROM (SELECT %s AS labels, bucket, retention FROM %s WHERE bucket >= $1 AND bucket < $2%s) g CROSS JOIN LATERAL '
            'tally.retention_periods(g.retention) p '
        'WHERE %s GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $4',
        tally_internal._labels_sql(by), CASE WHEN live THEN tally_internal._live_for_reader(r)
            ELSE r.relation END, COALESCE(' AND ' || tally_internal._where_sql(r, "where"), ''),
        tally_internal._period_past_sql(tally_internal._bucket_rule_of(r), 'g.bucket', 'p.period', tally_internal._counts_elapsed(b.definition), '$3')))
        USING first, last, as_of, most + 1;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM tally_internal._check_rows(n, most, 'a retention', call || ', by => ''{}'');');
END $$;
COMMENT ON FUNCTION tally.retention(text, text, text, text[], jsonb, boolean, timestamptz) IS
'The retention curve of the cohorts that begin in [since, until): for each period, how many actors it is wholly past for (eligible), how many of those were '
    'seen again, and the share. Arguments as in timeseries(). Runs with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally.drop_retention(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._drop_behaviour(tally_internal._behaviour($1, 'retention')) $$;
COMMENT ON FUNCTION tally.drop_retention(text) IS 'Drops a retention: its views and its rollups. Source rows stay.';
