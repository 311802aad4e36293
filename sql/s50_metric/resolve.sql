-- Owns: what a metric's expression means: PostgreSQL's own reading of it, and the errors for expressions that are no metric.
--
-- The expression is given to PostgreSQL twice over an empty temporary table whose columns are the measures. As a view it
-- yields its type and the operators and measures it uses. As a generated column it must be immutable and free of
-- subqueries, aggregates and set-returning functions, and comes back with every name qualified. Nothing is executed.

CREATE OR REPLACE FUNCTION tally_internal._resolve_metric(name text, r tally.rollups, expression text, search_path text,
                                      OUT resolved text, OUT type text, OUT measures text[])
-- Constants are read here and printed again in the resolved text: in ISO form, with an offset, and with all their digits.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET timezone = 'UTC' SET intervalstyle = 'postgres'
SET extra_float_digits = 1 SET bytea_output = 'hex' SET standard_conforming_strings = on AS $$
#variable_conflict use_variable
DECLARE
    columns text;
    given   regtype;
    strange text;
    parsed  pg_node_tree;
BEGIN
    SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.place, c.ordinal) INTO columns
      FROM (SELECT m.name, m.type, 1 AS place, m.ordinal::int AS ordinal FROM tally.measures m WHERE m.rollup_id = r.id
            UNION ALL SELECT d.name, 'bigint', 2, d.ordinal FROM tally_internal._counted_dimensions(r.id) d) c;
    PERFORM set_config('TimeZone', r.zone, true);
    EXECUTE format('CREATE TEMPORARY TABLE tally_probe (%s)', columns);
    PERFORM set_config('search_path', tally_internal._bound_path(search_path), true);
    EXECUTE format(E'CREATE TEMPORARY VIEW tally_probe_view AS SELECT (%s\n) AS value FROM pg_temp.tally_probe', expression);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT a.atttypid INTO given FROM pg_attribute a WHERE a.attrelid = 'pg_temp.tally_probe_view'::regclass AND a.attname = 'value';
    PERFORM tally_internal._refuse_integer_division(name, r.name, expression);
    PERFORM tally_internal._check_number(name, r, expression, given);
    measures := tally_internal._probed_measures();
    IF measures IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('metric %L must use at least one measure, got %s', name, expression),
            tally_internal._measures_of(r.id),
            format('SELECT tally.create_metric(%L, %L, %L);', name, r.name,
                          (SELECT m.name FROM tally.measures m WHERE m.rollup_id = r.id ORDER BY m.ordinal LIMIT 1)));
    END IF;
    SELECT w.ev_action INTO parsed FROM pg_rewrite w WHERE w.ev_class = 'pg_temp.tally_probe_view'::regclass;
    -- Citus passes DROP on and looks for the schema by its name, and pg_temp is the name of none.
    EXECUTE format('DROP VIEW %s.tally_probe_view', pg_my_temp_schema()::regnamespace);
    PERFORM set_config('search_path', tally_internal._bound_path(search_path), true);
    EXECUTE format(E'ALTER TABLE pg_temp.tally_probe ADD COLUMN "the value" %s GENERATED ALWAYS AS (%s\n) STORED', given, expression);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    SELECT pg_get_expr(d.adbin, d.adrelid), tally_internal._strange_function(d.adbin) INTO resolved, strange
      FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     WHERE d.adrelid = 'pg_temp.tally_probe'::regclass AND a.attname = 'the value';
    IF strange IS NOT NULL THEN PERFORM tally_internal._refuse_strange(name, strange); END IF;
    PERFORM tally_internal._refuse_session(parsed, 'metric', name, expression, NULL, r.zone);
    PERFORM tally_internal._try_metric(name, r, expression, resolved, measures);
    EXECUTE format('DROP TABLE %s.tally_probe', pg_my_temp_schema()::regnamespace);
    type := CASE WHEN given IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'bigint' ELSE 'double precision' END;
