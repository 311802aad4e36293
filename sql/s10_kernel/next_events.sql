-- Owns: what actors do next, or did before.

CREATE OR REPLACE FUNCTION tally.next_event_path(times timestamptz[], events text[], anchor text, steps int DEFAULT 3) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'tally_next_event_path';
COMMENT ON FUNCTION tally.next_event_path(timestamptz[], text[], text, int) IS
'The next steps events of an actor after the first anchor, or for negative steps those before it, in time order (ties by name). NULL where the actor has no '
'anchor. Count the paths with GROUP BY.';

CREATE OR REPLACE FUNCTION tally.next_event_paths(source regclass, anchor text, steps int DEFAULT 3, event_time name DEFAULT 'event_time',
                                       event_type name DEFAULT 'event_type',
                                       actor name DEFAULT 'user_id', top int DEFAULT 10)
    RETURNS TABLE (path text[], actors bigint, share float8)
    LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT path, count(*), count(*)::float8 / sum(count(*)) OVER ()::float8
           FROM (SELECT tally.next_event_path(array_agg(%2$I::timestamptz), array_agg(%3$I::text), $1, $2) AS path FROM %1$s GROUP BY %4$I) p
          WHERE path IS NOT NULL GROUP BY path ORDER BY count(*) DESC, path LIMIT $3', source, event_time, event_type, actor)
        USING anchor, steps, top;
END $$;
COMMENT ON FUNCTION tally.next_event_paths(regclass, text, int, name, name, name, int) IS
'The most common paths of actors after the first anchor event (before it, for negative steps): how many actors took each, and their share of those who have '
'the anchor. Reads source with the caller''s rights; event_time, event_type and actor are its columns.';
