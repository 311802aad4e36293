-- Owns: the checks of an experiment before anything is made. Each error names the statement that works.

CREATE OR REPLACE FUNCTION tally_internal._check_experiment_column(what text, relation regclass, given text, argument text, again text) RETURNS regtype
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ regtype;
BEGIN
    SELECT a.atttypid INTO found_ FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = given AND a.attnum > 0 AND NOT a.attisdropped;
    IF found_ IS NULL THEN
        PERFORM tally_internal._refuse('undefined_column', format('%s needs a column of %s as %s, got %s', what, relation, argument,
                                                                  COALESCE(quote_literal(given), 'NULL')),
            format('%s has the columns %s.', relation, (SELECT string_agg(quote_literal(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                                                         WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped)), again);
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._check_experiment_column(text, regclass, text, text, text) IS
'The type of a column that an experiment or its metric names; an error that lists the columns where there is none. again is the statement to run instead.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_arms(arms json, label text) RETURNS TABLE (arm text, weight float8, parameters jsonb, place bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    again text := format('SELECT tally.create_experiment(%L, …, arms => ''{"control": 1, "new": {"weight": 1, "budget": 100}}'');', label);
    total float8;
    bad   text;
BEGIN
    IF json_typeof(arms) IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('arms of experiment %L must be an object of arms with their weights, got %s', label,
                                                                         COALESCE(arms::text, 'NULL')),
            'An arm is {"name": weight}, or {"name": {"weight": weight, …}} with parameters of the arm.', again);
    END IF;
    SELECT string_agg(format('%s: %s', e.key, e.value), ', ') INTO bad FROM json_each(arms) e,
           LATERAL (SELECT CASE json_typeof(e.value) WHEN 'number' THEN e.value #>> '{}'
                                WHEN 'object' THEN CASE json_typeof(e.value -> 'weight') WHEN 'number' THEN e.value ->> 'weight' END END) w(given)
     -- A number of json may be greater, or nearer to 0, than float8 holds, and so may be what is computed of several.
     WHERE e.key = '' OR w.given IS NULL OR CASE WHEN length(w.given) > 400 OR w.given ~ '[eE][+-]?[0-9]{4}' THEN true
           ELSE w.given::numeric <> 0 AND w.given::numeric NOT BETWEEN 1e-100 AND 1e100 END;
    SELECT sum((CASE json_typeof(e.value) WHEN 'object' THEN e.value ->> 'weight' ELSE e.value #>> '{}' END)::float8) INTO total FROM json_each(arms) e
     WHERE bad IS NULL;
    IF bad IS NOT NULL OR total IS NULL OR total <= 0 OR (SELECT count(DISTINCT e.key) < 2 OR count(*) > count(DISTINCT e.key) FROM json_each(arms) e) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('arms of experiment %L must be two or more, each once, with weights of 0 or more that do not sum to 0, got %s', label, arms),
            COALESCE('Wrong is ' || left(bad, 1000) || '. A weight is 0, or from 1e-100 to 1e100.', format('The weights sum to %s.', COALESCE(total, 0))),
            again);
    END IF;
    RETURN QUERY SELECT e.key, (CASE json_typeof(e.value) WHEN 'object' THEN e.value ->> 'weight' ELSE e.value #>> '{}' END)::float8 / total,
        CASE json_typeof(e.value) WHEN 'object' THEN e.value::jsonb - 'weight' ELSE '{}' END, e.n FROM json_each(arms) WITH ORDINALITY e(key, value, n);
END $$;
COMMENT ON FUNCTION tally_internal._experiment_arms(json, text) IS
'Arms as they were given, with their share of the weights and their parameters; an error where they are no arms.';

CREATE OR REPLACE FUNCTION tally_internal._check_experiment(label text, given jsonb, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[] := ARRAY(SELECT a ->> 'arm' FROM jsonb_array_elements(given -> 'arms') a);
    problem text;
BEGIN
    problem := CASE
        WHEN octet_length(label) NOT BETWEEN 1 AND 40 THEN format('a name of 1 to 40 bytes, got %s bytes', octet_length(label))
        WHEN NOT given ->> 'control' = ANY (names) THEN format('a control that is one of its arms (%s), got %L', array_to_string(names, ', '),
                                                               given ->> 'control')
        WHEN tally_internal._no_length((given ->> 'window')::interval, '1 second', '366 days', false) THEN
            format('a window from 1 second to 366 days, without months, got %s', COALESCE(given ->> 'window', 'NULL'))
        WHEN tally_internal._no_length((given ->> 'delay')::interval, '0', '366 days', false) THEN
            format('a delay from 0 to 366 days, without months, got %s', COALESCE(given ->> 'delay', 'NULL'))
        WHEN COALESCE((given ->> 'covariate_days')::int, -1) NOT BETWEEN 0 AND 366 THEN
            format('covariate_days from 0 to 366, got %s', COALESCE(given ->> 'covariate_days', 'NULL'))
        WHEN COALESCE(given ->> 'twice', '') NOT IN ('exclude', 'first') THEN
            format('twice to be exclude or first, got %L', given ->> 'twice')
        WHEN COALESCE(given ->> 'correction', '') NOT IN ('holm', 'benjamini_hochberg', 'none') THEN
            format('correction to be holm, benjamini_hochberg or none, got %L', given ->> 'correction')
        WHEN NOT COALESCE((given ->> 'alpha')::float8 > 0 AND (given ->> 'alpha')::float8 < 0.5, false) THEN
            format('alpha between 0 and 0.5, got %s', COALESCE(given ->> 'alpha', 'NULL'))
        WHEN (given ->> 'planned_units')::bigint < 1 THEN format('planned_units of 1 or more, got %s', given ->> 'planned_units')
        WHEN (given ->> 'ends')::date < (given ->> 'starts')::date THEN format('ends not before starts, got %s and %s', given ->> 'starts', given ->> 'ends')
    END;
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('experiment %L needs %s', label, problem),
            'Nothing was made.', again);
    END IF;
    PERFORM tally_internal._check_zone(given ->> 'zone');
END $$;
COMMENT ON FUNCTION tally_internal._check_experiment(text, jsonb, text) IS
'An error where windows, dates, control or choices of an experiment cannot be; again is the statement to run instead.';

CREATE OR REPLACE FUNCTION tally_internal._check_arms_seen(label text, given jsonb, path text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strange text;
BEGIN
    PERFORM set_config('search_path', tally_internal._bound_path(path), true);
    EXECUTE format('SELECT pg_catalog.string_agg(pg_catalog.quote_literal(x.arm), '', '' ORDER BY x.arm) FROM (SELECT DISTINCT (%s)::text AS arm FROM %s '
        'WHERE %s%s) x '
                   'WHERE x.arm <> ALL ($1)', given ->> 'arm', given ->> 'exposures', COALESCE('(' || (given ->> 'where') || ')', 'true'),
                   COALESCE(' AND ' || quote_ident(given ->> 'experiment_column') || '::text = ' || quote_literal(given ->> 'experiment_key'), ''))
       INTO strange USING ARRAY(SELECT a ->> 'arm' FROM jsonb_array_elements(given -> 'arms') a);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF strange IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('experiment %L expects the arms %s, got exposures of %s', label,
                (SELECT string_agg(quote_literal(a ->> 'arm'), ', ') FROM jsonb_array_elements(given -> 'arms') a), strange),
            'Each arm that units were shown is declared; with weight 0 where nobody should be in it.',
            format('SELECT tally.create_experiment(%L, …, arms => ''{…, %s: 0}'');', label, to_json((regexp_match(strange, '''(.*?)'''))[1])));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_arms_seen(text, jsonb, text) IS 'An error where exposures show an arm that the experiment does not declare.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_least_k(e tally.experiments, k int) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l tally.limits;
BEGIN
    SELECT x.* INTO l FROM tally.rollups r, tally_internal._may_ask(r.owner, r.relation) x WHERE r.id = e.units;
    RETURN GREATEST(k, l.min_people);
END $$;
COMMENT ON FUNCTION tally_internal._experiment_least_k(tally.experiments, int) IS
'The k of a report for the current role: the one asked for, or the owner''s limit min_people where that is more; an error where a limit does not let the '
'role ask.';
