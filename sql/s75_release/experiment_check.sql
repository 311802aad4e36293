-- Owns: what of an experiment may be released: units by arm, dimensions and shares. In a release of an experiment each unit is a person and lies in one cell;
-- whether it did what a metric asks for is a dimension. So a share is two cells of a total, and they are hidden as any others. Several shares are crossed:
-- a reader knows what follows from their definitions (who paid twice has paid), and then 996 and 997 tell of the one in between, which is a cell of its own.

CREATE OR REPLACE FUNCTION tally_internal._experiment_definition(id int, dimensions text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('experiment', e.id,
        'given', (SELECT jsonb_object_agg(g.key, g.value) FROM jsonb_each(e.definition) g WHERE g.key = ANY ('{unit,arm,arms,time_column,experiment_column,'
            'experiment_key,where,dimensions,starts,ends,twice,zone}'::text[])),
        'metrics', (SELECT COALESCE(jsonb_object_agg(c.metric, c.definition), '{}') FROM tally.experiment_cells c
                     WHERE c.experiment_id = e.id AND c.metric = ANY ($2) AND tally_internal._is_share_kind(c.definition ->> 'kind')))
      FROM tally.experiments e WHERE e.id = $1
$$;
COMMENT ON FUNCTION tally_internal._experiment_definition(int, text[]) IS
'What an experiment and the shares among these dimensions mean now. The release keeps this and compares it later. NULL where the experiment is gone.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_span(e tally.experiments, OUT since timestamptz, OUT exposed timestamptz, OUT until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._instant_of((e.definition ->> 'starts')::date, e.definition ->> 'zone'), x.ends,
           x.ends + max((c.definition ->> 'delay')::interval + (c.definition ->> 'window')::interval)
      FROM tally.experiment_cells c, LATERAL (SELECT tally_internal._past_day((e.definition ->> 'ends')::date, e.definition ->> 'zone') AS ends) x
     WHERE c.experiment_id = e.id GROUP BY x.ends
$$;
COMMENT ON FUNCTION tally_internal._experiment_span(tally.experiments) IS
'From when units of an experiment are exposed (NULL: it has no start), until when, and when the last window is past.';

CREATE OR REPLACE FUNCTION tally_internal._tables_shown(x tally.releases) RETURNS regclass[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(DISTINCT t ORDER BY t)
      FROM (SELECT x.rollup_id UNION SELECT c.unit_values FROM tally.experiment_cells c
             WHERE c.experiment_id = (x.definition ->> 'experiment')::int AND c.metric = ANY (x.dimensions)) r(id),
           unnest(tally_internal._tables_behind(r.id)) t
$$;
COMMENT ON FUNCTION tally_internal._tables_shown(tally.releases) IS
'The tables whose rows a release shows; of an experiment those of its exposures and of the events behind its shares.';

CREATE OR REPLACE FUNCTION tally_internal._check_experiment_release(made tally.releases, r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e      tally.experiments;
    span   record;
    shares text[];
    names  text[];
    bad    text;
    other  tally.released_buckets;
    again  text;
BEGIN
    SELECT * INTO e FROM tally.experiments x WHERE x.id = (made.definition ->> 'experiment')::int AND x.arrivals = r.id;
    IF e.id IS NULL OR NOT tally_internal._has_rights(made.owner, e.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('release %L must be of an experiment of %s', made.name, made.owner),
            'Whoever owns the experiment releases it.', 'SELECT name, owner FROM tally.experiments;');
    END IF;
    again := format('SELECT tally.create_experiment_release(%L, %L);', made.name, tally_internal._called(e));
    shares := ARRAY(SELECT c.metric FROM tally.experiment_cells c WHERE c.experiment_id = e.id
                       AND tally_internal._is_share_kind(c.definition ->> 'kind') ORDER BY c.place);
    names := ARRAY(SELECT d ->> 'name' FROM jsonb_array_elements(e.definition -> 'dimensions') d);
    bad := (SELECT COALESCE(d, 'NULL') FROM unnest(made.dimensions[2:]) d WHERE d IS NULL OR d <> ALL (shares || names) LIMIT 1);
    IF bad IS NOT NULL OR made.dimensions[1] IS DISTINCT FROM 'arm' OR NOT made.dimensions[2:] && shares OR cardinality(made.dimensions) > 6
       OR made.people <> 'units' OR made.measures <> '{}' OR made.margins <> 'all' OR made.hierarchies <> '[]' THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('release %L of experiment %L must have up to five of its shares and dimensions, one share at least, got %s', made.name, e.name,
                   COALESCE(quote_literal(bad), made.dimensions[2:]::text)),
            format('Shares say who did something (proportion, retention, funnel): there are %s. Dimensions are %s. Means, ratios and quantiles may be the '
                   'value of a single unit, and no proof says when they are not.',
                   COALESCE((SELECT string_agg(quote_literal(s), ', ') FROM unnest(shares) s), 'none'),
                   COALESCE((SELECT string_agg(quote_literal(n), ', ') FROM unnest(names) n), 'none')), again);
    ELSIF (SELECT count(DISTINCT d) FROM unnest(made.dimensions || 'units'::text) d) <= cardinality(made.dimensions) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('columns of release %L must have different names, got %s', made.name,
                                                                         made.dimensions || 'units'::text),
            'A metric has the name of a dimension, of the arm or of the units.', again);
    ELSIF e.definition ->> 'ends' IS NULL THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('release %L needs an experiment that ends, got %L without an end', made.name,
                                                                                   e.name),
            'It is published once, when the last window is past. Two publications would tell of those who came in between.',
            format('SELECT tally.drop_experiment(%L);  -- and create it with ends => ''%s''', tally_internal._called(e), current_date));
    END IF;
    span := tally_internal._experiment_span(e);
    SELECT b.* INTO other FROM tally.released_buckets b WHERE b.release_id IS DISTINCT FROM made.id AND b.state = 'released'
       AND b.tables && tally_internal._tables_shown(made) AND b.since < span.until AND (span.since IS NULL OR b.until > span.since) LIMIT 1;
    IF other.id IS NOT NULL AND made.id IS NULL THEN
        PERFORM tally_internal._refuse('duplicate_object', format('release %L would show rows of %s to %s once more', made.name, other.since, other.until),
            format('Release %L has shown rows of the same tables in that time, and what was published cannot be taken back.', other.release),
            'SELECT release, since, until, tables FROM tally.released_buckets ORDER BY since;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_experiment_release(tally.releases, tally.rollups) IS
'An error where a release of an experiment cannot be made: not the owner''s, no share, no end, or rows that were published before.';
