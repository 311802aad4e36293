-- Owns: whose functions a reader of a metric runs. The query of a metric runs with the reader's rights, and so do the functions in the
-- metric and in the live views below it. Before it runs, each function that it calls is looked at: a reader never runs the code of an
-- ordinary role, not the owner's either, unless the reader is that owner. While it is looked at and run, a guard (src/pg/guard.rs) refuses
-- the call of such a function, whatever the look has missed and whatever has changed since.

CREATE OR REPLACE FUNCTION tally_internal._unsafe_function(query text) RETURNS regprocedure
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    trees     text[];
    relations oid[] := '{}';
    types     oid[] := '{}';
    functions oid[];
    fresh     oid[];
    made      oid[];
    result    regprocedure;
BEGIN
    -- A text that closes the statement it was put into would be followed by one of its own, which calls no function at all.
    trees := ARRAY[tally_internal._parse_tree(query)];
    IF tally_internal._statement_count(query) <> 1 OR trees[1] ~ ':commandType [^1]' THEN
        PERFORM tally_internal._refuse('insufficient_privilege', 'what is read must be one SELECT, and holds another statement',
                                       'A text of its owner ends the statement that it is put into.', 'SELECT name, owner, expression FROM tally.metrics;');
    END IF;
    WHILE cardinality(trees) > 0 LOOP
        functions := ARRAY(SELECT f[1]::oid FROM unnest(trees) t, regexp_matches(t, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') f
                           UNION SELECT o.oprcode FROM unnest(trees) t, regexp_matches(t, ':opno (\d+)', 'g') f JOIN pg_operator o ON o.oid = f[1]::oid);
        -- A conversion to a domain runs its checks, also where the domain is inside an array or a row. Planning runs a range's difference.
        made := ARRAY(WITH RECURSIVE used(oid) AS (
                SELECT f[1]::oid FROM unnest(trees) t, regexp_matches(t,
                                                                      ':(?:resulttype|consttype|vartype|funcresulttype|opresulttype|aggtype|typid) (\d+)',
                    'g') f
                UNION SELECT i::oid FROM unnest(trees) t, regexp_matches(t, ':(?:funccoltypes|coltypes) \(o ([\d ]+)\)', 'g') f,
                    unnest(string_to_array(f[1], ' ')) i
                UNION SELECT x.oid FROM used u JOIN pg_type y ON y.oid = u.oid CROSS JOIN LATERAL (
                    SELECT y.typelem UNION ALL SELECT y.typbasetype UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = y.typrelid
                        AND y.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
                ) x(oid) WHERE x.oid <> 0)
            SELECT u.oid FROM used u WHERE u.oid >= 16384 AND u.oid <> ALL (types));
        types := types || made;
        functions := functions || ARRAY(SELECT f FROM pg_range g, unnest(ARRAY[g.rngcanonical::oid, g.rngsubdiff::oid]) f WHERE f <> 0
                                        AND (g.rngtypid = ANY (made) OR g.rngmultitypid = ANY (made)));
        SELECT p.oid INTO result FROM pg_proc p
         WHERE p.oid = ANY (functions)
           -- What writes, or runs a text that it is given, is nothing to read a number with, whoever owns it.
           AND NOT CASE WHEN p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) THEN p.provolatile = 'i' OR p.prokind = 'a'
               OR p.oid IN ('tally_internal._live_gate(regclass,regclass,boolean)'::regprocedure,
                            'tally_internal._marked_buckets(int[],text[],int[])'::regprocedure,
                            'tally_internal._marked_hull(int[],text[],int[])'::regprocedure,
                            'tally_internal._is_broken(int,timestamptz)'::regprocedure,
                            -- It runs texts of metrics, which were found to call nothing else when they were stored.
                            'tally_internal._metric_or_null(int,anyelement,anycompatible)'::regprocedure)
                        WHEN p.pronamespace = 'pg_catalog'::regnamespace THEN p.provolatile <> 'v' AND p.proname !~ '_to_xml'
                        ELSE p.provolatile <> 'v' AND (p.proowner = tally_internal._current_role()::oid OR tally_internal._is_trusted(p.proowner)) END
         ORDER BY p.oid DESC LIMIT 1;
        IF FOUND THEN RETURN result; END IF;
        fresh := ARRAY(WITH RECURSIVE used(oid) AS (
                SELECT f[1]::oid FROM unnest(trees) t, regexp_matches(t, ':relid (\d+)', 'g') f
                UNION SELECT i.inhrelid FROM used u JOIN pg_inherits i ON i.inhparent = u.oid)
            SELECT u.oid FROM used u JOIN pg_class c ON c.oid = u.oid
             WHERE u.oid <> ALL (relations) AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'tally'::regnamespace));
        relations := relations || fresh;
        -- Planning computes what is constant in a table's index expressions, checks and statistics.
        trees := ARRAY(
            SELECT w.ev_action::text FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class AND c.relkind = 'v' WHERE w.ev_class = ANY (fresh)
            UNION ALL SELECT concat(x.indexprs, x.indpred) FROM pg_index x WHERE x.indrelid = ANY (fresh) AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)
            UNION ALL SELECT k.conbin::text FROM pg_constraint k WHERE k.conbin IS NOT NULL AND (k.conrelid = ANY (fresh) OR k.contypid = ANY (made))
            UNION ALL SELECT s.stxexprs::text FROM pg_statistic_ext s WHERE s.stxrelid = ANY (fresh) AND s.stxexprs IS NOT NULL
            UNION ALL SELECT p.partexprs::text FROM pg_partitioned_table p WHERE p.partrelid = ANY (fresh) AND p.partexprs IS NOT NULL);
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._unsafe_function(text) IS
'A function that a query calls, itself or through views, domains and what a table''s planning computes, and that the current role should not run for others: '
    'an ordinary role''s, or one that writes or runs text; null where there is none. Nothing is run. Row level policies are left out.';

