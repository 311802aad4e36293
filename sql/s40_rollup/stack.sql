-- Owns: live views of stacks, in which rollups change from keys to time by a fact of the keys, or back, more than once. What is dirty there is found by
-- looking at rows, level by level. A view on views asked that twice at each level, and read the level below twice, so each change made planning three to
-- five times as long: 260 ms for four. Here each level is written once, as two lists: its dirty partitions and its computed rows.
--
-- The levels are resolved rollups, the base first: it stands on a source, or on rollups whose marks alone tell what is dirty. List d2 are the dirty partitions
-- of level 2, f2 its rows as defined, for those partitions and for what is dirty as a whole.

CREATE OR REPLACE FUNCTION tally_internal._stack_levels(d jsonb) RETURNS jsonb[]
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF d ->> 'source_rollup' IS NULL OR tally_internal._marks_chain(d, false) IS NOT NULL THEN RETURN ARRAY[d]; END IF;
    RETURN tally_internal._stack_levels(tally_internal._resolved((d ->> 'source_rollup')::int)) || d;
END $$;
COMMENT ON FUNCTION tally_internal._stack_levels(jsonb) IS
'A resolved rollup with those below it, down to the one whose dirty partitions are found without looking at rows of another; the lowest first.';

CREATE OR REPLACE FUNCTION tally_internal._is_stack(levels jsonb[]) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One change is planned in a few milliseconds, and can use an index of the level below. What looks back, keeps emptied buckets or reads another rollup
    -- beside its source is seldom within a stack. As long as nobody knows which columns a level reads, it cannot be written here.
    RETURN cardinality(levels) > 2 AND NOT EXISTS (
        SELECT FROM unnest(levels[2:]) l WHERE l ->> 'lookback' IS NOT NULL OR l ->> 'emptied' = 'keep' OR tally_internal._marks_chain(l, true) IS NULL
            OR NOT EXISTS (SELECT FROM tally.reads c WHERE c.rollup_id = (l ->> 'id')::int));
END $$;
COMMENT ON FUNCTION tally_internal._is_stack(jsonb[]) IS 'Whether the live view of the highest of these levels is written by lists.';

