-- Owns: a rollup per key that reads another rollup beside its source, as the values of units read when each was exposed.
--
-- A definition is over its source alone, because only the source is captured. What a rollup reads beside it is captured too: the other
-- rollup's table has the engine's triggers already, and they mark the key that a written row names. The live view asks the marks of the
-- other rollup in the same way as those of a rollup underneath. So nothing new decides what is dirty.

CREATE OR REPLACE FUNCTION tally_internal._expand_item(r tally.rollups, live boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A refresh reads tables, the live view reads live views, as with a rollup underneath.
    RETURN COALESCE((SELECT replace(r.expand, '{beside}', CASE WHEN live THEN o.live_view ELSE o.relation END::text)
                       FROM tally.beside b JOIN tally.rollups o ON o.id = b.beside_id WHERE b.rollup_id = r.id), r.expand);
END $$;
COMMENT ON FUNCTION tally_internal._expand_item(tally.rollups, boolean) IS
'The item of FROM that expands each source row of a rollup, with the rollup beside it by name: its table, or (live) its live view.';

CREATE OR REPLACE FUNCTION tally_internal._beside_keys_query(rollup_id int) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s FROM (%s) _tally_beside%s', tally_internal._key_names(b.keys, '_tally_beside.%2$I'),
                  tally_internal._changed_rows_query(tally_internal._resolved(b.beside_id), array_remove(b.keys || b.only_column, NULL)),
                  CASE WHEN b.only_column IS NULL THEN '' ELSE format(' WHERE _tally_beside.%I = %L', b.only_column, b.only_value) END)
      FROM tally.beside b WHERE b.rollup_id = $1
$$;
COMMENT ON FUNCTION tally_internal._beside_keys_query(int) IS
'SQL text of the keys of a rollup that are dirty by the marks of the rollup it reads beside its source; null where it reads none.';

CREATE OR REPLACE FUNCTION tally_internal._stand_beside(rollup_id int, beside_id int, keys text[], only_column text, only_value text, expand text,
                                                        who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup(rollup_id, caller);
    other  tally.rollups := tally_internal._owned_rollup(beside_id, caller);
    wrong  text;
BEGIN
    SELECT string_agg(quote_literal(k), ', ') INTO wrong FROM unnest(keys || only_column) k
     WHERE k IS NOT NULL AND NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = other.id AND d.name = k);
    -- Rollups are refreshed and locked in the order of their numbers, in which they were made.
    IF r.key IS NULL OR other.key IS NULL OR other.id >= r.id OR wrong IS NOT NULL OR cardinality(keys) IS DISTINCT FROM cardinality(r.key)
       OR EXISTS (SELECT FROM tally.beside b WHERE b.rollup_id = r.id) OR COALESCE(strpos(expand, '{beside}'), 0) = 0 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('rollup %L cannot read %L beside its source', r.name, other.name),
            format('Both must be per key, the one that is read made first, and its dimensions name the key. Got %s%s.', keys,
                   COALESCE(', of which it lacks ' || wrong, '')), 'SELECT name, key FROM tally.rollups ORDER BY id;');
    END IF;
    PERFORM tally_internal._check_from_item(replace(expand, '{beside}', other.relation::text));
    INSERT INTO tally.beside VALUES (r.id, other.id, keys, only_column, only_value);
    UPDATE tally.rollups x SET expand = expand WHERE x.id = r.id RETURNING x.* INTO r;
    PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    -- Capture comes before the mark, as it does for a source.
    PERFORM tally_internal._attach(other.relation);
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason) VALUES (r.id, '-infinity', 'infinity', 'reads ' || other.name);
END $$;
COMMENT ON FUNCTION tally_internal._stand_beside(int, int, text[], text, text, text, bigint) IS
'Makes a rollup per key read another beside its source: expand is its item of FROM, where {beside} stands for the other. For the owner of both, right after '
'it was made.';
