-- Owns: create_release and drop_release.

CREATE OR REPLACE FUNCTION tally.create_release(
    name        text,
    rollup      text,
    dimensions  text[],
    measures    text[] DEFAULT '{}',
    people      text DEFAULT 'people',
    k           int DEFAULT 10,
    hierarchies jsonb DEFAULT '[]',
    margins     text DEFAULT 'all',
    bucket      interval DEFAULT NULL,
    settle      interval DEFAULT '1 hour',
    history     interval DEFAULT NULL,
    schedule    text DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r     tally.rollups := tally_internal._rollup(rollup);
    made  tally.releases;
    parts text[] := tally_internal._name_parts(name);
    -- A dimension that names people: its labels are counted, and no reader sees them.
    each_ text := (SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name = people);
BEGIN
    PERFORM tally_internal._owned_rollup(r.id, tally_internal._current_role());
    made := jsonb_populate_record(made, jsonb_build_object('name', parts[array_upper(parts, 1)], 'rollup_id', r.id, 'dimensions', COALESCE(dimensions, '{}'),
        'measures', COALESCE(measures, '{}'), 'people', CASE WHEN each_ IS NULL THEN people ELSE 'people' END, 'k', k,
        'hierarchies', hierarchies, 'margins', margins,
        'bucket', COALESCE(bucket, r.bucket), 'settle', settle, 'history', history, 'schedule', schedule, 'description', description));
    made.definition := tally_internal._release_definition(r, made.dimensions || made.measures || people, each_);
    RETURN tally_internal._make_release(made, r, CASE WHEN array_length(parts, 1) > 1 THEN parts[1] ELSE tally_internal._schema_of(r.relation) END);
END $$;
COMMENT ON FUNCTION tally.create_release(text, text, text[], text[], text, int, jsonb, text, interval, interval, interval, text, text) IS
'Defines a release: a table that shows counts (measures) and distinct people of a rollup by dimensions and their totals. people is a measure of type '
'tally.hll, which estimates them, or a dimension that names them, as rollups of exact_count() have: then they are counted exactly, as people. In the table '
'cells of fewer than k people are hidden, and as many others as keep them hidden; each with a proof. NULL in a dimension is the total over it. A bucket is '
'published once, by refresh_release(), when it has been over for as long as settle says. Grant SELECT on the table to readers, and nothing on the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._make_release(made tally.releases, r tally.rollups, place text) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old tally.releases;
BEGIN
    SELECT * INTO old FROM tally.releases x WHERE x.name = made.name AND COALESCE(tally_internal._schema_of(x.relation), place) = place;
    IF old.id IS NOT NULL THEN
        made.id := old.id; made.owner := old.owner; made.relation := old.relation; made.created_at := old.created_at; made.task_id := old.task_id;
        RETURN tally_internal._same_or_error(old, made);
    END IF;
    PERFORM tally_internal._check_name(made.name, 'release'), tally_internal._check_release(made, r);
    PERFORM tally_internal._check_schedule(made.schedule) WHERE made.schedule IS NOT NULL;
    PERFORM tally_internal._release_rule(made, r);
    IF octet_length(made.name) > 50 OR to_regclass(format('%I.%I', place, made.name)) IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_table', format('the name of release %L must be of up to 50 bytes and free in schema %I', made.name, place),
            'It is the name of its table.', format('SELECT tally.create_release(%L, %L, …);', left(made.name, 40) || '_released', r.name));
    END IF;
    made.relation := tally_internal._make_release_table(made, place);
    PERFORM tally_internal._comment_release(made, r), tally_internal._grant_to_let_in(made.relation);
    IF made.schedule IS NOT NULL THEN
        -- Its search_path follows a schema that is renamed, and with it the name of the release.
        PERFORM tally.create_task('release ' || made.name, made.schedule, format('SELECT * FROM tally.refresh_release(%L, :as_of)', made.name),
                                  format('Publishes what release %s may show.', made.name), quote_ident(place));
        made.task_id := (SELECT t.id FROM tally.tasks t WHERE t.schema = place AND t.name = 'release ' || made.name);
    END IF;
    PERFORM tally_internal._store_release(made);
    RETURN made.relation;
END $$;
COMMENT ON FUNCTION tally_internal._make_release(tally.releases, tally.rollups, text) IS
'Makes a release in a schema: its checks, table, task and row of the catalogue. The same definition again changes nothing.';

CREATE OR REPLACE FUNCTION tally_internal._same_or_error(old tally.releases, made tally.releases) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_jsonb(made) = to_jsonb(old) THEN
        PERFORM tally_internal._note_unchanged(format('release %L', made.name));
        RETURN old.relation;
    END IF;
    PERFORM tally_internal._refuse('duplicate_object', format('release %L exists already with another definition', made.name),
        format('It would change %s.', (SELECT string_agg(format('%s from %s to %s', n.key, to_jsonb(old) -> n.key, n.value), '; ' ORDER BY n.key)
                                         FROM jsonb_each(to_jsonb(made)) n WHERE n.value IS DISTINCT FROM to_jsonb(old) -> n.key)),
        format('SELECT tally.drop_release(%L);  -- buckets that are published already stay unpublished under the new one',
               tally_internal._called(old)));
