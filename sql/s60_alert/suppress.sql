-- Owns: what keeps notifications back: silences, maintenance windows and inhibitions, and how matchers match.

CREATE FUNCTION tally._matches(matchers jsonb, labels jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT NOT EXISTS (
        SELECT FROM jsonb_each(matchers) m
         WHERE CASE jsonb_typeof(m.value)
                   WHEN 'array' THEN NOT COALESCE(m.value @> jsonb_build_array(labels -> m.key), false)
                   ELSE m.value #>> '{}' IS DISTINCT FROM labels ->> m.key END));
END $$;
COMMENT ON FUNCTION tally._matches(jsonb, jsonb) IS 'Whether every matcher holds: equal to the label, or, as a list, to one of its values.';

CREATE FUNCTION tally._identity(i tally.incidents) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT i.labels || jsonb_build_object('severity', i.severity, 'threshold', i.threshold, 'area', i.area, 'kind', i.kind));
END $$;
COMMENT ON FUNCTION tally._identity(tally.incidents) IS 'What matchers and group_by see of an incident: its labels, severity, threshold, area and kind.';

CREATE FUNCTION tally._in_window(s tally.silences, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n    int;
    from_ timestamptz;
BEGIN
    IF at < s.starts_at THEN RETURN false; END IF;
    IF at < s.ends_at THEN RETURN true; END IF;
    IF s.every IS NULL THEN RETURN false; END IF;
    -- Months and days have no fixed length, so the guess is checked from one before to one after.
    n := floor(extract(epoch FROM at - s.starts_at) / extract(epoch FROM s.every))::int;
    FOR k IN GREATEST(n - 2, 0) .. n + 2 LOOP
        from_ := (s.starts_at AT TIME ZONE s.zone + k * s.every) AT TIME ZONE s.zone;
        IF at >= from_ AND at < from_ + (s.ends_at - s.starts_at) THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
COMMENT ON FUNCTION tally._in_window(tally.silences, timestamptz) IS 'Whether a silence, or an occurrence of a maintenance window by its zone''s clock, covers a moment.';

CREATE FUNCTION tally._suppressed_by(i tally.incidents, at timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT COALESCE(
        (SELECT format('silence %s: %s', s.id, s.reason) FROM tally.silences s
          WHERE s.starts_at <= at AND tally._matches(s.matchers, tally._identity(i)) AND pg_has_role(s.owner::oid, i.owner::oid, 'USAGE') AND tally._in_window(s, at)
          ORDER BY s.id LIMIT 1),
        (SELECT format('inhibition %s by incident %s', h.name, o.id) FROM tally.inhibitions h JOIN tally.incidents o
             ON o.status IN ('new', 'acknowledged') AND o.recovered_at IS NULL AND o.id <> i.id AND tally._matches(h.source, tally._identity(o))
          WHERE tally._matches(h.target, tally._identity(i)) AND pg_has_role(h.owner::oid, i.owner::oid, 'USAGE') AND pg_has_role(h.owner::oid, o.owner::oid, 'USAGE')
            -- Equal labels; and what matches both sides does not keep itself back.
            AND NOT tally._matches(h.source, tally._identity(i))
            AND NOT EXISTS (SELECT FROM unnest(h.equal) e WHERE tally._identity(o) -> e IS DISTINCT FROM tally._identity(i) -> e)
          ORDER BY h.id, o.id LIMIT 1)));
END $$;
COMMENT ON FUNCTION tally._suppressed_by(tally.incidents, timestamptz) IS 'The silence or inhibition that keeps an incident''s notifications back at a moment; null where none does.';

CREATE FUNCTION tally._check_matchers(matchers jsonb, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(matchers) IS DISTINCT FROM 'object' OR EXISTS (SELECT FROM jsonb_each(matchers) m WHERE jsonb_typeof(m.value) NOT IN ('string', 'array')) THEN
        PERFORM tally._refuse('invalid_parameter_value', format('%s must be an object of labels and values, got %s', what, COALESCE(matchers::text, 'NULL')),
            'Labels, and severity, threshold, area and kind; a value, or a list of values.', format('Use %s => ''{"severity": "warning", "world": ["w1", "w2"]}''.', what));
    END IF;
END $$;
COMMENT ON FUNCTION tally._check_matchers(jsonb, text) IS 'An error where something is no set of matchers.';

CREATE FUNCTION tally.silence(
    matchers  jsonb,
    reason    text,
    "for"     interval DEFAULT '1 hour',
    starts_at timestamptz DEFAULT now(),
    every     interval DEFAULT NULL,
    zone      text DEFAULT 'UTC',
    author    text DEFAULT NULL
) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    id int;
BEGIN
    PERFORM tally._check_matchers(matchers, 'matchers');
    IF COALESCE(btrim(reason), '') = '' OR "for" IS NULL OR "for" <= '0' OR every <= "for" THEN
        PERFORM tally._refuse('invalid_parameter_value', 'a silence needs a reason, a length, and with every a length shorter than that',
            format('Got reason %L, "for" %L, every %L.', reason, "for", every), 'SELECT tally.silence(''{"world": "w1"}'', ''deploy of the new model'', "for" => ''2 hours'');');
    END IF;
    PERFORM now() AT TIME ZONE zone;
    INSERT INTO tally.silences (owner, author, reason, matchers, starts_at, ends_at, every, zone)
    VALUES (tally._caller(), COALESCE(author, tally._caller()::text), reason, matchers, starts_at, starts_at + "for", every, zone) RETURNING silences.id INTO id;
    RETURN id;
END $$;
COMMENT ON FUNCTION tally.silence(jsonb, text, interval, timestamptz, interval, text, text) IS
'Keeps back the notifications of incidents that match, for a while, with a reason; every makes it a recurring maintenance window by the clock of zone. Returns its number. Incidents are filed all the same, and what still fires when it ends is told then.';

CREATE FUNCTION tally.end_silence(id int, as_of timestamptz DEFAULT now()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE tally.silences s SET ends_at = GREATEST(as_of, s.starts_at + interval '1 microsecond'), every = NULL
     WHERE s.id = id AND pg_has_role(tally._caller()::oid, s.owner::oid, 'USAGE');
    IF NOT FOUND THEN
        PERFORM tally._refuse('undefined_object', format('silence %s does not exist, or belongs to another role', id), NULL, 'SELECT * FROM tally.silences ORDER BY id DESC;');
    END IF;
END $$;
COMMENT ON FUNCTION tally.end_silence(int, timestamptz) IS 'Ends a silence or maintenance window now; it stays on record.';

CREATE FUNCTION tally.create_inhibition(name text, source jsonb, target jsonb, equal text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally._check_matchers(source, 'source'), tally._check_matchers(target, 'target');
    INSERT INTO tally.inhibitions AS h (name, owner, source, target, equal) VALUES (name, tally._caller(), source, target, equal)
    ON CONFLICT ON CONSTRAINT inhibitions_name_key DO UPDATE SET source = EXCLUDED.source, target = EXCLUDED.target, equal = EXCLUDED.equal
     WHERE pg_has_role(tally._caller()::oid, h.owner::oid, 'USAGE');
    IF NOT FOUND THEN
        PERFORM tally._refuse('insufficient_privilege', format('inhibition %L belongs to another role', name), NULL, 'SELECT * FROM tally.inhibitions;');
    END IF;
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_inhibition(text, jsonb, jsonb, text[]) IS 'While an incident that matches source fires, notifications of incidents that match target and share the labels in equal are kept back. Again with changes it replaces the rule.';

CREATE FUNCTION tally.drop_inhibition(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    DELETE FROM tally.inhibitions h WHERE h.name = name AND pg_has_role(tally._caller()::oid, h.owner::oid, 'USAGE');
    IF NOT FOUND THEN
        PERFORM tally._refuse('undefined_object', format('inhibition %L does not exist, or belongs to another role', name), NULL, 'SELECT name FROM tally.inhibitions;');
    END IF;
END $$;
COMMENT ON FUNCTION tally.drop_inhibition(text) IS 'Drops an inhibition rule.';
