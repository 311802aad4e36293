-- Owns: the only ways in which cluster rollups are written into the catalogue.

CREATE OR REPLACE FUNCTION tally_internal._check_part(relation regclass, kind "char", r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder regrole := (SELECT c.relowner FROM pg_class c WHERE c.oid = relation AND c.relkind = kind);
BEGIN
    -- Whoever gives or drops the rollup gives or drops its parts.
    IF holder IS DISTINCT FROM r.owner::regrole OR EXISTS (SELECT FROM tally.rollups x WHERE $1 IN (x.relation, x.live_view)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('a part of cluster rollup %L must be a %s of %s''s alone, got %s', r.name,
                CASE kind WHEN 'v' THEN 'view' WHEN 'f' THEN 'foreign table' ELSE 'table' END, r.owner, relation),
            'create_cluster_rollup() makes the parts.', format('SELECT tally.create_cluster_rollup(%L, …);', r.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_part(regclass, "char", tally.rollups) IS
'An error where a relation is not of the kind that a part of a cluster rollup is, or not of the rollup''s owner.';

CREATE OR REPLACE FUNCTION tally_internal._store_face(source regclass, face regclass, rule text, members regclass[],
                                                      who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    IF NOT (SELECT bool_and(COALESCE(tally_internal._has_rights(caller, c.relowner::regrole), false)) FROM unnest(ARRAY[source, face] || members) x(x)
              LEFT JOIN pg_class c ON c.oid = x.x) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('%s and its face must belong to %s', source, caller),
            'Whoever reads the rollup''s live view reads the face.', format('ALTER TABLE %s OWNER TO %s;', source, caller));
    END IF;
    INSERT INTO tally.faces (source, face, rule, members) VALUES (source, face, rule, members)
    ON CONFLICT ON CONSTRAINT faces_pkey DO UPDATE SET face = excluded.face, rule = excluded.rule, members = excluded.members;
END $$;
COMMENT ON FUNCTION tally_internal._store_face(regclass, regclass, text, regclass[], bigint) IS
'Says by which view the live views of rollups on a table of copies read other servers. members: the foreign tables in '
    'that view. For the owner of all of them.';

CREATE OR REPLACE FUNCTION tally_internal._store_cluster(rollup_id int, parts regclass, face regclass, remote text, arguments jsonb, definition jsonb,
                                                         who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    IF r.source IS DISTINCT FROM parts THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('cluster rollup %L must stand on its parts, got %s', r.name, parts),
            'create_cluster_rollup() makes both.', format('SELECT tally.create_cluster_rollup(%L, …);', r.name));
    END IF;
    PERFORM tally_internal._check_part(parts, 'r', r), tally_internal._check_part(face, 'v', r);
    INSERT INTO tally.clusters (rollup_id, parts, face, remote, arguments, definition) VALUES (r.id, parts, face, remote, arguments, definition)
    ON CONFLICT ON CONSTRAINT clusters_pkey DO UPDATE SET arguments = excluded.arguments, definition = excluded.definition;
END $$;
COMMENT ON FUNCTION tally_internal._store_cluster(int, regclass, regclass, text, jsonb, jsonb, bigint) IS
'Writes a cluster rollup into the catalogue. For the owner; create_cluster_rollup() calls it.';

CREATE OR REPLACE FUNCTION tally_internal._store_node(rollup_id int, node text, live regclass, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    -- Without a relation the node leaves.
    IF live IS NULL THEN
        DELETE FROM tally.cluster_nodes n WHERE n.rollup_id = r.id AND n.node = node;
    ELSE
        PERFORM tally_internal._check_part(live, 'f', r);
        INSERT INTO tally.cluster_nodes (rollup_id, node, live) VALUES (r.id, node, live);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._store_node(int, text, regclass, bigint) IS
'Adds a node to a cluster rollup, or takes it out (live null). For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._forget_cluster(rollup_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    DELETE FROM tally.faces f WHERE f.source = r.source;
    DELETE FROM tally.clusters c WHERE c.rollup_id = r.id;
END $$;
COMMENT ON FUNCTION tally_internal._forget_cluster(int, bigint) IS
'Takes a cluster rollup out of the list of those. For the owner; drop_cluster_rollup() then drops what it was made of.';
