-- Owns: reading a setting of ours. What a SET of the session, ALTER ROLE or ALTER DATABASE says comes first, then what tally.set() has stored, then what
-- is usual. Every function that needs a setting asks here, so the scheduled jobs see what is stored.

CREATE OR REPLACE FUNCTION tally_internal._setting(name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said text := current_setting(name, true);
BEGIN
    -- It is empty where a SET was taken back.
    IF said <> '' THEN RETURN said; END IF;
    RETURN (SELECT s.value FROM tally.stored_settings s WHERE s.name = $1);
END $$;
COMMENT ON FUNCTION tally_internal._setting(text) IS
'What a setting of ours says in this session, or else what is stored for the database; null where neither says anything.';

CREATE OR REPLACE FUNCTION tally_internal._said_of_database(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT substr(x, length($1) + 2) FROM pg_db_role_setting s, unnest(s.setconfig) x
     WHERE s.setrole = 0 AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
       AND starts_with(x, $1 || '=') ORDER BY s.setdatabase DESC LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._said_of_database(text) IS 'What ALTER DATABASE, or ALTER ROLE ALL, says of a setting; null where neither does.';

CREATE OR REPLACE FUNCTION tally_internal._setting_of_database(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Not what the session says: whoever is bound by it could set it there.
    SELECT COALESCE(tally_internal._said_of_database($1), (SELECT s.value FROM tally.stored_settings s WHERE s.name = $1))
$$;
COMMENT ON FUNCTION tally_internal._setting_of_database(text) IS
'What ALTER DATABASE says of a setting of ours, or else what is stored for the database; null where neither says anything. For what binds the session.';

CREATE OR REPLACE FUNCTION tally_internal._usual_setting(name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE name
        WHEN 'tally.query_timeout' THEN '30 seconds'
        WHEN 'tally.task_timeout' THEN '1 hour'
        WHEN 'tally.refresh_timeout' THEN '1 hour'
        WHEN 'tally.lock_timeout' THEN '5 seconds'
        WHEN 'tally.job_timeout' THEN tally_internal._usual_turn('0', 1)
        WHEN 'tally.role_timeout' THEN tally_internal._usual_times('tally.query_timeout', 2)
        WHEN 'tally.role_refresh_timeout' THEN tally_internal._usual_turn('10 minutes', 0.8)
        WHEN 'tally.role_task_timeout' THEN tally_internal._usual_turn(tally_internal._usual_times('tally.task_timeout', 1), 0.8)
        WHEN 'tally.keep_runs' THEN '14 days'
        WHEN 'tally.most_label_sets' THEN '10000'
        WHEN 'tally.most_per_role' THEN '1000' END;
END $$;
COMMENT ON FUNCTION tally_internal._usual_setting(text) IS 'What a setting of ours is where nobody has set it; null where it is then nothing.';

CREATE OR REPLACE FUNCTION tally_internal._setting_or_usual(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(tally_internal._setting($1), tally_internal._usual_setting($1))
$$;
COMMENT ON FUNCTION tally_internal._setting_or_usual(text) IS 'What a setting of ours is in this session: what is said or stored, else what is usual.';

CREATE OR REPLACE FUNCTION tally_internal._usual_turn(otherwise text, part float8) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((part * l.longest)::text, otherwise) FROM tally_internal._job_limits() l
$$;
COMMENT ON FUNCTION tally_internal._usual_turn(text, float8) IS
'A part of how long a job may usually last, or as given where that has no limit. Work of one role takes less than the whole, so that it ends before the job.';

CREATE OR REPLACE FUNCTION tally_internal._usual_times(setting text, factor int) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (factor * tally_internal._setting_or_usual(setting)::interval)::text;
EXCEPTION WHEN data_exception THEN
    -- Whoever reads that setting says that it is wrong.
    RETURN (factor * tally_internal._usual_setting(setting)::interval)::text;
END $$;
COMMENT ON FUNCTION tally_internal._usual_times(text, int) IS
'So many times the length of time of a setting, which another has by default; of its usual length where its value is none.';

CREATE OR REPLACE FUNCTION tally_internal._set_again(setting text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT tally.set(%L, %L);  -- where a session or the database has a value of its own, RESET that first', setting,
                  tally_internal._usual_setting(setting))
$$;
COMMENT ON FUNCTION tally_internal._set_again(text) IS 'The statement that gives a setting of ours its usual value, for hints.';

CREATE OR REPLACE FUNCTION tally_internal._length(setting text, value text) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value::interval >= '0' THEN RETURN value; END IF;
    PERFORM tally_internal._refuse('invalid_parameter_value', format('%s must be an interval of 0 or more, got %L', setting, left(value, 200)),
        'No length of time is less than 0.', tally_internal._set_again(setting));
EXCEPTION WHEN invalid_datetime_format OR interval_field_overflow OR datetime_field_overflow THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('%s must be an interval, got %L', setting, left(value, 200)),
        'Such as 90 s, 15 minutes, 2 hours or 14 days.', tally_internal._set_again(setting));
END $$;
COMMENT ON FUNCTION tally_internal._length(text, text) IS 'The value of a setting that is a length of time; an error where it is none.';

CREATE OR REPLACE FUNCTION tally_internal._whole(setting text, value text, lowest int, highest int) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value ~ '^ *[0-9]{1,9} *$' AND value::int BETWEEN lowest AND highest THEN RETURN value; END IF;
    PERFORM tally_internal._refuse('invalid_parameter_value',
        format('%s must be a whole number from %s to %s, got %L', setting, lowest, highest, left(value, 200)), 'It counts things.',
        tally_internal._set_again(setting));
END $$;
COMMENT ON FUNCTION tally_internal._whole(text, text, int, int) IS
'The value of a setting that is a whole number; an error where it is none, or one that is too small or large.';

CREATE OR REPLACE FUNCTION tally_internal._limit(setting text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What a run over many definitions has asked once for them all: _note_limits().
    noted   text := current_setting(setting || '_noted', true);
    wanted  text;
    length_ interval;
BEGIN
    IF noted <> '' THEN RETURN noted; END IF;
    wanted := tally_internal._setting(setting);
    -- Most settings are not set. Then nothing is to be checked, which would be a subtransaction.
    length_ := CASE WHEN wanted IS NULL THEN tally_internal._usual_setting(setting)::interval ELSE tally_internal._length(setting, wanted) END;
    -- run_as() takes 0 for the limit of a refresh.
    RETURN COALESCE(NULLIF(LEAST(extract(epoch FROM length_) * 1000, 2147483647)::int, 0), -1);
END $$;
COMMENT ON FUNCTION tally_internal._limit(text) IS
'How long a setting lets one statement take, in milliseconds; -1 for no limit, which the setting 0 asks for. An error where its value is no length of time.';
