-- Owns: tally.set(), which stores a setting of ours for the database, and the view tally.settings. In the hosted edition that is the way to set one for the
-- jobs too: PostgreSQL lets a superuser alone say ALTER DATABASE … SET of a setting that it does not know.

CREATE OR REPLACE FUNCTION tally_internal._settings() RETURNS TABLE (name text, kind text, lowest int, highest int, description text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    VALUES ('tally.query_timeout', 'limit', NULL::int, NULL::int, 'How long the query of one threshold or probe may take.'),
        ('tally.task_timeout', 'limit', NULL, NULL, 'How long the statement of one task may take.'),
        ('tally.refresh_timeout', 'limit', NULL, NULL, 'How long one statement of a refresh may take.'),
        ('tally.role_timeout', 'limit', NULL, NULL, 'How long all thresholds of one role may take in one run, and all its probes: twice tally.query_timeout.'),
        ('tally.role_refresh_timeout', 'limit', NULL, NULL, 'How long all rollups of one role may take in one run of a schedule.'),
        ('tally.role_task_timeout', 'limit', NULL, NULL, 'How long all tasks of one role may take in one run of a schedule: as tally.task_timeout.'),
        ('tally.job_timeout', 'limit', NULL, NULL, 'How long a job of pg_cron may last; the next evaluation or refresh ends it then.'),
        ('tally.lock_timeout', 'length', NULL, NULL, 'How long a definition waits for a lock of its source.'),
        ('tally.keep_runs', 'length', NULL, NULL, 'How long the nightly upkeep keeps the log of runs, and pg_cron''s log of our jobs.'),
        ('tally.most_label_sets', 'number', 1, 10000000, 'How many label sets a threshold or probe may yield at a tick.'),
        ('tally.most_per_role', 'number', 0, 999999999, 'How many channels, routes, inhibitions or silences one role may have; no session sets it.'),
        ('tally.person', 'session', NULL, NULL, 'The person for whom an application''s role acts, for the audit.'),
        ('tally.as_of', 'session', NULL, NULL, 'The moment that views of packs take for the present.'),
        ('tally.search_path', 'session', NULL, NULL, 'Where names without a schema are looked up, in the hosted edition.')
$$;
COMMENT ON FUNCTION tally_internal._settings() IS
'The settings of ours. kind: limit (a length of time, where 0 means no limit), length, number, or session (text that a session alone has).';

CREATE OR REPLACE FUNCTION tally_internal._check_setting(name text, value text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known record;
BEGIN
    SELECT * INTO known FROM tally_internal._settings() s WHERE s.name = name;
    IF known.name IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('the name of a setting of pg_tally expected, got %s', COALESCE(quote_literal(left(name, 200)),
                'NULL')),
            format('The closest are %s.', (SELECT tally_internal._closest_names(COALESCE(name, ''), array_agg(s.name)) FROM tally_internal._settings() s
                                            WHERE s.kind <> 'session')),
            'SELECT name, value, range, description FROM tally.settings;');
    ELSIF known.kind = 'session' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('%s is of a session alone, and cannot be stored for the database', name),
            known.description, format('SET %s = %L;', name, COALESCE(left(value, 200), '')));
    ELSIF value IS NULL THEN
        RETURN;
    ELSIF octet_length(value) > 200 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('%s must have a value of 200 bytes at most, got %s', name, octet_length(value)),
            format('It begins with %s.', left(value, 60)),
            tally_internal._set_again(name));
    ELSIF known.kind = 'number' THEN
        PERFORM tally_internal._whole(name, value, known.lowest, known.highest);
    ELSE
        PERFORM tally_internal._length(name, value);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_setting(text, text) IS
'An error where a setting of ours cannot be stored with a value, by the checks of those who read it.';

