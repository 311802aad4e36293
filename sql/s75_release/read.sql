-- Owns: reading releases with the reader's rights. The reader needs SELECT on the table and nothing else.

CREATE OR REPLACE FUNCTION tally_internal._refuse_unsafe_release(x tally.releases, statement text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ regprocedure;
BEGIN
    IF x.owner::oid <> tally_internal._current_role()::oid THEN
        -- Its owner may have put an index on the table, whose expression is computed when a query on the table is planned.
        PERFORM tally_internal._guard(tally_internal._current_role(),
                                      tally_internal._policy_owners(tally_internal._current_role(), ARRAY[x.relation]));
        found_ := tally_internal._unsafe_function(statement);
        IF found_ IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege', format('%I would run %s to read release %L of %s', current_user, found_, x.name, x.owner),
                'Expected functions of PostgreSQL, pg_tally or a superuser that do not write.', format('SELECT * FROM pg_catalog.pg_indexes WHERE '
                'tablename = %L;', x.name));
        END IF;
    END IF;
    RETURN statement;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_unsafe_release(tally.releases, text) IS
'The query itself, or an error where it would run a function of the release''s owner; from here on the reader is guarded, as by _refuse_unsafe().';

CREATE OR REPLACE FUNCTION tally_internal._released_within_limits(x tally.releases, first timestamptz, last timestamptz) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
DECLARE
    l    tally.limits := tally_internal._limits(x.owner, x.relation);
    ends timestamptz[];
BEGIN
    IF l.max_range IS NOT NULL THEN
        -- A question without since and until is about all that is published.
        EXECUTE tally_internal._refuse_unsafe_release(x, format('SELECT ARRAY[pg_catalog.min(bucket), pg_catalog.max(bucket)] FROM %s', x.relation)) INTO ends;
        first := GREATEST(first, ends[1]);
        last := LEAST(last, ends[2] + x.bucket);
    END IF;
    RETURN tally_internal._within_limits(x.owner, x.relation, 'UTC', format('SELECT * FROM tally.released(%L', tally_internal._called(x)), first, last);
END $$;
COMMENT ON FUNCTION tally_internal._released_within_limits(tally.releases, timestamptz, timestamptz) IS
'The most rows that the current role may have of a release at once, or null; an error where a limit does not let it ask for that range.';

CREATE OR REPLACE FUNCTION tally.released(
    name    text,
    since   text DEFAULT NULL,
    until   text DEFAULT NULL,
    by      text[] DEFAULT '{}',
    "where" jsonb DEFAULT '{}',
    as_of   timestamptz DEFAULT now()
) RETURNS TABLE (bucket timestamptz, labels jsonb, measure text, value bigint, low bigint, high bigint, hidden boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_column
DECLARE
    x    tally.releases := tally_internal._release_named($1);
    keys text[] := ARRAY(SELECT u FROM unnest($4) u UNION SELECT jsonb_object_keys(COALESCE($5, '{}')) ORDER BY 1);
    first timestamptz := CASE WHEN $2 IS NULL THEN '-infinity' ELSE tally_internal._parse_since($2, $6, 'since', 'UTC') END;
    last timestamptz := CASE WHEN $3 IS NULL THEN 'infinity' ELSE tally_internal._parse_since($3, $6, 'until', 'UTC') END;
    most int;
    n    bigint;
BEGIN
    most := tally_internal._released_within_limits(x, first, last);
    IF NOT EXISTS (SELECT FROM tally_internal._release_margins(x) m WHERE m.margin @> keys AND m.margin <@ keys) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('release %L does not answer by %s', x.name, COALESCE(NULLIF(array_to_string(keys, ', '), ''), 'nothing')),
            format('It answers by %s. What is not released is not computed from the rollup.', (SELECT string_agg(
                COALESCE('(' || NULLIF(array_to_string(m.margin, ', '), '') || ')', 'nothing'), ', ' ORDER BY m.margin)
                FROM tally_internal._release_margins(x) m)),
            format('SELECT * FROM %s;', x.relation));
    END IF;
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe_release(x, format(
        'SELECT t.bucket, pg_catalog.jsonb_build_object(%s), m.name, m.value, m.low, m.high, t.hidden FROM %s t, LATERAL (VALUES %s) m(name, value, low, high) '
        'WHERE t.bucket >= $1 AND t.bucket < $2 AND %s AND pg_catalog.jsonb_build_object(%1$s) @> $3 ORDER BY t.bucket, t.cell, m.name',
        (SELECT string_agg(format('%L, t.%I', u, u), ', ') FROM unnest(keys) u), x.relation,
        (SELECT string_agg(format('(%L, t.%I, t.%I, t.%I)', u, u, u || '_low', u || '_high'), ', ') FROM unnest(x.people || x.measures) u),
        COALESCE((SELECT string_agg(format('t.%I IS %s NULL', d, CASE WHEN d = ANY (keys) THEN 'NOT' ELSE '' END), ' AND ')
                    FROM unnest(x.dimensions) d), 'true')) || COALESCE(' LIMIT ' || most + 1::bigint, ''))
        USING first, last, COALESCE($5, '{}');
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM tally_internal._check_rows(n, most, 'an answer from a release',
        format('SELECT * FROM %s ORDER BY bucket, cell LIMIT %s;  -- then … WHERE (bucket, cell) > those of the last row', x.relation, most));
END $$;
COMMENT ON FUNCTION tally.released(text, text, text, text[], jsonb, timestamptz) IS
'What a release shows, in long form: split by the dimensions in by, totals over all others, and only where dimensions have the values in where. A hidden '
'value is NULL between low and high. It reads the release''s table with the reader''s rights. What the release does not hold is refused.';
