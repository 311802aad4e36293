-- Owns: sources whose rows lie on other servers: foreign tables, and the distributed and reference tables of Citus. Capture is a trigger here, and
-- their rows change there. So a rollup on one would look fresh and not be. It is refused, with the statement that makes one that is exact.

CREATE OR REPLACE FUNCTION tally_internal._distributed(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN RETURN NULL; END IF;
    -- A table that Citus only keeps in its list (n, not t, in no group) lies on this server like any other.
    EXECUTE 'SELECT CASE WHEN p.partmethod = ''n'' AND p.repmodel = ''t'' THEN ''reference'' ELSE ''distributed'' END FROM pg_catalog.pg_dist_partition p '
        'WHERE p.logicalrelid = $1 AND NOT (p.partmethod = ''n'' AND p.repmodel <> ''t'' AND p.colocationid = 0)' INTO result USING relation;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._distributed(regclass) IS 'How Citus spreads a table: distributed or reference; null where its rows lie on this server.';

CREATE OR REPLACE FUNCTION tally_internal._far_fault(source regclass, label text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    spread text := tally_internal._distributed(source);
    item   record;
BEGIN
    IF spread IS NOT NULL THEN
        message := format('rollup %L needs a source whose rows lie on this server, got the %s table %s', label, spread, source);
        detail := 'Its rows change on other nodes, and their marks would stay there. So the rollup would look fresh and not be.';
        IF spread = 'reference' THEN
            hint := format('SELECT undistribute_table(%L);', source);
        ELSE
            SELECT h INTO hint FROM tally_internal._announce('source_is_far', NULL, jsonb_build_object('rollup', label, 'source', source::text)) h;
        END IF;
        RETURN;
    END IF;
    SELECT t.member, s.srvname, COALESCE(place.value || '.', '') || COALESCE(name.value, c.relname) AS there INTO item
      FROM tally_internal._tree(source) t
      JOIN pg_class c ON c.oid = t.member AND c.relkind = 'f'
      JOIN pg_foreign_table f ON f.ftrelid = c.oid
      JOIN pg_foreign_server s ON s.oid = f.ftserver
      LEFT JOIN LATERAL (SELECT o.option_value AS value FROM pg_options_to_table(f.ftoptions) o WHERE o.option_name = 'schema_name') place ON true
      LEFT JOIN LATERAL (SELECT o.option_value AS value FROM pg_options_to_table(f.ftoptions) o WHERE o.option_name = 'table_name') name ON true
     ORDER BY t.depth, t.member LIMIT 1;
    IF item.member IS NOT NULL THEN
        message := format('rollup %L needs a source whose rows lie on this server, got %s', label, CASE WHEN item.member = source
                              THEN format('the foreign table %s', source) ELSE format('%s with the foreign table %s', source, item.member) END);
        detail := format('Its rows change at the server %I, which leaves no marks here. So the rollup would look fresh and not be.', item.srvname);
        SELECT h INTO hint FROM tally_internal._announce('source_is_far', NULL,
            jsonb_build_object('rollup', label, 'server', item.srvname, 'source', item.there)) h;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._far_fault(regclass, text) IS
'What is wrong with a source whose rows, or some of them, lie on another server, in words, with the statement to use instead; nulls where all lie here.';

CREATE OR REPLACE FUNCTION tally_internal._strange_table(relation regclass, reader regrole) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Most databases have no foreign table at all, and a source may have thousands of partitions.
    IF NOT EXISTS (SELECT FROM pg_foreign_table) THEN RETURN NULL; END IF;
    RETURN (SELECT c.oid FROM tally_internal._tree(relation) t JOIN pg_class c ON c.oid = t.member AND c.relkind = 'f'
             WHERE c.relowner <> reader AND NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = c.relowner AND o.rolsuper) ORDER BY c.oid LIMIT 1);
END $$;
COMMENT ON FUNCTION tally_internal._strange_table(regclass, regrole) IS
'A foreign table at or below a relation that belongs to a stranger of its reader: its owner says what is read, and on which server, with the user mapping of '
    'the reader. Null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._strange_source_fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stranger regclass := tally_internal._strange_table(r.source, r.owner);
    owner    regrole;
BEGIN
    IF stranger IS NULL THEN RETURN; END IF;
    owner := (SELECT c.relowner FROM pg_class c WHERE c.oid = stranger);
    sqlstate := '42501';
    message := format('the foreign table %s of %s belongs to its source, and would be read with the rights of %s', stranger, owner, r.owner);
    hint := format('ALTER FOREIGN TABLE %s NO INHERIT %s;  -- or DETACH PARTITION; by %s', stranger, r.source, owner);
END $$;
COMMENT ON FUNCTION tally_internal._strange_source_fault(tally.rollups) IS
'The fault of a rollup whose source has got a foreign table of a stranger''s; nulls where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_far(source regclass, label text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault record;
BEGIN
    SELECT * INTO fault FROM tally_internal._far_fault(source, label);
    IF fault.message IS NOT NULL THEN
        PERFORM tally_internal._refuse('wrong_object_type', fault.message, fault.detail, fault.hint);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_far(regclass, text) IS
'An error where rows of a source lie on another server, with the statement to use instead.';
