-- Owns: thresholds that watch a ratio. Each is a threshold on a query that the engine writes: the ratio by its number, in the last finished bucket.

CREATE OR REPLACE FUNCTION tally_internal._ratio_query(ratio_id int, per text[], "where" jsonb, partial_ok boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The label set as a whole, because a dimension may be called value or samples.
    SELECT format('SELECT value, labels AS "the labels" FROM tally_internal._ratio_at(%s, :as_of, %L, %L, %s)', ratio_id, COALESCE(per, '{}'),
                  COALESCE("where", '{}'), COALESCE(partial_ok, false)::text)
$$;
COMMENT ON FUNCTION tally_internal._ratio_query(int, text[], jsonb, boolean) IS
'The query of a threshold on a ratio: its value at the tick for each label set of some dimensions, under a filter.';

CREATE OR REPLACE FUNCTION tally_internal._watched_ratio(t tally.thresholds) RETURNS tally.ratios
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.* FROM tally.ratios x WHERE t.query = tally_internal._ratio_query(x.id, t.per, t.filter, t.partial_ok)
$$;
COMMENT ON FUNCTION tally_internal._watched_ratio(tally.thresholds) IS 'The ratio that a threshold watches; null where it watches something else.';

CREATE OR REPLACE FUNCTION tally_internal._check_ratio_threshold(t tally.thresholds) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x tally.ratios := tally_internal._watched_ratio(t);
BEGIN
    IF x.id IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._check_dimensions(r, t.per, 'per') FROM unnest(tally_internal._ratio_rollups(x)) r;
    PERFORM FROM tally_internal._ratio_at(x.id, now(), t.per, t.filter, t.partial_ok);
END $$;
COMMENT ON FUNCTION tally_internal._check_ratio_threshold(tally.thresholds) IS
'An error where the current role may not read the ratio that a threshold watches, or the ratio has not its dimensions.';

CREATE OR REPLACE FUNCTION tally_internal._when_ratio_drops_s60(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse_watched(format('ratio %L', x.name), (SELECT array_agg(t.name) FROM tally.thresholds t
                                                                          WHERE t.query = tally_internal._ratio_query(x.id, t.per, t.filter, t.partial_ok)))
       FROM tally.ratios x WHERE x.id = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_ratio_drops_s60(int, jsonb) IS 'Listener: an error where thresholds watch the ratio.';
