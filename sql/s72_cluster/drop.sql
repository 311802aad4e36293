-- Owns: drop_cluster_rollup, and that nothing else drops a part of a cluster rollup.

CREATE OR REPLACE FUNCTION tally.drop_cluster_rollup(name text, at_nodes boolean DEFAULT false, "cascade" boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r     tally.rollups := tally_internal._rollup(name);
    c     tally.clusters;
    nodes text[];
    lives regclass[];
    item  text;
BEGIN
    SELECT * INTO c FROM tally.clusters x WHERE x.rollup_id = r.id;
    IF c.rollup_id IS NULL THEN
        PERFORM tally_internal._refuse('wrong_object_type', format('drop_cluster_rollup needs a cluster rollup, got %L, which is none', r.name),
            'Its rows lie on this server.', format('SELECT tally.drop_rollup(%L);', name));
    END IF;
    SELECT array_agg(n.live), array_agg(n.node ORDER BY n.node) INTO lives, nodes FROM tally.cluster_nodes n WHERE n.rollup_id = r.id;
    PERFORM tally.drop_threshold(r.name || ' nodes') WHERE EXISTS (
        SELECT FROM tally.thresholds t WHERE t.name = r.name || ' nodes' AND t.owner::oid = r.owner::oid);
    PERFORM tally_internal._forget_cluster(r.id);
    PERFORM tally.drop_rollup(tally_internal._called(r), "cascade");
    -- What is another role's by now stays as it is.
    FOR item IN SELECT format('DROP %s %s', CASE k.relkind WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, k.oid::regclass)
                  FROM unnest(c.face || lives || c.parts) WITH ORDINALITY l(l, n) JOIN pg_class k ON k.oid = l.l
                 WHERE tally_internal._holds(r.owner, k.oid) ORDER BY l.n LOOP
        EXECUTE item;
    END LOOP;
    -- The nodes come last: what cannot be dropped here has been refused by now. If one does not answer, all stands here as it was.
    IF at_nodes THEN
        FOR item IN SELECT unnest(nodes) LOOP
            PERFORM tally_internal._ask_as_caller(item, format('SELECT tally_internal._drop_at_node(%L)', c.remote));
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION tally.drop_cluster_rollup(text, boolean, boolean) IS
'Drops a cluster rollup here, with its parts, foreign tables and views; at_nodes: the rollups at the nodes too. With "cascade", also what stands on it here.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_drops_s72(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    SELECT x.* INTO r FROM tally.rollups x JOIN tally.clusters c ON c.rollup_id = x.id WHERE x.id = $1;
    IF r.id IS NOT NULL THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist', format('rollup %L cannot be dropped alone: it is a cluster rollup', r.name),
            'Its parts, its foreign tables and the rollups at the nodes would be left over.',
            format('SELECT tally.drop_cluster_rollup(%L);', tally_internal._called(r)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_drops_s72(int, jsonb) IS 'Listener: refuses to drop the rollup of a cluster rollup alone.';
