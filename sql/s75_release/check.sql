-- Owns: what may be released. It finds the measures that are counts and the rows that two sources share, and checks a definition.

CREATE OR REPLACE FUNCTION tally_internal._counts_rows(rollup_id int, measure text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    m      tally.measures;
    source int := (SELECT r.source_rollup FROM tally.rollups r WHERE r.id = rollup_id);
BEGIN
    SELECT * INTO m FROM tally.measures x WHERE x.rollup_id = rollup_id AND x.name = measure;
    IF m.name IS NULL THEN RETURN false; END IF;
    IF source IS NULL THEN RETURN m.type = 'bigint' AND m.expression ~* '^\s*(pg_catalog\.)?count\s*\(\s*\*\s*\)\s*$'; END IF;
    -- A rollup on a rollup adds up what that one counts.
    RETURN EXISTS (SELECT FROM tally.measures s WHERE s.rollup_id = source AND tally_internal._counts_rows(source, s.name)
                   AND m.expression IN (format(s.merge, s.name), format('sum(%I)', s.name), format('sum(%I)::bigint', s.name)));
END $$;
COMMENT ON FUNCTION tally_internal._counts_rows(int, text) IS
'Whether a measure counts the rows of a cell: all of them. What counts some of them says how many people are behind neither those nor the rest.';

CREATE OR REPLACE FUNCTION tally_internal._counts_some_people(rollup_id int, people text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    source int := (SELECT r.source_rollup FROM tally.rollups r WHERE r.id = rollup_id);
    said   text := (SELECT x.expression FROM tally.measures x WHERE x.rollup_id = rollup_id AND x.name = people
                    UNION ALL SELECT d.given FROM tally.dimensions d WHERE d.rollup_id = rollup_id AND d.name = people);
BEGIN
    RETURN said ~* '\m(filter|case|nullif)\M' OR EXISTS (
        SELECT FROM (SELECT m.name FROM tally.measures m WHERE m.rollup_id = source AND m.type = 'tally.hll'
                     UNION ALL SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = source) s
         WHERE said ~ format('\m%s\M', regexp_replace(s.name, '(\W)', '\\\1', 'g')) AND tally_internal._counts_some_people(source, s.name));
END $$;
COMMENT ON FUNCTION tally_internal._counts_some_people(int, text) IS
'Whether a measure counts people under a condition (FILTER, CASE, NULLIF), or a dimension names some of them, here or in a rollup below. Beside a count of '
'all rows it would tell of the rest.';

CREATE OR REPLACE FUNCTION tally_internal._tables_behind(rollup_id int) RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE down AS (
        SELECT r.id, r.source, r.source_rollup FROM tally.rollups r WHERE r.id = $1
        UNION SELECT r.id, r.source, r.source_rollup FROM down d JOIN tally.rollups r ON r.id = d.source_rollup
            OR r.id IN (SELECT b.beside_id FROM tally.beside b WHERE b.rollup_id = d.id)),
    root AS (SELECT d.source FROM down d WHERE d.source_rollup IS NULL)
    SELECT array_agg(DISTINCT x.t ORDER BY x.t) FROM (SELECT r.source AS t FROM root r UNION ALL SELECT m.member FROM root r JOIN tally.members m
        ON m.source = r.source) x
$$;
COMMENT ON FUNCTION tally_internal._tables_behind(int) IS
'The tables whose rows a rollup is made of, through rollups that it stands on and those that it reads beside its source.';

CREATE OR REPLACE FUNCTION tally_internal._release_definition(r tally.rollups, columns text[], each_ text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('filter', r.filter, 'expand', r.expand, 'zone', r.zone, 'bucket', r.bucket,
        'columns', (SELECT jsonb_object_agg(c.name, c.expression) FROM (
            SELECT d.name, d.expression FROM tally.dimensions d WHERE d.rollup_id = r.id
            UNION ALL SELECT m.name, m.expression FROM tally.measures m WHERE m.rollup_id = r.id) c WHERE c.name = ANY (columns)))
        || jsonb_strip_nulls(jsonb_build_object('each', each_))
$$;
COMMENT ON FUNCTION tally_internal._release_definition(tally.rollups, text[], text) IS
'What the columns of a rollup mean now, and the dimension that names people where they are counted by one. The release keeps this and compares it later.';

CREATE OR REPLACE FUNCTION tally_internal._meant_now(x tally.releases, r tally.rollups) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN x.definition ? 'experiment' THEN tally_internal._experiment_definition((x.definition ->> 'experiment')::int, x.dimensions)
        ELSE tally_internal._release_definition(r, x.dimensions || x.measures || COALESCE(x.definition ->> 'each', x.people), x.definition ->> 'each') END
$$;
COMMENT ON FUNCTION tally_internal._meant_now(tally.releases, tally.rollups) IS
'What the columns of a release mean now; it is compared with what they meant when it was made.';

CREATE OR REPLACE FUNCTION tally_internal._check_release_columns(made tally.releases, r tally.rollups, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad text;
BEGIN
    IF made.definition ? 'experiment' THEN
        PERFORM tally_internal._check_experiment_release(made, r), tally_internal._check_own_columns(made, again);
        RETURN;
    END IF;
    SELECT d INTO bad FROM unnest(made.dimensions) d WHERE d IS NULL OR NOT EXISTS (SELECT FROM tally.dimensions x WHERE x.rollup_id = r.id AND x.name = d);
    IF FOUND OR cardinality(made.dimensions) > 6 OR (SELECT count(DISTINCT d) FROM unnest(made.dimensions) d) < cardinality(made.dimensions) THEN
        PERFORM tally_internal._refuse('undefined_column',
            format('dimensions of release %L must be up to 6 dimensions of rollup %L, each once, got %s', made.name, r.name, made.dimensions),
            format('There are %s.', COALESCE((SELECT string_agg(quote_literal(x.name), ', ' ORDER BY x.ordinal) FROM tally.dimensions x
                                               WHERE x.rollup_id = r.id), 'none')), again);
    END IF;
    PERFORM tally_internal._check_release_people(made, r);
    SELECT m INTO bad FROM unnest(made.measures) m WHERE NOT tally_internal._counts_rows(r.id, m);
    IF FOUND OR (SELECT count(DISTINCT m) FROM unnest(made.measures) m) < cardinality(made.measures) THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('measures of release %L must be counts of all rows of rollup %L, each once, got %s', made.name, r.name,
                   COALESCE(quote_literal(bad), made.measures::text)),
            format('For count(*) it is proved that totals do not expose hidden cells. A count of some rows shows a part of a cell, and the rest, without '
                   'saying how many people are behind them: make what it filters by a dimension. %sCounts of all rows are %s.',
                   (SELECT format('Metric %L over counts that are released is answered from the release by itself. ', x.name) FROM tally.metrics x
                     WHERE x.rollup_id = r.id AND x.name = bad),
                   COALESCE((SELECT string_agg(quote_literal(m.name), ', ' ORDER BY m.ordinal) FROM tally.measures m
                              WHERE m.rollup_id = r.id AND tally_internal._counts_rows(r.id, m.name)), 'none')), again);
    END IF;
    PERFORM tally_internal._check_own_columns(made, again);
END $$;
COMMENT ON FUNCTION tally_internal._check_release_columns(tally.releases, tally.rollups, text) IS
'An error where a release names what its rollup lacks, counts that are no counts of all rows, or a column that a release has itself.';

CREATE OR REPLACE FUNCTION tally_internal._check_release_people(made tally.releases, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text := COALESCE(made.definition ->> 'each', made.people);
    said  text := (SELECT m.expression FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = named AND m.type = 'tally.hll'
                      AND NOT made.definition ? 'each'
                   UNION ALL SELECT d.given FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name = named AND made.definition ? 'each');
BEGIN
    IF said IS NULL THEN
        PERFORM tally_internal._refuse('undefined_column',
            format('people of release %L must be a measure of rollup %L that counts distinct people by tally.hll(), or a dimension that names them, got %L',
                   made.name, r.name, named),
            format('There are %s. A dimension that names people is counted exactly: tally.exact_count() makes a rollup with one.',
                   COALESCE((SELECT string_agg(quote_literal(m.name), ', ' ORDER BY m.ordinal) FROM tally.measures m
                              WHERE m.rollup_id = r.id AND m.type = 'tally.hll'), 'none')),
            format('SELECT tally.alter_rollup(%L, add_measures => ''{"people": "tally.hll(user_id)"}'');', tally_internal._called(r)));
    ELSIF named = ANY (made.dimensions) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('people of release %L must be none of its dimensions, got %L', made.name, named),
            'Each cell would be of one person.', format('SELECT tally.create_release(%L, %L, dimensions => %L, measures => %L, people => %L);', made.name,
                tally_internal._called(r), array_remove(made.dimensions, named), made.measures, named));
    ELSIF tally_internal._counts_some_people(r.id, named) THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('people of release %L must be all people of a cell, got %L, which counts some of them', made.name, named),
            format('It is %s. Beside a count of all rows it would tell of the others, without saying how many they are: make what it asks for a dimension.',
                   said),
            format('SELECT tally.alter_rollup(%L, add_measures => ''{"all_people": "tally.hll(user_id)"}'');', tally_internal._called(r)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_release_people(tally.releases, tally.rollups) IS
'An error where a release does not count all people of a cell: by a measure of type tally.hll, or by a dimension that names them.';

CREATE OR REPLACE FUNCTION tally_internal._check_own_columns(made tally.releases, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad text := (SELECT c FROM unnest(made.dimensions || made.measures || made.people) c
                  WHERE c IN ('bucket', 'cell', 'hidden') OR c ~ '_(low|high)$' OR octet_length(c) > 58 LIMIT 1);
BEGIN
    IF bad IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('release %L cannot have the column %L', made.name, bad),
            'Its own columns are bucket, cell, hidden, and for each number the ends <name>_low and <name>_high; names have up to 58 bytes.', again);
    END IF;
    IF made.people = ANY (made.dimensions || made.measures) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('column %I of release %L must be its people, got a dimension or measure of that name', made.people, made.name),
            'People who are counted by a dimension have this name.', again);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_own_columns(tally.releases, text) IS 'An error where a dimension or measure has a name that a release has itself.';

CREATE OR REPLACE FUNCTION tally_internal._check_rows_once(made tally.releases, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- The nearest: a rollup is made after those it stands on.
    wide text := (SELECT x.name FROM tally.rollups x WHERE x.id = ANY (tally_internal._with_ancestors(r.id)) AND x.lookback IS NOT NULL
                   ORDER BY x.id DESC LIMIT 1);
BEGIN
    IF r.key IS NOT NULL OR wide IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('release %L needs a rollup whose buckets share no rows, got rollup %L %s', made.name, r.name,
                   CASE WHEN r.key IS NOT NULL THEN 'per key' WHEN wide = r.name THEN 'with lookback' ELSE format('on %L with lookback', wide) END),
            'Two buckets that share rows could be subtracted from each other.', 'SELECT name, bucket, lookback, key FROM tally.rollups;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_rows_once(tally.releases, tally.rollups) IS
'An error where a row may be in two buckets of a rollup: one with lookback, or on such a one; or where it has no buckets.';

CREATE OR REPLACE FUNCTION tally_internal._check_release(made tally.releases, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    again text := format('SELECT tally.create_release(%L, %L, dimensions => ''{…}'', measures => ''{…}'', people => ''…'');', made.name,
                         tally_internal._called(r));
    other tally.releases;
BEGIN
    PERFORM tally_internal._check_rows_once(made, r);
    IF made.k IS NULL OR made.k < 2 OR made.k > 1000000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('k of release %L must be from 2 to 1000000, got %s', made.name,
                                                                         COALESCE(made.k::text, 'NULL')),
            'A cell of fewer than k people is hidden.', again);
    END IF;
    IF made.k < (tally_internal._limits_set(r.owner, r.relation)).min_people THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('k of release %L must be at least %s, got %s', made.name,
                                                                         (tally_internal._limits_set(r.owner, r.relation)).min_people, made.k),
            format('This limit is set by %s in tally.limits.', r.owner), again);
    END IF;
    PERFORM tally_internal._check_release_columns(made, r, again);
    PERFORM tally_internal._check_hierarchies(made, again);
    IF tally_internal._no_length(made.settle, '0', '400 days', false) 
       OR made.history IS NOT NULL AND tally_internal._no_length(made.history, '1 minute', '100 years') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('settle of release %L must be up to 400 days, and history from a minute to 100 years, got %s and %s', made.name,
                   COALESCE(made.settle::text, 'NULL'), COALESCE(made.history::text, 'NULL')),
            'settle is how long to wait for late rows, history how far back to publish.', again);
    END IF;
    SELECT x.* INTO other FROM tally.releases x WHERE x.id IS DISTINCT FROM made.id
        AND tally_internal._tables_shown(x) && tally_internal._tables_shown(made) ORDER BY x.id LIMIT 1;
    IF FOUND THEN
        PERFORM tally_internal._refuse('duplicate_object',
            format('release %L would show the rows of %s once more', made.name, array_to_string(tally_internal._tables_shown(made), ', ')),
            format('Release %L shows them already, and two tables of the same rows can be subtracted from each other.', other.name),
            format('SELECT tally.drop_release(%L);  -- and create one with all that is to be shown: it goes on with buckets that are not published yet',
                   tally_internal._called(other)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_release(tally.releases, tally.rollups) IS
'An error where a release of a rollup cannot be made: no count, no such column, or rows that another release shows.';

CREATE OR REPLACE FUNCTION tally_internal._check_hierarchies(made tally.releases, again text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF made.margins IS NULL OR made.margins NOT IN ('all', 'total', 'none') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('margins of release %L must be all, total or none, got %L', made.name, made.margins),
            'all: totals over every set of dimensions; total: the total of everything; none: cells alone.', again);
    END IF;
    IF jsonb_typeof(made.hierarchies) IS DISTINCT FROM 'array' OR EXISTS (
            SELECT FROM jsonb_array_elements(CASE jsonb_typeof(made.hierarchies) WHEN 'array' THEN made.hierarchies ELSE '[]' END) h
             WHERE jsonb_typeof(h) <> 'array' OR EXISTS (
                SELECT FROM jsonb_array_elements(CASE jsonb_typeof(h) WHEN 'array' THEN h ELSE '[]' END) d
                 WHERE jsonb_typeof(d) <> 'string' OR d #>> '{}' <> ALL (made.dimensions))) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('hierarchies of release %L must be lists of its dimensions, got %s', made.name, COALESCE(made.hierarchies::text, 'NULL')),
            'Each list names dimensions from the outermost to the innermost.', 'Use for example hierarchies => ''[["country", "city"]]''.');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_hierarchies(tally.releases, text) IS 'Refuses margins and hierarchies that the release''s dimensions cannot have.';
