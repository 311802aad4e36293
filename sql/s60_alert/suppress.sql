-- Owns: what keeps notifications back: silences, maintenance windows and inhibitions, and how matchers match.
--
-- A new incident looks up by anchors (texts such as world=w1) what may match it. So its cost does not grow with the number of silences,
-- inhibitions and open incidents.

CREATE OR REPLACE FUNCTION tally_internal._matches(matchers jsonb, labels jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(matchers) IS DISTINCT FROM 'object' THEN RETURN false; END IF;
    RETURN (
    SELECT NOT EXISTS (
        SELECT FROM jsonb_each(matchers) m
         WHERE CASE jsonb_typeof(m.value)
                   WHEN 'array' THEN NOT COALESCE(m.value @> jsonb_build_array(labels -> m.key), false)
                   ELSE m.value #>> '{}' IS DISTINCT FROM labels ->> m.key END));
END $$;
COMMENT ON FUNCTION tally_internal._matches(jsonb, jsonb) IS 'Whether every matcher holds: equal to the label, or, as a list, to one of its values.';

CREATE OR REPLACE FUNCTION tally_internal._identity(i tally.incidents) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN i.labels || jsonb_build_object('severity', i.severity, 'threshold', i.threshold, 'area', i.area, 'kind', i.kind,
                                          'escalation', i.escalation_level::text);
END $$;
COMMENT ON FUNCTION tally_internal._identity(tally.incidents) IS
'What matchers and group_by see of an incident: its labels, severity, threshold, area, kind, and how often it escalated.';

CREATE OR REPLACE FUNCTION tally_internal._anchors_of(identity jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT md5(e.key || '=' || e.value) FROM jsonb_each_text(identity) e WHERE e.value IS NOT NULL) || ''::text;
END $$;
COMMENT ON FUNCTION tally_internal._anchors_of(jsonb) IS
'The anchors that an incident is found by: one for each label and the rest of its identity, and the empty one.';

CREATE OR REPLACE FUNCTION tally_internal._later(instant timestamptz, by interval, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It adds as PostgreSQL does, months and days by the calendar and the rest by the clock, but in the given zone instead of the session's.
    SELECT (instant AT TIME ZONE zone + date_trunc('day', by)) AT TIME ZONE zone + (by - date_trunc('day', by))
$$;
COMMENT ON FUNCTION tally_internal._later(timestamptz, interval, text) IS 'An instant moved on by an interval, months and days by the calendar of the zone.';

CREATE OR REPLACE FUNCTION tally_internal._occurrence(s tally.silences, at timestamptz, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    months int;
    near   bigint;
    from_  timestamptz;
    to_    timestamptz;
BEGIN
    IF at < s.starts_at THEN RETURN; END IF;
    IF at < s.ends_at THEN
        since := s.starts_at;
        until := s.ends_at;
        RETURN;
    END IF;
    IF s.every IS NULL THEN RETURN; END IF;
    months := extract(year FROM s.every) * 12 + extract(month FROM s.every);
    IF months > 0 THEN
        near := (extract(year FROM at) - extract(year FROM s.starts_at)) * 12 + extract(month FROM at) - extract(month FROM s.starts_at);
        near := near / months;
    ELSE
        near := floor(extract(epoch FROM at - s.starts_at) / extract(epoch FROM s.every));
    END IF;
    -- Days have no fixed length, so the guess is checked on both sides.
    FOR k IN GREATEST(near - 2, 0) .. near + 2 LOOP
        from_ := tally_internal._later(s.starts_at, k * s.every, s.zone);
        to_ := tally_internal._later(from_, s.lasts, s.zone);
        IF at >= from_ AND at < to_ THEN
            since := from_;
            until := to_;
            RETURN;
        END IF;
    END LOOP;
EXCEPTION WHEN data_exception THEN
    -- A window that was stored past every check covers nothing. It must not stop the alerts of others.
    since := NULL;
    until := NULL;
END $$;
COMMENT ON FUNCTION tally_internal._occurrence(tally.silences, timestamptz) IS
'The silence, or the occurrence of a maintenance window by its zone''s clock, that covers a moment; nulls where none does.';

CREATE OR REPLACE FUNCTION tally_internal._in_window(s tally.silences, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.since IS NOT NULL FROM tally_internal._occurrence(s, at) o
$$;
COMMENT ON FUNCTION tally_internal._in_window(tally.silences, timestamptz) IS 'Whether a silence, or an occurrence of a maintenance window, covers a moment.';

CREATE OR REPLACE FUNCTION tally_internal._suppression(i tally.incidents, at timestamptz, OUT reason text, OUT until timestamptz, OUT silence_id int,
                                            OUT inhibitor_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    identity jsonb := tally_internal._identity(i);
    anchors  text[] := tally_internal._anchors_of(identity);
    s        tally.silences;
    h        tally.inhibitions;
BEGIN
    -- Rights come first, asked once for each owner. Otherwise everybody's matchers would be computed for each incident.
    FOR s IN WITH found AS MATERIALIZED (
                 SELECT x.* FROM tally.silence_anchors a JOIN tally.silences x ON x.id = a.silence_id
                  WHERE a.anchor = ANY (anchors) AND a.ends_at > at AND x.starts_at <= at),
             trusted AS MATERIALIZED (SELECT o.o FROM (SELECT DISTINCT f.owner::oid AS o FROM found f OFFSET 0) o
                                       WHERE tally_internal._handles(o.o::regrole, i.owner, tally_internal._threshold_schema(i.threshold_id)))
             SELECT f.* FROM found f WHERE f.owner::oid IN (SELECT t.o FROM trusted t) ORDER BY f.id LOOP
        CONTINUE WHEN NOT tally_internal._matches(s.matchers, identity);
        SELECT o.until INTO until FROM tally_internal._occurrence(s, at) o;
        IF until IS NOT NULL THEN
            reason := format('silence %s: %s', s.id, s.reason);
            silence_id := s.id;
            RETURN;
        END IF;
    END LOOP;
    FOR h IN WITH found AS MATERIALIZED (SELECT x.* FROM tally.inhibitions x WHERE x.target_anchors && anchors),
             trusted AS MATERIALIZED (SELECT o.o FROM (SELECT DISTINCT f.owner::oid AS o FROM found f OFFSET 0) o
                                       WHERE tally_internal._has_rights(o.o::regrole, i.owner))
             SELECT f.* FROM found f WHERE f.owner::oid IN (SELECT t.o FROM trusted t) ORDER BY f.id LOOP
        -- An incident that matches both sides does not keep itself back.
        CONTINUE WHEN NOT tally_internal._matches(h.target, identity) OR tally_internal._matches(h.source, identity);
        SELECT o.id INTO inhibitor_id FROM tally.inhibitors b JOIN tally.incidents o ON o.id = b.incident_id
         WHERE b.inhibition_id = h.id AND b.equals = tally_internal._equals(h.equal, identity) AND o.id <> i.id
           AND o.status IN ('new', 'acknowledged') AND o.recovered_at IS NULL AND tally_internal._has_rights(h.owner, o.owner) LIMIT 1;
        IF inhibitor_id IS NOT NULL THEN
            reason := format('inhibition %s by incident %s', h.name, inhibitor_id);
            until := 'infinity';
            RETURN;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._suppression(tally.incidents, timestamptz) IS
'What keeps an incident''s notifications back at a moment: the reason in words, until when, and the silence or the incident that does; nulls where nothing '
    'does.';

CREATE OR REPLACE FUNCTION tally_internal._equals(equal text[], identity jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN md5(COALESCE((SELECT jsonb_agg(identity -> e ORDER BY e)::text FROM unnest(equal) e), ''));
END $$;
COMMENT ON FUNCTION tally_internal._equals(text[], jsonb) IS 'What must be equal in two incidents of an inhibition, as one hash.';

CREATE OR REPLACE FUNCTION tally_internal._inhibit(i tally.incidents) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    identity jsonb := tally_internal._identity(i);
BEGIN
    INSERT INTO tally.inhibitors (inhibition_id, incident_id, equals)
    SELECT h.id, i.id, tally_internal._equals(h.equal, identity) FROM tally.inhibitions h
     WHERE h.source_anchors && tally_internal._anchors_of(identity)
       AND h.owner::oid = ANY (ARRAY(SELECT o.o FROM (SELECT DISTINCT x.owner::oid AS o FROM tally.inhibitions x OFFSET 0) o
                                      WHERE tally_internal._has_rights(o.o::regrole, i.owner)))
       AND tally_internal._matches(h.source, identity)
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION tally_internal._inhibit(tally.incidents) IS 'Notes that an incident fires, with the inhibitions whose source it matches.';

CREATE OR REPLACE FUNCTION tally_internal._inhibit_no_more(incident_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    DELETE FROM tally.inhibitors b WHERE b.incident_id = incident_id;
    IF FOUND THEN
        UPDATE tally.incidents x SET suppressed_until = '-infinity' WHERE x.inhibitor_id = incident_id AND x.suppressed_by IS NOT NULL;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._inhibit_no_more(bigint) IS
'An incident that does not fire any more keeps nothing back. What it kept back is looked at again.';

CREATE OR REPLACE FUNCTION tally_internal._anchor_silence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM tally.silence_anchors a WHERE a.silence_id = NEW.id;
    INSERT INTO tally.silence_anchors (anchor, ends_at, silence_id)
    SELECT DISTINCT a, CASE WHEN NEW.every IS NULL THEN NEW.ends_at ELSE 'infinity' END, NEW.id FROM unnest(tally_internal._anchors(NEW.matchers)) a;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._anchor_silence() IS 'AFTER ROW trigger that keeps the anchors of a silence.';
REVOKE ALL ON FUNCTION tally_internal._anchor_silence() FROM PUBLIC;
CREATE OR REPLACE TRIGGER anchor AFTER INSERT OR UPDATE ON tally.silences FOR EACH ROW EXECUTE FUNCTION tally_internal._anchor_silence();
