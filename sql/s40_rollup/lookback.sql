-- Owns: rollups whose buckets reach back: a bucket is computed of its own rows and of those of the buckets before it, as many as
-- lookback holds (seven-day actives per day). So a row changes its own bucket and the n - 1 after it. Marks still name the
-- row's own bucket; whoever reads marks widens them by these texts.

CREATE OR REPLACE FUNCTION tally_internal._lookback_buckets(rule text, lookback interval) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint := tally_internal._buckets_in(rule, lookback);
BEGIN
    IF lookback IS NULL THEN RETURN 1; END IF;
    IF n IS NULL OR n NOT BETWEEN 1 AND 1000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('lookback must be 1 to 1000 whole buckets, got %s', lookback),
            'It counts the bucket itself: lookback => ''7 days'' on buckets of a day is that day and the six before it.',
            'Use for example bucket => ''1 day'', lookback => ''7 days''.');
    END IF;
    RETURN n::int;
END $$;
COMMENT ON FUNCTION tally_internal._lookback_buckets(text, interval) IS 'How many buckets a bucket is computed of, itself included; 1 without lookback.';

CREATE OR REPLACE FUNCTION tally_internal._affected_buckets_sql(rule text, reach int, start text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('(SELECT pg_catalog.unnest(tally_internal._buckets_reached(%L, %s, %s)))', rule, start, reach)
$$;
COMMENT ON FUNCTION tally_internal._affected_buckets_sql(text, int, text) IS
'SQL text of a relation: all buckets that count the rows of the bucket which begins at start. Each bucket counts its own rows and those of the buckets '
'that it looks back over.';

CREATE OR REPLACE FUNCTION tally_internal._window_start_sql(d jsonb, start text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN d ->> 'lookback' IS NULL THEN start
                ELSE tally_internal._once_sql(format('GREATEST(%s, %s)', tally_internal._shift_sql(d ->> 'rule', start, (1 - (d ->> 'lookback')::int)::text),
                                                     tally_internal._first_bucket_sql(d ->> 'rule'))) END;
END $$;
COMMENT ON FUNCTION tally_internal._window_start_sql(jsonb, text) IS
'SQL text of the start of the first bucket whose rows the bucket that begins at start is computed of, for a resolved rollup.';

CREATE OR REPLACE FUNCTION tally_internal._affected_buckets(r tally.rollups, buckets timestamptz[]) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz[] := buckets;
BEGIN
    IF r.lookback IS NOT NULL THEN
        SELECT array_agg(DISTINCT w.b ORDER BY w.b) INTO result
          FROM tally_internal._bucket_rule_of(r) rule, tally_internal._lookback_buckets(rule, r.lookback) reach, unnest(buckets) m(start),
               unnest(tally_internal._buckets_reached(rule, m.start, reach)) w(b);
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._affected_buckets(tally.rollups, timestamptz[]) IS
'The buckets that rows of some buckets are counted in: those themselves without lookback.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_overlap(r tally.rollups, rule text, since timestamptz, until timestamptz, hint text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Rows of one bucket also count in the next. Merged, they would count as often as buckets overlap.
    IF r.lookback IS NULL OR rule = tally_internal._bucket_rule_of(r) THEN RETURN; END IF;
    IF rule IS NULL AND until <= tally_internal._bucket_end(tally_internal._bucket_rule_of(r),
                                                            tally_internal._bucket_start(tally_internal._bucket_rule_of(r), since)) THEN RETURN; END IF;
    PERFORM tally_internal._refuse('invalid_parameter_value',
        format('buckets of rollup %L overlap and cannot be merged: each looks back over %s', r.name, r.lookback),
        format('Got %s. A row is counted in each bucket that reaches back to it, so a sum over several would count it several times.',
                        CASE WHEN rule IS NULL THEN format('the range from %s to %s', since, until)
                            ELSE format('buckets of %s', tally_internal._bucket_width(rule)) END),
        hint);
END $$;
COMMENT ON FUNCTION tally_internal._refuse_overlap(tally.rollups, text, timestamptz, timestamptz, text) IS
'An error where buckets that look back would be merged: into longer ones (rule), or over a range of several (rule null).';

CREATE OR REPLACE FUNCTION tally_internal._check_lookback(made tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF made.lookback IS NULL THEN RETURN; END IF;
    IF made.key IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('rollup %L per key has no buckets to look back over, got lookback %s', made.name, made.lookback), NULL,
            format('SELECT tally.create_rollup(%L, %L, key => …);', made.name, made.source::text));
    END IF;
    PERFORM tally_internal._lookback_buckets(tally_internal._bucket_rule_of(made), made.lookback);
    IF EXISTS (SELECT FROM tally.source_retentions s WHERE s.source = made.source) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('rollup %L looks back over rows of %s, which keeps them for a time only', made.name, made.source),
            'A bucket that is computed anew needs the rows of the buckets before it.',
            format('SELECT * FROM tally.source_retentions WHERE source = %L::regclass;', made.source));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_lookback(tally.rollups) IS 'An error where a rollup in the making cannot look back as it wants.';