END $$;
COMMENT ON FUNCTION tally_internal._same_or_error(tally.releases, tally.releases) IS
'The table of a release that exists where the wanted one is the same, else an error that lists what differs.';

CREATE OR REPLACE FUNCTION tally_internal._make_release_table(made tally.releases, place text) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    relation regclass;
BEGIN
    EXECUTE format('CREATE TABLE %I.%I (bucket timestamptz NOT NULL, cell int NOT NULL%s, hidden boolean NOT NULL%s, PRIMARY KEY (bucket, cell))',
        place, made.name,
        (SELECT string_agg(format(', %I text', d), '' ORDER BY n) FROM unnest(made.dimensions) WITH ORDINALITY u(d, n)),
        (SELECT string_agg(format(', %I bigint, %I bigint, %I bigint', m, m || '_low', m || '_high'), '' ORDER BY n)
           FROM unnest(made.people || made.measures) WITH ORDINALITY u(m, n)));
    relation := to_regclass(format('%I.%I', place, made.name));
    PERFORM tally_internal._owner_only(relation::text);
    EXECUTE format('CREATE UNIQUE INDEX ON %s (%s) NULLS NOT DISTINCT', relation,
        (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM unnest('{bucket}' || made.dimensions) WITH ORDINALITY u(c, n)));
    RETURN relation;
END $$;
COMMENT ON FUNCTION tally_internal._make_release_table(tally.releases, text) IS
'Makes the table of a release in a schema, for its owner alone: a row for each cell of a bucket.';

CREATE OR REPLACE FUNCTION tally_internal._release_rule(made tally.releases, r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own  text := tally_internal._bucket_rule_of(r);
    rule text;
BEGIN
    -- An experiment is one bucket, as long as it lasts.
    IF made.definition ? 'experiment' THEN RETURN NULL; END IF;
    rule := tally_internal._bucket_rule(made.bucket, r.zone, CASE WHEN made.bucket::text = r.bucket::text THEN r.bucket_origin END);
    IF rule <> own AND NOT tally_internal._buckets_nest(own, rule) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('bucket of release %L must be made up of whole buckets of rollup %L (%s in %s), got %s', made.name, r.name, r.bucket, r.zone, made.bucket),
            'Buckets are merged, never split.', format('Use bucket => %L.', (r.bucket * 2)::text));
    END IF;
    RETURN rule;
END $$;
COMMENT ON FUNCTION tally_internal._release_rule(tally.releases, tally.rollups) IS
'The bucket rule of a release; NULL for that of an experiment. An error where it would split a bucket of the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._comment_release(made tally.releases, r tally.rollups) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    EXECUTE format('COMMENT ON TABLE %s IS %L', made.relation, COALESCE(made.description || E'\n', '') || format(
        'Release of rollup %s: cells of fewer than %s people are hidden. Managed by pg_tally: do not write to it.', r.name, made.k));
    FOR item IN SELECT 'bucket' AS name, format('Start of the bucket of %s.', made.bucket) AS words
                UNION ALL VALUES ('cell', 'Number of the cell in its bucket.'),
                                 ('hidden', 'Whether its numbers are hidden: they are NULL, between low and high.')
                UNION ALL SELECT d, 'Dimension; NULL is the total over it.' FROM unnest(made.dimensions) d
                UNION ALL SELECT m, CASE WHEN m = made.people THEN 'Distinct people.' ELSE format('Measure %s of the rollup.', m) END
                            FROM unnest(made.people || made.measures) m
                UNION ALL SELECT m || '_low', format('Where %s is hidden: the least that it may be.', m) FROM unnest(made.people || made.measures) m
                UNION ALL SELECT m || '_high', format('Where %s is hidden: the most that it may be; NULL where there is no end.', m)
                            FROM unnest(made.people || made.measures) m LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', made.relation, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._comment_release(tally.releases, tally.rollups) IS 'COMMENTs on the table of a release and its columns.';

CREATE OR REPLACE FUNCTION tally_internal._store_release(made tally.releases, who bigint DEFAULT tally_internal._me()) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup(made.rollup_id, caller);
    bad    text;
