-- Owns: making and ending what keeps notifications back: silence, end_silence, create_inhibition, drop_inhibition.

CREATE OR REPLACE FUNCTION tally_internal._check_matchers(matchers jsonb, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(matchers) IS DISTINCT FROM 'object'
       OR EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof(matchers) WHEN 'object' THEN matchers ELSE '{}' END) m
                   WHERE jsonb_typeof(m.value) NOT IN ('string', 'array')
                      OR EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value ELSE '[]' END) v
                                 WHERE jsonb_typeof(v) <> 'string')) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('%s must be an object of labels and values, got %s', what,
                                                                left(COALESCE(matchers::text, 'NULL'), 200)),
            'Labels, and severity, threshold, area and kind; a value, or a list of values.',
            format('Use %s => ''{"severity": "warning", "world": ["w1", "w2"]}''.', what));
    ELSIF octet_length(matchers::text) > 20000 THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('%s must have 20000 bytes at most, got %s', what, octet_length(matchers::text)), NULL,
            format('Use %s => ''{"severity": "warning"}''.', what));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_matchers(jsonb, text) IS 'An error where something is no set of matchers.';

CREATE OR REPLACE FUNCTION tally.silence(
    matchers  jsonb,
    reason    text,
    "for"     interval DEFAULT '1 hour',
    starts_at timestamptz DEFAULT now(),
    every     interval DEFAULT NULL,
    zone      text DEFAULT 'UTC',
    author    text DEFAULT NULL,
    who bigint DEFAULT tally_internal._me()
) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    id      int;
    again   text := 'SELECT tally.silence(''{"world": "w1"}'', ''deploy of the new model'', "for" => ''2 hours'');';
    ends_at timestamptz;
    other   tally.silences;
    problem text;
BEGIN
    PERFORM tally_internal._check_matchers(matchers, 'matchers');
    problem := CASE
        WHEN COALESCE(btrim(reason), '') = '' THEN 'it needs a reason'
        WHEN tally_internal._no_length("for", '1 second', '10 years') THEN format('"for" must be from 1 second to 10 years, got %s',
                COALESCE("for"::text, 'NULL'))
        WHEN starts_at IS NULL OR starts_at NOT BETWEEN '1970-01-01 00:00:00+00' AND '9999-01-01 00:00:00+00' THEN
            format('starts_at must lie in the years 1970 to 9998, got %s', COALESCE(starts_at::text, 'NULL'))
        WHEN every IS NOT NULL AND tally_internal._no_length(every, '1 minute', '10 years') THEN format('every must be from 1 minute to 10 years, got %s',
                every)
        WHEN extract(year FROM every) * 12 + extract(month FROM every) > 0 AND every <> date_trunc('month', every) THEN
            format('every must be whole months, or days and hours, got %s', every)
        WHEN every <= "for" THEN format('every must be longer than "for", got every %s and "for" %s', every, "for")
        WHEN zone IS NULL THEN 'zone must be a time zone, got NULL'
        WHEN octet_length(reason) > 2000 OR octet_length(author) > 200 THEN 'reason takes 2000 bytes and author 200 at most' END;
    IF problem IS NULL THEN
        PERFORM tally_internal._check_zone(zone);
    ELSE
        PERFORM tally_internal._refuse('invalid_parameter_value', 'silence: ' || problem,
                              'It keeps notifications back in [starts_at, starts_at + "for"), and with every again and again.', again);
    END IF;
    ends_at := tally_internal._later(starts_at, "for", zone);
    SELECT s.* INTO other FROM tally.silences s
     WHERE s.matchers = matchers AND s.owner::oid = caller::oid AND s.every IS NOT DISTINCT FROM every AND s.starts_at < ends_at AND s.ends_at > starts_at
         ORDER BY s.id DESC LIMIT 1;
    IF other.id IS NOT NULL AND (other.zone, other.starts_at) IS NOT DISTINCT FROM (zone, starts_at) AND other.ends_at = ends_at THEN
        PERFORM tally_internal._note_unchanged(format('silence %s', other.id));
        RETURN other.id;
    ELSIF other.id IS NOT NULL THEN
        RAISE NOTICE USING MESSAGE = format('silence %s has the same matchers, from %s to %s', other.id, other.starts_at, other.ends_at),
            HINT = format('SELECT tally.end_silence(%s);  -- if this one is to stand in for it', other.id);
    END IF;
    PERFORM tally_internal._check_quota('silences that have not ended', caller, count(*), format('SELECT tally.end_silence(%s);', min(s.id)))
       FROM tally.silences s WHERE s.owner::oid = caller::oid AND (s.ends_at > now() OR s.every IS NOT NULL);
    INSERT INTO tally.silences (owner, author, reason, matchers, starts_at, ends_at, lasts, every, zone)
    VALUES (caller, COALESCE(author, caller::text), reason, matchers, starts_at, ends_at, "for", every, zone) RETURNING silences.id INTO id;
    RETURN id;
