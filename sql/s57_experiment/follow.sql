-- Owns: experiment metrics that no experiment measures, which follow what is renamed or moved. No view is made of their texts. So what they may mean is
-- noted by name before something is altered, and PostgreSQL says afterwards whether it finds every name in them.

CREATE OR REPLACE FUNCTION tally_internal._metric_texts(m tally.experiment_metrics) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.t FROM (SELECT m.definition ->> k FROM unnest('{expression,denominator,where}'::text[]) k
                     UNION ALL SELECT s ->> 'condition' FROM jsonb_array_elements(COALESCE(m.definition -> 'steps', '[]')) s) x(t) WHERE x.t IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._metric_texts(tally.experiment_metrics) IS 'The expressions and conditions of a metric of experiments.';

CREATE OR REPLACE FUNCTION tally_internal._metric_text_reads(m tally.experiment_metrics, words text) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._reads_still(m.owner, m.search_path, format('SELECT %s FROM %s', tally_internal._closed(words), m.source))
$$;
COMMENT ON FUNCTION tally_internal._metric_text_reads(tally.experiment_metrics, text) IS
'Whether PostgreSQL finds every name in a text over the source of a metric of experiments.';
REVOKE ALL ON FUNCTION tally_internal._metric_text_reads(tally.experiment_metrics, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._unmeasured_metrics() RETURNS SETOF tally.experiment_metrics
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.* FROM tally.experiment_metrics m WHERE NOT EXISTS (SELECT FROM tally.experiment_cells c WHERE c.metric_id = m.id)
       AND EXISTS (SELECT FROM pg_class c WHERE c.oid = m.source)
$$;
COMMENT ON FUNCTION tally_internal._unmeasured_metrics() IS 'The metrics that no experiment measures.';

CREATE OR REPLACE FUNCTION tally_internal._when_names_asked_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A label is compared with a column, whose type the text need not name.
    RETURN QUERY WITH metrics AS MATERIALIZED (
        SELECT m.source, (SELECT string_agg(t, ' ') FROM tally_internal._metric_texts(m) t) AS texts FROM tally_internal._unmeasured_metrics() m
    ), words AS MATERIALIZED (
        SELECT DISTINCT w.word::name AS word
          FROM metrics m, regexp_matches(m.texts, '"(?:[^"]|"")+"|[[:alpha:]_][\w$]*', 'g') p(part),
               LATERAL (VALUES (lower(p.part[1])), (replace(trim('"' FROM p.part[1]), '""', '"'))) w(word)
    ), objects AS (
        SELECT 'pg_class'::regclass AS class, m.source::oid AS object FROM metrics m
        UNION SELECT 'pg_type'::regclass, v.type FROM (SELECT DISTINCT m.source FROM metrics m) s
                JOIN pg_attribute a ON a.attrelid = s.source AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid,
                LATERAL (VALUES (t.oid), (t.typelem), (t.typbasetype)) v(type) WHERE v.type >= 16384
        UNION SELECT 'pg_proc'::regclass, p.oid FROM words w JOIN pg_proc p ON p.proname = w.word WHERE p.oid >= 16384
        UNION SELECT 'pg_type'::regclass, t.oid FROM words w JOIN pg_type t ON t.typname = w.word WHERE t.oid >= 16384
        UNION SELECT 'pg_collation'::regclass, c.oid FROM words w JOIN pg_collation c ON c.collname = w.word WHERE c.oid >= 16384
        UNION SELECT 'pg_operator'::regclass, o.oid FROM pg_operator o
               WHERE o.oid >= 16384 AND EXISTS (SELECT FROM metrics m WHERE strpos(m.texts, o.oprname) > 0)
    )
    SELECT jsonb_build_object('class', o.class::oid::bigint, 'object', o.object::bigint)::text FROM objects o;
END $$;
COMMENT ON FUNCTION tally_internal._when_names_asked_s57(int, jsonb) IS 'Listener: what the texts of metrics that no experiment measures may mean.';

CREATE OR REPLACE FUNCTION tally_internal._text_after(m tally.experiment_metrics, words text, changes jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change jsonb;
    result text := words;
BEGIN
    -- What is read as it is never meant an old name.
    IF tally_internal._changed(words, changes) = words OR tally_internal._metric_text_reads(m, words) THEN RETURN words; END IF;
    FOR change IN SELECT c FROM jsonb_array_elements(changes) c LOOP
        -- A label that stands twice in a text may be another text in one of the places.
        CONTINUE WHEN change ->> 'kind' = 'label'
            AND (SELECT count(*) FROM tally_internal._words(result) w
                  WHERE tally_internal._label_renamed(w.token, change ->> 'was', change ->> 'becomes') <> w.token) > 1;
        result := tally_internal._changed(result, jsonb_build_array(change));
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._text_after(tally.experiment_metrics, text, jsonb) IS
'A text of a metric of experiments after a list of changes of names; as it is where PostgreSQL finds every name in it.';
REVOKE ALL ON FUNCTION tally_internal._text_after(tally.experiment_metrics, text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._metric_after(m tally.experiment_metrics, changes jsonb) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- The columns of the time and of the unit are names, and no texts.
    SELECT m.definition
        || COALESCE((SELECT jsonb_object_agg(k, c -> 'becomes') FROM jsonb_array_elements(changes) c, unnest('{time_column,unit}'::text[]) k
                      WHERE c ->> 'kind' = 'column' AND c -> 'was' = m.definition -> k), '{}')
        || COALESCE((SELECT jsonb_object_agg(k, tally_internal._text_after(m, m.definition ->> k, changes))
                       FROM unnest('{expression,denominator,where}'::text[]) k WHERE m.definition ? k), '{}')
        || CASE WHEN m.definition ? 'steps'
                THEN jsonb_build_object('steps', (
                         SELECT jsonb_agg(s || jsonb_build_object('condition', tally_internal._text_after(m, s ->> 'condition', changes)) ORDER BY n)
                           FROM jsonb_array_elements(m.definition -> 'steps') WITH ORDINALITY e(s, n)))
                ELSE '{}' END
$$;
COMMENT ON FUNCTION tally_internal._metric_after(tally.experiment_metrics, jsonb) IS
'The definition of a metric of experiments that no experiment measures, after a list of changes of names.';
REVOKE ALL ON FUNCTION tally_internal._metric_after(tally.experiment_metrics, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_unmeasured(changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    m     tally.experiment_metrics;
    old   tally.experiment_metrics;
    own   jsonb;
    there boolean;
BEGIN
    FOR old IN SELECT x.* FROM tally_internal._unmeasured_metrics() x ORDER BY x.id LOOP
        SELECT jsonb_agg(c) INTO own FROM jsonb_array_elements(changes) c WHERE c ->> 'kind' <> 'column' OR (c ->> 'object')::oid = old.source::oid;
        CONTINUE WHEN own IS NULL;
        m := old;
        m.definition := tally_internal._metric_after(m, own);
        IF m.definition <> old.definition OR EXISTS (
            SELECT FROM jsonb_array_elements(own) c, tally_internal._metric_texts(m) t
             WHERE c ->> 'kind' = 'moved' AND strpos(lower(t), lower(c ->> 'name')) > 0) THEN
            there := (SELECT bool_and(tally_internal._metric_text_reads(m, t)) FROM tally_internal._metric_texts(m) t);
            -- The search_path follows last of all.
            IF NOT there AND tally_internal._may_reach(m.owner, own) THEN
                m.search_path := tally_internal._path_changed(m.search_path, own, true);
                there := (SELECT bool_and(tally_internal._metric_text_reads(m, t)) FROM tally_internal._metric_texts(m) t);
            END IF;
            IF NOT there THEN
                RAISE WARNING USING MESSAGE = format('experiment metric %L does not follow what was renamed or moved', m.name),
                    DETAIL = 'No experiment measures it. Not all names in its texts are found, neither the old ones nor the new ones.',
                    HINT = format('SELECT tally.drop_experiment_metric(%L);  -- and create it again', tally_internal._called(m));
                CONTINUE;
            END IF;
            UPDATE tally.experiment_metrics x SET definition = m.definition, search_path = m.search_path WHERE x.id = m.id;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._follow_unmeasured(jsonb) IS
'Makes metrics that no experiment measures follow changes of names, as _changed() has them, where PostgreSQL does not read them otherwise; a WARNING where '
'it does not read them with the new names either.';
REVOKE ALL ON FUNCTION tally_internal._follow_unmeasured(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_asked_renamed_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._follow_unmeasured(detail);
    RETURN;
END $$;
COMMENT ON FUNCTION tally_internal._when_asked_renamed_s57(int, jsonb) IS
'Listener: metrics that no experiment measures follow columns, functions, operators, types, labels and tables that are renamed or moved.';
REVOKE ALL ON FUNCTION tally_internal._when_asked_renamed_s57(int, jsonb) FROM PUBLIC;
