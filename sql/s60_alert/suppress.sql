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

CREATE OR REPLACE FUNCTION tally_internal._equals(equal text[], identity jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN md5(COALESCE((SELECT jsonb_agg(identity -> e ORDER BY e)::text FROM unnest(equal) e), ''));
END $$;
COMMENT ON FUNCTION tally_internal._equals(text[], jsonb) IS 'What must be equal in two incidents of an inhibition, as one hash.';

CREATE OR REPLACE FUNCTION tally_internal._inhibition_sides(ids bigint[], identities jsonb[], owner regrole, OUT sources tally.inhibitors[],
                                                            OUT targets tally.inhibitors[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Rights come first, asked once for each owner. Otherwise everybody's matchers would be computed for each incident.
    trusted oid[] := ARRAY(SELECT o.o FROM (SELECT DISTINCT x.owner::oid AS o FROM tally.inhibitions x OFFSET 0) o
                            WHERE tally_internal._has_rights(o.o::regrole, $3));
BEGIN
    IF trusted = '{}' THEN RETURN; END IF;
    -- An incident that matches both sides does not keep itself back, and nothing else keeps it back by that rule.
    SELECT array_agg(ROW(m.rule, m.id, m.equals)::tally.inhibitors ORDER BY m.n, m.rule) FILTER (WHERE m.is_source),
           array_agg(ROW(m.rule, m.id, m.equals)::tally.inhibitors ORDER BY m.n, m.rule) FILTER (WHERE NOT m.is_source)
      INTO sources, targets
      FROM (SELECT u.id, u.n, h.id AS rule, h.is_source, tally_internal._equals(h.equal, u.identity) AS equals
              FROM unnest(ids, identities) WITH ORDINALITY u(id, identity, n)
             CROSS JOIN LATERAL (SELECT tally_internal._anchors_of(u.identity) AS anchors OFFSET 0) a
             CROSS JOIN LATERAL (SELECT x.id, x.equal, tally_internal._matches(x.source, u.identity) AS is_source,
                                        tally_internal._matches(x.target, u.identity) AS is_target
                                   FROM tally.inhibitions x
                                  WHERE (x.source_anchors && a.anchors OR x.target_anchors && a.anchors) AND x.owner::oid = ANY (trusted) OFFSET 0) h
             WHERE h.is_source OR h.is_target) m;
END $$;
COMMENT ON FUNCTION tally_internal._inhibition_sides(bigint[], jsonb[], regrole) IS
'Which incidents of an owner match the source of an inhibition, and which its target alone, in their order.';

CREATE OR REPLACE FUNCTION tally_internal._silences_of(ids bigint[], identities jsonb[], owner regrole, schema text, at timestamptz)
    RETURNS TABLE (id bigint, reason text, until timestamptz, silence_id int)
-- By keys, whatever is known of the tables.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    places  bigint[];
    found_  int[];
    trusted oid[];
BEGIN
    IF NOT EXISTS (SELECT FROM tally.silence_anchors) THEN RETURN; END IF;
    SELECT array_agg(u.n ORDER BY u.n, k.silence_id), array_agg(k.silence_id ORDER BY u.n, k.silence_id) INTO places, found_
      FROM unnest(identities) WITH ORDINALITY u(identity, n)
     CROSS JOIN LATERAL unnest(tally_internal._anchors_of(u.identity)) a(anchor)
     CROSS JOIN LATERAL (SELECT x.silence_id FROM tally.silence_anchors x WHERE x.anchor = a.anchor AND x.ends_at > $5 OFFSET 0) k;
    IF found_ IS NULL THEN RETURN; END IF;
    -- Rights come first, asked once for each owner. Otherwise everybody's matchers would be computed for each incident.
    trusted := ARRAY(SELECT o.o FROM (SELECT DISTINCT s.owner::oid AS o FROM tally.silences s WHERE s.id = ANY (found_) AND s.starts_at <= $5 OFFSET 0) o
                      WHERE tally_internal._handles(o.o::regrole, $3, $4));
    IF trusted = '{}' THEN RETURN; END IF;
    RETURN QUERY
    SELECT DISTINCT ON (p.n) ids[p.n], format('silence %s: %s', (m.s).id, (m.s).reason), o.until, (m.s).id
      FROM unnest(places, found_) p(n, silence)
     CROSS JOIN LATERAL (SELECT x AS s FROM tally.silences x WHERE x.id = p.silence AND x.starts_at <= $5 AND x.owner::oid = ANY (trusted) OFFSET 0) s
     CROSS JOIN LATERAL (SELECT s.s WHERE tally_internal._matches((s.s).matchers, identities[p.n]) OFFSET 0) m
     CROSS JOIN LATERAL tally_internal._occurrence(m.s, $5) o
     WHERE o.until IS NOT NULL ORDER BY p.n, p.silence;
END $$;
COMMENT ON FUNCTION tally_internal._silences_of(bigint[], jsonb[], regrole, text, timestamptz) IS
'The incidents of an owner whose notifications silences keep back at a moment, each with the first of them: in words, until when, its number.';

CREATE OR REPLACE FUNCTION tally_internal._suppressions(ids bigint[], identities jsonb[], owner regrole, schema text, targets tally.inhibitors[],
                                                        at timestamptz)
    RETURNS TABLE (id bigint, reason text, until timestamptz, silence_id int, inhibitor_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (k.id) k.id, k.reason, k.until, k.silence_id, k.inhibitor_id FROM (
        SELECT s.id, s.reason, s.until, s.silence_id, NULL::bigint AS inhibitor_id, 0 AS rule
          FROM tally_internal._silences_of(ids, identities, $3, $4, $6) s
        UNION ALL
        SELECT t.incident_id, format('inhibition %s by incident %s', h.name, o.id), 'infinity', NULL, o.id, t.inhibition_id
          FROM unnest(targets) t
         CROSS JOIN LATERAL (SELECT x.name, x.owner FROM tally.inhibitions x WHERE x.id = t.inhibition_id OFFSET 0) h
         CROSS JOIN LATERAL (SELECT i.id FROM tally.inhibitors b
                              CROSS JOIN LATERAL (SELECT x.* FROM tally.incidents x WHERE x.id = b.incident_id OFFSET 0) i
                              WHERE b.inhibition_id = t.inhibition_id AND b.equals = t.equals AND b.incident_id <> t.incident_id
                                AND i.status IN ('new', 'acknowledged') AND i.recovered_at IS NULL AND tally_internal._has_rights(h.owner, i.owner)
                              LIMIT 1) o) k
     ORDER BY k.id, k.rule;
END $$;
COMMENT ON FUNCTION tally_internal._suppressions(bigint[], jsonb[], regrole, text, tally.inhibitors[], timestamptz) IS
'The incidents of an owner whose notifications are kept back at a moment: the reason in words, until when, and the silence or the incident that does. '
    'targets: which of them match the target of an inhibition.';

CREATE OR REPLACE FUNCTION tally_internal._suppression(i tally.incidents, at timestamptz, OUT reason text, OUT until timestamptz, OUT silence_id int,
                                            OUT inhibitor_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    identities jsonb[] := ARRAY[tally_internal._identity(i)];
BEGIN
    SELECT k.reason, k.until, k.silence_id, k.inhibitor_id INTO reason, until, silence_id, inhibitor_id
      FROM tally_internal._inhibition_sides(ARRAY[i.id], identities, i.owner) s,
           tally_internal._suppressions(ARRAY[i.id], identities, i.owner, tally_internal._threshold_schema(i.threshold_id), s.targets, at) k;
END $$;
COMMENT ON FUNCTION tally_internal._suppression(tally.incidents, timestamptz) IS
'What keeps an incident''s notifications back at a moment: the reason in words, until when, and the silence or the incident that does; nulls where nothing '
    'does.';

CREATE OR REPLACE FUNCTION tally_internal._inhibit(sources tally.inhibitors[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tally.inhibitors (inhibition_id, incident_id, equals) SELECT s.inhibition_id, s.incident_id, s.equals FROM unnest(sources) s
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION tally_internal._inhibit(tally.inhibitors[]) IS 'Notes that incidents fire, with the inhibitions whose source they match.';

CREATE OR REPLACE FUNCTION tally_internal._inhibit_no_more(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
    DELETE FROM tally.inhibitors b WHERE b.incident_id = ANY (ids);
    IF FOUND THEN
        UPDATE tally.incidents x SET suppressed_until = '-infinity' WHERE x.inhibitor_id = ANY (ids) AND x.suppressed_by IS NOT NULL;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._inhibit_no_more(bigint[]) IS
'Incidents that do not fire any more keep nothing back. What they kept back is looked at again.';

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
