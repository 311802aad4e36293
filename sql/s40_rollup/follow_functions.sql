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

CREATE OR REPLACE FUNCTION tally_internal._looks_in(function oid, path text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(replace((SELECT substr(c, 13) FROM unnest(p.proconfig) c WHERE starts_with(c, 'search_path=')), '"$user"',
                            CASE WHEN p.prosecdef THEN p.proowner::regrole::text ELSE '"$user"' END), path)
      FROM pg_proc p WHERE p.oid = function
$$;
COMMENT ON FUNCTION tally_internal._looks_in(oid, text) IS
'The search_path by which the body of a function finds names: its own, or path, that of who calls it.';

CREATE OR REPLACE FUNCTION tally_internal._body_of(function oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p.prosrc FROM pg_proc p
             WHERE p.oid = $1 AND p.oid >= 16384 AND p.prosqlbody IS NULL AND p.pronamespace NOT IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
               AND p.prolang NOT IN (SELECT l.oid FROM pg_language l WHERE l.lanname IN ('internal', 'c')));
END $$;
COMMENT ON FUNCTION tally_internal._body_of(oid) IS
'The body of a function of users that is text, in which names are found when it runs; null for any other function.';

CREATE OR REPLACE FUNCTION tally_internal._may_name(function oid, path text, schema text, name text) RETURNS boolean
-- Its plan is kept: it is asked of each function whose name is a word of a body.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    body CONSTANT text := lower(tally_internal._body_of($1));
BEGIN
    -- The function does not call all of them, so it is looked at too often rather than too seldom. It finds only what is in its search_path, or stands
    -- behind the name of a schema. Otherwise anybody could make a function whose name is a common word, and have all rollups recomputed whose functions
    -- hold that word. A body that changes its search_path finds what is in any schema that it names.
    RETURN body IS NOT NULL AND (strpos(', ' || $2 || ', ', ', ' || quote_ident($3) || ', ') > 0
        OR regexp_replace(replace(body, '"', ''), '\s*\.\s*', '.', 'g')
           ~ ('(^|[^[:alnum:]_$])' || regexp_replace(lower($3 || '.' || $4), '(\W)', '\\\1', 'g') || '($|[^[:alnum:]_$])')
        -- The name of the schema must stand there as a word: a schema named e would be in every body.
        OR strpos(body, 'search_path') > 0
           AND body ~ ('(^|[^[:alnum:]_$])' || regexp_replace(lower($3), '(\W)', '\\\1', 'g') || '($|[^[:alnum:]_$])'));
END $$;
COMMENT ON FUNCTION tally_internal._may_name(oid, text, text, text) IS
'Whether the body of a function that is text, whatever the language, may find a schema''s function of a name that stands there as a word, by the search_path '
    'path.';

CREATE OR REPLACE FUNCTION tally_internal._named_in(function oid, path text) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT q.oid
      FROM regexp_matches(tally_internal._body_of($1), '[[:alpha:]_][[:alnum:]_$]*', 'g') w
      JOIN pg_proc q ON q.proname IN (w[1], lower(w[1])) AND q.oid >= 16384 AND q.oid <> $1
      JOIN pg_namespace n ON n.oid = q.pronamespace
     WHERE tally_internal._may_name($1, $2, n.nspname, q.proname)
$$;
COMMENT ON FUNCTION tally_internal._named_in(oid, text) IS
'The functions of users whose names stand in the body of a function that is text, whatever the language: those that it may call, by the search_path path.';

CREATE OR REPLACE FUNCTION tally_internal._calls_of(r tally.rollups, view regclass) RETURNS TABLE (function oid, path text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    -- What PostgreSQL brings is pinned, and has no rows in pg_depend. Of a body that is text it knows nothing.
    WITH RECURSIVE used(class, object, path) AS (
        SELECT d.refclassid, d.refobjid, replace(tally_internal._bound_path(r.search_path), '"$user"', r.owner::text)
          FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
         WHERE w.ev_class = view AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
        UNION SELECT x.class, x.object, u.path
          FROM (SELECT y.class, y.object, CASE WHEN y.class = 'pg_proc'::regclass
                                               THEN replace(tally_internal._looks_in(y.object, y.path), '"$user"', r.owner::text) ELSE y.path END AS path
                  FROM used y) u CROSS JOIN LATERAL (
              SELECT d.refclassid, d.refobjid FROM pg_depend d
               WHERE d.classid = u.class AND d.objid = u.object AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
              UNION ALL SELECT 'pg_proc'::regclass, n FROM tally_internal._named_in(u.object, u.path) n WHERE u.class = 'pg_proc'::regclass) x(class, object)
    )
    SELECT DISTINCT u.object, replace(tally_internal._looks_in(u.object, u.path), '"$user"', r.owner::text)
      FROM used u JOIN pg_proc p ON p.oid = u.object AND p.pronamespace NOT IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
     WHERE u.class = 'pg_proc'::regclass
$$;
COMMENT ON FUNCTION tally_internal._calls_of(tally.rollups, regclass) IS
'The functions of users that a live view of a rollup calls or may call, also through operators, aggregates and other functions, each with the search_path by '
    'which its body finds names.';

CREATE OR REPLACE FUNCTION tally_internal._functions_of(r tally.rollups, view regclass) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT DISTINCT c.function FROM tally_internal._calls_of(r, view) c
$$;
COMMENT ON FUNCTION tally_internal._functions_of(tally.rollups, regclass) IS 'The functions of _calls_of().';

CREATE OR REPLACE FUNCTION tally_internal._note_functions(r tally.rollups, view regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.functions (function, meaning) SELECT f::regprocedure::text, tally_internal._meaning(f) FROM tally_internal._functions_of(r, view) f
        ON CONFLICT (function) DO NOTHING
$$;
COMMENT ON FUNCTION tally_internal._note_functions(tally.rollups, regclass) IS
'Notes what the functions that a view calls are now; those that are noted stay so.';
REVOKE ALL ON FUNCTION tally_internal._note_functions(tally.rollups, regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._users_of(class regclass, object oid) RETURNS SETOF int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE up(class, object) AS (
        SELECT class::oid, object
        UNION SELECT d.classid, d.objid FROM up JOIN pg_depend d ON d.refclassid = up.class AND d.refobjid = up.object
               AND d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_rewrite'::regclass,
                             'pg_ts_config'::regclass, 'pg_ts_dict'::regclass)
    )
    SELECT r.id FROM up JOIN pg_rewrite w ON up.class = 'pg_rewrite'::regclass AND w.oid = up.object JOIN tally.rollups r ON r.live_view = w.ev_class
$$;
COMMENT ON FUNCTION tally_internal._users_of(regclass, oid) IS
'The rollups whose live view uses a function, operator, type, collation or configuration of text search, also through operators, aggregates, other '
'functions, and arrays and domains of a type.';

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

CREATE OR REPLACE FUNCTION tally_internal._bound_to(trees text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(x ORDER BY x) FROM (
        SELECT b[1] || b[2]
          FROM regexp_matches(trees, ':(funcid|opno|aggfnoid|winfnoid|consttype|resulttype|array_typeid|row_typeid|typid|inputcollid) (\d+)', 'g') b
        -- A conversion by way of text and one that changes no byte have the same type.
        UNION ALL SELECT k[1] FROM regexp_matches(trees, '\{(COERCEVIAIO|RELABELTYPE) ', 'g') k) u(x)
$$;
COMMENT ON FUNCTION tally_internal._bound_to(text) IS
'The functions, operators, types and collations that a query which PostgreSQL has parsed is bound to, each as often as it stands there.';

CREATE OR REPLACE FUNCTION tally_internal._bound_alike(r tally.rollups) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- As its owner and under the settings of a refresh, as the live view was made. It locks no view.
    RETURN (SELECT tally_internal._bound_to(w.ev_action::text) FROM pg_rewrite w WHERE w.ev_class = r.live_view)
         = (SELECT tally_internal._bound_to(x ->> 'tree')
              FROM tally.run_as(r.owner, r.search_path, 'SELECT tally_internal._parse_tree($1) AS tree', 0, r.zone, tally_internal._live_query(r)) x);
END $$;
COMMENT ON FUNCTION tally_internal._bound_alike(tally.rollups) IS
'Whether a rollup''s live view, made anew, would be bound to the same functions, operators and types.';
REVOKE ALL ON FUNCTION tally_internal._bound_alike(tally.rollups) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._bind_again(rollup_id int, namesake boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    before text;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    -- A new function of a common name changes few definitions or none. Whoever makes it may leave his transaction open, and a view that is made
    -- anew is locked until then.
    IF namesake AND tally_internal._bound_alike(r) THEN RETURN; END IF;
    before := tally_internal._live_meaning(r);
    PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    -- A cast is written the same whatever it calls.
    IF namesake OR tally_internal._live_meaning(r) IS DISTINCT FROM before THEN
        PERFORM tally_internal._mark_whole(ARRAY[r.id], 'names in the definition mean other things');
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING USING MESSAGE = format('the definition of rollup %L cannot be read any more: %s', r.name, SQLERRM),
        DETAIL = 'Its live view goes on with what it was made of. A refresh finds functions, operators and types by their names.',
        HINT = format('SELECT tally.drop_rollup(%L);  -- and create it again', tally_internal._called(r));
END $$;
COMMENT ON FUNCTION tally_internal._bind_again(int, boolean) IS
'Makes a rollup''s live view again from its text. If the text now means something else, the rollup is marked. If it cannot be read, there is a WARNING. '
    'namesake: only an object whose name stands in the text is new, so nothing is made unless the text means that object.';
REVOKE ALL ON FUNCTION tally_internal._bind_again(int, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._may_be_called(function oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- It is asked for each function that anybody makes, and as a rule nothing stands on a new one and definitions call none.
    IF EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = function)
        AND EXISTS (SELECT FROM tally_internal._users_of('pg_proc', function)) THEN
        RETURN true;
    ELSIF NOT EXISTS (SELECT FROM tally.functions) THEN
        RETURN false;
    END IF;
    -- Names are compared first: signatures and bodies of all functions took 50 ms.
    RETURN EXISTS (SELECT FROM pg_proc q, tally.functions f, pg_proc p
                    WHERE q.oid = $1 AND p.oid >= 16384 AND CASE WHEN strpos(f.function, quote_ident(p.proname)) > 0
                          THEN f.function = p.oid::regprocedure::text AND strpos(lower(p.prosrc), lower(q.proname)) > 0 END);
END $$;
COMMENT ON FUNCTION tally_internal._may_be_called(oid) IS 'Whether a definition may call a function, by a quick look.';

CREATE OR REPLACE FUNCTION tally_internal._follow_function(function oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called text := function::regprocedure;
    now_   text := tally_internal._meaning(function);
    was    text := (SELECT f.meaning FROM tally.functions f WHERE f.function = called);
    users  int[];
BEGIN
    IF was = now_ OR (was IS NULL AND NOT tally_internal._may_be_called(function)) THEN RETURN; END IF;
    -- A new one may be found first by a body that is text. One that has another name was noted when definitions followed it.
    users := ARRAY(SELECT r.id FROM tally.rollups r WHERE function IN (SELECT f FROM tally_internal._functions_of(r, r.live_view) f));
    IF users = '{}' THEN
        DELETE FROM tally.functions f WHERE f.function = called;
        RETURN;
    END IF;
    INSERT INTO tally.functions AS f (function, meaning) VALUES (called, now_) ON CONFLICT ON CONSTRAINT functions_pkey DO UPDATE SET meaning = now_;
    PERFORM tally_internal._mark_whole(users, format('function %s replaced', called));
END $$;
COMMENT ON FUNCTION tally_internal._follow_function(oid) IS
'Marks the definitions that may call a function that was made or replaced, and notes what it is now.';
REVOKE ALL ON FUNCTION tally_internal._follow_function(oid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_objects_change_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT (o ->> 'class')::oid::regclass AS class, (o ->> 'object')::oid AS object, o ->> 'place' AS place,
                       (o ->> 'renamed')::boolean AS renamed FROM jsonb_array_elements(detail) o LOOP
        IF item.class = 'pg_proc'::regclass THEN
            PERFORM tally_internal._follow_function(item.object);
        ELSIF item.class IN ('pg_cast'::regclass, 'pg_ts_config'::regclass, 'pg_ts_dict'::regclass) THEN
            PERFORM tally_internal._follow_unseen(item.class, item.object);
            CONTINUE;
        END IF;
        PERFORM tally_internal._bind_again(x.id, x.namesake)
           FROM (SELECT u, false FROM tally_internal._users_of(item.class, item.object) u
                  WHERE item.class <> 'pg_proc'::regclass AND NOT item.renamed
                 UNION SELECT n, true FROM tally_internal._namesakes_of(item.place, CASE item.class
                     WHEN 'pg_proc'::regclass THEN (SELECT p.proname FROM pg_proc p WHERE p.oid = item.object)
                     WHEN 'pg_operator'::regclass THEN (SELECT o.oprname FROM pg_operator o WHERE o.oid = item.object)
                     ELSE (SELECT t.typname FROM pg_type t WHERE t.oid = item.object) END) n) x(id, namesake);
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
