-- Owns: create_metric, drop_metric, rename_metric, and finding a metric by its name.

CREATE OR REPLACE FUNCTION tally.create_metric(
    name        text,
    rollup      text,
    expression  text,
    unit        text DEFAULT NULL,
    description text DEFAULT NULL,
    direction   text DEFAULT 'neutral',
    samples     text DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r       tally.rollups := tally_internal._rollup(rollup);
    old     tally.metrics;
    made    tally.metrics;
    changes text;
BEGIN
    IF NOT tally_internal._has_rights_of(r.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('metrics of rollup %L can only be made by its owner %s, got %I', r.name, r.owner, current_user),
            'A metric adds a column to a view that the rollup''s owner owns.',
            format('SET ROLE %s;', r.owner));
    END IF;
    PERFORM tally_internal._check_metric_name(name, r);
    expression := tally_internal._one_expression(expression, format('metric %L', name));
    old := tally_internal._metric_in(r, name);
    PERFORM tally_internal._check_metric(name, r, expression, direction, old);
    SELECT x.resolved, x.type, x.measures INTO made.resolved, made.type, made.measures FROM tally_internal._resolve_metric(name, r, expression, search_path) x;
    made.name := name;
    made.rollup_id := r.id;
    made.search_path := search_path;
    made.expression := expression;
    made.unit := unit;
    made.description := description;
    made.direction := direction;
    made.samples := tally_internal._samples_measure(r, samples, made);
    IF made.samples IS NULL AND samples IS NOT NULL THEN
        PERFORM tally_internal._refuse_samples(name, r, samples);
    END IF;

    changes := tally_internal._metric_changes(old, made);
    IF old.id IS NOT NULL AND changes IS NULL AND NOT EXISTS (SELECT b.metric_id FROM tally.broken_metrics b WHERE b.metric_id = old.id) THEN
        PERFORM tally_internal._note_unchanged(format('metric %L', name));
        RETURN name;
    END IF;
    PERFORM tally_internal._store_metric(made);
    IF old.id IS NOT NULL THEN
        RAISE NOTICE USING MESSAGE = format('metric %L changed', name), DETAIL = COALESCE(changes, 'It is computed for all stored rows again.');
    END IF;
    PERFORM tally_internal._build_metrics_view(r.id);
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_metric(text, text, text, text, text, text, text, text) IS
'Defines a metric: name; rollup; expression over its merged measures, such as retries::float8 / nullif(turns, 0); unit; description; direction (up_is_good, '
    'down_is_good, neutral); samples (the measure that counts observations; default the count it divides by, else count(*)). Adds a column to the view '
    '<rollup>_metrics. If you define it again with changes, the new definition replaces the old one, and a notice says what changed.';

CREATE OR REPLACE FUNCTION tally_internal._check_metric(name text, r tally.rollups, expression text, direction text, old tally.metrics) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF r.key IS NOT NULL THEN
        PERFORM tally_internal._refuse('wrong_object_type',
            format('metric %L needs a rollup over time, but %L is one per %s', name, r.name, tally_internal._key_names(r.key, '%2$s')),
            'A metric has a value for each bucket of time. A rollup over time can stand on one per key: take a measure that is a time as the time column.',
            format('SELECT tally.create_rollup(%L, %L, time_column => …, bucket => ''1 day'');', r.name || '_daily', r.relation::text));
    END IF;
    IF direction IS NULL OR direction NOT IN ('up_is_good', 'down_is_good', 'neutral') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('direction of metric %L must be up_is_good, down_is_good or neutral, got %s', name, COALESCE(quote_literal(direction), 'NULL')),
            NULL,
            format('SELECT tally.create_metric(%L, %L, %L, direction => ''down_is_good'');', name, r.name, expression));
    END IF;
    IF old.rollup_id <> r.id THEN
        PERFORM tally_internal._refuse('duplicate_object',
            format('metric %L exists already, on rollup %L', name, (SELECT x.name FROM tally.rollups x WHERE x.id = old.rollup_id)),
            format('Its expression is %s.', old.expression),
            format('SELECT tally.drop_metric(%L);', tally_internal._called(old)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_metric(text, tally.rollups, text, text, tally.metrics) IS
'Refuses a metric that its rollup cannot have: one on a rollup per key, with a direction that there is not, or by the name of another rollup''s metric.';

CREATE OR REPLACE FUNCTION tally_internal._metric_changes(old tally.metrics, made tally.metrics) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('%s: %s to %s', c.what, COALESCE(c.was, 'none'), COALESCE(c.now, 'none')), '; ')
      FROM (VALUES ('expression', old.expression, made.expression), ('meaning', old.resolved, made.resolved), ('unit', old.unit, made.unit),
                   ('description', old.description, made.description), ('direction', old.direction, made.direction),
                   ('samples', old.samples, made.samples)) c(what, was, now)
     WHERE c.was IS DISTINCT FROM c.now AND NOT (c.what = 'meaning' AND old.expression <> made.expression)
$$;
COMMENT ON FUNCTION tally_internal._metric_changes(tally.metrics, tally.metrics) IS
'What differs between two definitions of a metric, in words; NULL where nothing does.';

CREATE OR REPLACE FUNCTION tally_internal._check_metric_name(name text, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF name IS NULL OR name = '' OR octet_length(name) > 63 THEN
        PERFORM tally_internal._refuse('invalid_name',
            format('a metric''s name must have 1 to 63 bytes, got %s', COALESCE(quote_literal(name), 'NULL')),
            'It becomes a column of a view.',
            format('SELECT tally.create_metric(''turns_per_session'', %L, …);', r.name));
    ELSIF name = 'bucket' OR EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name = $1) THEN
        PERFORM tally_internal._refuse('duplicate_column',
            format('metric %L has the name of a dimension of rollup %L, or of its bucket', name, r.name),
            format('Both would be columns of the view %I.', r.name || '_metrics'),
            format('SELECT tally.create_metric(%L, %L, …);', name || '_value', r.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_metric_name(text, tally.rollups) IS 'An error where a name cannot be that of a metric of the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._samples_measure(r tally.rollups, samples text, m tally.metrics) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- First the count that the metric divides by, then count(*), then a count that it uses, then any count.
    SELECT x.name FROM tally.measures x
     WHERE x.rollup_id = r.id
       AND CASE WHEN samples IS NOT NULL THEN x.name = samples AND x.type IN ('bigint', 'integer', 'numeric', 'double precision')
                ELSE x.type = 'bigint' AND x.expression ~* '^\s*(pg_catalog\.)?(count|sum)\s*\(' END
     ORDER BY m.resolved ~ format('/ \(*(nullif\(|NULLIF\()?\(*%s\M', regexp_replace(quote_ident(x.name), '([^[:alnum:]_])', '\\\1', 'g')) DESC,
              x.expression ~* '^\s*(pg_catalog\.)?count\s*\(\s*\*\s*\)\s*$' DESC,
              x.name = ANY (m.measures) DESC, x.expression ~* '^\s*(pg_catalog\.)?count' DESC, x.ordinal LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._samples_measure(tally.rollups, text, tally.metrics) IS
'The measure that counts the observations behind a metric: the given one, else the count it divides by, else count(*), else another count.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_samples(name text, r tally.rollups, samples text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('undefined_column', format('samples of metric %L must be a measure that counts, got %L', name, samples),
        tally_internal._measures_of(r.id),
        format('SELECT m.name, m.expression FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.name = %L;', r.name));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_samples(text, tally.rollups, text) IS 'The error where samples does not name a measure that counts.';

CREATE OR REPLACE FUNCTION tally_internal._metric(name text) RETURNS tally.metrics
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.metrics;
BEGIN
    -- As in _rollup().
    SELECT * INTO found_ FROM tally.metrics m WHERE m.name = name AND strpos(name, '.') = 0
        AND NOT EXISTS (SELECT FROM tally.metrics x WHERE x.name = m.name AND x.id <> m.id);
    IF found_.id IS NULL THEN
        SELECT * INTO found_ FROM tally.metrics m WHERE m.id = (
            SELECT tally_internal._choose('metric', $1, array_agg(x.id), array_agg(COALESCE(tally_internal._schema_of(r.relation), '')), array_agg(x.name))
              FROM tally.metrics x JOIN tally.rollups r ON r.id = x.rollup_id WHERE x.name IN (SELECT w.name FROM tally_internal._readings($1) w));
    END IF;
    IF found_.id IS NULL THEN
        PERFORM tally_internal._refuse_ratio(name);
        PERFORM tally_internal._refuse('undefined_object', format('metric %L does not exist', name),
            COALESCE('Metrics most like it: ' || tally_internal._closest_names(name, (SELECT array_agg(m.name) FROM tally.metrics m)) || '.',
                              'There is no metric yet.'),
            'SELECT name, expression FROM tally.metrics ORDER BY name;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._metric(text) IS 'The metric of a name, or an error that lists near ones.';

CREATE OR REPLACE FUNCTION tally_internal._metric_in(r tally.rollups, name text) RETURNS tally.metrics
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.* FROM tally.metrics m JOIN tally.rollups x ON x.id = m.rollup_id
     WHERE m.name = $2 AND (x.id = r.id OR tally_internal._schema_of(x.relation) = tally_internal._schema_of(r.relation)) ORDER BY x.id = r.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._metric_in(tally.rollups, text) IS 'The metric that has a name in the schema of a rollup, where there is one.';

CREATE OR REPLACE FUNCTION tally_internal._called(m tally.metrics) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by((SELECT tally_internal._schema_of(r.relation) FROM tally.rollups r WHERE r.id = m.rollup_id), m.name,
                                     EXISTS (SELECT FROM tally.metrics x WHERE x.name = m.name AND x.id <> m.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.metrics) IS
'The name by which a metric is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._drop_metric(m tally.metrics) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    users text[] := ARRAY(SELECT tally_internal._called(x) FROM tally.ratios x WHERE m.id IN (x.metric_id, x.divisor_id) ORDER BY x.id);
BEGIN
    IF users <> '{}' THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist', format('metric %L cannot be dropped: ratios are made of it', m.name),
            format('Those are %s.', (SELECT string_agg(quote_literal(u), ', ') FROM unnest(users) u)),
            (SELECT string_agg(format('SELECT tally.drop_metric(%L);', u), ' ') FROM unnest(users) u));
    END IF;
    PERFORM tally_internal._announce('metric_drops', m.id);
    PERFORM tally_internal._forget_metric(m.id);
    PERFORM tally_internal._build_metrics_view(m.rollup_id);
EXCEPTION WHEN foreign_key_violation THEN
    PERFORM tally_internal._refuse('dependent_objects_still_exist',
        format('metric %L cannot be dropped: a threshold of another role watches it', m.name),
        'A role sees the thresholds of roles whose rights it has.',
        'Ask a superuser: SELECT name, owner FROM tally.thresholds;');
END $$;
COMMENT ON FUNCTION tally_internal._drop_metric(tally.metrics) IS 'Drops a metric and its column of the flat view, with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally.drop_metric(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x tally.ratios := tally_internal._find_ratio(name);
BEGIN
    IF x.id IS NOT NULL THEN
        PERFORM tally_internal._announce('ratio_drops', x.id);
        PERFORM tally_internal._forget_ratio(x.id);
    ELSE
        PERFORM tally_internal._drop_metric(tally_internal._metric(name));
    END IF;
END $$;
COMMENT ON FUNCTION tally.drop_metric(text) IS
'Drops a metric and its column of the flat view, or a ratio. Refused while thresholds watch it, ratios are made of it or other views stand on the column.';

CREATE OR REPLACE FUNCTION tally.rename_metric(name text, new_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    x tally.ratios := tally_internal._find_ratio(name);
    m tally.metrics;
BEGIN
    IF x.id IS NOT NULL THEN
        PERFORM tally_internal._store_ratio_name(x.id, new_name);
        RETURN;
    END IF;
    m := tally_internal._metric(name);
    PERFORM tally_internal._check_metric_name(new_name, (SELECT r FROM tally.rollups r WHERE r.id = m.rollup_id));
    PERFORM tally_internal._store_metric_name(m.id, new_name);
    -- The column is renamed, so that views on it stay.
    EXECUTE (SELECT format('ALTER VIEW %s RENAME COLUMN %I TO %I', v.view, m.name, new_name) FROM tally.metric_views v WHERE v.rollup_id = m.rollup_id);
    PERFORM tally_internal._build_metrics_view(m.rollup_id);
END $$;
COMMENT ON FUNCTION tally.rename_metric(text, text) IS
'Renames a metric and its column of the flat view, or a ratio; thresholds, incidents, ratios and views on it follow.';
