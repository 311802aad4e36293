-- Owns what the upgrade test asks of a database before and after: what is kept, and what plain SQL says of each rollup.

-- The columns that 0.1.0 had, but for text that the engine makes anew.
CREATE TABLE kept_columns AS
SELECT c.oid::regclass::text AS relation, array_agg(a.attname::text) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind = 'r' AND (c.relnamespace = 'tally'::regnamespace OR c.oid IN (SELECT r.relation FROM tally.rollups r))
   AND c.relname NOT LIKE 'pack\_%' AND (c.relname, a.attname) NOT IN (('members', 'condition'), ('dimensions', 'expression'))
 GROUP BY c.oid;

CREATE FUNCTION kept() RETURNS TABLE (relation text, held bigint, content text) LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    k record;
BEGIN
    FOR k IN SELECT * FROM kept_columns x ORDER BY x.relation LOOP
        relation := k.relation;
        -- Columns that have another name since go by the name that they had.
        EXECUTE format('SELECT count(*), md5(string_agg(r.r, E''\n'' ORDER BY r.r)) FROM (SELECT (SELECT jsonb_object_agg(n.was, e.value)
                            FROM jsonb_each(to_jsonb(t)) e, LATERAL (SELECT CASE e.key WHEN ''too_early'' THEN ''ever'' WHEN ''too_late'' THEN ''never''
                                                                     ELSE e.key END) n(was)
                           WHERE n.was = ANY ($1))::text AS r FROM %s t WHERE %s) r',
                       k.relation, CASE k.relation WHEN 'tally.dirty_ranges' THEN 't.reason NOT LIKE ''upgrade to %''' ELSE 'true' END)
           USING k.columns INTO held, content;
        RETURN NEXT;
    END LOOP;
END $$;

CREATE FUNCTION more_differences(suffix text) RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog, public SET TimeZone = 'UTC' AS $$
DECLARE
    pair record;
BEGIN
    FOR pair IN SELECT * FROM (VALUES
        ('sessions', 'SELECT actor::text, n, first_at, last_at FROM sessions%s',
         'SELECT coalesce(actor::text, ''(none)''), count(*), min(at), max(at) FROM events GROUP BY 1'),
        ('newcomers', 'SELECT bucket, actors FROM newcomers%s',
         'SELECT date_trunc(''week'', first_at, ''America/New_York''), count(*) FROM (SELECT min(at) AS first_at FROM events GROUP BY actor) s
           WHERE isfinite(first_at) GROUP BY 1'),
        ('rolling', 'SELECT bucket, n, tally.distinct_count(actors) FROM rolling%s',
         'SELECT d.day, count(*), count(DISTINCT e.actor) FROM (SELECT DISTINCT date_trunc(''day'', at, ''UTC'') + i * interval ''1 day'' AS day
              FROM events, generate_series(0, 6) i WHERE isfinite(at)) d
            JOIN events e ON e.at >= d.day - interval ''6 days'' AND e.at < d.day + interval ''1 day'' GROUP BY 1'),
        ('items', 'SELECT bucket, sku, n FROM items%s WHERE bucket >= ''2026-01-05Z''',
         'SELECT date_trunc(''day'', at, ''UTC''), coalesce(i ->> ''sku'', ''(none)''), sum((i ->> ''n'')::int)
            FROM orders, jsonb_array_elements(items) i WHERE at >= ''2026-01-05Z'' GROUP BY 1, 2'),
        ('buying', 'SELECT step, sum(actors) FROM buying_steps%s GROUP BY 1',
         'SELECT s.step, count(DISTINCT a.actor)::numeric FROM (VALUES (1), (2)) s(step), events a WHERE isfinite(a.at) AND a.kind = ''a''
             AND (s.step = 1 OR EXISTS (SELECT FROM events b WHERE b.actor = a.actor AND b.kind = ''b'' AND b.at > a.at AND b.at <= a.at + interval ''2 days''))
           GROUP BY 1'),
        ('coming back', 'SELECT bucket, actors FROM coming_back%s',
         'SELECT date_trunc(''day'', first_at, ''UTC''), count(*) FROM (SELECT min(at) AS first_at FROM events WHERE isfinite(at) GROUP BY actor) s GROUP BY 1')
        ) p(name, got, expected)
    LOOP
        RETURN QUERY EXECUTE format('SELECT %3$L || '': '' || x::text FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) x LIMIT 3',
                                    format(pair.got, suffix), pair.expected, pair.name);
    END LOOP;
END $$;
