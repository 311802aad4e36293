-- Owns: the functions that write funnels, retentions and sessions into the catalogue, for the owner of their rollups; nothing else does.

CREATE OR REPLACE FUNCTION tally_internal._store_behaviour(kind text, counts regclass, definition jsonb, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup((SELECT x.id FROM tally.rollups x WHERE x.relation = counts), caller);
BEGIN
    PERFORM tally_internal._check_size(definition::text, format('%s %L', kind, r.name)), tally_internal._owned_rollup(r.source_rollup, caller);
    INSERT INTO tally.behaviours (name, kind, owner, actors, counts, definition) VALUES (r.name, kind, r.owner, r.source_rollup, r.id, definition);
END $$;
COMMENT ON FUNCTION tally_internal._store_behaviour(text, regclass, jsonb, bigint) IS
'Writes a funnel, retention or sessions into the catalogue, by the rollup of its counts. For the owner of both its rollups.';

CREATE OR REPLACE FUNCTION tally_internal._forget_behaviour(counts int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._owned_rollup($1, tally_internal._caller(who));
    DELETE FROM tally.behaviours b WHERE b.counts = $1;
END $$;
COMMENT ON FUNCTION tally_internal._forget_behaviour(int, bigint) IS
'Takes a funnel, retention or sessions out of the catalogue, given the rollup of its counts. For the owner; drop_funnel() and its kin drop the rest.';
