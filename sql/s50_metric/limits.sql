-- Owns: the limits that an owner sets for other roles that read his metrics and releases: set_limits, drop_limits, and the check that every
-- reading function makes. They keep an application from asking for too much. They are no gate: who has SELECT on a table reads it by plain SQL.

CREATE OR REPLACE FUNCTION tally_internal._store_limits(made tally.limits, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    made.owner := COALESCE(made.owner, caller::tally.role);
    IF NOT tally_internal._has_rights(caller, made.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('limits of what %s owns are set by that role, got %s', made.owner, caller),
            'They bind other roles.', 'SELECT * FROM tally.limits;');
    END IF;
    INSERT INTO tally.limits (owner, schema, enabled, max_range, max_rows, per_minute, min_people)
    VALUES (made.owner, made.schema, made.enabled, made.max_range, made.max_rows, made.per_minute, made.min_people)
    ON CONFLICT ((owner::oid), schema) DO UPDATE SET enabled = excluded.enabled, max_range = excluded.max_range, max_rows = excluded.max_rows,
        per_minute = excluded.per_minute, min_people = excluded.min_people, changed_at = now();
END $$;
COMMENT ON FUNCTION tally_internal._store_limits(tally.limits, bigint) IS 'Writes the limits of an owner and a schema. For set_limits().';

CREATE OR REPLACE FUNCTION tally_internal._forget_limits(schema text, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.limits l WHERE l.schema = schema AND tally_internal._has_rights(caller, l.owner);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION tally_internal._forget_limits(text, bigint) IS
'Deletes the limits of a schema; whether there were any of the caller''s. For drop_limits().';

CREATE OR REPLACE FUNCTION tally.set_limits(
    "on"       text DEFAULT NULL,
    max_range  interval DEFAULT NULL,
    max_rows   int DEFAULT NULL,
    per_minute int DEFAULT NULL,
    min_people int DEFAULT NULL,
    enabled    boolean DEFAULT true,
    owner      regrole DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made tally.limits;
BEGIN
    IF max_range <= '0' OR max_rows <= 0 OR per_minute <= 0 OR per_minute > 1000000 OR min_people NOT BETWEEN 2 AND 1000000 OR enabled IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('max_range and max_rows must be greater than 0, per_minute from 1 to 1000000, min_people from 2 to 1000000, and enabled true or false, '
                   'got %s, %s, %s, %s, %s', COALESCE(max_range::text, 'NULL'), COALESCE(max_rows::text, 'NULL'), COALESCE(per_minute::text, 'NULL'),
                   COALESCE(min_people::text, 'NULL'), COALESCE(enabled::text, 'NULL')),
            'What is left out, or NULL, has no limit.', format('SELECT tally.set_limits(%L, max_range => ''120 days'', max_rows => 200000);', "on"));
    ELSIF "on" IS NOT NULL AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = "on") THEN
        PERFORM tally_internal._refuse('invalid_schema_name', format('limits must be on a schema that exists, got %L', "on"),
            'Without on they are for every schema that has no limits of its own.', 'SELECT DISTINCT relation::text, owner FROM tally.rollups;');
    END IF;
    -- Where requests cannot be counted, it says so now, and not to the first reader.
    PERFORM tally_internal._count_read(0) WHERE per_minute IS NOT NULL;
    made.owner := owner;
    made.schema := COALESCE("on", '');
    made.enabled := enabled;
    made.max_range := max_range;
    made.max_rows := max_rows;
    made.per_minute := per_minute;
    made.min_people := min_people;
    PERFORM tally_internal._store_limits(made);
END $$;
COMMENT ON FUNCTION tally.set_limits(text, interval, int, int, int, boolean, regrole) IS
'Limits for other roles that read your metrics, reports, boards and releases, in a schema or (without on) in all: the longest range of a question, '
'the most rows of an answer, statements a minute of each role, the least k of releases and reports by people; enabled => false turns reading off. What is '
'left out has no limit. Roles with your rights are not bound. owner: whose, if not yours.';

CREATE OR REPLACE FUNCTION tally.drop_limits("on" text DEFAULT NULL) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._forget_limits(COALESCE("on", '')) $$;
COMMENT ON FUNCTION tally.drop_limits(text) IS
'Removes the limits of a schema, or (without on) those of all other schemas, and returns whether there were any.';

CREATE OR REPLACE FUNCTION tally_internal._limits_set(owner regrole, relation regclass) RETURNS tally.limits
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT l FROM tally.limits l WHERE l.owner::oid = $1::oid AND l.schema IN ('', tally_internal._schema_of($2)) ORDER BY l.schema DESC LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._limits_set(regrole, regclass) IS 'The limits that an owner has set for a relation; null where none are set.';

CREATE OR REPLACE FUNCTION tally_internal._limits(owner regrole, relation regclass) RETURNS tally.limits
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Most owners set none, and most questions are asked many times.
    IF EXISTS (SELECT FROM tally.limits) AND NOT tally_internal._has_rights_of(owner) THEN RETURN tally_internal._limits_set(owner, relation); END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._limits(regrole, regclass) IS
'The limits that bind the current role where it reads a relation of an owner; null where none do.';

CREATE OR REPLACE FUNCTION tally_internal._count_read(limits_id int, who bigint DEFAULT tally_internal._me()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    -- A number that is nobody's is not counted, so that nobody makes counters without end.
    RETURN tally_internal._count_request(caller::oid, CASE WHEN EXISTS (SELECT FROM tally.limits l WHERE l.id = limits_id) THEN limits_id ELSE 0 END);
END $$;
COMMENT ON FUNCTION tally_internal._count_read(int, bigint) IS
'How many statements the caller has asked with in this minute where certain limits hold, this one included; 0 where they cannot be counted.';

CREATE OR REPLACE FUNCTION tally_internal._may_ask(owner regrole, relation regclass) RETURNS tally.limits
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    l tally.limits := tally_internal._limits(owner, relation);
    n bigint;
BEGIN
    IF l.id IS NULL THEN
        RETURN NULL;
    ELSIF NOT l.enabled THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('reading what %s owns%s must be enabled for other roles, and is not', owner, COALESCE(' in schema ' || NULLIF(l.schema, ''), '')),
            format('Its owner has turned it off, and turns it on by SELECT tally.set_limits(%L, enabled => true, …).', NULLIF(l.schema, '')),
            format('SELECT * FROM tally.limits WHERE id = %s;', l.id));
    ELSIF l.per_minute IS NOT NULL THEN
        n := tally_internal._count_read(l.id);
        IF n = 0 THEN
            RAISE WARNING USING MESSAGE = 'requests are not counted, so their limit does not hold', ERRCODE = 'io_error',
                DETAIL = 'The server cannot write into its folder pg_stat_tmp.', HINT = 'SELECT pg_catalog.current_setting(''data_directory'');';
        ELSIF n > l.per_minute THEN
            PERFORM tally_internal._refuse('configuration_limit_exceeded',
                format('a role may ask %s times a minute for what %s owns, and this is time %s', l.per_minute, owner, n),
                'Each statement counts once, whatever it reads. Counting begins anew with each minute.',
                format('SELECT pg_catalog.pg_sleep(%s);  -- then ask again', 61 - extract(second FROM clock_timestamp())::int));
        END IF;
    END IF;
    RETURN l;
END $$;
COMMENT ON FUNCTION tally_internal._may_ask(regrole, regclass) IS
'The limits that bind the current role where it reads a relation of an owner, or null; an error where reading is off, or the role has asked too often.';

CREATE OR REPLACE FUNCTION tally_internal._within_limits(owner regrole, relation regclass, zone text, call text, first timestamptz, last timestamptz)
    RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l        tally.limits := tally_internal._may_ask(owner, relation);
    earliest timestamptz;
BEGIN
    IF l.max_range IS NOT NULL AND first < last THEN
        last := LEAST(last, GREATEST(now(), first));
        earliest := tally_internal._minus_by_zone(last, l.max_range, zone);
        IF first < earliest THEN
            PERFORM tally_internal._refuse('program_limit_exceeded',
                format('a range must be at most %s, got %s to %s', l.max_range, first, last),
                format('This limit is set by %s in tally.limits.', owner),
                format('%s, since => %L, until => %L);', call, tally_internal._utc_text(earliest), tally_internal._utc_text(last)));
        END IF;
    END IF;
    RETURN l.max_rows;
END $$;
COMMENT ON FUNCTION tally_internal._within_limits(regrole, regclass, text, text, timestamptz, timestamptz) IS
'The most rows that the current role may have of a relation, or null; an error where a limit does not let it ask for that range. call is how its statement '
'begins.';

CREATE OR REPLACE FUNCTION tally_internal._asked_range(r tally.rollups, since text, until text, as_of timestamptz, call text,
                                                       OUT first timestamptz, OUT last timestamptz, OUT most int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    first := tally_internal._parse_since(since, as_of, 'since', r.zone);
    last := tally_internal._parse_since(until, as_of, 'until', r.zone);
    most := tally_internal._within_limits(r.owner, r.relation, r.zone, call, first, last);
END $$;
COMMENT ON FUNCTION tally_internal._asked_range(tally.rollups, text, text, timestamptz, text) IS
'The range that somebody asks a rollup for, as moments, and the most rows that the current role may have of it (null: any number); an error where a limit '
'does not let it ask for that range. call is how its statement begins.';

CREATE OR REPLACE FUNCTION tally_internal._check_rows(n bigint, most bigint, what text, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF n > most THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('%s has at most %s rows, and this one has more', what, most),
            'Nothing of it is returned, so that no part is taken for the whole.', hint);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_rows(bigint, bigint, text, text) IS
'An error where an answer has more rows than may be; most null: any number may be.';
