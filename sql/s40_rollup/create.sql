-- Owns: create_rollup: from what a person writes to table, live view, statistics, capture and a mark on all history.

CREATE OR REPLACE FUNCTION tally.create_rollup(
    name        text,
    source      regclass,
    time_column text DEFAULT NULL,
    bucket      interval DEFAULT NULL,
    dimensions  jsonb DEFAULT NULL,
    measures    jsonb DEFAULT NULL,
    "where"     text DEFAULT NULL,
    schedule    text DEFAULT '*/5 * * * *',
    zone        text DEFAULT 'UTC',
    description text DEFAULT NULL,
    with_data   boolean DEFAULT false,
    search_path text DEFAULT pg_catalog.current_setting('search_path'),
    key         text DEFAULT NULL,
    retain      interval DEFAULT NULL,
    expand      text DEFAULT NULL,
    lookback    interval DEFAULT NULL,
    origin      timestamptz DEFAULT NULL,
    emptied     text DEFAULT 'follow'
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts   text[] := tally_internal._name_parts(name);
    label   text := parts[array_upper(parts, 1)];
    target  text := tally_internal._target_schema(parts, search_path);
    made    tally.rollups;
    parent  tally.rollups;
    old     tally.rollups;
    wanted  jsonb;
    result  regclass;
BEGIN
    made.key := tally_internal._parse_key(key, label);
    IF made.key IS NULL THEN
        bucket := COALESCE(bucket, '1 hour');
        -- These calls are made for their errors. The width and the zone can be checked before the rest.
        IF tally_internal._zone_known(zone) IS NOT TRUE THEN
            PERFORM tally_internal._may_create(label, target, source);
            SELECT z.time_column, z.zone INTO time_column, zone FROM tally_internal._row_zone(label, source, time_column, zone) z;
        END IF;
        PERFORM tally_internal._check_zone(zone), tally_internal._bucket_rule(bucket, zone, origin);
    ELSIF num_nonnulls(time_column, bucket, origin) > 0 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('rollup %L must have a key or a time column with buckets, got both', label),
            'A rollup per key holds one row per value of the key (and dimensions), over all time.',
            format('SELECT tally.create_rollup(%L, %L, key => %L, …);', label, source::text, key));
    ELSE
        PERFORM tally_internal._check_one_zone(format('rollup %L per key', label), source, zone,
            format('SELECT tally.create_rollup(%L, %L, key => %L, measures => %L);', label, source::text, key, measures));
    END IF;
    PERFORM tally_internal._may_create(label, target, source);
    PERFORM tally_internal._check_schedule(schedule);
    SELECT * INTO parent FROM tally.rollups r WHERE r.relation = source;
    time_column := COALESCE(time_column, CASE WHEN made.key IS NULL AND parent.id IS NOT NULL AND parent.key IS NULL THEN 'bucket' END);
    made := tally_internal._draft_rollup(jsonb_build_object('name', label, 'key', made.key, 'time_column', time_column, 'bucket', bucket, 'lookback', lookback,
        'zone', zone, 'filter', "where", 'expand', expand, 'schedule', schedule, 'description', description, 'search_path', search_path, 'emptied', emptied),
        source, parent.id, origin);
    PERFORM tally_internal._check_shape(label, dimensions, measures);
    wanted := tally_internal._definition(made, parent, dimensions, measures);

    SELECT * INTO old FROM tally.rollups r WHERE r.name = label AND COALESCE(tally_internal._schema_of(r.relation), target) = target;
    IF old.id IS NOT NULL THEN
        RETURN tally_internal._same_or_error(old, made, wanted);
    ELSIF to_regclass(format('%I.%I', target, label)) IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_table',
            format('rollup %L needs its name for a table of its own, but %I.%I exists already', label, target, label),
            'It is not a rollup of pg_tally, so it is left as it is.',
            format('SELECT tally.create_rollup(%L, …); with another name, or ALTER TABLE %I.%I RENAME TO …;', label || '_rollup', target, label));
    END IF;
    PERFORM tally_internal._check_overlap(made, parent, measures), tally_internal._check_faced(made, parent);
    PERFORM tally_internal._advise_nesting(made, parent);
    result := tally_internal._build_rollup(made, wanted, target, with_data);
    IF retain IS NOT NULL THEN
        PERFORM tally_internal._retain_rollup(r, retain) FROM tally.rollups r WHERE r.relation = result;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally.create_rollup(text, regclass, text, interval, jsonb, jsonb, text, text, text, text, boolean, text, text, interval, text, interval,
                                        timestamptz, text) IS