CREATE OR REPLACE FUNCTION tally_internal._policy_owners(reader regrole, relations regclass[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Row level policies run as the reader whatever he reads there, but not for a superuser.
    WITH RECURSIVE used(oid) AS (
        SELECT u::oid FROM unnest(relations) u
        UNION SELECT d.refobjid FROM used u JOIN pg_rewrite w ON w.ev_class = u.oid
                JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass)
    SELECT COALESCE(string_agg(DISTINCT p.proowner::text, ' '), '')
      FROM used u JOIN pg_class c ON c.oid = u.oid AND c.relrowsecurity JOIN pg_policy y ON y.polrelid = c.oid
     CROSS JOIN LATERAL regexp_matches(concat(y.polqual, y.polwithcheck), ':(?:funcid|opfuncid) (\d+)', 'g') f
      JOIN pg_proc p ON p.oid = f[1]::oid
     WHERE EXISTS (SELECT FROM pg_roles o WHERE o.oid = reader AND NOT o.rolsuper AND NOT o.rolbypassrls)
$$;
COMMENT ON FUNCTION tally_internal._policy_owners(regrole, regclass[]) IS
'The owners of the functions that row level policies call for a reader of some relations, or of what views among them read: their numbers, for _guard().';

CREATE OR REPLACE FUNCTION tally_internal._refuse_unsafe(r tally.rollups, statement text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ regprocedure;
BEGIN
    IF r.owner::oid <> tally_internal._current_role()::oid THEN
        -- Before the look, because parsing runs what reads constants.
        PERFORM tally_internal._guard(tally_internal._current_role(),
                                      tally_internal._policy_owners(tally_internal._current_role(), ARRAY[r.relation, r.live_view]));
        found_ := tally_internal._unsafe_function(statement);
        IF found_ IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege',
                format('%I would run %s to read rollup %L of %s, expected functions of PostgreSQL, pg_tally or a superuser that do not write', current_user,
                       found_, r.name, r.owner),
                'Its live view, a metric or a table under it calls that function, with the rights of who reads. Where the rollup is clean, only metrics are '
                    'computed.',
                CASE WHEN pg_has_role(r.owner, 'MEMBER') THEN format('SET ROLE %s;  -- and read it again', r.owner)
                     ELSE format('SELECT * FROM %s;  -- the rows as of the last refresh', r.relation) END);
        END IF;
    END IF;
    RETURN statement;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_unsafe(tally.rollups, text) IS
'The query itself, or an error where the current role is not the rollup''s owner and the query would run a function of somebody it need not trust. From here '
    'on the reader is guarded, so the function that runs the query has the clause SET tally.guard = ''''.';
