-- Owns: the horizon of history: before it, buckets stand as they are stored, because their raw rows are gone or may go.
-- The catalogue row of a source is written for its owner by _store_retention() and _store_horizon().

CREATE OR REPLACE FUNCTION tally_internal._timeless(source regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(quote_ident(r.name), ', ' ORDER BY r.id) FROM tally.rollups r WHERE r.source = $1 AND (r.key IS NOT NULL OR r.lookback IS NOT NULL)
$$;
COMMENT ON FUNCTION tally_internal._timeless(regclass) IS
'The rollups per key or with lookback on a source, as text. They are computed from old rows, so no old row can go. Null: there are none.';

CREATE OR REPLACE FUNCTION tally_internal._check_horizon(source regclass, role regrole DEFAULT tally_internal._current_role()) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    others text;
    result text;
BEGIN
    IF NOT COALESCE(tally_internal._has_rights(role, (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = source)), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rows of %s are kept for as long as its owner %s says; got %s', source,
                             (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = source), role),
            'It freezes the history of every rollup on it, whoever made them.',
            format('SET ROLE %s;', (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = source)));
    END IF;
    SELECT min(COALESCE(r.time_column, '')), string_agg(format('%L by %s', r.name, r.time_column), ', '
                                                        ORDER BY r.id) FILTER (WHERE r.key IS NULL) INTO result, others FROM tally.rollups r
        WHERE r.source = $1;
    IF result IS NULL OR EXISTS (SELECT FROM tally.rollups r WHERE r.relation = $1) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('%s must be a table with raw rows that rollups stand on, got %s', source, CASE WHEN result IS NULL THEN 'one without a rollup'
                             ELSE 'a rollup' END),
            CASE WHEN result IS NULL THEN 'No rollup stands on it, so nothing would be left of the deleted rows.'
                ELSE 'Its own buckets are kept as long as its retain says.' END,
            CASE WHEN result IS NULL THEN format('SELECT tally.create_rollup(''<name>'', %L, …);', source::text)
                        ELSE format('SELECT tally.alter_rollup(%L, retain => ''400 days'');', 
                                    (SELECT tally_internal._called(r) FROM tally.rollups r WHERE r.relation = $1)) END);
    ELSIF tally_internal._timeless(source) IS NOT NULL THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('rows of %s cannot go: rollups per key are computed over all of them', source),
            format('Those are %s. A key has no time before which its history could be frozen.', tally_internal._timeless(source)),
            format('SELECT tally.drop_rollup(%L);', split_part(tally_internal._timeless(source), ', ', 1)));
    ELSIF EXISTS (SELECT FROM tally.rollups r WHERE r.source = $1 AND r.time_column <> result) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('rows of %s must grow old by one time column, but its rollups use several', source),
            format('Those are %s. Rows deleted by one column would be missing from buckets of the other.', others),
            'SELECT tally.drop_rollup(''<one of them>'');');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._check_horizon(regclass, regrole) IS
'The time column by which rows of a source grow old; an error where the role may not say so, or the rollups on it do not allow a horizon.';

CREATE OR REPLACE FUNCTION tally_internal._common_start(ids int[], wanted timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz := wanted;
    before timestamptz;
    lowest timestamptz;
BEGIN
    IF NOT isfinite(wanted) THEN RETURN wanted; END IF;
    SELECT LEAST(wanted - interval '400 days', min(tally_internal._bucket_shifted(rule, tally_internal._bucket_start(rule, wanted), -2))) INTO lowest
      FROM tally.rollups r CROSS JOIN LATERAL tally_internal._bucket_rule_of(r) rule WHERE r.id = ANY (ids);
    -- It goes back until each has a bucket that starts there. Hours and days agree at once, weeks and months within a year.
    LOOP
        before := result;
        -- Where there are no rollups, any instant will do.
        SELECT COALESCE(min(tally_internal._bucket_start(tally_internal._bucket_rule_of(r), before)), before) INTO result
          FROM tally.rollups r WHERE r.id = ANY (ids);
        EXIT WHEN result = before;
        IF result < lowest THEN
            PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
                format('the rollups have no common start of a bucket within the 400 days before %s', wanted),
                format('They are %s. History is frozen up to a moment at which each of them begins a bucket. Otherwise a bucket that is not frozen '
                       'would lose rows.',
                                (SELECT string_agg(format('%L: %s (%s)', r.name, r.bucket, r.zone), ', ' ORDER BY r.id) FROM tally.rollups r
                                 WHERE r.id = ANY (ids))),
                'Make the coarser ones stand on the finest: SELECT tally.create_rollup(''<daily>'', ''<hourly>'', bucket => ''1 day'', zone => …);');
        END IF;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._common_start(int[], timestamptz) IS 'The last instant up to the wanted one at which each of some rollups begins a bucket.';