BEGIN
    PERFORM tally_internal._check_size(made::text, format('release %L', made.name));
    -- Two releases of the same rows at the same moment would not see each other. Those of other tables wait for neither.
    INSERT INTO tally.release_turns AS t (source) SELECT x::oid FROM unnest(tally_internal._tables_shown(made)) x ORDER BY 1
    ON CONFLICT (source) DO UPDATE SET at = now();
    DELETE FROM tally.release_turns t WHERE t.source IN (SELECT x.source FROM tally.release_turns x
        WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = x.source) FOR UPDATE SKIP LOCKED);
    made.owner := caller;
    made.id := NULL;
    PERFORM tally_internal._check_name(made.name, 'release'), tally_internal._check_release(made, r), tally_internal._release_rule(made, r);
    SELECT x.name INTO bad FROM (SELECT 'bucket' AS name, 'timestamp with time zone' AS type UNION ALL VALUES ('cell', 'integer'), ('hidden', 'boolean')
            UNION ALL SELECT d, 'text' FROM unnest(made.dimensions) d
            UNION ALL SELECT m || e, 'bigint' FROM unnest(made.people || made.measures) m, unnest('{"",_low,_high}'::text[]) e) x
      LEFT JOIN LATERAL tally_internal._column_type(made.relation, x.name) c ON true WHERE c.label IS DISTINCT FROM x.type LIMIT 1;
    IF bad IS NOT NULL OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = made.relation AND c.relkind = 'r' AND c.relowner = caller::oid
                                      AND c.relpersistence = 'p' AND c.relname = made.name)
       OR EXISTS (SELECT FROM tally.releases x WHERE x.name = made.name
                  AND tally_internal._schema_of(x.relation) = tally_internal._schema_of(made.relation))
       OR made.task_id IS NOT NULL AND NOT EXISTS (SELECT FROM tally.tasks t WHERE t.id = made.task_id AND tally_internal._has_rights(caller, t.owner))
       OR EXISTS (SELECT FROM tally.rollups x WHERE x.relation = made.relation) OR EXISTS (SELECT FROM tally.members x WHERE x.member = made.relation) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('release %L must have a table of its own, of its name and columns, got %s', made.name,
                                                                         made.relation),
            'create_release() makes it.', format('SELECT tally.create_release(%L, %L, …);', made.name, r.name));
    END IF;
    made.definition := tally_internal._meant_now(made, r);
    INSERT INTO tally.releases (name, owner, rollup_id, relation, dimensions, measures, people, k, hierarchies, margins, bucket, settle, history, schedule,
                                description, definition, task_id)
    VALUES (made.name, made.owner, r.id, made.relation, made.dimensions, made.measures, made.people, made.k, made.hierarchies, made.margins, made.bucket,
            made.settle, made.history, made.schedule, made.description, made.definition, made.task_id) RETURNING id INTO made.id;
    RETURN made.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_release(tally.releases, bigint) IS
'Writes a release into the catalogue. For the owner of its rollup and of its table; create_release() makes it.';

CREATE OR REPLACE FUNCTION tally_internal._release_named(name text) RETURNS tally.releases
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.releases;
BEGIN
    SELECT * INTO found_ FROM tally.releases r WHERE r.id = (
        SELECT tally_internal._choose('release', name, array_agg(x.id), array_agg(COALESCE(tally_internal._schema_of(x.relation), '')), array_agg(x.name))
          FROM tally.releases x WHERE x.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF found_.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('release %L does not exist', name),
            COALESCE('There are ' || tally_internal._closest_names(name, (SELECT array_agg(x.name) FROM tally.releases x)) || '.', 'There is no release yet.'),
            'SELECT name, relation, dimensions, measures FROM tally.releases;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._release_named(text) IS 'The release with this name; an error that lists similar names where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._called(x tally.releases) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(tally_internal._schema_of(x.relation), x.name,
        EXISTS (SELECT FROM tally.releases y WHERE y.name = x.name AND y.id <> x.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.releases) IS
'The name by which a release is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._owned_release(name text, caller regrole) RETURNS tally.releases
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x tally.releases := tally_internal._release_named(name);
BEGIN
    IF NOT tally_internal._has_rights(caller, x.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('release %L belongs to %s, got %s', x.name, x.owner, caller),
            'Its owner publishes, checks and drops it; readers read its table.', format('SELECT * FROM %s;', x.relation));
    END IF;
    RETURN x;
END $$;
COMMENT ON FUNCTION tally_internal._owned_release(text, regrole) IS 'The release with this name; an error where the role lacks the rights of its owner.';

CREATE OR REPLACE FUNCTION tally_internal._forget_release(release_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.releases x WHERE x.id = release_id AND tally_internal._has_rights(caller, x.owner);
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('release %s must exist and belong to %s', release_id, caller), NULL,
                                       'SELECT name, owner FROM tally.releases;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._forget_release(int, bigint) IS
'Takes a release out of the catalogue, but not which buckets it has published. For its owner; drop_release() drops the table.';

CREATE OR REPLACE FUNCTION tally.drop_release(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    x tally.releases := tally_internal._owned_release(name, tally_internal._current_role());
BEGIN
    PERFORM tally_internal._forget_release(x.id);
    -- What is another role's by now stays as it is.
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = x.relation AND c.relkind = 'r') AND tally_internal._holds(x.owner, x.relation) THEN
        EXECUTE format('DROP TABLE %s', x.relation);
    END IF;
    PERFORM tally.drop_task(tally_internal._with_schema(t.schema, t.name)) FROM tally.tasks t WHERE t.id = x.task_id;
END $$;
COMMENT ON FUNCTION tally.drop_release(text) IS
'Drops a release and its table. pg_tally remembers which buckets it has published, and does not publish them again under another definition.';
