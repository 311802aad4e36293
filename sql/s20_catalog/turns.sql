-- Owns: turns: how much of a run the work of one role may take. What is over it is put off to the next run, and said, so that no role's
-- slow definitions keep those of the others waiting. spent is a JSON object: milliseconds by the number of the role.

ALTER TABLE tally.put_off ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.put_off;
CREATE POLICY owner_sees ON tally.put_off FOR SELECT USING (tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.put_off TO PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._turn_limit(setting text) RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    usual text;
BEGIN
    RETURN COALESCE(NULLIF(tally_internal._limit(setting), -1)::float8, 'Infinity');
EXCEPTION WHEN data_exception THEN
    -- A wrong setting must not stop the work of everybody.
    usual := tally_internal._usual_setting(setting);
    RAISE WARNING USING MESSAGE = format('%s; it counts as %L', SQLERRM, usual), ERRCODE = SQLSTATE, HINT = tally_internal._set_again(setting);
    RETURN COALESCE(NULLIF(extract(epoch FROM usual::interval)::float8 * 1000, 0), 'Infinity');
END $$;
COMMENT ON FUNCTION tally_internal._turn_limit(text) IS
'How long all work of one role, or one job, may take in one run, in milliseconds, by a setting; Infinity where it has no limit.';

CREATE OR REPLACE FUNCTION tally_internal._overdue_jobs(OUT pid int, OUT role oid, OUT command text, OUT most interval) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A worker of pg_cron has no name of an application. What a person runs is nobody's job.
    SELECT a.pid, a.usesysid, a.query, l.most
      FROM (SELECT CASE WHEN t.ms < 'Infinity' THEN t.ms * interval '1 millisecond' END FROM tally_internal._turn_limit('tally.job_timeout') t(ms)) l(most)
      JOIN pg_stat_activity a ON clock_timestamp() - a.query_start > l.most
     WHERE a.datname = current_database() AND a.state = 'active' AND concat_ws(' ', a.application_name, a.backend_type) LIKE '%pg_cron%'
$$;
COMMENT ON FUNCTION tally_internal._overdue_jobs() IS
'Running jobs of pg_cron that last longer than the setting tally.job_timeout: process, role, statement, and how long one may last.';

CREATE OR REPLACE FUNCTION tally_internal._spend(spent jsonb, owner regrole, began timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key text := COALESCE(owner::oid, 0)::text;
BEGIN
    RETURN spent || jsonb_build_object(key, COALESCE((spent ->> key)::float8, 0) + extract(epoch FROM clock_timestamp() - began)::float8 * 1000);
END $$;
COMMENT ON FUNCTION tally_internal._spend(jsonb, regrole, timestamptz) IS 'What roles have spent of a run, with the time since began added to one of them.';

CREATE OR REPLACE FUNCTION tally_internal._has_turn(spent jsonb, owner regrole, most float8) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN COALESCE((spent ->> COALESCE(owner::oid, 0)::text)::float8, 0) < most;
END $$;
COMMENT ON FUNCTION tally_internal._has_turn(jsonb, regrole, float8) IS 'Whether a role has spent less than it may in a run.';

CREATE OR REPLACE FUNCTION tally_internal._put_off(kind text, schedule text, owners regrole[], names text[], spent jsonb, setting text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    one tally.put_off;
BEGIN
    DELETE FROM tally.put_off p WHERE p.kind = kind AND p.schedule IS NOT DISTINCT FROM schedule;
    FOR one IN INSERT INTO tally.put_off (kind, schedule, owner, count, first, took_ms, at)
            SELECT kind, schedule, x.owner, count(*), (array_agg(x.name ORDER BY x.place))[1], COALESCE((spent ->> x.owner::oid::text)::float8, 0),
                clock_timestamp()
              FROM unnest(owners, names) WITH ORDINALITY x(owner, name, place) GROUP BY x.owner RETURNING * LOOP
        RAISE WARNING USING MESSAGE = format('%s %s of role %s were put off to the next run, the first is %L', one.count, kind, one.owner::regrole, one.first),
            DETAIL = format('The others of that role had taken %s s of this run.', round(one.took_ms::numeric / 1000, 1)),
            HINT = format('SELECT tally.set(%L, ''10 minutes'');  -- or mend what is slow', setting);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._put_off(text, text, regrole[], text[], jsonb, text) IS
'Keeps in tally.put_off, and says as a WARNING, what a run has put off: names, each with its owner. Nothing where the lists are empty or null.';
REVOKE ALL ON FUNCTION tally_internal._put_off(text, text, regrole[], text[], jsonb, text) FROM PUBLIC;