END $$;
COMMENT ON FUNCTION tally.silence(jsonb, text, interval, timestamptz, interval, text, text, bigint) IS
'Keeps back the notifications of incidents that match, for a while and with a reason. every makes it a maintenance window that recurs by the clock of '
'zone. Days in "for" and every are days of zone''s calendar. It returns the silence''s number. Incidents are filed all the same. Those that still fire '
'when the silence ends are told then.';

CREATE OR REPLACE FUNCTION tally.end_silence(id int, as_of timestamptz DEFAULT now(), who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    UPDATE tally.silences s SET ends_at = GREATEST(as_of, s.starts_at + interval '1 microsecond'), every = NULL
     WHERE s.id = id AND tally_internal._has_rights(caller, s.owner);
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('undefined_object', format('silence %s does not exist, or belongs to another role', COALESCE(id::text, 'NULL')), NULL,
            'SELECT * FROM tally.silences ORDER BY id DESC;');
    END IF;
    UPDATE tally.incidents i SET suppressed_until = LEAST(i.suppressed_until, as_of) WHERE i.silence_id = id AND i.suppressed_by IS NOT NULL;
END $$;
COMMENT ON FUNCTION tally.end_silence(int, timestamptz, bigint) IS 'Ends a silence or maintenance window now. Its row stays in tally.silences.';

CREATE OR REPLACE FUNCTION tally.create_inhibition(
    name        text,
    source      jsonb,
    target      jsonb,
    equal       text[] DEFAULT '{}',
    search_path text DEFAULT pg_catalog.current_setting('search_path'),
    who         bigint DEFAULT tally_internal._me()
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    home   text := tally_internal._home(search_path, caller);
    rule   int;
BEGIN
    PERFORM tally_internal._check_name(name, 'inhibition'), tally_internal._check_matchers(source, 'source'), tally_internal._check_matchers(target, 'target');
    equal := COALESCE(equal, '{}');
    IF cardinality(equal) > 20 OR array_position(equal, NULL) IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('equal must name up to 20 labels, got %s', left(equal::text, 200)), NULL,
            format('SELECT tally.create_inhibition(%L, %L, %L, ''{world}'');', name, source, target));
    END IF;
    IF NOT EXISTS (SELECT FROM tally.inhibitions x WHERE x.schema = home AND x.name = name) THEN
        PERFORM tally_internal._check_quota('inhibitions', caller, count(*), format('SELECT tally.drop_inhibition(%L);', min(x.schema || '.' || x.name)))
           FROM tally.inhibitions x WHERE x.owner::oid = caller::oid;
    END IF;
    INSERT INTO tally.inhibitions AS h (schema, name, owner, source, target, equal)
    VALUES (home, name, caller, source, target, equal)
    ON CONFLICT ON CONSTRAINT inhibitions_schema_name_key DO UPDATE SET source = EXCLUDED.source, target = EXCLUDED.target, equal = EXCLUDED.equal
     WHERE tally_internal._has_rights(caller, h.owner) RETURNING h.id INTO rule;
    IF rule IS NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('inhibition %L belongs to another role', name), NULL,
            format('SELECT tally.create_inhibition(%L, …);', name || ' 2'));
    END IF;
    -- Once for the incidents that fire now. Later incidents note by themselves what they match.
    DELETE FROM tally.inhibitors b WHERE b.inhibition_id = rule;
    INSERT INTO tally.inhibitors (inhibition_id, incident_id, equals)
    SELECT rule, i.id, tally_internal._equals(equal, tally_internal._identity(i)) FROM tally.incidents i
     WHERE i.status IN ('new', 'acknowledged') AND i.recovered_at IS NULL AND tally_internal._matches(source, tally_internal._identity(i));
    PERFORM tally_internal._recheck_inhibited();
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_inhibition(text, jsonb, jsonb, text[], text, bigint) IS
'While an incident that matches source fires, notifications of incidents that match target and share the labels in equal are kept back. If you define it '
    'again with changes, the new rule replaces the old one.';

CREATE OR REPLACE FUNCTION tally_internal._recheck_inhibited() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE tally.incidents x SET suppressed_until = '-infinity' WHERE x.suppressed_by IS NOT NULL AND x.inhibitor_id IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._recheck_inhibited() IS
'Makes the next evaluation look again at what inhibitions keep back, because one of them has changed.';

CREATE OR REPLACE FUNCTION tally.drop_inhibition(name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.inhibitions h WHERE h.id = (
        SELECT tally_internal._choose('inhibition', name, array_agg(x.id), array_agg(x.schema), array_agg(x.name)) FROM tally.inhibitions x
         WHERE tally_internal._has_rights(caller, x.owner) AND x.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('undefined_object', format('inhibition %L does not exist, or belongs to another role', name), NULL,
                              'SELECT name FROM tally.inhibitions;');
    END IF;
    PERFORM tally_internal._recheck_inhibited();
END $$;
COMMENT ON FUNCTION tally.drop_inhibition(text, bigint) IS 'Drops an inhibition rule.';
REVOKE ALL ON FUNCTION tally_internal._recheck_inhibited(), tally_internal._inhibit(tally.inhibitors[]), tally_internal._inhibit_no_more(bigint[]) FROM PUBLIC;