EXCEPTION
    WHEN undefined_column OR undefined_table THEN
        PERFORM tally_internal._refuse(SQLSTATE, format('metric %L names an unknown measure: %s', name, SQLERRM),
            tally_internal._measures_of(r.id),
            format('SELECT name, expression FROM tally.measures JOIN tally.rollups r ON r.id = rollup_id WHERE r.name = %L;', r.name));
    WHEN grouping_error OR invalid_object_definition OR feature_not_supported OR windowing_error THEN
        IF SQLERRM LIKE 'metric %' THEN RAISE; END IF;
        PERFORM tally_internal._refuse(SQLSTATE, format('metric %L must be an immutable expression over merged measures: %s', name, SQLERRM),
            format('Measures are merged before the metric sees them, so it holds no aggregate, window, subquery, set or clock. Got %s.', expression),
            format('SELECT tally.create_metric(%L, %L, %L);', name, r.name,
                          (SELECT m.name FROM tally.measures m WHERE m.rollup_id = r.id ORDER BY m.ordinal LIMIT 1)));
    WHEN undefined_function OR ambiguous_function OR syntax_error OR datatype_mismatch OR undefined_object OR cannot_coerce
        OR invalid_text_representation OR invalid_schema_name OR indeterminate_datatype THEN
        IF SQLERRM LIKE 'metric %' THEN RAISE; END IF;
        PERFORM tally_internal._refuse(SQLSTATE, format('metric %L cannot be read: %s', name, SQLERRM),
            format('Got %s. %s', expression, tally_internal._measures_of(r.id)),
            'SELECT oid::regprocedure, obj_description(oid) FROM pg_proc WHERE pronamespace = ''tally''::regnamespace AND prokind = ''f'';');
END $$;
COMMENT ON FUNCTION tally_internal._resolve_metric(text, tally.rollups, text, text) IS
'PostgreSQL''s own reading of a metric''s expression: the expression with all names qualified, its type in the flat view and the measures it uses; errors '
    'say what is no metric.';

CREATE OR REPLACE FUNCTION tally_internal._check_number(name text, r tally.rollups, expression text, given regtype) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF given NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype) THEN
        PERFORM tally_internal._refuse('datatype_mismatch', format('metric %L must be a number, got %s', name, given),
            format('The expression is %s.', expression),
            format('SELECT tally.create_metric(%L, %L, %L);', name, r.name, CASE given::text
                WHEN 'interval' THEN format('extract(epoch FROM %s)', expression)
                WHEN 'boolean' THEN format('(%s)::int', expression)
                WHEN 'tally.tdigest' THEN format('tally.percentile(%s, 0.95)', expression)
                WHEN 'tally.hll' THEN format('tally.distinct_count(%s)', expression)
                ELSE format('(%s)::float8', expression) END));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_number(text, tally.rollups, text, regtype) IS
'An error where the type of a metric''s expression is no number, with an expression that is one.';

CREATE OR REPLACE FUNCTION tally_internal._probed_measures() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(DISTINCT a.attname::text)
      FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refobjid = 'pg_temp.tally_probe'::regclass
      JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0
     WHERE w.ev_class = 'pg_temp.tally_probe_view'::regclass
$$;
COMMENT ON FUNCTION tally_internal._probed_measures() IS 'The measures that the probed expression uses; null where it uses none.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_strange(name text, strange text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('insufficient_privilege',
        format('metric %L may use functions of PostgreSQL and of extensions, got %s', name, strange),
        'Whoever reads a metric runs its functions; one that an ordinary role can replace would run that role''s code with the reader''s rights.',
        format('Write out what it computes in the expression, or let who owns pg_tally own it: ALTER FUNCTION %s OWNER TO %s;', strange,
            (SELECT n.nspowner::regrole FROM pg_namespace n WHERE n.nspname = 'tally')));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_strange(text, text) IS 'The error for a metric that uses a function of an ordinary role.';

