-- Owns: ratios, metrics that divide a metric by another: create_ratio, finding one by its name, and what writes them into the catalogue.

CREATE OR REPLACE FUNCTION tally_internal._find_ratio(name text) RETURNS tally.ratios
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    id int;
BEGIN
    -- Most databases have none, and dashboards ask for each of their metrics.
    IF NOT EXISTS (SELECT FROM tally.ratios) THEN RETURN NULL; END IF;
    IF NOT EXISTS (SELECT FROM tally.ratios x WHERE x.name IN (SELECT w.name FROM tally_internal._readings(name) w)) THEN RETURN NULL; END IF;
    id := (SELECT tally_internal._choose('metric', name, array_agg(k.id), array_agg(COALESCE(tally_internal._schema_of(r.relation), '')), array_agg(k.name))
             FROM (SELECT m.id, m.name, m.rollup_id FROM tally.metrics m
                   UNION ALL SELECT -x.id, x.name, m.rollup_id FROM tally.ratios x JOIN tally.metrics m ON m.id = x.metric_id) k
             JOIN tally.rollups r ON r.id = k.rollup_id WHERE k.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    RETURN (SELECT x FROM tally.ratios x WHERE x.id = -id);
END $$;
COMMENT ON FUNCTION tally_internal._find_ratio(text) IS 'The ratio that a name means, among metrics and ratios; null where it means none.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_in(r tally.rollups, name text) RETURNS tally.ratios
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.* FROM tally.ratios x JOIN tally.metrics m ON m.id = x.metric_id JOIN tally.rollups o ON o.id = m.rollup_id
     WHERE x.name = $2 AND tally_internal._schema_of(o.relation) = tally_internal._schema_of(r.relation) LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._ratio_in(tally.rollups, text) IS 'The ratio that has a name in the schema of a rollup, where there is one.';

CREATE OR REPLACE FUNCTION tally_internal._called(x tally.ratios) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by((SELECT tally_internal._schema_of(r.relation) FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
                                       WHERE m.id = x.metric_id), x.name,
                                     EXISTS (SELECT FROM tally.metrics m WHERE m.name = x.name)
                                     OR EXISTS (SELECT FROM tally.ratios o WHERE o.name = x.name AND o.id <> x.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.ratios) IS
'The name by which a ratio is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_words(x tally.ratios) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s%s / %s%s', n.name, COALESCE(' over ' || x.metric_window, ''), d.name, COALESCE(' over ' || x.divisor_window, ''))
      FROM tally.metrics n, tally.metrics d WHERE n.id = x.metric_id AND d.id = x.divisor_id
$$;
COMMENT ON FUNCTION tally_internal._ratio_words(tally.ratios) IS 'What a ratio divides by what, in words.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_ratio(name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    x tally.ratios := tally_internal._find_ratio(name);
BEGIN
    IF x.id IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._refuse('wrong_object_type', format('a metric of one rollup expected here, got the ratio %L (%s)', name,
                                                               tally_internal._ratio_words(x)),
        'timeseries(), metric_value(), report(), report_page(), report_sql() and create_threshold() read a ratio. A board draws it from a view.',
        format('SELECT * FROM tally.timeseries(%L, since => ''30 days'');', tally_internal._called(x)));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_ratio(text) IS 'An error where a name means a ratio, for what takes a metric of one rollup alone.';

CREATE OR REPLACE FUNCTION tally_internal._check_ratio_name(name text, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    x tally.ratios := tally_internal._ratio_in(r, name);
BEGIN
    IF x.id IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_object', format('metric %L exists already, as a ratio', name),
            format('It is %s.', tally_internal._ratio_words(x)), format('SELECT tally.drop_metric(%L);', tally_internal._called(x)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_ratio_name(text, tally.rollups) IS 'An error where a ratio has a name in the schema of a rollup.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_name_of_metric(name text, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (tally_internal._metric_in(r, name)).id IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_object', format('ratio %L has the name of a metric', name),
            'What reads a metric reads a ratio too, so the two must not share a name.',
            format('SELECT tally.create_ratio(%L, …);', name || '_ratio'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_name_of_metric(text, tally.rollups) IS 'An error where a metric has a name in the schema of a rollup, for a ratio.';

CREATE OR REPLACE FUNCTION tally_internal._check_name_of_ratio(x tally.ratios, name text, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups;
BEGIN
    IF name IS NULL OR name = '' OR octet_length(name) > 63 THEN
        PERFORM tally_internal._refuse('invalid_name', format('a ratio''s name must have 1 to 63 bytes, got %s', COALESCE(quote_literal(name), 'NULL')),
            'It becomes a column of reports.', format(again, 'turns_per_session'));
    END IF;
    SELECT o.* INTO r FROM tally.metrics m JOIN tally.rollups o ON o.id = m.rollup_id
     WHERE m.id IN (x.metric_id, x.divisor_id)
       AND (name = 'bucket' OR EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = o.id AND d.name = name)) LIMIT 1;
    IF r.id IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_column', format('ratio %L has the name of a dimension of rollup %L, or of its bucket', name, r.name),
            'Both would be columns of a report.', format(again, left(name, 50) || '_ratio'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_name_of_ratio(tally.ratios, text, text) IS
'An error where a name cannot be that of a ratio: a dimension of one of its two rollups has it. again: the statement to run instead, %L for another name.';

CREATE OR REPLACE FUNCTION tally_internal._rename_of_ratio(x tally.ratios) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT tally.rename_metric(%L, %%L);', replace(tally_internal._called(x), '%', '%%'))
$$;
COMMENT ON FUNCTION tally_internal._rename_of_ratio(tally.ratios) IS 'A format template of the statement that renames a ratio: %L is its new name.';

CREATE OR REPLACE FUNCTION tally_internal._check_ratio(x tally.ratios) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF x.metric_window <= '0' OR x.divisor_window <= '0' OR x.metric_window > '100 years' OR x.divisor_window > '100 years' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('windows of ratio %L must be longer than 0 and at most 100 years, got %s and %s', x.name, COALESCE(x.metric_window::text, 'none'),
                   COALESCE(x.divisor_window::text, 'none')),
            'Without a window, the metric is taken in the bucket itself.',
            format('SELECT tally.create_ratio(%L, …, …, divisor_window => ''7 days'');', x.name));
    ELSIF x.direction IS NULL OR x.direction NOT IN ('up_is_good', 'down_is_good', 'neutral') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('direction of ratio %L must be up_is_good, down_is_good or neutral, got %s', x.name, COALESCE(quote_literal(x.direction), 'NULL')),
            NULL, format('SELECT tally.create_ratio(%L, …, …, direction => ''down_is_good'');', x.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_ratio(tally.ratios) IS 'An error where a window of a ratio is none, or its direction.';

CREATE OR REPLACE FUNCTION tally.create_ratio(
    name           text,
    metric         text,
    divisor        text,
    metric_window  interval DEFAULT NULL,
    divisor_window interval DEFAULT NULL,
    unit           text DEFAULT NULL,
    description    text DEFAULT NULL,
    direction      text DEFAULT 'neutral'
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
#variable_conflict use_variable
DECLARE
    n    tally.metrics := tally_internal._metric(metric);
    d    tally.metrics := tally_internal._metric(divisor);
    r    tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = n.rollup_id);
    old  tally.ratios;
    made tally.ratios;
    changes text;
BEGIN
    old := tally_internal._ratio_in(r, name);
    made.name := name;
    made.metric_id := n.id;
    made.divisor_id := d.id;
    made.metric_window := metric_window;
    made.divisor_window := divisor_window;
    made.unit := unit;
    made.description := description;
    made.direction := direction;
    PERFORM tally_internal._check_ratio(made), tally_internal._check_name_of_ratio(made, name, 'SELECT tally.create_ratio(%L, …);');
    PERFORM tally_internal._ratio_rule(made, NULL, '-infinity', 'infinity');
    SELECT string_agg(format('%s: %s to %s', c.what, COALESCE(c.was, 'none'), COALESCE(c.now, 'none')), '; ') INTO changes
      FROM (VALUES ('ratio', tally_internal._ratio_words(old), tally_internal._ratio_words(made)), ('unit', old.unit, made.unit),
                   ('description', old.description, made.description), ('direction', old.direction, made.direction)) c(what, was, now)
     WHERE c.was IS DISTINCT FROM c.now;
    IF old.id IS NOT NULL AND changes IS NULL THEN
        PERFORM tally_internal._note_unchanged(format('ratio %L', name));
        RETURN name;
    END IF;
    PERFORM tally_internal._store_ratio(made);
    IF old.id IS NOT NULL THEN RAISE NOTICE USING MESSAGE = format('ratio %L changed', name), DETAIL = changes; END IF;
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_ratio(text, text, text, interval, interval, text, text, text) IS
'Defines a metric that divides a metric by another one, of the same rollup or of two: name, metric, divisor, and for each of the two a window that ends with '
    'each bucket (null: the bucket itself), such as divisor_window => ''7 days'' for daily by weekly actives; unit, description, direction. Both are taken in '
    'the same buckets and by dimensions that both rollups have; the value is NULL where either has none, or the divisor is 0. timeseries(), metric_value(), '
    'report(), report_page() and report_sql() read it; drop_metric() and rename_metric() take its name. If you define it again with changes, they replace '
    'the old ones.';

CREATE OR REPLACE FUNCTION tally_internal._owned_ratio(ratio_id int, caller regrole) RETURNS tally.ratios
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x     tally.ratios := (SELECT o FROM tally.ratios o WHERE o.id = ratio_id);
    owner regrole := (SELECT m.owner FROM tally.metrics m WHERE m.id = x.metric_id);
BEGIN
    -- A metric that a ratio stands on may have got another owner, and he must be able to drop it.
    IF NOT EXISTS (SELECT FROM tally.metrics m WHERE m.id IN (x.metric_id, x.divisor_id) AND tally_internal._has_rights(caller, m.owner)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('ratio %s must exist and belong to %s',
                                                               COALESCE(quote_literal(x.name), ratio_id::text, 'NULL'), caller),
            COALESCE(format('It belongs to %s.', owner), 'There is none of this number.'),
            COALESCE(format('SET ROLE %s;', owner), 'SELECT name FROM tally.ratios;'));
    END IF;
    RETURN x;
END $$;
COMMENT ON FUNCTION tally_internal._owned_ratio(int, regrole) IS 'A ratio that a role has the owner''s rights of, or an error.';

CREATE OR REPLACE FUNCTION tally_internal._store_ratio(made tally.ratios, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups;
    old    tally.ratios;
BEGIN
    PERFORM tally_internal._check_size(made::text, format('ratio %L', made.name)), tally_internal._check_ratio(made);
    -- The owner of a metric cannot drop it while a ratio stands on it. So a ratio is for who has the rights of both owners.
    PERFORM tally_internal._owned_metric(made.metric_id, caller), tally_internal._owned_metric(made.divisor_id, caller);
    SELECT x.* INTO r FROM tally.rollups x JOIN tally.metrics m ON m.rollup_id = x.id WHERE m.id = made.metric_id;
    PERFORM tally_internal._check_name_of_ratio(made, made.name, 'SELECT tally.create_ratio(%L, …);'), tally_internal._refuse_name_of_metric(made.name, r);
    old := tally_internal._ratio_in(r, made.name);
    IF old.id IS NULL THEN
        INSERT INTO tally.ratios (name, metric_id, divisor_id, metric_window, divisor_window, unit, description, direction)
        VALUES (made.name, made.metric_id, made.divisor_id, made.metric_window, made.divisor_window, made.unit, made.description, made.direction);
    ELSE
        old := tally_internal._owned_ratio(old.id, caller);
        UPDATE tally.ratios x SET metric_id = made.metric_id, divisor_id = made.divisor_id, metric_window = made.metric_window,
               divisor_window = made.divisor_window, unit = made.unit, description = made.description, direction = made.direction, updated_at = now()
         WHERE x.id = old.id;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._store_ratio(tally.ratios, bigint) IS
'Writes a ratio, new or changed, into the catalogue. For who has the rights of both metrics'' owners; create_ratio() makes it.';

CREATE OR REPLACE FUNCTION tally_internal._store_ratio_name(ratio_id int, new_name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    x tally.ratios := tally_internal._owned_ratio(ratio_id, tally_internal._caller(who));
    r tally.rollups;
BEGIN
    IF x.name = new_name THEN RETURN; END IF;
    SELECT o.* INTO r FROM tally.metrics m JOIN tally.rollups o ON o.id = m.rollup_id WHERE m.id = x.metric_id;
    PERFORM tally_internal._check_name_of_ratio(x, new_name, tally_internal._rename_of_ratio(x)),
            tally_internal._check_ratio_name(new_name, r), tally_internal._refuse_name_of_metric(new_name, r);
    UPDATE tally.ratios o SET name = new_name, updated_at = now() WHERE o.id = x.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_ratio_name(int, text, bigint) IS 'Writes another name of a ratio into the catalogue. For its owner.';

CREATE OR REPLACE FUNCTION tally_internal._forget_ratio(ratio_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    x tally.ratios := tally_internal._owned_ratio(ratio_id, tally_internal._caller(who));
BEGIN
    DELETE FROM tally.ratios o WHERE o.id = x.id;
END $$;
COMMENT ON FUNCTION tally_internal._forget_ratio(int, bigint) IS 'Takes a ratio out of the catalogue. For its owner.';
