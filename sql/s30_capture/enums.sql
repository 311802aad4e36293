-- Owns: enums and composite types whose values the columns of a source hold. A label that is renamed, or an attribute that comes or goes, changes
-- values without a write, so it leaves marks.

CREATE OR REPLACE FUNCTION tally_internal._types_of(source regclass) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE part(type) AS (
        SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped
        UNION SELECT x.oid FROM part JOIN pg_type t ON t.oid = part.type
                      CROSS JOIN LATERAL (SELECT t.typbasetype WHERE t.typtype = 'd' UNION ALL SELECT t.typelem WHERE t.typelem <> 0 AND t.typcategory = 'A'
                                          UNION ALL SELECT g.rngsubtype FROM pg_range g WHERE g.rngtypid = t.oid OR g.rngmultitypid = t.oid
                                          UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
                                              AND NOT a.attisdropped) x(oid)
    )
    SELECT p.type FROM part p
$$;
COMMENT ON FUNCTION tally_internal._types_of(regclass) IS
'The types whose values the columns of a source may hold, within arrays, domains, ranges and composites too.';

CREATE OR REPLACE FUNCTION tally_internal._enums_of(source regclass) RETURNS TABLE (type regtype, labels text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p::regtype, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM tally_internal._types_of(source) p
      JOIN pg_enum e ON e.enumtypid = p GROUP BY p
$$;
COMMENT ON FUNCTION tally_internal._enums_of(regclass) IS
'The enums whose values the columns of a source may hold, within arrays, domains, ranges and composites too, with their labels now.';

CREATE OR REPLACE FUNCTION tally_internal._note_enums(source regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.enums (type, labels) SELECT e.type::text, e.labels FROM tally_internal._enums_of(source) e
        ON CONFLICT (type) DO UPDATE SET labels = EXCLUDED.labels WHERE enums.labels <@ EXCLUDED.labels AND enums.labels <> EXCLUDED.labels
$$;
COMMENT ON FUNCTION tally_internal._note_enums(regclass) IS
'Notes the labels of a source''s enums, and those that have been added since; a label that is gone stays noted, for _follow_enum().';
REVOKE ALL ON FUNCTION tally_internal._note_enums(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_enum(changed regtype) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was  text[] := (SELECT e.labels FROM tally.enums e WHERE e.type = changed::text);
    here text[] := ARRAY(SELECT l.enumlabel::text FROM pg_enum l WHERE l.enumtypid = changed ORDER BY l.enumsortorder);
BEGIN
    IF was = here OR NOT EXISTS (SELECT FROM tally.rollups r WHERE r.source_rollup IS NULL
                                 AND EXISTS (SELECT FROM tally_internal._enums_of(r.source) e WHERE e.type = changed)) THEN RETURN; END IF;
    INSERT INTO tally.enums (type, labels) VALUES (changed::text, here) ON CONFLICT (type) DO UPDATE SET labels = here;
    -- A label that was added is in no row yet. One that was renamed is in rows that nobody has written.
    IF was <@ here THEN RETURN; END IF;
    -- If the type has another name now, nobody knows which labels it had; then it is marked too.
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, r.frozen_before, 'infinity', format('values of %s renamed', changed) FROM tally.rollups r
     WHERE r.source_rollup IS NULL AND EXISTS (SELECT FROM tally_internal._enums_of(r.source) e WHERE e.type = changed);
END $$;
COMMENT ON FUNCTION tally_internal._follow_enum(regtype) IS
'Marks the rollups on sources with an enum whose label was renamed, because their text holds the old label.';
REVOKE ALL ON FUNCTION tally_internal._follow_enum(regtype) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_composite(changed regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, r.frozen_before, 'infinity', format('attributes of %s changed', changed) FROM tally.rollups r
     WHERE r.source_rollup IS NULL
       AND EXISTS (SELECT FROM tally_internal._types_of(r.source) t JOIN pg_class c ON c.reltype = t WHERE c.oid = changed)
$$;
COMMENT ON FUNCTION tally_internal._follow_composite(regclass) IS
'Marks the rollups on sources that hold rows of a composite type, because these have another text and other columns when its attributes change.';
REVOKE ALL ON FUNCTION tally_internal._follow_composite(regclass) FROM PUBLIC;
