-- Owns: create_funnel and drop_funnel. A funnel is a rollup per actor, which holds each actor's chain, and a rollup over
-- time on it, by the time of the chain's first step. A late, changed or deleted event marks its actor; the actor's chain is
-- computed anew from all its events, so a chain may reach over any number of buckets; and writing it marks the bucket that
-- the actor enters and the one it leaves.

CREATE OR REPLACE FUNCTION tally.create_funnel(
    name        text,
    source      regclass,
    time_column text,
    actor       text,
    steps       json,
    "window"    interval DEFAULT '7 days',
    bucket      interval DEFAULT '1 day',
    dimensions  jsonb DEFAULT '[]',
    attribution text DEFAULT 'first',
    options     text DEFAULT 'once',
    exclude     jsonb DEFAULT '[]',
    "where"     text DEFAULT NULL,
    zone        text DEFAULT 'UTC',
    schedule    text DEFAULT '*/5 * * * *',
    description text DEFAULT NULL,
    with_data   boolean DEFAULT false,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts    text[] := tally_internal._name_parts(name);
    label    text := parts[array_upper(parts, 1)];
    home     text := tally_internal._target_schema(parts, search_path);
    prefix   text := COALESCE(quote_ident(home) || '.', '');
    given    jsonb := jsonb_build_object('source', source::text, 'time_column', time_column, 'actor', actor, 'steps',
                                         tally_internal._funnel_steps_of(steps, label),
                 'window', "window", 'bucket', bucket, 'dimensions', dimensions, 'attribution', attribution, 'options', options, 'exclude', exclude,
                      'where', tally_internal._one_expression("where", format('where of funnel %L', label)), 'zone', zone);
    names    text[] := ARRAY(SELECT s ->> 'name' FROM jsonb_array_elements(given -> 'steps') WITH ORDINALITY e(s, n) ORDER BY n);
    people   regclass;
    counts   regclass;
BEGIN
    counts := tally_internal._behaviour_just_so(home, label, 'funnel', given);
    IF counts IS NOT NULL THEN RETURN counts; END IF;
    -- Of each actor, the values at a step have other names.
    PERFORM tally_internal._check_own_names('funnel', label, given, '{bucket,path,entry,level}',
        '{bucket,funnel,step,name,actors,of_previous,of_first,seconds_mean,seconds_p50,seconds_p90}'::text[]
            || CASE WHEN attribution NOT LIKE 'step %' THEN ARRAY['path', 'entry', 'level', actor] END);
    PERFORM tally_internal._check_one_zone(format('funnel %L', label), source, zone,
        format('SELECT tally.create_funnel(%L, %L, %L, %L, %L, zone => ''UTC'');', label, source::text, time_column, actor, steps::text));
    people := tally.create_rollup(prefix || quote_ident(label || '_actors'), source, key => jsonb_build_array(actor)::text,
        measures => tally_internal._funnel_measures(given, label), "where" => tally_internal._funnel_filter(given, label), schedule => schedule, zone => zone,
            search_path => search_path, with_data => with_data,
        description => format('Funnel %s: the chain of each actor, the longest; then the earliest end, the latest start.', label));
    EXECUTE format('CREATE INDEX ON %s (entry)', people);
    counts := tally.create_rollup(prefix || quote_ident(label), people, time_column => 'entry', bucket => bucket, zone => zone, schedule => schedule,
                                  search_path => search_path,
        dimensions => tally_internal._funnel_dimensions(given), measures => '{"funnel": "tally.funnel_counts(path)"}', with_data => with_data,
        description => COALESCE(description || E'\n', '') || format('Funnel %s: actors by the bucket of their first step.', label));
    PERFORM tally_internal._funnel_view(label, '_steps', counts, names, counts);
    PERFORM tally_internal._funnel_view(label, '_steps_live', counts, names, (SELECT r.live_view FROM tally.rollups r WHERE r.relation = counts));
    PERFORM tally_internal._store_behaviour('funnel', counts, given);
    RETURN counts;
END $$;
COMMENT ON FUNCTION tally.create_funnel(text, regclass, text, text, json, interval, interval, jsonb, text, text, jsonb, text, text, text, text, boolean,
                                        text) IS
'Defines a funnel: steps ''{"visit": "kind = ''''visit''''", "pay": "…"}'' in order, per actor (a column), all within window of the first. Each actor counts '
    'once, by its longest chain, in the bucket of its first step. dimensions attribute the actor: attribution first or last (value of its first or last '
    'event) or step n; options as of tally.window_funnel; exclude ''[{"after": "visit", "before": "pay", "when": "…", "remove": false}]''. Makes the rollups '
    '<name>_actors and <name> and the views <name>_steps (as of the last refresh) and <name>_steps_live (exact now). The same definition again changes '
    'nothing.';

CREATE OR REPLACE FUNCTION tally_internal._behaviour_just_so(home text, label text, kind text, given jsonb) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    old     tally.behaviours;
    changes text;
BEGIN
    SELECT b.* INTO old FROM tally.behaviours b JOIN tally.rollups r ON r.id = b.counts
     WHERE b.name = label AND COALESCE(tally_internal._schema_of(r.relation), home) = home;
    IF old.counts IS NULL THEN RETURN NULL; END IF;
    -- The source may have got another name since.
    old.definition := old.definition || jsonb_build_object('source', (SELECT r.source::text FROM tally.rollups r
                                                                             WHERE r.id = (tally_internal._rollups_of(old))[1]));
    SELECT string_agg(format('%s: %s to %s', n.key, old.definition -> n.key, n.value), '; ') INTO changes
      FROM (SELECT k.key, given -> k.key AS value FROM jsonb_object_keys(old.definition || given) k(key)) n
     WHERE old.definition -> n.key IS DISTINCT FROM n.value;
    IF old.kind = kind AND changes IS NULL THEN
        PERFORM tally_internal._note_unchanged(format('%s %L', kind, label));
        PERFORM tally_internal._remake_relations((tally_internal._rollups_of(old))[1]);
        RETURN (SELECT r.relation FROM tally.rollups r WHERE r.id = old.counts);
    END IF;
    PERFORM tally_internal._refuse('duplicate_object',
        format('%s %L exists already%s', old.kind, label, CASE WHEN old.kind = kind THEN ' with another definition' ELSE '' END),
        CASE WHEN old.kind = kind THEN format('It would change %s.', changes) ELSE format('It is no %s.', kind) END,
        format('SELECT tally.drop_%s(%L);', old.kind, tally_internal._called(old)));
END $$;
COMMENT ON FUNCTION tally_internal._behaviour_just_so(text, text, text, jsonb) IS
'The counts of a funnel, retention or sessions that a schema has under this name with this very definition; makes again what of it is gone. Null where '
    'the schema has none; an error that lists what differs where it is defined otherwise.';

CREATE OR REPLACE FUNCTION tally_internal._called(b tally.behaviours) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by((SELECT tally_internal._schema_of(r.relation) FROM tally.rollups r WHERE r.id = b.counts), b.name,
                                     EXISTS (SELECT FROM tally.behaviours x WHERE x.name = b.name AND x.kind = b.kind AND x.counts <> b.counts))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.behaviours) IS
