-- Owns: making anew what the engine has made as text: live views, flat views, the conditions of triggers. Every upgrade ends with it
-- (sql/upgrade/end.sql), so no text of an earlier version is left behind.
--
-- Within ALTER EXTENSION PostgreSQL lets nothing be replaced that is not the extension's own. So a view is given to the extension, replaced by
-- its owner, and given back: nobody else sees it between, because it is one transaction.

CREATE OR REPLACE FUNCTION tally_internal._replace_view(view regclass, search_path text, zone text, query text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner regrole := (SELECT c.relowner FROM pg_class c WHERE c.oid = view);
BEGIN
    EXECUTE format('ALTER EXTENSION pg_tally ADD VIEW %s', view);
    PERFORM tally.run_as(owner, search_path, format('CREATE OR REPLACE VIEW %s AS %s', view, query), 0, zone);
    EXECUTE format('ALTER EXTENSION pg_tally DROP VIEW %s', view);
END $$;
COMMENT ON FUNCTION tally_internal._replace_view(regclass, text, text, text) IS
'Replaces the query of a view that the engine made, as its owner; columns, grants and what stands on it stay. For the extension''s owner.';
REVOKE ALL ON FUNCTION tally_internal._replace_view(regclass, text, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._rebuild_rollup(r tally.rollups) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER EXTENSION pg_tally ADD VIEW %s', r.live_view);
    PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    EXECUTE format('ALTER EXTENSION pg_tally DROP VIEW %s', r.live_view);
    PERFORM tally_internal._watch_table(r.relation);
    PERFORM tally_internal._comment_rollup(r.id);
END $$;
COMMENT ON FUNCTION tally_internal._rebuild_rollup(tally.rollups) IS
'Makes the live view of a rollup and the trigger on its table anew. For the extension''s owner.';
REVOKE ALL ON FUNCTION tally_internal._rebuild_rollup(tally.rollups) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._rebuild_behaviour(b tally.behaviours) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    view   regclass;
    origin regclass;
    name   text;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = b.counts;
    FOR name IN SELECT v FROM tally_internal._views_of(b) v LOOP
        view := tally_internal._relation_named(name);
        origin := CASE WHEN name ~ '_live"?$' THEN r.live_view ELSE r.relation END;
        PERFORM tally_internal._replace_view(view, r.search_path, r.zone, CASE b.kind
            WHEN 'funnel' THEN tally_internal._funnel_query(r, ARRAY(SELECT s ->> 'name' FROM jsonb_array_elements(b.definition -> 'steps')
                                                                     WITH ORDINALITY e(s, n) ORDER BY n), origin)
            ELSE tally_internal._retention_query(r, origin, tally_internal._counts_elapsed(b.definition)) END)
          WHERE view IS NOT NULL;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._rebuild_behaviour(tally.behaviours) IS
'Makes the flat views of a funnel or retention anew, where they are there. For the extension''s owner.';
REVOKE ALL ON FUNCTION tally_internal._rebuild_behaviour(tally.behaviours) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._rebuild_derived() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
    what text;
    words text;
    more text;
    todo text;
BEGIN
    FOR item IN
        -- A rollup before those that stand on it, and views last.
        SELECT 1 AS place, r.id, r.name, r AS rollup, NULL::regclass AS relation, NULL::tally.behaviours AS behaviour FROM tally.rollups r
         WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v')
           AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation)
        UNION ALL SELECT DISTINCT ON (r.source) 2, r.id, r.source::text, NULL, r.source, NULL FROM tally.rollups r
         WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source)
        UNION ALL SELECT 3, r.id, r.name, r, v.view, NULL FROM tally.metric_views v JOIN tally.rollups r ON r.id = v.rollup_id
         WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = v.view AND c.relkind = 'v')
        UNION ALL SELECT 4, b.counts, b.name, NULL, NULL, b FROM tally.behaviours b
        ORDER BY 1, 2
    LOOP
        what := CASE item.place WHEN 1 THEN 'the live view of rollup' WHEN 2 THEN 'the triggers on' WHEN 3 THEN 'the metrics view of rollup'
                ELSE 'the views of' END;
        BEGIN
            CASE item.place
                WHEN 1 THEN PERFORM tally_internal._rebuild_rollup(item.rollup);
                WHEN 2 THEN PERFORM tally_internal._attach(item.relation);
                WHEN 3 THEN PERFORM tally_internal._replace_view(item.relation, (item.rollup).search_path, (item.rollup).zone,
                                                                 tally_internal._metrics_query(item.id));
                ELSE PERFORM tally_internal._rebuild_behaviour(item.behaviour);
            END CASE;
        EXCEPTION WHEN OTHERS THEN
            -- The marks would be wrong where triggers stay as they are; a view that stays says what is wrong when it is read.
            IF item.place = 2 THEN RAISE; END IF;
            GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL, todo = PG_EXCEPTION_HINT;
            RAISE WARNING USING MESSAGE = format('%s %L cannot be made anew: %s', what, item.name, words),
                DETAIL = COALESCE(NULLIF(more, ''), 'It stays as it was.'),
                HINT = COALESCE(NULLIF(todo, ''), 'SELECT rollup, state, message FROM tally.status;');
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._rebuild_derived() IS
'Makes anew all that the engine has made as text: live views, flat views, conditions of triggers. Every upgrade ends with it. For the extension''s owner.';
REVOKE ALL ON FUNCTION tally_internal._rebuild_derived() FROM PUBLIC;
