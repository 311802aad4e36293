-- Owns: reports for readers who have no right on the units of an experiment. Their numbers are those that are published of it (event experiment_hidden).

CREATE OR REPLACE FUNCTION tally_internal._reads_units(e tally.experiments) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT has_any_column_privilege(r.live_view::oid, 'SELECT') OR has_any_column_privilege(r.relation::oid, 'SELECT')
      FROM tally.rollups r WHERE r.id = e.arrivals
$$;
COMMENT ON FUNCTION tally_internal._reads_units(tally.experiments) IS
'Whether the current role may read the units of an experiment. If not, it sees what is published.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_experiment(e tally.experiments) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    shares boolean := e.definition ->> 'ends' IS NOT NULL AND EXISTS (SELECT FROM tally.experiment_cells c
        WHERE c.experiment_id = e.id AND tally_internal._is_share_kind(c.definition ->> 'kind'));
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = e.arrivals;
    PERFORM tally_internal._refuse('insufficient_privilege',
        format('the report of experiment %L is for roles that may read %s, got %s', e.name, r.live_view, tally_internal._current_role()),
        CASE WHEN shares THEN 'No release that this role may read shows the experiment. Its owner can publish its shares, once, when it has ended.'
             ELSE 'No release proves that its means tell of nobody. Its owner can publish the verdict, once, when the experiment has ended.' END,
        format(CASE WHEN shares THEN 'SELECT tally.create_experiment_release(%2$L, %3$L); GRANT SELECT ON %2$s TO %4$s;  -- by %5$s'
                    ELSE 'CREATE TABLE %1$s AS SELECT metric, arm, badge, round(lift::numeric, 2) AS lift FROM tally.experiment_report(%3$L) WHERE badge '
                         'IN (''win'', ''loss'', ''practically_equal'', ''not_significant''); GRANT SELECT ON %1$s TO %4$s;  -- by %5$s' END,
               format('%I.%I', e.schema, left(e.name, 50) || '_verdict'), format('%I.%I', e.schema, left(e.name, 40) || '_released'),
               tally_internal._called(e), tally_internal._current_role(), r.owner));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_experiment(tally.experiments) IS
'The error for a reader without a right on an experiment''s units, where nothing of it is published to him. Its hint makes a release of the shares. Without '
'shares or an end it publishes badges of arms of 150 units and more, and lifts to the percent.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_shares(e tally.experiments, as_of timestamptz, by text[])
    RETURNS TABLE (place int, labels jsonb, arm text, units bigint, sketch tally.moments, digest tally.tdigest, uncapped float8, valued bigint, factor float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_column
DECLARE
    published text;
BEGIN
    SELECT s INTO published FROM tally_internal._announce('experiment_hidden', e.id, jsonb_build_object('as_of', as_of, 'by', by)) s LIMIT 1;
    IF published IS NULL THEN
        PERFORM tally_internal._refuse_experiment(e);
    END IF;
    -- Shares: so many units with 1, all others with 0. Of a hidden arm there is neither.
    RETURN QUERY EXECUTE format(
        'SELECT p.place, p.labels, p.arm, p.units, tally.merge(tally_internal._alike(p.did, ''{1}''), tally_internal._alike(p.units - p.did, ''{0}'')), '
        'NULL::tally.tdigest, NULL::float8, NULL::bigint, NULL::float8 FROM (%s) p', published);
END $$;
COMMENT ON FUNCTION tally_internal._experiment_shares(tally.experiments, timestamptz, text[]) IS
'Of each published metric and arm (and labels): units and moments, in the form of _experiment_sums(). NULL where they are hidden; an error where nothing is '
'published to the current role.';

CREATE OR REPLACE FUNCTION tally_internal._sample_ratio_p(e tally.experiments, as_of timestamptz) RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._reads_units(e) THEN
        RETURN (SELECT (tally.sample_ratio(array_agg(s.units ORDER BY s.place), array_agg(s.weight ORDER BY s.place))).p
                  FROM tally_internal._split(e, as_of) s WHERE s.place IS NOT NULL);
    END IF;
    -- Not tested where the units of an arm are hidden.
    RETURN (SELECT CASE WHEN bool_and(x.shown) THEN (tally.sample_ratio(array_agg(x.units ORDER BY x.n), array_agg(x.weight ORDER BY x.n))).p END
              FROM (SELECT a.n, (a.x ->> 'weight')::float8 AS weight, COALESCE(max(s.units), 0) AS units, count(s.units) = count(s.arm) AS shown
                      FROM jsonb_array_elements(e.definition -> 'arms') WITH ORDINALITY a(x, n)
                      LEFT JOIN tally_internal._experiment_shares(e, as_of, '{}') s ON s.arm = a.x ->> 'arm' GROUP BY a.n, a.x) x);
END $$;
COMMENT ON FUNCTION tally_internal._sample_ratio_p(tally.experiments, timestamptz) IS
'p of the split of the units over the arms, from what the current role may read; NULL where it was not tested.';
