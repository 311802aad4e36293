-- Owns: create_task, drop_task and run_tasks.

CREATE OR REPLACE FUNCTION tally.create_task(
    name        text,
    schedule    text,
    statement   text,
    description text DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    old  tally.tasks;
    home text := tally_internal._home(search_path, tally_internal._current_role());
BEGIN
    PERFORM tally_internal._check_name(name, 'task');
    IF COALESCE(schedule, '') = '' OR COALESCE(statement, '') = '' OR octet_length(statement) > 1000000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('task %L needs a schedule and a statement of up to 1000000 bytes', name),
            format('Got schedule %L, statement %L.', schedule, left(statement, 200)),
            format('SELECT tally.create_task(%L, ''0 2 * * *'', ''INSERT INTO … SELECT …'');', COALESCE(name, 'nightly')));
    END IF;
    PERFORM tally_internal._check_schedule(schedule);
    -- EXPLAIN reads the statement as the run will, and does not run it; but it would run a second one.
    BEGIN
        IF tally_internal._statement_count(tally_internal._with_as_of(statement)) <> 1 THEN
            RAISE syntax_error USING MESSAGE = format('it holds %s statements', tally_internal._statement_count(tally_internal._with_as_of(statement)));
        END IF;
        PERFORM set_config('search_path', tally_internal._bound_path(search_path), true);
        EXECUTE 'EXPLAIN ' || tally_internal._with_as_of(statement) USING now();
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception THEN
        PERFORM tally_internal._refuse(SQLSTATE, format('task %L cannot be read: %s', name, SQLERRM),
            format('Got %s. A task is one INSERT, UPDATE, DELETE, MERGE or SELECT; :as_of stands for the time of its run.', statement),
            format('SELECT tally.create_task(%L, %L, ''INSERT INTO … SELECT …'');', name, schedule));
    END;
    SELECT * INTO old FROM tally.tasks t WHERE t.schema = home AND t.name = name;
    IF old.id IS NULL THEN
        PERFORM tally_internal._store_task(home, name, search_path, schedule, statement, description);
    ELSIF (old.schedule, old.statement, old.description) IS NOT DISTINCT FROM (schedule, statement, description) THEN
        PERFORM tally_internal._note_unchanged(format('task %L', name));
        RETURN name;
    ELSE
        PERFORM tally_internal._store_task(home, name, search_path, schedule, statement, description);
        RAISE NOTICE USING MESSAGE = format('task %L changed', name);
    END IF;
    PERFORM tally_internal._sync_jobs();
    RETURN name;
EXCEPTION WHEN unique_violation THEN
    PERFORM tally_internal._refuse('insufficient_privilege', format('task %L exists already and belongs to another role', name), NULL,
        format('SELECT tally.create_task(%L, …);', name || ' (' || current_user || ')'));
END $$;
COMMENT ON FUNCTION tally.create_task(text, text, text, text, text) IS
'Defines a task: name, cron schedule, and one statement, which runs with the maker''s rights (:as_of stands for the time of the run). If you define it again '
    'with changes, the new definition replaces the old one.';

CREATE OR REPLACE FUNCTION tally_internal._find_task(name text) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._choose('task', $1, array_agg(x.id), array_agg(x.schema), array_agg(x.name))
      FROM tally.tasks x WHERE x.name IN (SELECT w.name FROM tally_internal._readings($1) w)
$$;
COMMENT ON FUNCTION tally_internal._find_task(text) IS 'The number of the task of a name among those that the current role sees, where there is one.';

