-- Owns: the only ways in which the definitions of rollups are written. No role may write the tables of the catalogue.
--
-- Functions that define run with their caller's rights: they analyse the maker's text and make tables. They hand what they have made to
-- the functions here, which anybody may also call by hand. So these believe no argument. A ticket proves who calls, the engine chooses
-- owner and numbers, and everything that a row names is looked up.

CREATE OR REPLACE FUNCTION tally_internal._owned_rollup(rollup_id int, caller regrole) RETURNS tally.rollups
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    -- A transaction with one snapshot may be older than the rollup's owner. Locking a row that has changed since is an error (40001).
    IF current_setting('transaction_isolation') <> 'read committed' AND has_table_privilege('tally.rollups', 'UPDATE') THEN
        PERFORM FROM tally.rollups x WHERE x.id = rollup_id FOR SHARE;
    END IF;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    IF r.id IS NULL OR NOT tally_internal._has_rights(caller, r.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('rollup %s must exist and belong to %s',
                                                               COALESCE(quote_literal(r.name), rollup_id::text, 'NULL'), caller),
            COALESCE(format('It belongs to %s.', r.owner), 'There is none of this number.'),
                COALESCE(format('SET ROLE %s;', r.owner), 'SELECT name, owner FROM tally.rollups;'));
    END IF;
    RETURN r;
END $$;
COMMENT ON FUNCTION tally_internal._owned_rollup(int, regrole) IS
'A rollup that a role has the owner''s rights of now, or an error, also where the transaction''s snapshot knows another owner.';