'The name by which a funnel, retention or sessions is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_steps_of(steps json, label text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb;
BEGIN
    -- It is json, because jsonb would sort the steps.
    SELECT jsonb_agg(jsonb_build_object('name', e.key, 'condition', CASE json_typeof(e.value) WHEN 'string' THEN
            to_jsonb(tally_internal._one_expression(e.value #>> '{}', format('step %L of funnel %L', e.key, label))) END) ORDER BY l.n, e.n) INTO result
      FROM (SELECT 1 AS n, steps AS item WHERE json_typeof(steps) = 'object'
            UNION ALL SELECT a.n, a.item FROM json_array_elements(CASE json_typeof(steps) WHEN 'array' THEN steps ELSE '[]' END) WITH ORDINALITY a(item, n)) l,
           json_each(CASE json_typeof(l.item) WHEN 'object' THEN l.item ELSE '{"": null}' END) WITH ORDINALITY e(key, value, n);
    IF result IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(result) s WHERE s ->> 'name' = '' OR jsonb_typeof(s -> 'condition') IS DISTINCT FROM 'string')
       OR (SELECT count(DISTINCT s ->> 'name') < count(*) FROM jsonb_array_elements(result) s) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('steps of funnel %L must be names with a condition each, no name twice, got %s', label, steps), NULL,
            'Use for example steps => ''{"visit": "kind = ''''visit''''", "pay": "kind = ''''pay''''"}''.');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_steps_of(json, text) IS
'Steps of a funnel, an object or an array of objects in order, as a list of {name, condition}.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_exclusions(given jsonb, label text) RETURNS TABLE (word text, condition text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item jsonb;
    i    int;
    j    int;
BEGIN
    FOR item IN SELECT e FROM jsonb_array_elements(CASE jsonb_typeof(given -> 'exclude') WHEN 'array' THEN given -> 'exclude'
                                                   ELSE jsonb_build_array(given -> 'exclude') END) e LOOP
        SELECT min(s.n) FILTER (WHERE s.name = item ->> 'after'), min(s.n) FILTER (WHERE s.name = item ->> 'before') INTO i, j
          FROM (SELECT e ->> 'name' AS name, n FROM jsonb_array_elements(given -> 'steps') WITH ORDINALITY l(e, n)) s;
        IF i IS NULL OR j IS NULL OR i >= j OR item ->> 'when' IS NULL THEN
            PERFORM tally_internal._refuse('invalid_parameter_value',
                format('exclude of funnel %L must name a step after which, a later one before which, and when, got %s', label, item), NULL,
                'Use for example exclude => ''[{"after": "visit", "before": "pay", "when": "kind = ''''refund''''"}]''.');
        END IF;
        word := format('exclude %s-%s%s', i, j, CASE WHEN (item ->> 'remove')::boolean THEN ' remove' ELSE '' END);
        condition := tally_internal._one_expression(item ->> 'when', format('exclude of funnel %L', label));
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_exclusions(jsonb, text) IS
'Exclusions of a funnel as options of tally.window_funnel, with their conditions in order.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_filter(given jsonb, label text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I IS NOT NULL', given ->> 'actor') || COALESCE(' AND (' || (given ->> 'where') || ')', '')
        -- Only the strict modes ask what else an actor did.
        || CASE WHEN given ->> 'options' LIKE '%strict%' THEN '' ELSE format(' AND (%s)', (
            SELECT string_agg(format('(%s)', c.condition), ' OR ' ORDER BY c.n)
              FROM (SELECT s ->> 'condition' AS condition, n FROM jsonb_array_elements(given -> 'steps') WITH ORDINALITY l(s, n)
                    UNION ALL SELECT x.condition, 1000 FROM tally_internal._funnel_exclusions(given, label) x) c)) END
$$;
COMMENT ON FUNCTION tally_internal._funnel_filter(jsonb, text) IS 'The condition on source rows that can matter to a funnel.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_at(given jsonb, label text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._time_as_timestamptz_sql(quote_ident(given ->> 'time_column'),
                                       tally_internal._time_type((given ->> 'source')::regclass, given ->> 'time_column', label),
                              given ->> 'zone')
