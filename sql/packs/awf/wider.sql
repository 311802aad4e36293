-- Owns: how the rollups of a copy that an earlier version of the pack made come to the dimensions and measures of this one, with their rows.

-- step: function awf_with_columns(text, jsonb, jsonb)
CREATE OR REPLACE FUNCTION awf_with_columns(rollup text, dimensions jsonb, measures jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
DECLARE
    made        tally.rollups;
    -- A dimension is a column, or an object of one name and its expression.
    dimensions_ jsonb;
    measures_   jsonb;
BEGIN
    SELECT * INTO made FROM tally.rollups r WHERE r.relation = to_regclass(quote_ident(rollup));
    SELECT coalesce(jsonb_agg(d.item ORDER BY d.n), '[]') INTO dimensions_ FROM jsonb_array_elements(dimensions) WITH ORDINALITY d(item, n)
     WHERE coalesce((SELECT k FROM jsonb_object_keys(CASE jsonb_typeof(d.item) WHEN 'object' THEN d.item ELSE '{}' END) k), d.item #>> '{}')
           NOT IN (SELECT x.name FROM tally.dimensions x WHERE x.rollup_id = made.id);
    SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') INTO measures_ FROM jsonb_each(measures) m
     WHERE m.key NOT IN (SELECT x.name FROM tally.measures x WHERE x.rollup_id = made.id);
    IF made.id IS NOT NULL AND (dimensions_ <> '[]' OR measures_ <> '{}') THEN
        PERFORM tally.alter_rollup(rollup, add_measures => measures_, add_dimensions => dimensions_);
    END IF;
END $f$;
COMMENT ON FUNCTION awf_with_columns(text, jsonb, jsonb) IS
'Adds to a rollup of the pack the dimensions and measures that it lacks: tally.create_rollup() refuses to change one. Nothing where the rollup is not there.';
