-- Owns: definitions that follow the functions, operators and types they use. PostgreSQL binds the live view to these by number; a refresh finds
-- them by name. So when one is replaced, renamed, or gets a namesake that its search_path finds first, the live view is made anew of the text,
-- and what that changes is marked.

CREATE OR REPLACE FUNCTION tally_internal._meaning(function oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(ROW((SELECT l.lanname FROM pg_language l WHERE l.oid = p.prolang), p.prosrc, p.probin, pg_get_function_sqlbody(p.oid), p.proconfig,
                   p.proisstrict, p.prorettype::regtype, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.agginitval)::text)
      FROM pg_proc p LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE p.oid = function
$$;
COMMENT ON FUNCTION tally_internal._meaning(oid) IS 'A hash of what a function computes: its body, settings and parts, and nothing of its name, owner or cost.';

CREATE OR REPLACE FUNCTION tally_internal._functions_of(view regclass) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What PostgreSQL brings is pinned, and has no rows in pg_depend. What a body of text calls, nobody knows.
    WITH RECURSIVE used(class, object) AS (
        SELECT d.refclassid, d.refobjid FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
         WHERE w.ev_class = view AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
        UNION SELECT d.refclassid, d.refobjid FROM used u JOIN pg_depend d ON d.classid = u.class AND d.objid = u.object
               AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    )
    SELECT u.object FROM used u JOIN pg_proc p ON p.oid = u.object AND p.pronamespace NOT IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
     WHERE u.class = 'pg_proc'::regclass
$$;
COMMENT ON FUNCTION tally_internal._functions_of(regclass) IS
'The functions of users that a view calls, also through operators, aggregates and other functions.';

CREATE OR REPLACE FUNCTION tally_internal._note_functions(view regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.functions (function, meaning) SELECT f::regprocedure::text, tally_internal._meaning(f) FROM tally_internal._functions_of(view) f
        ON CONFLICT (function) DO NOTHING
$$;
COMMENT ON FUNCTION tally_internal._note_functions(regclass) IS 'Notes what the functions that a view calls are now; those that are noted stay so.';
REVOKE ALL ON FUNCTION tally_internal._note_functions(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._users_of(class regclass, object oid) RETURNS SETOF int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE up(class, object) AS (
        SELECT class::oid, object
        UNION SELECT d.classid, d.objid FROM up JOIN pg_depend d ON d.refclassid = up.class AND d.refobjid = up.object
               AND d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_rewrite'::regclass)
    )
    SELECT r.id FROM up JOIN pg_rewrite w ON up.class = 'pg_rewrite'::regclass AND w.oid = up.object JOIN tally.rollups r ON r.live_view = w.ev_class
$$;
COMMENT ON FUNCTION tally_internal._users_of(regclass, oid) IS
'The rollups whose live view uses a function, operator or type, also through operators, aggregates and other functions.';

CREATE OR REPLACE FUNCTION tally_internal._mentions(r tally.rollups, name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A name of letters must stand there as a word, any other (an operator) in any place.
    SELECT CASE WHEN $2 ~ '^\w+$' THEN x.texts ~ ('\m' || lower($2) || '\M') ELSE strpos(x.texts, lower($2)) > 0 END
      FROM (SELECT lower(concat_ws(' ', r.filter, r.expand, (SELECT string_agg(d.given, ' ') FROM tally.dimensions d WHERE d.rollup_id = r.id),
                                   (SELECT string_agg(m.expression, ' ') FROM tally.measures m WHERE m.rollup_id = r.id))) AS texts) x
$$;
COMMENT ON FUNCTION tally_internal._mentions(tally.rollups, text) IS 'Whether a name stands in the texts of a definition; it may mean something else there.';

CREATE OR REPLACE FUNCTION tally_internal._namesakes_of(place text, name text) RETURNS SETOF int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The text may mean something else by that word; then nothing changes. A place that is null has none.
    SELECT r.id FROM tally.rollups r
     WHERE $1 IS NOT NULL
       AND strpos(', ' || replace(tally_internal._bound_path(r.search_path), '"$user"', r.owner::text) || ', ', ', ' || quote_ident($1) || ', ') > 0
       AND tally_internal._mentions(r, $2)
$$;
COMMENT ON FUNCTION tally_internal._namesakes_of(text, text) IS
'The rollups in whose text a name stands that their search_path would look for in a schema.';

CREATE OR REPLACE FUNCTION tally_internal._mark_whole(rollup_ids int[], reason text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, r.frozen_before, 'infinity', left(reason, 200) FROM tally.rollups r WHERE r.id = ANY (rollup_ids)
$$;
COMMENT ON FUNCTION tally_internal._mark_whole(int[], text) IS 'Marks all of some rollups that may still be computed anew.';
REVOKE ALL ON FUNCTION tally_internal._mark_whole(int[], text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._bind_again(rollup_id int, was text DEFAULT NULL, becomes text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    before text;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    IF was <> becomes THEN
        PERFORM tally_internal._rename_in(r, was, becomes);
        RETURN;
    END IF;
    before := tally_internal._live_meaning(r);
    PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    IF tally_internal._live_meaning(r) IS DISTINCT FROM before THEN
        PERFORM tally_internal._mark_whole(ARRAY[r.id], 'names in the definition mean other things');
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING USING MESSAGE = format('the definition of rollup %L cannot be read any more: %s', r.name, SQLERRM),
        DETAIL = 'Its live view goes on with what it was made of. A refresh finds functions, operators and types by their names.',
        HINT = COALESCE('ALTER FUNCTION … RENAME TO ' || quote_ident(was) || ';',
            format('SELECT tally.drop_rollup(%L);  -- and create it again', tally_internal._called(r)));
END $$;
COMMENT ON FUNCTION tally_internal._bind_again(int, text, text) IS
'Makes a rollup''s live view anew of its text, in which a name was another before, and marks the rollup where that means something else than before; a '
    'WARNING where it cannot be read.';
REVOKE ALL ON FUNCTION tally_internal._bind_again(int, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_function(function oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called text := function::regprocedure;
    now_   text := tally_internal._meaning(function);
    was    text := (SELECT f.meaning FROM tally.functions f WHERE f.function = called);
    users  int[] := ARRAY(SELECT u FROM tally_internal._users_of('pg_proc', function) u);
    old    text;
BEGIN
    IF users = '{}' THEN
        DELETE FROM tally.functions f WHERE f.function = called;
        RETURN;
    ELSIF was = now_ THEN
        RETURN;
    END IF;
    IF was IS NOT NULL THEN
        UPDATE tally.functions f SET meaning = now_ WHERE f.function = called;
        PERFORM tally_internal._mark_whole(users, format('function %s replaced', called));
        RETURN;
    END IF;
    -- It has another name now.
    SELECT f.function INTO old FROM tally.functions f WHERE f.meaning = now_ AND to_regprocedure(f.function) IS NULL;
    DELETE FROM tally.functions f WHERE f.function = old;
    INSERT INTO tally.functions (function, meaning) VALUES (called, now_) ON CONFLICT DO NOTHING;
    PERFORM tally_internal._bind_again(u, (SELECT p[array_upper(p, 1)] FROM parse_ident(split_part(old, '(', 1)) p),
                                       (SELECT p.proname::text FROM pg_proc p WHERE p.oid = function)) FROM unnest(users) u;
END $$;
COMMENT ON FUNCTION tally_internal._follow_function(oid) IS
'A function that definitions call was replaced: they are marked; or renamed: they follow.';
REVOKE ALL ON FUNCTION tally_internal._follow_function(oid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_objects_change_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT (o ->> 'class')::oid::regclass AS class, (o ->> 'object')::oid AS object, o ->> 'place' AS place FROM jsonb_array_elements(detail) o LOOP
        IF item.class = 'pg_proc'::regclass THEN
            PERFORM tally_internal._follow_function(item.object);
        END IF;
        PERFORM tally_internal._bind_again(x.id)
           FROM (SELECT u FROM tally_internal._users_of(item.class, item.object) u WHERE item.class <> 'pg_proc'::regclass
                 UNION SELECT n FROM tally_internal._namesakes_of(item.place, CASE item.class
                     WHEN 'pg_proc'::regclass THEN (SELECT p.proname FROM pg_proc p WHERE p.oid = item.object)
                     WHEN 'pg_operator'::regclass THEN (SELECT o.oprname FROM pg_operator o WHERE o.oid = item.object)
                     ELSE (SELECT t.typname FROM pg_type t WHERE t.oid = item.object) END) n) x(id);
    END LOOP;
    RETURN;
END $$;
COMMENT ON FUNCTION tally_internal._when_objects_change_s40(int, jsonb) IS
'Listener: definitions follow functions, operators and types that are replaced, renamed or new.';
REVOKE ALL ON FUNCTION tally_internal._when_objects_change_s40(int, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_rows(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups;
BEGIN
    -- A definition that speaks of the whole row reads all columns. So only columns that are newer than those it reads are missing in what it reads.
    FOR r IN
        SELECT x.* FROM tally.rollups x CROSS JOIN LATERAL (SELECT max(c.place) AS place FROM tally.reads c WHERE c.rollup_id = x.id) last
         WHERE x.source = source
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.source AND a.attnum BETWEEN 1 AND last.place AND NOT a.attisdropped
                           AND NOT EXISTS (SELECT FROM tally.reads c WHERE c.rollup_id = x.id AND c.place = a.attnum))
           AND ARRAY(SELECT c.name FROM tally.reads c WHERE c.rollup_id = x.id ORDER BY 1)
               <> ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = x.source AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1)
           -- That takes a long look at the live view, and nobody speaks of rows without the table's name.
           AND CASE WHEN tally_internal._mentions(x, (SELECT c.relname::text FROM pg_class c WHERE c.oid = source))
               THEN tally_internal._speaks_of_rows(x.live_view) ELSE false END
    LOOP
        PERFORM tally_internal._mark_whole(ARRAY[r.id], format('columns of %s changed', source));
        BEGIN
            PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
        EXCEPTION WHEN OTHERS THEN
            -- A column that the text names has another name; _follow_names() comes next.
            NULL;
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._follow_rows(regclass) IS
'Marks the rollups whose definition speaks of whole rows of a table, when columns of it came, went or were renamed.';
REVOKE ALL ON FUNCTION tally_internal._follow_rows(regclass) FROM PUBLIC;