CREATE OR REPLACE FUNCTION tally_internal._trial_values(type text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN type IN ('bigint', 'integer', 'smallint', 'numeric', 'real', 'double precision') THEN '{0,1,1000}'::text[]
                WHEN type = 'tally.tdigest' THEN ARRAY['(SELECT tally.tdigest(x) FROM pg_catalog.generate_series(1, 100) x)']
                WHEN type = 'tally.stats' THEN ARRAY['(SELECT tally.stats(x) FROM pg_catalog.generate_series(1, 1) x)',
                                                     '(SELECT tally.stats(x) FROM pg_catalog.generate_series(1, 100) x)']
                WHEN type = 'tally.hll' THEN ARRAY['(SELECT tally.hll(x) FROM pg_catalog.generate_series(1, 100) x)']
                WHEN type = 'tally.topk' THEN ARRAY['(SELECT tally.topk(x::pg_catalog.text) FROM pg_catalog.generate_series(1, 5) x)']
                WHEN type = 'boolean' THEN '{true,false}' ELSE '{NULL}' END
$$;
COMMENT ON FUNCTION tally_internal._trial_values(text) IS 'SQL texts of values that a measure of a type may well have, zero first.';

CREATE OR REPLACE FUNCTION tally_internal._try_metric(name text, r tally.rollups, expression text, resolved text, measures text[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_variable
DECLARE
    tried tally.metrics;
    query text;
BEGIN
    tried.resolved := resolved;
    tried.measures := measures;
    query := format('SELECT pg_catalog.count((%s)) FROM %s stored', tally_internal._row_sql(tried, r), r.relation);
    -- The rollup may be another role's, whose types and indexes call its functions.
    PERFORM tally_internal._refuse_unsafe(r, query);
    -- A metric that fails now is refused, while its maker is there to mend it. The generated column computes each row that is inserted.
    FOR i IN 1 .. 3 LOOP
        EXECUTE format('INSERT INTO pg_temp.tally_probe (%s) SELECT %s',
            concat_ws(', ', (SELECT string_agg(quote_ident(m.name), ', ' ORDER BY m.ordinal) FROM tally.measures m WHERE m.rollup_id = r.id),
                      (SELECT string_agg(quote_ident(d.name), ', ' ORDER BY d.ordinal) FROM tally_internal._counted_dimensions(r.id) d)),
            concat_ws(', ', (SELECT string_agg(format('%s::%s', COALESCE(v[i], v[cardinality(v)], 'NULL'), m.type), ', ' ORDER BY m.ordinal)
                               FROM tally.measures m, tally_internal._trial_values(m.type) v WHERE m.rollup_id = r.id),
                      (SELECT string_agg((tally_internal._trial_values('bigint'))[i], ', ' ORDER BY d.ordinal)
                         FROM tally_internal._counted_dimensions(r.id) d)));
    END LOOP;
    EXECUTE query;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('metric %L fails on values that its measures can have: %s', name, SQLERRM),
        format('Got %s, tried on counts and sums of 0, 1 and 1000, small sketches and the stored rows of rollup %L.', expression, r.name),
        format('SELECT tally.create_metric(%L, %L, ''a / nullif(b, 0)'');  -- NULL where there is no answer; a quantile is between 0 and 1', name,
                      r.name));
END $$;
COMMENT ON FUNCTION tally_internal._try_metric(text, tally.rollups, text, text, text[]) IS
'An error where a metric, as the probe''s generated column, fails on ordinary values of its measures or on stored rows.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_integer_division(name text, rollup text, expression text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    kind text;
BEGIN
    SELECT format('%s / %s', o.oprleft::regtype, o.oprright::regtype) INTO kind
      FROM pg_rewrite w, regexp_matches(w.ev_action::text, ':opno (\d+)', 'g') used(no)
      JOIN pg_operator o ON o.oid = used.no[1]::oid
     WHERE w.ev_class = 'pg_temp.tally_probe_view'::regclass AND o.oprname = '/'
       AND o.oprresult IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) LIMIT 1;
    IF kind IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('metric %L divides integers (%s), which cuts off the fraction and fails on zero', name, kind),
            format('Got %s. Counts are bigint, so 3 / 4 is 0 here; a ratio needs float8, and NULL where there is nothing to divide by.', expression),
            format('SELECT tally.create_metric(%L, %L, %L);', name, rollup,
                regexp_replace(regexp_replace(expression, '([[:alnum:]_."]+(?:\([^()]*\))?|\([^()]*\))\s*/\s*([[:alnum:]_."]+(?:\([^()]*\))?|\([^()]*\))',
                                          '\1::float8 / nullif(\2, 0)', 'g'), 'nullif\((nullif\([^()]*\)), 0\)', '\1', 'gi')));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_integer_division(text, text, text) IS
'An error where the probed expression divides integers, with the expression that does not.';

CREATE OR REPLACE FUNCTION tally_internal._strange_function(expression pg_node_tree) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(p.oid::regprocedure::text)
      FROM (SELECT used.no[1]::oid AS oid FROM regexp_matches(expression::text, ':funcid (\d+)', 'g') used(no)
            UNION SELECT o.oprcode::oid FROM regexp_matches(expression::text, ':opno (\d+)', 'g') used(no) JOIN pg_operator o ON o.oid = used.no[1]::oid) f
      JOIN pg_proc p ON p.oid = f.oid
     WHERE NOT tally_internal._is_trusted(p.proowner)
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
       AND p.pronamespace <> 'pg_catalog'::regnamespace
       AND NOT tally_internal._is_part('pg_proc'::regclass, p.oid)
$$;
COMMENT ON FUNCTION tally_internal._strange_function(pg_node_tree) IS
'A function in an expression that an ordinary role owns outside any extension; null where there is none.';
