-- Owns: the daily incremental export of the pack awf: the rows of all buckets that have changed since the last export.

-- step: table awf_exported
CREATE TABLE IF NOT EXISTS awf_exported (
    relation    text,
    bucket      timestamptz,
    digest      text NOT NULL,
    exported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (relation, bucket)
);
COMMENT ON TABLE awf_exported IS 'What awf_export() has given: per rollup and bucket a digest of its rows. Empty it, and the next export is a full one.';
COMMENT ON COLUMN awf_exported.relation IS 'The rollup.';
COMMENT ON COLUMN awf_exported.bucket IS 'The bucket.';
COMMENT ON COLUMN awf_exported.digest IS 'MD5 of the rows of the bucket, as text and in order.';
COMMENT ON COLUMN awf_exported.exported_at IS 'When the bucket was last given.';

-- step: function awf_export()
CREATE OR REPLACE FUNCTION awf_export() RETURNS TABLE (relation text, bucket timestamptz, line text)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
#variable_conflict use_column
DECLARE
    item record;
BEGIN
    FOR item IN SELECT r.name FROM tally.pack_steps p JOIN tally.rollups r ON r.name = p.name AND r.relation = to_regclass(quote_ident(p.name))
                 WHERE p.pack = 'awf' AND p.kind = 'rollup' ORDER BY p.ordinal LOOP
        -- One statement, so digests and rows are of one snapshot.
        RETURN QUERY EXECUTE format($q$
            WITH now_ AS MATERIALIZED (
                SELECT t.bucket, md5(string_agg(t::text, E'\n' ORDER BY t::text)) AS digest, array_agg(t::text ORDER BY t::text) AS lines
                  FROM %1$I t GROUP BY t.bucket
            ), changed AS MATERIALIZED (
                SELECT coalesce(n.bucket, e.bucket) AS bucket, n.digest, n.lines
                  FROM now_ n FULL JOIN (SELECT x.bucket, x.digest FROM awf_exported x WHERE x.relation = %1$L) e ON e.bucket = n.bucket
                 WHERE n.digest IS DISTINCT FROM e.digest
            ), gone AS (
                DELETE FROM awf_exported x USING changed c WHERE x.relation = %1$L AND x.bucket = c.bucket AND c.digest IS NULL
            ), kept AS (
                INSERT INTO awf_exported AS x (relation, bucket, digest) SELECT %1$L, c.bucket, c.digest FROM changed c WHERE c.digest IS NOT NULL
                ON CONFLICT ON CONSTRAINT awf_exported_pkey DO UPDATE SET digest = EXCLUDED.digest, exported_at = EXCLUDED.exported_at
            )
            SELECT %1$L::text, c.bucket, l.line FROM changed c, unnest(NULL::text || c.lines) WITH ORDINALITY l(line, n) ORDER BY c.bucket, l.n$q$, item.name);
    END LOOP;
END $f$;
COMMENT ON FUNCTION awf_export() IS
'The rows of each bucket of the pack''s rollups that has changed since the last call. A row without a line begins a bucket and says to delete what there '
    'was of it; the lines after it are its rows as text. sql/packs/awf/README.md shows the restore. Stored rows are exported: refresh before.';