CREATE OR REPLACE FUNCTION tally_internal._stack_columns(l jsonb, template text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- A view depends on each column that it names. So only those are named that the level above reads, and the others can go.
    SELECT string_agg(format(template, c.name), ', ' ORDER BY c.place) FROM tally.reads c WHERE c.rollup_id = (l ->> 'id')::int
$$;
COMMENT ON FUNCTION tally_internal._stack_columns(jsonb, text) IS 'The columns that a level reads of the one below it, through a format template.';

CREATE OR REPLACE FUNCTION tally_internal._stack_clean(l jsonb, dirty text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._render(CASE WHEN l ? 'key'
        THEN '{gate} AND NOT (SELECT EXISTS (SELECT FROM {hull})) AND NOT EXISTS (SELECT FROM {dirty} _tally({key_names}) WHERE {key_is_marked})'
        ELSE '{gate} AND NOT EXISTS (SELECT FROM {dirty} d(bucket) WHERE d.bucket = t.bucket) AND {outside}' END,
        l || jsonb_build_object('dirty', dirty, 'hull', tally_internal._chain_call(l, '_marked_hull'), 'outside', tally_internal._outside_hull_sql(l)))
$$;
COMMENT ON FUNCTION tally_internal._stack_clean(jsonb, text) IS
'SQL text of the condition that a stored row (t) of a level is as defined; dirty is SQL text of its dirty partitions.';

CREATE OR REPLACE FUNCTION tally_internal._stack_computed(levels jsonb[]) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n     int := cardinality(levels);
    l     jsonb := levels[n];
    below jsonb := levels[n - 1];
    hull  text := tally_internal._chain_call(l, '_marked_hull');
    rows  text;
BEGIN
    rows := CASE WHEN n = 2 THEN format('SELECT %s FROM %s', tally_internal._stack_columns(l, '%I'), l ->> 'live_source')
        ELSE format('SELECT %s FROM %s t WHERE %s UNION ALL SELECT %s FROM _tally_f%s', tally_internal._stack_columns(l, 't.%I'), below ->> 'table',
            tally_internal._stack_clean(below, '_tally_d' || n - 1), tally_internal._stack_columns(l, '%I'), n - 1) END;
    -- Two unknown limits make this cheap on paper, as in _seldom_source_sql(): as a rule nothing is dirty, and no row is read.
    l := l || jsonb_build_object('n', n, 'hull', hull, 'expand', l -> 'live_expand', 'source', tally_internal._render(
        '(SELECT * FROM (SELECT * FROM ({rows}) b LIMIT (SELECT CASE WHEN NOT {wanted} THEN 0 END)) a LIMIT (SELECT CASE WHEN NOT {wanted} THEN 0 END)) {name}',
        jsonb_build_object('rows', rows, 'wanted', format('(EXISTS (SELECT FROM _tally_d%s) OR EXISTS (SELECT FROM %s))', n, hull),
            'name', (SELECT quote_ident(c.relname) FROM pg_class c WHERE c.oid = (l ->> 'live_source')::regclass))));
    IF l ? 'key' THEN
        RETURN tally_internal._key_query(l, tally_internal._render('({key_expressions}) OPERATOR(pg_catalog.=) ANY (SELECT {marked_key} FROM _tally_d{n} '
            '_tally({key_names})) OR (SELECT EXISTS (SELECT FROM {hull}))', l));
    END IF;
    RETURN tally_internal._render('SELECT _tally_due.* FROM (SELECT pg_catalog.min(e.since), pg_catalog.max(e.until) FROM (SELECT pg_catalog.min(d.bucket), '
        '{end} FROM _tally_d{n} d HAVING pg_catalog.count(*) > 0 UNION ALL SELECT h.since, h.until FROM {hull} h) e(since, until) '
        'HAVING pg_catalog.count(*) > 0) _tally_ends(since, until) CROSS JOIN LATERAL ({definition}) _tally_due', l || jsonb_build_object(
            'end', tally_internal._bucket_end_sql(l ->> 'rule', 'pg_catalog.max(d.bucket)'),
            'definition', tally_internal._range_query(l, '_tally_ends.since', '_tally_ends.until', tally_internal._render(
                '({row_bucket} IN (SELECT d.bucket FROM _tally_d{n} d) OR {row_bucket} >= (SELECT h.since FROM {hull} h) '
                'AND {row_bucket} < (SELECT h.until FROM {hull} h)) IS TRUE', l))));
END $$;
COMMENT ON FUNCTION tally_internal._stack_computed(jsonb[]) IS
'SQL text of the rows of the highest of these levels, as defined, in its dirty partitions and in what is dirty as a whole; to follow their lists.';

CREATE OR REPLACE FUNCTION tally_internal._stack_lists(levels jsonb[]) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text := '';
    l      jsonb;
    below  jsonb;
    dirty  text;
BEGIN
    FOR i IN 1 .. cardinality(levels) LOOP
        l := levels[i];
        IF i = 1 THEN
            dirty := tally_internal._dirty_query(l);
        ELSE
            below := levels[i - 1];
            dirty := tally_internal._render('SELECT {stored} FROM {table} t WHERE ({partition}) IN (SELECT * FROM _tally_d{n}) UNION ALL '
                'SELECT {computed} FROM _tally_f{n}', below || jsonb_build_object('stored', tally_internal._stack_columns(l, 't.%I'), 'computed',
                    tally_internal._stack_columns(l, '%I'), 'partition', COALESCE(below ->> 'stored_key', 't.bucket'), 'n', i - 1));
            dirty := CASE WHEN l ? 'key' THEN tally_internal._dirty_keys_among(l, dirty)
                ELSE tally_internal._dirty_among(l, CASE WHEN (l ->> 'by_bucket')::boolean THEN 'SELECT * FROM _tally_d' || i - 1 ELSE dirty END) END;
        END IF;
        result := result || format('%s _tally_d%s AS MATERIALIZED (%s)', CASE WHEN i = 1 THEN 'WITH' ELSE ',' END, i,
                                   CASE WHEN l ? 'key' THEN dirty ELSE tally_internal._few_sql(dirty) END);
        CONTINUE WHEN i = cardinality(levels);
        result := result || format(', _tally_f%s AS MATERIALIZED (SELECT %s FROM (%s) _tally_fresh)', i,
            tally_internal._stack_columns(levels[i + 1], '_tally_fresh.%I'),
            CASE WHEN i > 1 THEN tally_internal._stack_computed(levels[:i])
                 WHEN l ? 'key' THEN tally_internal._keys_query(tally_internal._live_form(l), '_tally_d1')
                 ELSE tally_internal._bucket_query(tally_internal._live_form(l), '_tally_d1') END);
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._stack_lists(jsonb[]) IS
'SQL text of the lists of these levels (WITH …), up to the dirty partitions of the highest.';

CREATE OR REPLACE FUNCTION tally_internal._stack_query(levels jsonb[]) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l     jsonb := levels[cardinality(levels)];
    lists text := tally_internal._stack_lists(levels);
BEGIN
    -- The lists stand twice, and not once for the whole view: so the view stays a plain union, and conditions and joins reach the stored rows' indexes.
    RETURN tally_internal._render('SELECT {stored_columns} FROM {table} t WHERE {clean} UNION ALL SELECT _tally_rows.* FROM ({lists} {computed}) _tally_rows '
        'WHERE {gate}', l || jsonb_build_object('stored_columns', tally_internal._columns_sql(l, 't.%I'), 'lists', lists,
            'clean', tally_internal._stack_clean(l, format('(%s SELECT * FROM _tally_d%s)', lists, cardinality(levels))),
            'computed', tally_internal._stack_computed(levels)));
END $$;
COMMENT ON FUNCTION tally_internal._stack_query(jsonb[]) IS
'SQL text of the live view of the highest of these levels: exact at every moment, in one snapshot, and as long as the stack is high.';