'Defines a rollup and returns its table. source: a table, partitioned table or rollup; time_column: its time. bucket: the width (1 hour: any fixed width, or '
    'whole days, weeks or months of the zone''s calendar); zone: its name, or a column of the source with a zone for each row; origin: an '
    'instant at which a bucket begins (a Sunday, 06:00, the 15th, the fiscal year). Or '
    'key, instead of buckets: a column or JSON array of columns; the rollup has a row for each of its values. lookback: each bucket counts the rows of this '
    'time up to its end (7 days, in buckets of a day). dimensions: ''["column", {"name": "expression"}]''; measures: ''{"name": "aggregate '
    '[FILTER (…)]"}''; where: a filter. expand: for lists; a set-returning expression and its alias, joined to each source row: '
    '''jsonb_array_elements(meta -> ''''items'''') AS item''. '
    'schedule: cron. retain: how long buckets are kept, null for ever. emptied: what happens to a bucket when its last source row is deleted: follow, it is '
    'deleted too; keep, it stays as it was. If the source is a rollup, dimensions and measures default to all of its own, merged. History is marked for '
    'backfill, or computed at once (with_data). The view <name>_live is exact from now on. The same definition again changes nothing.';

CREATE OR REPLACE FUNCTION tally_internal._draft_rollup(given jsonb, source regclass, parent int, origin timestamptz) RETURNS tally.rollups
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made  tally.rollups := jsonb_populate_record(NULL::tally.rollups, given);
    label text := made.name;
BEGIN
    made.filter := tally_internal._one_expression(made.filter, format('where of rollup %L', label));
    made.expand := tally_internal._closed(made.expand);
    made.source := source;
    made.source_rollup := parent;
    made.ignored_marks := 0;
    made.emptied := tally_internal._emptied(given ->> 'emptied', made);
    PERFORM tally_internal._check_key(made.key, source, label);
    made.bucket_origin := origin;
    made.frozen_before := CASE WHEN made.key IS NULL THEN tally_internal._first_whole_bucket(source, tally_internal._bucket_rule_of(made)) ELSE '-infinity' END;
    made.time_type := CASE WHEN made.key IS NULL THEN tally_internal._time_type(source, made.time_column, label) END;
    PERFORM tally_internal._check_lookback(made);
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._draft_rollup(jsonb, regclass, int, timestamptz) IS
'The row of a rollup in the making, from what a person gave by the names of its columns; an error where its parts do not fit together.';

CREATE OR REPLACE FUNCTION tally_internal._emptied(emptied text, r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keyed text := (SELECT string_agg(quote_literal(a.name), ', ' ORDER BY a.id) FROM tally.rollups a
                    WHERE a.id = ANY (tally_internal._with_ancestors(r.source_rollup)) AND a.key IS NOT NULL);
BEGIN
    IF emptied IS NULL OR emptied NOT IN ('follow', 'keep') OR emptied = 'keep' AND (r.key IS NOT NULL OR keyed IS NOT NULL) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('emptied of rollup %L must be %s, got %s', r.name, CASE WHEN r.key IS NOT NULL THEN 'follow, because it is per key'
                             WHEN keyed IS NOT NULL THEN 'follow, because it stands on a rollup per key, ' || keyed ELSE 'follow or keep' END,
                   COALESCE(quote_literal(emptied), 'NULL')),
            CASE WHEN r.key IS NULL AND keyed IS NOT NULL
                 THEN 'The row of a key moves to another bucket when its source rows change. A bucket that kept it would count it a second time.'
                 ELSE 'follow: a bucket of which no source row is left goes; keep: it stands as it was. A key is kept as long as its source has rows of it.'
                 END,
            format('SELECT tally.create_rollup(%L, …, emptied => %L);', r.name,
                   CASE WHEN COALESCE(r.key::text, keyed) IS NULL THEN 'keep' ELSE 'follow' END));
    END IF;
    RETURN emptied;
END $$;
COMMENT ON FUNCTION tally_internal._emptied(text, tally.rollups) IS
'What becomes of emptied buckets of a rollup, as given; an error where that is not follow or keep, or where keep would count rows twice.';

CREATE OR REPLACE FUNCTION tally_internal._check_overlap(made tally.rollups, parent tally.rollups, measures jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- If the measures are written out (the highest of a week's seven-day counts), they say what to make of several buckets.
    IF parent.lookback IS NULL OR measures IS NOT NULL OR made.lookback IS NULL
        AND tally_internal._bucket_rule_of(made) = tally_internal._bucket_rule_of(parent) THEN RETURN; END IF;
    PERFORM tally_internal._refuse('invalid_parameter_value', format('rollup %L would merge buckets of %L, which overlap: each looks back over %s', made.name,
                                                            parent.name, parent.lookback),
        'A row is counted in each bucket that reaches back to it, so a sum over several would count it several times.',
        format('SELECT tally.create_rollup(%L, %L, time_column => %L, bucket => %L, …);', made.name, parent.source::text, parent.time_column,
               made.bucket::text));
END $$;
COMMENT ON FUNCTION tally_internal._check_overlap(tally.rollups, tally.rollups, jsonb) IS
'An error where a rollup in the making would merge all measures of buckets that look back.';

CREATE OR REPLACE FUNCTION tally_internal._advise_nesting(made tally.rollups, parent tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF made.time_column = 'bucket' AND NOT tally_internal._buckets_nest(tally_internal._bucket_rule_of(parent), tally_internal._bucket_rule_of(made)) THEN
        RAISE WARNING USING MESSAGE = format('buckets of rollup %L (%s in %s) are not made up of whole buckets of %L (%s in %s)', made.name, made.bucket,
                                             made.zone, parent.name, parent.bucket, parent.zone),
            DETAIL = 'Buckets are merged, never split: each counts in whole where it begins.',
            HINT = format('SELECT tally.create_rollup(%L, %L, time_column => %L, bucket => %L, zone => %L, …);', made.name, parent.source::text,
                          parent.time_column, made.bucket::text, made.zone);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._advise_nesting(tally.rollups, tally.rollups) IS
'A WARNING where a bucket of a rollup in the making begins within a bucket of the rollup it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._first_whole_bucket(source regclass, rule text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    horizon timestamptz := COALESCE((SELECT s.horizon FROM tally.source_retentions s WHERE s.source = $1), '-infinity');
BEGIN
    RETURN tally_internal._bucket_at_or_after(rule, horizon);
END $$;
COMMENT ON FUNCTION tally_internal._first_whole_bucket(regclass, text) IS
'Where the history of a new rollup on a source begins: its first bucket after the horizon, before which raw rows are gone; -infinity where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._listed_dimensions(dimensions jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(CASE jsonb_typeof(d) WHEN 'string' THEN jsonb_build_object('name', d, 'expression', quote_ident(d #>> '{}'))
                                                   ELSE jsonb_build_object('name', k.key, 'expression',
                                                       tally_internal._one_expression(k.value, format('dimension %L', k.key))) END
                                                       ORDER BY d.n, k.key), '[]')
      FROM jsonb_array_elements(COALESCE(dimensions, '[]')) WITH ORDINALITY d(d, n)
      LEFT JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(d) WHEN 'object' THEN d ELSE '{}' END) k ON true
$$;
COMMENT ON FUNCTION tally_internal._listed_dimensions(jsonb) IS
'Dimensions as a person gives them (columns, and objects of names and expressions) as a list of {name, expression}.';

CREATE OR REPLACE FUNCTION tally_internal._definition(made tally.rollups, parent tally.rollups, dimensions jsonb, measures jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dims jsonb;
    nums jsonb;
BEGIN
    IF parent.id IS NOT NULL AND dimensions IS NULL THEN
        SELECT jsonb_agg(d.name ORDER BY d.ordinal) INTO dimensions FROM tally.dimensions d
         WHERE d.rollup_id = parent.id AND d.name <> ALL (COALESCE(parent.key, '{}')) AND d.name <> ALL (COALESCE(made.key, '{}'));
    END IF;
    -- Type and merge are those of the parent. Its merge may be wrapped in a cast, which analysis would not take for one aggregate.
    -- The parent may belong to another role, and its text would run as the maker of this rollup. So only texts that the engine itself made are taken.
    SELECT jsonb_agg(jsonb_build_object('name', m.name, 'expression', format(m.merge, m.name), 'type', c.label, 'merge', m.merge) ORDER BY m.ordinal)
      INTO nums FROM tally.measures m, tally_internal._column_type(parent.relation, m.name) c
     WHERE m.rollup_id = parent.id AND tally_internal._is_plain_merge(m.merge, m.type) AND m.type = c.label AND tally_internal._is_plain_type(c.type);
    IF parent.id IS NULL OR measures IS NOT NULL THEN
        -- definitions() writes out the parent's merge as text. Such a text counts as that merge.
        SELECT jsonb_agg(COALESCE(i.item, jsonb_build_object('name', e.key, 'expression',
                   tally_internal._one_expression(e.value, format('measure %L', e.key))))) INTO nums
          FROM jsonb_each_text(measures) e
          LEFT JOIN jsonb_array_elements(nums) i(item) ON i.item ->> 'name' = e.key AND i.item ->> 'expression' = e.value;
    END IF;
    dims := tally_internal._listed_dimensions(dimensions);
    IF nums IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('rollup %L needs at least one measure, got none', made.name), NULL,
            format('SELECT tally.create_rollup(%L, %L, time_column => %L, measures => ''{"events": "count(*)"}'');', made.name, made.source::text,
                          made.time_column));
    END IF;
    -- The key's columns are the first dimensions.
    RETURN jsonb_build_object('dimensions', COALESCE((SELECT jsonb_agg(jsonb_build_object('name', k.name, 'expression', quote_ident(k.name)) ORDER BY k.n)
                                                        FROM unnest(made.key) WITH ORDINALITY k(name, n)), '[]') || dims, 'measures', nums);
END $$;
COMMENT ON FUNCTION tally_internal._definition(tally.rollups, tally.rollups, jsonb, jsonb) IS
'Dimensions and measures as lists of {name, expression}, defaults from a parent rollup filled in.';

CREATE OR REPLACE FUNCTION tally_internal._same_or_error(old tally.rollups, made tally.rollups, wanted jsonb) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes text;
BEGIN
    SELECT string_agg(format('%s: %s to %s', c.what, COALESCE(c.was, 'none'), COALESCE(c.wish, 'none')), '; ') INTO changes
      FROM (VALUES ('source', old.source::text, made.source::text), ('key', old.key::text, made.key::text), ('time_column', old.time_column, made.time_column),
                   ('bucket', old.bucket::text, made.bucket::text), ('lookback', old.lookback::text, made.lookback::text), ('zone', old.zone, made.zone),
                       ('origin', old.bucket_origin::text, made.bucket_origin::text), ('where', old.filter, made.filter), ('expand', old.expand, made.expand),
                   ('schedule', old.schedule, made.schedule), ('emptied', old.emptied, made.emptied),
                   ('dimensions', (SELECT jsonb_agg(jsonb_build_object('name', d.name, 'expression', d.given) ORDER BY d.ordinal)::text
                                   FROM tally.dimensions d WHERE d.rollup_id = old.id),
                                  NULLIF(wanted ->> 'dimensions', '[]')),
                   ('measures', (SELECT jsonb_object_agg(m.name, m.expression)::text FROM tally.measures m WHERE m.rollup_id = old.id),
                                (SELECT jsonb_object_agg(e ->> 'name', e ->> 'expression')::text
                                 FROM jsonb_array_elements(wanted -> 'measures') e))) c(what, was, wish)
     WHERE c.was IS DISTINCT FROM c.wish;
    IF changes IS NULL THEN
        PERFORM tally_internal._note_unchanged(format('rollup %L', old.name));
        RETURN old.relation;
    END IF;
    PERFORM tally_internal._refuse('duplicate_object', format('rollup %L exists already with another definition', old.name),
        format('It would change %s.', changes),
        CASE WHEN tally_internal._has_rights_of(old.owner) THEN COALESCE(tally_internal._alter_statement(old, made, wanted),
                format('SELECT tally.drop_rollup(%L);', tally_internal._called(old)))
                    -- Several roles may make rollups in a schema.
                    ELSE format('SELECT tally.create_rollup(%L, …);  -- another name, because %L belongs to %s', left(current_user || '_' || old.name, 50),
                                old.name, old.owner) END);
END $$;
COMMENT ON FUNCTION tally_internal._same_or_error(tally.rollups, tally.rollups, jsonb) IS
'The existing rollup where the wanted definition is the same, else an error that lists what differs.';
