-- Owns: what becomes of funnels and retentions when the rollups that they are made of change (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_repaired_s55(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b    tally.behaviours;
    r    tally.rollups;
    item record;
    lost text;
BEGIN
    -- DROP COLUMN … CASCADE on the source drops them, together with the live view that they stand on.
    FOR item IN SELECT x AS behaviour, l AS lost FROM tally.behaviours x, tally_internal._lost_views(x) l
        WHERE x.counts = ANY (tally_internal._with_descendants(id)) LOOP
        b := item.behaviour;
        lost := item.lost;
        SELECT * INTO r FROM tally.rollups x WHERE x.id = b.counts;
        IF b.kind = 'funnel' THEN
            PERFORM tally_internal._funnel_view(b.name, CASE WHEN lost ~ '_live"?$' THEN '_steps_live' ELSE '_steps' END, r.relation,
                ARRAY(SELECT s ->> 'name' FROM jsonb_array_elements(b.definition -> 'steps') WITH ORDINALITY e(s, n) ORDER BY n), CASE
                    WHEN lost ~ '_live"?$' THEN r.live_view ELSE r.relation END);
        ELSE
            PERFORM tally_internal._retention_view(b.name, CASE WHEN lost ~ '_live"?$' THEN '_cohorts_live' ELSE '_cohorts' END, r.relation, CASE
                                          WHEN lost ~ '_live"?$' THEN r.live_view ELSE r.relation END, tally_internal._counts_elapsed(b.definition));
        END IF;
        RAISE NOTICE USING MESSAGE = format('view %s is made anew', lost), DETAIL = 'Nobody knows any more what was granted on the old one.',
            HINT = format('GRANT SELECT ON %s TO …;', lost);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_repaired_s55(int, jsonb) IS
'Listener: makes the views of funnels and retentions on a rollup and its descendants that somebody has dropped; with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_paired_s55(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT unnest(p.ids)::text FROM tally.behaviours b, tally_internal._rollups_of(b) p(ids) WHERE $1 = ANY (p.ids);
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_paired_s55(int, jsonb) IS 'Listener: the rollups of a funnel, retention or sessions, given one of them.';

CREATE OR REPLACE FUNCTION tally_internal._when_whole_asked_s55(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT format('SELECT tally.drop_%s(%L);', b.kind, tally_internal._called(b)) FROM tally.behaviours b
                  WHERE $1 = ANY (tally_internal._rollups_of(b));
END $$;
COMMENT ON FUNCTION tally_internal._when_whole_asked_s55(int, jsonb) IS
'Listener: the statement that drops the funnel, retention or sessions that a rollup is a part of.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_drops_s55(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('dependent_objects_still_exist',
        format('rollup %L cannot be dropped: %s %L is made of it', (SELECT r.name FROM tally.rollups r WHERE r.id = $1), b.kind, b.name),
        'Its rollups are dropped together.', format('SELECT tally.drop_%s(%L);', b.kind, tally_internal._called(b)))
       FROM tally.behaviours b WHERE $1 = ANY (tally_internal._rollups_of(b));
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_drops_s55(int, jsonb) IS
'Listener: refuses to drop a rollup that a funnel, retention or sessions are made of.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_given_s55(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taker regrole := (detail ->> 'taker')::oid::regrole;
BEGIN
    PERFORM tally_internal._give_relation(c.oid, taker, (detail ->> 'giver')::oid::regrole)
       FROM tally.behaviours b, tally_internal._views_of(b) l JOIN pg_class c ON c.oid = tally_internal._relation_named(l)
      WHERE b.counts = $1 AND c.relkind = 'v';
    UPDATE tally.behaviours x SET owner = taker WHERE x.counts = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_given_s55(int, jsonb) IS
'Listener: a funnel or retention and its views go to the role that its rollup is given to.';

CREATE OR REPLACE FUNCTION tally_internal._dimensions_changed(dimensions jsonb, changes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A dimension that was given as a column keeps its name.
    SELECT COALESCE(jsonb_agg(CASE
               WHEN jsonb_typeof(d) = 'object' THEN (SELECT jsonb_object_agg(e.key, tally_internal._changed(e.value, changes)) FROM jsonb_each_text(d) e)
               WHEN tally_internal._changed(quote_ident(d #>> '{}'), changes) <> quote_ident(d #>> '{}')
               THEN jsonb_build_object(d #>> '{}', tally_internal._changed(quote_ident(d #>> '{}'), changes))
               ELSE d END ORDER BY n), '[]')
      FROM jsonb_array_elements(CASE jsonb_typeof(dimensions) WHEN 'array' THEN dimensions ELSE '[]' END) WITH ORDINALITY a(d, n)
$$;
COMMENT ON FUNCTION tally_internal._dimensions_changed(jsonb, jsonb) IS
'Dimensions of a funnel, retention or sessions, as they were given, after a list of changes of names.';

CREATE OR REPLACE FUNCTION tally_internal._when_definition_follows_s55(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes CONSTANT jsonb := detail -> 'changes';
BEGIN
    UPDATE tally.behaviours b
       SET definition = tally_internal._definition_changed(b.definition - 'dimensions', '{condition,when,where,start,return,page}', changes)
                     || jsonb_build_object('dimensions', tally_internal._dimensions_changed(b.definition -> 'dimensions', changes))
     WHERE (tally_internal._rollups_of(b))[1] = $1;
    RETURN;
END $$;
COMMENT ON FUNCTION tally_internal._when_definition_follows_s55(int, jsonb) IS
'Listener: the texts of funnels, retentions and sessions follow what is renamed, where the rollup of their actors does.';
REVOKE ALL ON FUNCTION tally_internal._when_definition_follows_s55(int, jsonb) FROM PUBLIC;