CREATE OR REPLACE FUNCTION tally_internal._store_setting(name text, value text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.set(text, text)'::regprocedure);
    PERFORM tally_internal._check_setting(name, value);
    IF value IS NULL THEN
        DELETE FROM tally.stored_settings s WHERE s.name = name;
    ELSE
        INSERT INTO tally.stored_settings AS s (name, value) VALUES (name, value)
            ON CONFLICT ON CONSTRAINT stored_settings_pkey DO UPDATE SET value = excluded.value WHERE s.value <> excluded.value;
    END IF;
    IF NOT FOUND THEN PERFORM tally_internal._note_unchanged(format('setting %s', name)); END IF;
END $$;
COMMENT ON FUNCTION tally_internal._store_setting(text, text, bigint) IS 'Stores a setting for the database, or takes it out (null), for who may. For set().';

CREATE OR REPLACE FUNCTION tally_internal._source_of_setting(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The narrowest of what ALTER ROLE and ALTER DATABASE say is what a session begins with. PostgreSQL does not say where a value comes from.
    SELECT CASE WHEN $1 = 'tally.most_per_role' THEN CASE WHEN tally_internal._said_of_database($1) IS NOT NULL THEN 'database' END
                WHEN current_setting($1, true) <> '' THEN COALESCE((
                    SELECT CASE WHEN x = concat($1, '=', current_setting($1, true)) THEN CASE WHEN s.setrole = 0 THEN 'database' ELSE 'role' END END
                      FROM pg_db_role_setting s, unnest(s.setconfig) x
                     WHERE s.setrole IN (0, (SELECT r.oid FROM pg_roles r WHERE r.rolname = session_user))
                       AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) AND starts_with(x, $1 || '=')
                     ORDER BY s.setrole <> 0 AND s.setdatabase <> 0 DESC, s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1), 'session') END
$$;
COMMENT ON FUNCTION tally_internal._source_of_setting(text) IS
'Where PostgreSQL has the value of a setting of ours from: session, role or database; null where it has none.';

CREATE OR REPLACE VIEW tally.settings WITH (security_invoker = true) AS
SELECT s.name,
       COALESCE(CASE s.name WHEN 'tally.most_per_role' THEN tally_internal._setting_of_database(s.name) ELSE tally_internal._setting(s.name) END,
                tally_internal._usual_setting(s.name)) AS value,
       COALESCE(tally_internal._source_of_setting(s.name), CASE WHEN t.name IS NOT NULL THEN 'stored' ELSE 'default' END) AS source,
       t.value AS stored,
       tally_internal._usual_setting(s.name) AS usual,
       CASE s.kind WHEN 'number' THEN pg_catalog.format('a number from %s to %s', s.lowest, s.highest)
                   WHEN 'limit' THEN 'an interval; 0: no limit'
                   WHEN 'length' THEN 'an interval of 0 or more'
                   ELSE 'text, by SET in a session alone' END AS range,
       s.description
  FROM tally_internal._settings() s LEFT JOIN tally.stored_settings t ON t.name = s.name
 ORDER BY s.name;
COMMENT ON VIEW tally.settings IS
'Every setting of pg_tally as it is in this session, where it comes from, and what it means. tally.set() stores one for the database.';
COMMENT ON COLUMN tally.settings.name IS 'Name of the setting, as behind SET.';
COMMENT ON COLUMN tally.settings.value IS 'The value in effect in this session; null where there is none.';
COMMENT ON COLUMN tally.settings.source IS
'Where the value comes from: session (a SET, or a file of the server), role, database (ALTER … SET), stored (tally.set()), or default.';
COMMENT ON COLUMN tally.settings.stored IS 'What tally.set() has stored, also where the session or ALTER DATABASE wins over it.';
COMMENT ON COLUMN tally.settings.usual IS 'The value where nobody sets one.';
COMMENT ON COLUMN tally.settings.range IS 'What it can be.';
COMMENT ON COLUMN tally.settings.description IS 'What it means.';

CREATE OR REPLACE FUNCTION tally.set(name text, value text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    whole text := CASE WHEN strpos(name, '.') = 0 THEN 'tally.' || name ELSE name END;
    now_  tally.settings;
BEGIN
    PERFORM tally_internal._store_setting(whole, value);
    SELECT * INTO now_ FROM tally.settings s WHERE s.name = whole;
    IF value IS NOT NULL AND now_.source <> 'stored' THEN
        RAISE NOTICE USING MESSAGE = format('%s is stored as %L, but here it is %L, because the %s says so', whole, value, now_.value, now_.source),
            HINT = CASE now_.source WHEN 'session' THEN format('RESET %s;', whole) WHEN 'role' THEN format('ALTER ROLE %I RESET %s;', session_user, whole)
                                    ELSE format('ALTER DATABASE %I RESET %s;', current_database(), whole) END;
    END IF;
    RETURN now_.value;
END $$;
COMMENT ON FUNCTION tally.set(text, text) IS
'Stores a setting of pg_tally for the database (null: no longer), and returns the value that is then in effect: tally.set(''tally.keep_runs'', ''30 days''). '
'Jobs and new statements of every session follow it at once. A SET of a session, ALTER ROLE and ALTER DATABASE win over it. For the role that installed '
'pg_tally, and for those to which it grants this function.';