$$;
COMMENT ON FUNCTION tally_internal._funnel_at(jsonb, text) IS 'SQL text of the time of a source row of a funnel or retention, a timestamptz.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_touches(given jsonb) RETURNS TABLE (name text, expression text, place bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(k.key, d.d #>> '{}'),
           COALESCE(tally_internal._one_expression(k.value, format('dimension %L', k.key)), quote_ident(d.d #>> '{}')), d.n
      FROM jsonb_array_elements(COALESCE(NULLIF(given -> 'dimensions', 'null'), '[]')) WITH ORDINALITY d(d, n)
      LEFT JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(d.d) WHEN 'object' THEN d.d ELSE '{}' END) k ON true
$$;
COMMENT ON FUNCTION tally_internal._funnel_touches(jsonb) IS 'Names and expressions of a funnel''s dimensions.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_measures(given jsonb, label text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at     text := tally_internal._funnel_at(given, label);
    words  text[] := ARRAY[given ->> 'options'] || ARRAY(SELECT x.word FROM tally_internal._funnel_exclusions(given, label) x);
    path   text := format('tally.funnel_path(%L::interval, %s, ARRAY[%s]::boolean[], %L)', given ->> 'window', at,
                (SELECT string_agg(format('(%s)', c.condition), ', ' ORDER BY c.n) FROM (
                    SELECT s ->> 'condition' AS condition, n FROM jsonb_array_elements(given -> 'steps') WITH ORDINALITY l(s, n)
                    UNION ALL SELECT x.condition, 1000 + x.n FROM ROWS FROM (tally_internal._funnel_exclusions(given, label)) WITH ORDINALITY x(word,
                            condition, n)) c),
                array_to_string(words, ', '));
    step   int := (regexp_match(given ->> 'attribution', '^step (\d{1,2})$'))[1]::int;
    result jsonb;
BEGIN
    IF step IS NULL AND COALESCE(given ->> 'attribution', '') NOT IN ('first', 'last') OR step NOT BETWEEN 1 AND jsonb_array_length(given -> 'steps') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('attribution of funnel %L must be first, last or step 1 to step %s, got %s', label, jsonb_array_length(given -> 'steps'),
                             COALESCE(given ->> 'attribution', 'NULL')), NULL,
            'Use for example attribution => ''first''.');
    END IF;
    result := jsonb_build_object('path', path, 'entry', format('(%s)[1]', path), 'level', format('pg_catalog.cardinality(%s)', path));
    IF step IS NULL THEN
        -- If two values have the same time, the first in order is taken, so that the order of rows does not matter.
        RETURN result || COALESCE((SELECT jsonb_object_agg(t.name,
                                                           format('(pg_catalog.array_agg((%1$s)::text ORDER BY %2$s %3$s, (%1$s)::text) FILTER (WHERE (%1$s) '
            'IS NOT NULL AND %2$s IS NOT NULL))[1]',
            t.expression, at, CASE WHEN given ->> 'attribution' = 'last' THEN 'DESC' ELSE 'ASC' END)) FROM tally_internal._funnel_touches(given) t), '{}');
    END IF;
    RETURN result || COALESCE((SELECT jsonb_object_agg(tally_internal._inner_name('', t.name, s.suffix),
                                                       format('pg_catalog.array_agg(%s ORDER BY %s, (%s)::text) FILTER (WHERE (%s) AND %2$s IS NOT NULL)',
            CASE s.suffix WHEN '_at' THEN at ELSE format('(%s)::text', t.expression) END, at, t.expression, given -> 'steps' -> step - 1 ->> 'condition'))
        FROM tally_internal._funnel_touches(given) t, (VALUES ('_at'), ('_values')) s(suffix)), '{}');
