-- Owns: what a measure is, found out by PostgreSQL's own analysis of it, and how each merges.

CREATE OR REPLACE FUNCTION tally_internal._analyse(expression text, made tally.rollups, schema_name text, kind text, label text)
RETURNS TABLE (type text, aggregate oid, has_distinct boolean, has_aggregate boolean, "collation" oid)
-- These are the settings that run_as() pins, so that constants are read as in a refresh.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
DECLARE
    probe   text := format('%I._tally_probe', schema_name);
    -- How a regclass prints depends on search_path, so the name is made before the maker's path is set.
    origin  text := made.source::text || tally_internal._expand_sql(made);
    path    text := tally_internal._bound_path(made.search_path);
    tree    text;
    parsed  pg_node_tree;
    others  text;
    sqlstate_ text; message_ text; detail_ text; volatile_ text;
BEGIN
    -- PostgreSQL parses the expression of a view and keeps its tree, without running it. Nothing else does that.
    BEGIN
        PERFORM set_config('TimeZone', made.zone, true);
        PERFORM set_config('search_path', path, true);
        EXECUTE format(E'CREATE VIEW %s AS SELECT %s\n AS probe FROM %s', probe, expression, origin);
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS sqlstate_ = RETURNED_SQLSTATE, message_ = MESSAGE_TEXT, detail_ = PG_EXCEPTION_DETAIL;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        PERFORM tally_internal._refuse(sqlstate_, format('%s %L: %s', kind, label, message_),
            format('The expression is %s, over %s.%s', expression, origin, COALESCE(NULLIF(' ' || detail_, ' '), '')),
            format('SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = %L::regclass AND attnum > 0;', made.source));
    END;
    SELECT r.ev_action::text, r.ev_action, format_type(a.atttypid, a.atttypmod), a.attcollation INTO tree, parsed, type, "collation"
      FROM pg_rewrite r JOIN pg_attribute a ON a.attrelid = r.ev_class AND a.attnum = 1
     WHERE r.ev_class = probe::regclass;
    others := tally_internal._tables_beside(made, probe::regclass, tree);
    EXECUTE 'DROP VIEW ' || probe;
    IF others IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('%s %L reads %s beside its source %s', kind, label, others, made.source),
            format('Only changes of the source are captured. A change of %s would leave the rollup as it was. Make a dimension of the column that leads there, '
                   'and join when you read.', others),
            format('SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = %L::regclass AND attnum > 0;', made.source));
    END IF;
    aggregate := (regexp_match(tree, ':targetList \({TARGETENTRY :expr {AGGREF :aggfnoid (\d+)'))[1]::oid;
    has_aggregate := tree ~ '{AGGREF ';
    has_distinct := tree ~ ':aggdistinct \(';
    SELECT p.oid::regprocedure::text INTO volatile_
      FROM regexp_matches(tree, ':(?:funcid|opfuncid) (\d+)', 'g') f JOIN pg_proc p ON p.oid = f[1]::oid
     WHERE p.provolatile = 'v' LIMIT 1;
    IF volatile_ IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_object_definition',
            format('%s %L calls %s, expected an expression that gives the same answer every time', kind, label, volatile_),
            'A rollup equals its definition only if computing it again gives the same rows.',
            'Store what the function gives in a column of the source, and use the column.');
    END IF;
    PERFORM tally_internal._refuse_session(parsed, kind, label, CASE WHEN kind LIKE 'expand%' THEN made.expand
                                           ELSE expression END, made.time_column, made.zone);
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION tally_internal._analyse(text, tally.rollups, text, text, text) IS
'What PostgreSQL makes of an expression over a source: its type, and the aggregate it is (null where its outermost node is no aggregate). Errors name the '
    'kind and label of what was asked.';

