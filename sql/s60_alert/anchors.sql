-- Owns: anchors, the texts by which an incident finds the silences and inhibitions that may match it.

CREATE OR REPLACE FUNCTION tally_internal._anchors(matchers jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(matchers) IS DISTINCT FROM 'object' THEN RETURN '{}'; END IF;
    IF matchers = '{}' THEN RETURN '{""}'; END IF;
    -- One matcher is enough to find it. A label is better than a severity, because it tells more incidents apart.
    RETURN (SELECT ARRAY(SELECT md5(m.key || '=' || v) FROM jsonb_array_elements_text(CASE jsonb_typeof(m.value) WHEN 'array' THEN m.value
            ELSE jsonb_build_array(m.value) END) v)
              FROM jsonb_each(matchers) m ORDER BY m.key IN ('severity', 'kind', 'area', 'threshold'), m.key IN ('severity', 'kind'), m.key LIMIT 1);
END $$;
COMMENT ON FUNCTION tally_internal._anchors(jsonb) IS
'The texts, hashed, one of which an incident must have for matchers to match it: the values of one matcher; an empty text where all match.';
