-- Owns: the coordinator's side of a cluster rollup on Citus: its workers as nodes, and following shards that are moved, split or made.

CREATE OR REPLACE FUNCTION tally_internal._distributed_source(source text, search_path text, label text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    relation regclass;
    spread   text;
    bad      text;
BEGIN
    PERFORM set_config('search_path', search_path, true);
    relation := to_regclass(source);
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    spread := tally_internal._distributed(relation);
    IF spread IS NULL THEN RETURN NULL; END IF;
    -- Each row lies at one place, and a place is a table of a worker that can inherit.
    bad := CASE WHEN spread = 'reference' THEN 'a reference table, whose rows lie at every node'
                -- A table with partitions inherits from nothing, and a partition from its parent alone.
                WHEN (SELECT c.relkind = 'p' FROM pg_class c WHERE c.oid = relation) THEN 'a distributed table with partitions'
                WHEN (SELECT c.relispartition FROM pg_class c WHERE c.oid = relation) THEN 'a partition of a distributed table'
                WHEN EXISTS (SELECT FROM tally_internal._placements(relation) p GROUP BY p.shard HAVING count(*) > 1)
                    THEN 'a table whose shards lie at several nodes each'
                WHEN EXISTS (SELECT FROM tally_internal._placements(relation) p WHERE p.place = 0) THEN 'a table with shards at the coordinator' END;
    IF bad IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('cluster rollup %L needs a distributed table whose shards lie at workers, got %s',
                label, bad),
            'The rollups at the workers could not stand on each row once.',
            CASE WHEN bad LIKE '%coordinator' THEN 'SELECT citus_set_node_property(nodename, nodeport, ''shouldhaveshards'', false) FROM pg_dist_node '
                      'WHERE groupid = 0; SELECT citus_rebalance_start();'
                 WHEN spread = 'reference' THEN format('SELECT undistribute_table(%L);', relation)
                 ELSE format('SELECT * FROM citus_shards WHERE table_name = %L::regclass;', relation) END);
    END IF;
    RETURN (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
END $$;
COMMENT ON FUNCTION tally_internal._distributed_source(text, text, text) IS
'The full name of a source that Citus distributes, an error where its rows do not each lie at one worker, and null for other sources.';

CREATE OR REPLACE FUNCTION tally_internal._workers(source text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item   record;
    had    pg_foreign_server;
    result text[] := '{}';
BEGIN
    -- A server stands for a group of Citus, which keeps its number when the primary changes. What its owner has set besides stays.
    FOR item IN EXECUTE 'SELECT DISTINCT n.groupid, n.nodename, n.nodeport::text AS nodeport FROM tally_internal._placements(to_regclass($1)) p '
                        'JOIN pg_catalog.pg_dist_node n ON n.groupid = p.place AND n.noderole::text = ''primary'' ORDER BY 1' USING source LOOP
        result := result || format('citus_%s', item.groupid);
        SELECT * INTO had FROM pg_foreign_server s WHERE s.srvname = result[cardinality(result)];
        IF had.oid IS NULL THEN
            -- Without these Citus hides shards from the engine, and refuses triggers on them. A question holds shards at one worker while it waits for
            -- another's, as a distributed ALTER TABLE does: nobody finds that deadlock, so the question gives up.
            EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L, extensions ''pg_tally'', '
                'connect_timeout ''5'', options ''-c citus.override_table_visibility=off -c citus.enable_manual_changes_to_shards=on '
                '-c citus.enable_ddl_propagation=off -c lock_timeout=10s'')', result[cardinality(result)], item.nodename, item.nodeport, current_database());
        ELSIF NOT had.srvoptions @> ARRAY['host=' || item.nodename, 'port=' || item.nodeport] THEN
            EXECUTE format('ALTER SERVER %I OPTIONS (SET host %L, SET port %L)', had.srvname, item.nodename, item.nodeport);
        END IF;
        IF NOT EXISTS (SELECT FROM pg_user_mappings m WHERE m.srvname = result[cardinality(result)]
                          AND m.umuser IN (0, tally_internal._current_role()::oid)) THEN
            EXECUTE format('CREATE USER MAPPING FOR %I SERVER %I OPTIONS (user %1$L)', current_user, result[cardinality(result)]);
        END IF;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._workers(text) IS
'The workers of Citus that hold shards of a table, as foreign servers of postgres_fdw (citus_<group>); made where there are none, and a user '
    'mapping with them.';

CREATE OR REPLACE FUNCTION tally_internal._for_workers(arguments jsonb, source text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT arguments || jsonb_build_object('distributed', source, 'placement', tally_internal._placement_of(source))
$$;
COMMENT ON FUNCTION tally_internal._for_workers(jsonb, text) IS
'What a worker of Citus is given to make its rollup of: the arguments, the table, and its placement.';

CREATE OR REPLACE FUNCTION tally_internal._shards_moved(c tally.clusters) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(tally_internal._placement_of(c.definition ->> 'distributed') <> c.definition ->> 'placement', false)
$$;
COMMENT ON FUNCTION tally_internal._shards_moved(tally.clusters) IS
'Whether shards of the table that a cluster rollup stands on were moved, split or made since it knew them; false where it stands on none of Citus.';

CREATE OR REPLACE FUNCTION tally_internal._follow_shards(rollup_id int) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r       tally.rollups;
    c       tally.clusters;
    source  text;
    servers text[];
    was     text[];
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    SELECT * INTO c FROM tally.clusters x WHERE x.rollup_id = rollup_id;
    source := c.definition ->> 'distributed';
    IF tally_internal._distributed_source(source, 'pg_catalog, pg_temp', r.name) IS NULL THEN
        PERFORM tally_internal._refuse('undefined_table', format('rollup %L needs the distributed table %s, got none of that name', r.name, source),
            'It was dropped, renamed or undistributed.', format('SELECT tally.drop_cluster_rollup(%L, at_nodes => true);', tally_internal._called(r)));
    END IF;
    servers := tally_internal._workers(source);
    was := ARRAY(SELECT n.node FROM tally.cluster_nodes n WHERE n.rollup_id = rollup_id);
    c.definition := tally_internal._make_at_nodes(r.name, c.remote, servers, tally_internal._for_workers(c.arguments, source));
    PERFORM tally_internal._store_cluster(r.id, c.parts, c.face, c.remote, c.arguments, c.definition), tally_internal._set_nodes(r, servers);
    RETURN ARRAY(SELECT w FROM unnest(was) w WHERE w <> ALL (servers));
END $$;
COMMENT ON FUNCTION tally_internal._follow_shards(int) IS
'Has the workers stand on the shards that lie at each now, and the coordinator read those workers. As the owner. Returns the nodes that hold none any more.';

CREATE OR REPLACE FUNCTION tally_internal._leave_node(node text, remote text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._ask_as_caller(node, format('SELECT tally_internal._drop_at_node(%L)', remote));
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    -- A node that was dropped need not answer.
    RETURN false;
END $$;
COMMENT ON FUNCTION tally_internal._leave_node(text, text) IS 'Drops the rollup at a node that holds no shard any more, if it answers.';

CREATE OR REPLACE FUNCTION tally_internal._pull_moved(r tally.rollups) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item record;
    left_ jsonb;
    code text; message text; hint text;
BEGIN
    BEGIN
        SELECT x INTO left_ FROM tally.run_as(r.owner, r.search_path,
            format('SELECT pg_catalog.to_jsonb(tally_internal._follow_shards(%s)) AS nodes', r.id), 0, 'UTC') x;
        -- All workers or none: one worker's rows of before and another's of after could have a shard twice, or not at all.
        FOR item IN SELECT n.node, p.* FROM tally.cluster_nodes n CROSS JOIN LATERAL tally_internal._pull_node(r, n.node, false) p WHERE n.rollup_id = r.id LOOP
            IF item.error IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = left(item.error, 5), MESSAGE = format('node %I: %s', item.node, substr(item.error, 8));
            END IF;
        END LOOP;
        PERFORM tally.run_as(r.owner, r.search_path, format('SELECT tally_internal._leave_node(n, c.remote) FROM pg_catalog.jsonb_array_elements_text(%L) n, '
            'tally.clusters c WHERE c.rollup_id = %s', left_ -> 'nodes', r.id), 0, 'UTC');
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
        hint := COALESCE(NULLIF(hint, ''), format('SELECT * FROM tally.refresh(%L);', tally_internal._called(r)));
        RAISE WARNING USING MESSAGE = format('cluster rollup %L does not follow its shards: %s', r.name, message), ERRCODE = code,
            DETAIL = 'Its rows stand as of the pull before; live views and metrics that read the workers raise an error.', HINT = hint;
        UPDATE tally.cluster_nodes x SET failed_since = COALESCE(x.failed_since, clock_timestamp()), sqlstate = code, message = left(message, 1000), hint = hint
          WHERE x.rollup_id = r.id;
    END;
END $$;
COMMENT ON FUNCTION tally_internal._pull_moved(tally.rollups) IS
'Follows shards that were moved and pulls all workers, or writes down why not and leaves all as it was.';
REVOKE ALL ON FUNCTION tally_internal._pull_moved(tally.rollups) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._moved_fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c tally.clusters;
BEGIN
    SELECT * INTO c FROM tally.clusters x WHERE x.rollup_id = r.id;
    IF c.rollup_id IS NULL OR NOT tally_internal._shards_moved(c) THEN RETURN; END IF;
    sqlstate := '55000';
    message := format('shards of %s were moved, split or made since the last refresh', c.definition ->> 'distributed');
    hint := format('SELECT * FROM tally.refresh(%L);', tally_internal._called(r));
END $$;
COMMENT ON FUNCTION tally_internal._moved_fault(tally.rollups) IS
'The fault of a cluster rollup on Citus whose shards do not lie where it knows them; nulls where there is none.';
