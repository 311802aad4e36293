-- Owns: what becomes of cluster rollups when others ask or change things (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_given_s72(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taker regrole := (detail ->> 'taker')::oid::regrole;
BEGIN
    PERFORM tally_internal._give_relation(x.relation, taker, (detail ->> 'giver')::oid::regrole) FROM tally.clusters c
      CROSS JOIN LATERAL (SELECT c.parts UNION ALL SELECT c.face UNION ALL SELECT n.live FROM tally.cluster_nodes n WHERE n.rollup_id = c.rollup_id)
          x(relation) WHERE c.rollup_id = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_given_s72(int, jsonb) IS
'Listener: parts, face and foreign tables of a cluster rollup go to the role that the rollup is given to, which needs user mappings of its own.';

CREATE OR REPLACE FUNCTION tally_internal._when_source_is_far_s72(id int, detail jsonb) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT tally.create_cluster_rollup(%L, servers => %L, source => %L, …);', detail ->> 'rollup',
                  '{' || quote_ident(detail ->> 'server') || '}', detail ->> 'source')
$$;
COMMENT ON FUNCTION tally_internal._when_source_is_far_s72(int, jsonb) IS
'Listener: the statement that makes a rollup of rows that lie on another server, where they lie.';

CREATE OR REPLACE FUNCTION tally_internal._when_copies_moved_s72(id int, detail jsonb) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.definition ->> 'distributed' FROM tally.clusters c WHERE c.parts = (detail #>> '{}')::oid AND tally_internal._shards_moved(c)
$$;
COMMENT ON FUNCTION tally_internal._when_copies_moved_s72(int, jsonb) IS
'Listener: a line where the table is the parts of a cluster rollup on Citus whose shards were moved; then the live view answers, with an error.';