END $$;
COMMENT ON FUNCTION tally_internal._funnel_measures(jsonb, text) IS
'What a funnel keeps of each actor: its chain, its entry and level, and what its dimensions are told from.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_dimensions(given jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(CASE WHEN given ->> 'attribution' LIKE 'step %'
        -- The value of the event that the chain took as this step. Actors that did not reach the step have none.
        THEN jsonb_build_object(t.name, format('%I[pg_catalog.array_position(%I, path[%s])]', tally_internal._inner_name('', t.name, '_values'),
                                               tally_internal._inner_name('', t.name, '_at'), substr(given ->> 'attribution', 6)))
        ELSE to_jsonb(t.name) END ORDER BY t.place, t.name), '[]') FROM tally_internal._funnel_touches(given) t
$$;
COMMENT ON FUNCTION tally_internal._funnel_dimensions(jsonb) IS 'Dimensions of a funnel''s counts, over the row of each actor.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_query(r tally.rollups, names text[], origin regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s, s.step, s.name, s.actors, s.of_previous, s.of_first, s.seconds_mean, s.seconds_p50, s.seconds_p90 '
                  'FROM %s r CROSS JOIN LATERAL tally.funnel_steps(r.funnel, %L::text[]) s WHERE %s',
                  tally_internal._columns_sql(tally_internal._resolved(r), 'r.%I', ', ', 'key'), origin, names, tally_internal._flat_gate_sql(r.relation))
$$;
COMMENT ON FUNCTION tally_internal._funnel_query(tally.rollups, text[], regclass) IS
'The SELECT behind a flat view of a funnel''s steps, over the rollup of its counts or over that one''s live view.';

CREATE OR REPLACE FUNCTION tally_internal._funnel_view(label text, suffix text, counts regclass, names text[], origin regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    target text;
    item   record;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.relation = counts;
    SELECT format('%I.%I', n.nspname, label || suffix) INTO target FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = counts;
    EXECUTE format('CREATE VIEW %s AS %s', target, tally_internal._funnel_query(r, names, origin));
    PERFORM tally_internal._owner_only(target);
    EXECUTE format('COMMENT ON VIEW %s IS %L', target, format('Funnel %s: a row per bucket, dimension and step, %s. Made by pg_tally.', label,
        CASE WHEN origin = counts THEN 'as of its last refresh' ELSE 'exact at every moment' END));
    FOR item IN SELECT * FROM (VALUES ('bucket', 'Start of the bucket of the first step.'), ('step', 'Number of the step, from 1.'),
                               ('name', 'Name of the step.'),
                    ('actors', 'Actors who came this far.'), ('of_previous', 'Their share of those of the step before.'),
                        ('of_first', 'Their share of those of step 1.'),
                    ('seconds_mean', 'Mean seconds since the step before.'), ('seconds_p50', 'Median seconds since the step before.'),
                    ('seconds_p90', 'Seconds since the step before that nine in ten stay under.')) c(name, words)
                UNION ALL SELECT d.name, format('Dimension: %s of the actor.', d.name) FROM tally.dimensions d WHERE d.rollup_id = r.id LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_view(text, text, regclass, text[], regclass) IS
'Makes a flat view of a funnel''s steps over its counts, stored or live.';