CREATE OR REPLACE FUNCTION tally_internal._tables_beside(made tally.rollups, probe regclass, tree text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What a definition of earlier versions reads already may stay. Rollups per key may read another rollup (beside.sql).
    -- The tree is asked, because PostgreSQL notes no dependency on its own catalogue.
    SELECT string_agg(DISTINCT t.relation::regclass::text, ', ')
      FROM (SELECT f[1]::oid AS relation FROM regexp_matches(tree, ':relid (\d+) ', 'g') f) t
     WHERE t.relation NOT IN (0, made.source, probe)
       AND NOT (made.key IS NOT NULL AND EXISTS (SELECT FROM tally.rollups r WHERE r.relation = t.relation))
       AND NOT EXISTS (SELECT FROM pg_rewrite v WHERE v.ev_class = made.live_view AND strpos(v.ev_action::text, format(':relid %s ', t.relation)) > 0)
$$;
COMMENT ON FUNCTION tally_internal._tables_beside(tally.rollups, regclass, text) IS
'The tables and views that an expression reads beside the source of its rollup, given a view with the expression and its tree; null where there are none.';

CREATE OR REPLACE FUNCTION tally_internal._merge_of(aggregate oid, type text, has_distinct boolean, label text, expression text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text; schema_name text; advice text;
BEGIN
    SELECT p.proname, n.nspname INTO name, schema_name
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = aggregate;
    IF aggregate IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('measure %L must be one aggregate, got %s', label, expression),
            'A measure is stored per bucket and merged later, so it must be an aggregate by itself: count, sum, min, max, tally.tdigest, tally.hll '
                'and the like, with an optional FILTER.',
            format('Measure the parts and compute with them in a metric: SELECT tally.create_metric(%L, …, ''<expression over measures>'');', label));
    END IF;
    IF has_distinct THEN
        advice := format('"%s": "tally.hll(<column>)"', label);
    ELSIF schema_name = 'pg_catalog' AND name = 'count' THEN
        RETURN 'pg_catalog.sum(%1$I)::bigint';
    ELSIF schema_name = 'pg_catalog' AND name = 'sum' THEN
        RETURN format('pg_catalog.sum(%%1$I)::%s', type);
    ELSIF schema_name = 'pg_catalog' AND name IN ('min', 'max', 'bool_and', 'bool_or', 'every', 'bit_and', 'bit_or', 'bit_xor') THEN
        RETURN format('pg_catalog.%I(%%1$I)', name);
    ELSIF EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                   WHERE n.nspname = 'tally' AND p.proname = 'rollup' AND p.prokind = 'a'
                     AND p.pronargs = 1 AND p.proargtypes[0] = to_regtype(type) AND p.prorettype = to_regtype(type)) THEN
        RETURN 'tally.rollup(%1$I)';
    ELSIF name IN ('avg', 'stddev', 'stddev_pop', 'stddev_samp', 'variance', 'var_pop', 'var_samp') THEN
        advice := CASE name WHEN 'avg' THEN format('"%1$s_sum": "sum(<column>)", "%1$s_count": "count(<column>)"', label)
                            ELSE format('"%s": "tally.stats(<column>)"', label) END;
    ELSIF name LIKE 'percentile%' OR name = 'mode' THEN
        advice := format('"%s": "tally.tdigest(<column>)"', label);
    END IF;
    PERFORM tally_internal._refuse('feature_not_supported',
        format('measure %L cannot be merged: no way is known to merge %s%s', label, aggregate::regproc, CASE
                         WHEN has_distinct THEN ' over distinct values' ELSE '' END),
        format('Got %s. Measures of several buckets are merged into one, so a measure must be an aggregate that merges: count, sum, min, max, '
            'bool_and, bool_or, or one with tally.rollup().', expression),
        COALESCE('Use measures => ''{' || advice || '}'' and compute with them in a metric.',
                        'SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = ''tally''::regnamespace AND proname = ''rollup'';'));
END $$;
COMMENT ON FUNCTION tally_internal._merge_of(oid, text, boolean, text, text) IS
'The aggregate that merges stored values of a measure, as a format with the column as %1$I; an error that names the alternative where there is none.';