CREATE OR REPLACE FUNCTION tally_internal._unbuilt(ids int[], until timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(DISTINCT format('%I', r.name), ', ') FROM tally.rollups r JOIN tally.dirty_ranges g ON g.rollup_id = r.id
     WHERE r.id = ANY ($1) AND g.since < $2 AND g.until > r.frozen_before
$$;
COMMENT ON FUNCTION tally_internal._unbuilt(int[], timestamptz) IS 'Those of some rollups that still have a range to build before until, as text; null: none.';

CREATE OR REPLACE FUNCTION tally_internal._freeze(ids int[], before timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.id = ANY (ids) AND x.frozen_before < before ORDER BY x.id LOOP
        PERFORM tally_internal._lock(r.id, true);
        PERFORM tally_internal._capture_forget();
        PERFORM tally_internal._refresh_marked(r, NULL);
        UPDATE tally.rollups x SET frozen_before = before WHERE x.id = r.id;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._freeze(int[], timestamptz) IS
'Refreshes what is marked of some rollups, and freezes their history before an instant at which each begins a bucket. For ones without a range to build '
'before it.';

CREATE OR REPLACE FUNCTION tally_internal._freeze_source(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted timestamptz := (SELECT s.horizon FROM tally.source_retentions s WHERE s.source = $1);
    ids    int[] := ARRAY(SELECT r.id FROM tally.rollups r WHERE r.source = $1 ORDER BY r.id);
BEGIN
    PERFORM tally_internal._freeze(ids, wanted);
    -- The horizon was moved back. What the source has again can be computed again.
    UPDATE tally.rollups r SET frozen_before = GREATEST(wanted, (SELECT s.horizon FROM tally.source_retentions s WHERE s.source = r.relation))
     WHERE r.id = ANY (ids) AND r.frozen_before > wanted;
END $$;
COMMENT ON FUNCTION tally_internal._freeze_source(regclass) IS 'Brings the rollups on a source to the horizon that its owner has written down.';

CREATE OR REPLACE FUNCTION tally.freeze_source(source regclass, before timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted  text := tally_internal._check_horizon(source);
    ids     int[] := ARRAY(SELECT r.id FROM tally.rollups r WHERE r.source = $1 ORDER BY r.id);
    was     timestamptz := (SELECT s.horizon FROM tally.source_retentions s WHERE s.source = $1);
    unbuilt text;
BEGIN
    IF before IS NULL OR before > now() THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('history can only be frozen before a past moment, got %s', COALESCE(before::text, 'NULL')),
            'Later buckets are computed from the raw rows as before.',
            format('SELECT tally.freeze_source(%L, before => %L);', source::text, date_trunc('month', now())::text));
    END IF;
    before := tally_internal._common_start(ids, before);
    unbuilt := tally_internal._unbuilt(ids, before);
    IF unbuilt IS NOT NULL THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('history before %s cannot be frozen: it is not all computed yet', before),
            format('Still to be built: %s.', unbuilt),
            format('CALL tally.backfill(%L);', split_part(unbuilt, ', ', 1)));
    END IF;
    PERFORM tally_internal._store_horizon(source, before);
    IF before < was THEN
        RAISE NOTICE USING MESSAGE = format('the horizon of %s goes back from %s to %s', source, was, before),
            DETAIL = 'Nothing is computed anew by that alone, but a change of a row now is. What is missing in the source would then be missing in the '
                'rollups.',
            HINT = format('SELECT * FROM tally.verify(%L, %L, %L);', (SELECT tally_internal._called(r) FROM tally.rollups r WHERE r.id = ids[1]), before, was);
    END IF;
    RETURN before;
END $$;
COMMENT ON FUNCTION tally.freeze_source(regclass, timestamptz) IS
'Freezes the history of all rollups on a source before a moment. The moment is moved back to where each rollup begins a bucket, and returned. From then '
'on anybody may delete, truncate or drop raw rows before it, and no rollup loses anything. A moment before the present horizon thaws what lies between. '
'For the owner of the source.';

CREATE OR REPLACE FUNCTION tally_internal._store_horizon(source regclass, before timestamptz, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller    regrole := tally_internal._caller(who);
    by_column text := tally_internal._check_horizon(source, caller);
    ids       int[] := ARRAY(SELECT r.id FROM tally.rollups r WHERE r.source = $1 ORDER BY r.id);
BEGIN
    IF before IS NULL OR before > now() OR before <> tally_internal._common_start(ids, before) OR tally_internal._unbuilt(ids, before) IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('history of %s cannot be frozen before %s', source, COALESCE(before::text, 'NULL')),
                              'freeze_source() says why, and moves the moment to where buckets begin.',
            format('SELECT tally.freeze_source(%L, %L);', source::text, before::text));
    END IF;
    INSERT INTO tally.source_retentions AS s (source, owner, search_path, time_column, deletes, horizon, last_run)
        VALUES (source, caller, 'pg_catalog, pg_temp', by_column, false, before, now())
        ON CONFLICT ON CONSTRAINT source_retentions_pkey DO UPDATE SET horizon = EXCLUDED.horizon, last_run = EXCLUDED.last_run;
    PERFORM tally_internal._freeze_source(source);
END $$;
COMMENT ON FUNCTION tally_internal._store_horizon(regclass, timestamptz, bigint) IS
'Writes down the horizon of a source and brings the rollups on it there. For the owner of the source.';
REVOKE ALL ON FUNCTION tally_internal._freeze_source(regclass) FROM PUBLIC;
