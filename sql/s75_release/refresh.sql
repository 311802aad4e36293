-- Owns: publishing. refresh_release publishes each bucket that has ended and is not published yet, one by one.

CREATE OR REPLACE FUNCTION tally.refresh_release(name text, as_of timestamptz DEFAULT now(), who bigint DEFAULT tally_internal._me())
RETURNS TABLE (bucket timestamptz, state text, cells int, hidden int, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_column
DECLARE
    x      tally.releases := tally_internal._owned_release($1, tally_internal._caller(who));
    r      tally.rollups;
    mine   regclass[];
    finish timestamptz;
    hint_  text;
BEGIN
    PERFORM tally_internal._check_as_of($2, format('SELECT * FROM tally.refresh_release(%L);', tally_internal._called(x)));
    -- One at a time: the next one sees what this one has published.
    PERFORM FROM tally.releases y WHERE y.id = x.id FOR UPDATE;
    SELECT * INTO r FROM tally.rollups y WHERE y.id = x.rollup_id;
    IF r.id IS NULL OR x.definition IS DISTINCT FROM tally_internal._meant_now(x, r) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('release %L is of a rollup that is %s', x.name, CASE WHEN r.id IS NULL THEN 'dropped' ELSE 'defined otherwise now' END),
            'What is published stays as it is. New numbers would mean something else, so they do not continue it.',
            format('SELECT tally.drop_release(%L);', tally_internal._called(x)));
    END IF;
    -- What lies below may have changed, and an older version let a release have more.
    PERFORM tally_internal._check_release_columns(x, r, format('SELECT tally.drop_release(%L);', tally_internal._called(x))),
            tally_internal._check_rows_once(x, r);
    mine := tally_internal._tables_shown(x);
    FOR bucket, finish IN SELECT b.since, b.until FROM tally_internal._release_buckets(x, r, $2) b LOOP
        CONTINUE WHEN finish + x.settle > $2 OR EXISTS (SELECT FROM tally.released_buckets y
            WHERE y.state = 'released' AND y.tables && mine AND y.since < finish AND y.until > bucket);
        reason := NULL;
        DELETE FROM tally.released_buckets y WHERE y.release_id = x.id AND y.since = bucket AND y.state = 'refused';
        DECLARE
            all_cells jsonb := tally_internal._release_cells(x, r, bucket, finish);
            detail_   text;
        BEGIN
            cells := jsonb_array_length(all_cells);
            SELECT p.hidden INTO hidden FROM tally_internal._publish(x, r, bucket, finish, mine, all_cells) p;
            state := 'released';
        EXCEPTION WHEN feature_not_supported OR program_limit_exceeded OR invalid_parameter_value THEN
            GET STACKED DIAGNOSTICS detail_ = PG_EXCEPTION_DETAIL;
            state := 'refused';
            reason := concat_ws(' ', SQLERRM || '.', detail_);
            hidden := 0;
            hint_ := tally_internal._coarser(x, all_cells);
            INSERT INTO tally.released_buckets (release_id, release, owner, tables, since, until, state, cells, reason, hint)
                VALUES (x.id, x.name, x.owner, mine, bucket, finish, state, cells, reason,
                        COALESCE('It could be released with ' || hint_, 'Use wider buckets.'));
        END;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.refresh_release(text, timestamptz, bigint) IS
'Publishes the buckets of a release that ended longer ago than settle says and are not published yet, each of them once. A bucket that cannot be proved '
'to be safe is refused and tried again next time; tally.released_buckets has the reason, and coarser dimensions that would be safe. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._release_buckets(x tally.releases, r tally.rollups, as_of timestamptz)
    RETURNS TABLE (since timestamptz, until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text := tally_internal._release_rule(x, r);
BEGIN
    IF rule IS NULL THEN
        -- An experiment without a start begins with its first unit.
        RETURN QUERY SELECT COALESCE(s.since, f.bucket), s.until
          FROM tally.experiments e, LATERAL tally_internal._experiment_span(e) s,
               LATERAL (SELECT (b ->> 'bucket')::timestamptz AS bucket FROM tally.run_as(x.owner, r.search_path,
                   format('SELECT pg_catalog.min(bucket) AS bucket FROM %s WHERE bucket < $1', r.live_view), 0, r.zone, s.exposed) b) f
         WHERE e.id = (x.definition ->> 'experiment')::int AND f.bucket IS NOT NULL;
    ELSE
        RETURN QUERY SELECT y.at, tally_internal._bucket_end(rule, y.at)
          FROM (SELECT (b ->> 'bucket')::timestamptz AS at FROM tally.run_as(x.owner, r.search_path, format(
                'SELECT DISTINCT %s AS bucket FROM %s WHERE bucket >= $1 AND bucket < $2 ORDER BY 1', tally_internal._bucket_start_sql(rule, 'bucket'),
                r.live_view), 0, r.zone, COALESCE(tally_internal._minus_by_zone(as_of, x.history, r.zone), '-infinity'), as_of) b) y;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._release_buckets(tally.releases, tally.rollups, timestamptz) IS
'The buckets of a release that have begun and have rows, in order. An experiment is one, from its start to the end of its last window.';

CREATE OR REPLACE FUNCTION tally_internal._publish(x tally.releases, r tally.rollups, since timestamptz, until timestamptz, tables regclass[], cells jsonb,
                                                   OUT hidden int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    safe jsonb;
BEGIN
    IF jsonb_array_length(cells) > 20000 THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('a bucket of release %L has %s cells, expected at most 20000', x.name,
                                                                         jsonb_array_length(cells)), 'Each cell is proved.', 'Use fewer dimensions.');
    END IF;
    safe := tally_internal._protect_cells(x, cells);
    hidden := (SELECT count(*) FROM jsonb_array_elements(safe -> 'hidden') h WHERE h::boolean);
    INSERT INTO tally.release_proofs (release_id, bucket, cell, measure, low, high, low_table, high_table)
    SELECT x.id, since, p.cell, p.measure, p.low, p.high, p.low_table, p.high_table
      FROM jsonb_to_recordset(safe -> 'proofs') p(cell int, measure text, low bigint, high bigint, low_table int, high_table int);
    INSERT INTO tally.release_witnesses (release_id, bucket, number, "values")
    SELECT x.id, since, w.n - 1, w.w FROM jsonb_array_elements(safe -> 'witnesses') WITH ORDINALITY w(w, n);
    INSERT INTO tally.released_buckets (release_id, release, owner, tables, since, until, state, cells, hidden, disjoint, least)
    VALUES (x.id, x.name, x.owner, tables, since, until, 'released', jsonb_array_length(cells), hidden,
            ARRAY(SELECT jsonb_array_elements_text(safe -> 'disjoint')), (safe ->> 'least')::int);
    PERFORM FROM tally.run_as(x.owner, r.search_path, format(
        'INSERT INTO %1$s SELECT * FROM pg_catalog.jsonb_populate_recordset(NULL::%1$s, $1) p ORDER BY p.cell', x.relation),
        0, r.zone, tally_internal._released_rows(x, since, cells, safe));
END $$;
COMMENT ON FUNCTION tally_internal._publish(tally.releases, tally.rollups, timestamptz, timestamptz, regclass[], jsonb) IS
'Publishes one bucket with its proofs, and says how many cells are hidden; an error where it is not safe.';
REVOKE ALL ON FUNCTION tally_internal._publish(tally.releases, tally.rollups, timestamptz, timestamptz, regclass[], jsonb) FROM PUBLIC;