CREATE OR REPLACE FUNCTION tally_internal._is_plain_type(type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._is_part('pg_type'::regclass, type)
        OR COALESCE((SELECT t.typtype IN ('b', 'e') AND (t.typelem = 0 OR t.typsubscript <> 'array_subscript_handler'::regproc
                                                        OR (SELECT e.typtype IN ('b', 'e') FROM pg_type e WHERE e.oid = t.typelem)) FROM pg_type t
                                                            WHERE t.oid = type), false)
$$;
COMMENT ON FUNCTION tally_internal._is_plain_type(oid) IS
'Whether writing a value of a type runs only what a superuser has installed. A domain has checks of its owner''s.';

CREATE OR REPLACE FUNCTION tally_internal._is_plain_merge(merge text, type text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- It must be exactly what _merge_of() makes.
    SELECT merge ~ '^pg_catalog\.(min|max|bool_and|bool_or|every|bit_and|bit_or|bit_xor)\(%1\$I\)$' OR merge = 'tally.rollup(%1$I)'
        OR merge = 'pg_catalog.sum(%1$I)::bigint' OR merge = format('pg_catalog.sum(%%1$I)::%s', type)
$$;
COMMENT ON FUNCTION tally_internal._is_plain_merge(text, text) IS
'Whether a measure is merged by an aggregate of PostgreSQL or of pg_tally. Rollups on it take the text over, and run it as their owner.';

CREATE OR REPLACE FUNCTION tally_internal._column_type(relation regclass, name text, OUT type oid, OUT label text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.atttypid, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = $2 AND a.attnum > 0
        AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION tally_internal._column_type(regclass, text) IS 'The type of a column, and how it is written; nulls where there is no such column.';

CREATE OR REPLACE FUNCTION tally_internal._check_source_rights(source regclass, role regrole, label text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text := (SELECT string_agg(p, ', ') FROM unnest('{SELECT,TRIGGER}'::text[]) p
                     WHERE NOT COALESCE(has_table_privilege(role::oid, source::oid, p), false));
BEGIN
    IF missing IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('rollup %L needs SELECT and TRIGGER on %s, of which %s lacks %s', label, source,
                role, missing),
            'The definition reads the source with the rights of the role that makes it, and capture is a trigger on it.',
                format('GRANT %s ON %s TO %s;', missing, source, role));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_source_rights(regclass, regrole, text) IS 'An error where a role may not read a source or have triggers on it.';

CREATE OR REPLACE FUNCTION tally_internal._check_stored(r tally.rollups, dims tally.dimensions[], nums tally.measures[], caller regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad text;
BEGIN
    PERFORM tally_internal._check_source_rights(r.source, caller, r.name);
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation AND c.relkind = 'r' AND c.relowner = caller AND c.relname = r.name
                   AND c.relpersistence = 'p')
       OR EXISTS (SELECT FROM tally.rollups x WHERE x.relation = r.relation AND x.id IS DISTINCT FROM r.id) OR octet_length(r.name) > 50 THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
                                       format('rollup %L must have a table of its name that belongs to %s and to no other rollup, got %s',
                                                               r.name, caller, r.relation),
            'create_rollup() makes it.', format('SELECT tally.create_rollup(%L, …);', COALESCE(NULLIF(r.name, ''), 'events_hourly')));
    END IF;
    -- Bucket, zone, origin, key and lookback are checked again here.
    PERFORM tally_internal._time_type(r.source, r.time_column, r.name, r.key IS NOT NULL);
    IF r.key IS NULL THEN
        PERFORM tally_internal._check_zone(r.zone);
        PERFORM tally_internal._bucket_rule_of(r);
    END IF;
    PERFORM tally_internal._check_key(r.key, r.source, r.name);
    PERFORM tally_internal._check_lookback(r);
    SELECT x.name INTO bad
      FROM (SELECT 'bucket' AS name, 'timestamp with time zone' AS type WHERE r.key IS NULL UNION ALL SELECT d.name, 'text' FROM unnest(dims) d
            UNION ALL SELECT m.name, m.type FROM unnest(nums) m) x
      LEFT JOIN LATERAL tally_internal._column_type(r.relation, x.name) c ON true WHERE c.label IS DISTINCT FROM x.type LIMIT 1;
    bad := COALESCE(bad, (SELECT m.name FROM unnest(nums) m WHERE m.merge IS NOT NULL AND NOT tally_internal._is_plain_merge(m.merge, m.type) LIMIT 1),
                         (SELECT m.name FROM unnest(nums) m WHERE m.merge IS NULL AND r.key IS NULL LIMIT 1));
    IF bad IS NOT NULL OR nums IS NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('column %L of rollup %L is not what its definition says', bad, r.name),
                              'create_rollup() makes table and definition in one.',
            format('SELECT tally.create_rollup(%L, …);', r.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_stored(tally.rollups, tally.dimensions[], tally.measures[], regrole) IS
'An error where a rollup in the making is not what create_rollup() makes for that role.';

CREATE OR REPLACE FUNCTION tally_internal._check_type(type text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ regtype;
BEGIN
    -- Of a text that is no name of a type to_regtype() says so itself, since PostgreSQL 16 with null.
    BEGIN
        found_ := to_regtype(type);
    EXCEPTION WHEN syntax_error THEN NULL;
    END;
    IF type IS NOT NULL AND found_ IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('the type of a measure or metric must be the name of one, got %L', left(type, 100)),
            'The engine finds it out by itself, and writes it into statements.', 'SELECT oid::regtype FROM pg_type;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_type(text) IS 'An error where a text is not the name of a type and nothing else.';

CREATE OR REPLACE FUNCTION tally_internal._check_texts(r tally.rollups, dims tally.dimensions[], nums tally.measures[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_size(concat(r, dims, nums), format('rollup %L', r.name));
    PERFORM tally_internal._check_expression(r.filter), tally_internal._check_from_item(tally_internal._expand_item(r));
    PERFORM tally_internal._check_expression(d.given), tally_internal._check_expression(d.expression) FROM unnest(dims) d;
    PERFORM tally_internal._check_expression(m.expression), tally_internal._check_type(m.type) FROM unnest(nums) m;
END $$;
COMMENT ON FUNCTION tally_internal._check_texts(tally.rollups, tally.dimensions[], tally.measures[]) IS
'An error where a text of a definition is more than the expression, or the name of a type, that it is taken for.';

CREATE OR REPLACE FUNCTION tally_internal._store_rollup(made tally.rollups, dims tally.dimensions[], nums tally.measures[],
                                             who bigint DEFAULT tally_internal._me()) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    made.owner := tally_internal._caller(who);
    made.id := NULL;
    PERFORM tally_internal._check_stored(made, dims, nums, made.owner), tally_internal._check_texts(made, dims, nums),
            tally_internal._check_pseudonyms(made, dims, nums);
    made.id := nextval(pg_get_serial_sequence('tally.rollups', 'id'));
    made.created_at := now();
    made.source_rollup := (SELECT r.id FROM tally.rollups r WHERE r.relation = made.source);
    made.frozen_before := CASE WHEN made.key IS NULL THEN tally_internal._first_whole_bucket(made.source, tally_internal._bucket_rule_of(made))
        ELSE '-infinity' END;
    made.ignored_marks := 0;
    made.emptied := tally_internal._emptied(made.emptied, made);
    made.emptied_at := NULL;
    -- The view's text is made from the catalogue, and the catalogue names the view. So the table stands in for the view at first.
    made.live_view := made.relation;
    INSERT INTO tally.rollups SELECT made.*;
    PERFORM tally_internal._store_columns(made.id, dims, nums);
    PERFORM tally_internal._note_key(made, '-infinity'), tally_internal._create_marks(made.id);
    RETURN made.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_rollup(tally.rollups, tally.dimensions[], tally.measures[], bigint) IS
'Writes a rollup, whose table its maker has made, into the catalogue; returns its number. For create_rollup().';

CREATE OR REPLACE FUNCTION tally_internal._store_columns(rollup_id int, dims tally.dimensions[], nums tally.measures[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- Numbered anew, because the definition groups by the place of a dimension.
    DELETE FROM tally.dimensions d WHERE d.rollup_id = $1;
    DELETE FROM tally.measures m WHERE m.rollup_id = $1;
    INSERT INTO tally.dimensions SELECT $1, d.n, d.name, d.given, d.expression
        FROM unnest(dims) WITH ORDINALITY d(rollup_id, ordinal, name, given, expression, n);
    INSERT INTO tally.measures SELECT $1, m.n, m.name, m.expression, m.type, m.merge
        FROM unnest(nums) WITH ORDINALITY m(rollup_id, ordinal, name, expression, type, merge, n);
$$;
COMMENT ON FUNCTION tally_internal._store_columns(int, tally.dimensions[], tally.measures[]) IS
'Writes the dimensions and measures of a rollup, in place of those there are.';

CREATE OR REPLACE FUNCTION tally_internal._begin_live(rollup_id int, who bigint DEFAULT tally_internal._me()) RETURNS regclass
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    RETURN tally_internal._make_live(r.id);
END $$;
COMMENT ON FUNCTION tally_internal._begin_live(int, bigint) IS 'Makes the live view of a rollup where it has none. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._begin_capture(rollup_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    PERFORM tally_internal._check_source_rights(r.source, r.owner, r.name);
    -- Capture comes before the mark on history. From here on every writer marks, and earlier rows are in the marked range.
    PERFORM tally_internal._attach(r.source);
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason) VALUES (r.id, '-infinity', 'infinity', 'history');
END $$;
COMMENT ON FUNCTION tally_internal._begin_capture(int, bigint) IS
'Makes changes of the source leave marks for a rollup from now on, and marks all its history. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._mark_range(rollup_id int, since timestamptz, until timestamptz, reason text,
                                           who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    -- Bounds between which buckets lie; a key has no times.
    IF r.key IS NULL THEN
        SELECT a.since, a.until INTO since, until FROM tally_internal._aligned(r, since, until) a;
    ELSE
        since := '-infinity';
        until := 'infinity';
    END IF;
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason) VALUES (r.id, since, until, left(COALESCE(reason, 'marked by hand'), 200));
END $$;
COMMENT ON FUNCTION tally_internal._mark_range(int, timestamptz, timestamptz, text, bigint) IS 'Marks a range of a rollup to be computed anew. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._store_change(r tally.rollups, dims tally.dimensions[], nums tally.measures[],
                                             who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    old tally.rollups := tally_internal._owned_rollup(r.id, tally_internal._caller(who));
    had boolean := tally_internal._counts_people(r.id);
BEGIN
    PERFORM tally_internal._check_texts(r, dims, nums);
    UPDATE tally.rollups x SET filter = r.filter, schedule = r.schedule, description = r.description,
        emptied = tally_internal._emptied(r.emptied, old)
        WHERE x.id = old.id;
    IF nums IS NOT NULL THEN
        PERFORM tally_internal._check_pseudonyms(old, dims, nums);
        IF EXISTS (SELECT FROM unnest(nums) m WHERE CASE WHEN m.merge IS NULL THEN old.key IS NULL
                   ELSE NOT tally_internal._is_plain_merge(m.merge, m.type) END) THEN
            PERFORM tally_internal._refuse('insufficient_privilege', format('measures of rollup %L must be aggregates that merge', old.name),
                                  'alter_rollup() finds out how.', format('SELECT * FROM tally.alter_rollup(%L, …);', tally_internal._called(old)));
        END IF;
        PERFORM tally_internal._store_columns(old.id, dims, nums);
        -- What was counted already goes on under the key that it was counted under.
        PERFORM tally_internal._note_key(old, '-infinity') WHERE NOT had;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._store_change(tally.rollups, tally.dimensions[], tally.measures[], bigint) IS
'Writes a changed filter, schedule and description of a rollup, and (measures not null) its changed columns. For the owner; alter_rollup() then brings the '
    'table to it.';

CREATE OR REPLACE FUNCTION tally_internal._forget_rollup(rollup_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup(rollup_id, caller);
    beside regclass := (SELECT o.relation FROM tally.beside b JOIN tally.rollups o ON o.id = b.beside_id WHERE b.rollup_id = r.id);
BEGIN
    DELETE FROM tally.rollups x WHERE x.id = r.id;
    DELETE FROM tally.source_retentions s WHERE s.source = r.relation;
    DELETE FROM tally.dirty d WHERE d.rollup_id = r.id;
    DELETE FROM tally.dirty_ranges g WHERE g.rollup_id = r.id;
    PERFORM tally_internal._drop_marks(r, caller);
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
        PERFORM tally_internal._attach(r.source);
    END IF;
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = beside) THEN
        PERFORM tally_internal._attach(beside);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._forget_rollup(int, bigint) IS
'Takes a rollup out of the catalogue, with its live view, marks and triggers. For the owner; drop_rollup() then drops its table.';

CREATE OR REPLACE FUNCTION tally_internal._attach_capture(source regclass, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    -- It locks, so it checks the right first.
    IF NOT EXISTS (SELECT FROM tally.rollups r WHERE r.source = $1 AND tally_internal._has_rights(caller, r.owner)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('only the owner of a rollup on %s may have its capture triggers made anew, got %s',
                source,
                                                               caller), 'It locks the table for a moment.',
            'SELECT name, source, owner FROM tally.rollups;');
    END IF;
    PERFORM tally_internal._attach(source);
END $$;
COMMENT ON FUNCTION tally_internal._attach_capture(regclass, bigint) IS
'Makes the capture triggers of a source and of its members anew where they are not what the rollups on it need. For the owner of a rollup on it.';

-- These helpers do what they are told, so only the functions above may call them.
REVOKE ALL ON FUNCTION tally_internal._store_columns(int, tally.dimensions[], tally.measures[]), tally_internal._create_marks(int),
    tally_internal._drop_marks(tally.rollups, regrole) FROM PUBLIC;