CREATE OR REPLACE FUNCTION tally.drop_task(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- Null where there is none.
    IF tally_internal._forget_task(tally_internal._find_task(name)) IS NOT TRUE THEN
        PERFORM tally_internal._refuse('undefined_object', format('task %L does not exist, or belongs to another role', name), NULL,
            'SELECT name, schedule, statement FROM tally.tasks ORDER BY name;');
    END IF;
    PERFORM tally_internal._sync_jobs();
END $$;
COMMENT ON FUNCTION tally.drop_task(text) IS 'Drops a task; what it wrote stays.';

CREATE OR REPLACE FUNCTION tally_internal._store_task(home text, name text, search_path text, schedule text, statement text, description text,
                                           who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    old    tally.tasks;
BEGIN
    PERFORM tally_internal._check_size(concat(search_path, schedule, statement, description), format('task %L', name));
    PERFORM tally_internal._is_schedule(schedule);
    SELECT * INTO old FROM tally.tasks t WHERE t.schema = home AND t.name = name;
    IF old.id IS NULL THEN
        PERFORM tally_internal._check_home(format('task %L', name), home, caller);
        INSERT INTO tally.tasks (schema, name, owner, search_path, schedule, statement, description)
            VALUES (home, name, caller, search_path, schedule, statement, description);
    ELSIF tally_internal._has_rights(caller, old.owner) THEN
        UPDATE tally.tasks t SET search_path = search_path, schedule = schedule, statement = statement, description = description WHERE t.id = old.id;
    ELSE
        PERFORM tally_internal._refuse('insufficient_privilege', format('task %L exists already and belongs to another role', name),
                              'A role sees the tasks of roles whose rights it has.',
            format('SELECT tally.create_task(%L, …);', name || ' (' || caller || ')'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._store_task(text, text, text, text, text, text, bigint) IS
'Writes a task, new or changed, into the catalogue; it runs with its owner''s rights. For create_task().';

CREATE OR REPLACE FUNCTION tally_internal._forget_task(task_id int, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.tasks t WHERE t.id = task_id AND tally_internal._has_rights(caller, t.owner);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION tally_internal._forget_task(int, bigint) IS
'Takes a task out of the catalogue; false where there is none of the caller''s. For drop_task().';

CREATE OR REPLACE FUNCTION tally_internal._run_tasks(schedule text, as_of timestamptz, who bigint DEFAULT tally_internal._me())
    RETURNS TABLE (task text, returned bigint, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_column
DECLARE
    t       tally.tasks;
    began   timestamptz;
    spent   jsonb := '{}';
    most    float8 := tally_internal._turn_limit('tally.role_task_timeout');
    owners  regrole[];
    waiting text[];
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.run_tasks(text, timestamptz)'::regprocedure);
    -- Roles whose tasks took longer the last time come last, by minutes. Each role goes on with the first that was put off, in the order in
    -- which the tasks were made.
    FOR t IN SELECT x.* FROM tally.tasks x WHERE _run_tasks.schedule IS NULL OR x.schedule = _run_tasks.schedule
                 -- One that never ran is due in the minute in which it comes up, and not at once.
                 OR _run_tasks.schedule = 'due' AND tally.schedule_before(x.schedule, as_of)
                    > COALESCE(x.last_run, date_trunc('minute', as_of) - interval '1 second')
              ORDER BY floor((SELECT sum(y.last_ms) FROM tally.tasks y WHERE y.owner::oid = x.owner::oid AND y.schedule = x.schedule) / 60000) NULLS FIRST,
                  x.id < (SELECT min(f.id) FROM tally.put_off p
                            JOIN tally.tasks f ON f.name = p.first AND p.schedule IN (f.schedule, 'due') AND f.owner::oid = p.owner::oid
                           WHERE p.kind = 'tasks' AND p.schedule IN (x.schedule, _run_tasks.schedule) AND p.owner::oid = x.owner::oid), x.id LOOP
        IF NOT tally_internal._has_turn(spent, t.owner, most) THEN
            owners := owners || t.owner::regrole;
            waiting := waiting || t.name;
            CONTINUE;
        END IF;
        task := t.name; returned := 0; error := NULL; t.sqlstate := NULL; t.message := NULL;
        began := clock_timestamp();
        -- Whoever changes a task may keep his transaction open for as long as he likes. Only that task waits for it.
        PERFORM FROM tally.tasks x WHERE x.id = t.id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            error := '55P03: somebody is changing this task in a transaction that is still open; it runs the next time';
            RETURN NEXT;
            CONTINUE;
        END IF;
        BEGIN
            SELECT count(*) INTO returned FROM tally.run_as(t.owner, t.search_path, tally_internal._with_as_of(t.statement),
                                                            tally_internal._limit('tally.task_timeout'), 'UTC', as_of);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS t.sqlstate = RETURNED_SQLSTATE, t.message = MESSAGE_TEXT;
            t.message := left(t.message, 1000);
            error := format('%s: %s', t.sqlstate, t.message);
        END;
        UPDATE tally.tasks x SET last_run = as_of, last_ms = extract(epoch FROM clock_timestamp() - began) * 1000, sqlstate = t.sqlstate,
            message = t.message WHERE x.id = t.id;
        spent := tally_internal._spend(spent, t.owner, began);
        RETURN NEXT;
    END LOOP;
    PERFORM tally_internal._put_off('tasks', _run_tasks.schedule, owners, waiting, spent, 'tally.role_task_timeout');
END $$;
COMMENT ON FUNCTION tally_internal._run_tasks(text, timestamptz, bigint) IS 'run_tasks(), with the engine''s rights, for those who may call it.';

CREATE OR REPLACE FUNCTION tally.run_tasks(schedule text DEFAULT NULL, as_of timestamptz DEFAULT now()) RETURNS TABLE (task text, returned bigint, error text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM tally_internal._run_tasks(schedule, as_of);
END $$;
COMMENT ON FUNCTION tally.run_tasks(text, timestamptz) IS
'Runs the tasks of a schedule (null: all; ''due'': those whose schedules have come up since they last ran) and says how many rows each returned. A task that '
    'fails does not stop the others; its error is in tally.tasks.';

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s70(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._rename_schema('tally.tasks', 'statement', detail ->> 'was', detail ->> 'becomes');
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s70(int, jsonb) IS
'Listener: tasks follow a schema that is renamed.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s70(int, jsonb) FROM PUBLIC;
