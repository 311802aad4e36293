-- Owns: from the files of a pack to its rows. sql/packs/README.md is the contract. A file is SQL that runs as it is; a line "-- step: <kind> <name>"
-- begins each step. What the source tables need is read from the tables that their steps make, once, as temporary tables.

CREATE OR REPLACE FUNCTION tally_internal._steps_of_file(file text, content text) RETURNS TABLE (place bigint, kind text, name text, statement text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    parts text[] := regexp_split_to_array(E'\n' || replace(content, E'\r\n', E'\n'), '\n-- step: ');
    wrong text;
BEGIN
    SELECT l INTO wrong FROM regexp_split_to_table(parts[1], '\n') l WHERE l !~ '^\s*(--.*)?$' LIMIT 1;
    IF wrong IS NOT NULL OR array_length(parts, 1) < 2 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('file %L of a pack must consist of steps, got %s', file, COALESCE(format('%L before the first', left(wrong, 60)), 'none')),
            'A step begins with a line "-- step: <kind> <name>" and ends where the next one begins. Before the first there are only comments.',
            format('-- put a line in front of each step of %s: -- step: view my_view', file));
    END IF;
    RETURN QUERY SELECT p.n, split_part(split_part(p.part, E'\n', 1), ' ', 1),
                        btrim(substr(split_part(p.part, E'\n', 1), strpos(split_part(p.part, E'\n', 1), ' ') + 1)),
                        btrim(substr(p.part, strpos(p.part || E'\n', E'\n') + 1), E' \n\t') || E'\n'
                   FROM unnest(parts[2:]) WITH ORDINALITY p(part, n);
END $$;
COMMENT ON FUNCTION tally_internal._steps_of_file(text, text) IS 'The steps of a file of a pack, in order.';

CREATE OR REPLACE FUNCTION tally_internal._steps_of_files(pack text, files json) RETURNS SETOF tally.pack_steps
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    kinds CONSTANT text[] := '{source,index,table,rows,rollup,metric,probe,threshold,task,board,view,function,trigger}';
    all_  tally.pack_steps[];
    wrong text;
BEGIN
    IF json_typeof(files) IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('files of pack %L must be a JSON object of names and texts, got %s', pack,
                COALESCE(json_typeof(files), 'NULL')), NULL,
            format(E'SELECT tally.register_pack(%L, files => json_build_object(''views.sql'', '
                   '$f$-- step: view v\nCREATE OR REPLACE VIEW v AS SELECT 1 AS x;$f$));', pack));
    END IF;
    SELECT array_agg(ROW(pack, x.n, x.kind, x.name, x.statement, x.file)::tally.pack_steps ORDER BY x.n) INTO all_
      FROM (SELECT row_number() OVER (ORDER BY f.o, s.place) AS n, f.key AS file, s.kind, s.name, s.statement
              FROM json_each_text(files) WITH ORDINALITY f(key, value, o), tally_internal._steps_of_file(f.key, f.value) s) x;
    SELECT COALESCE(min(format('the kind %L of step %L', s.kind, s.name)) FILTER (WHERE s.kind <> ALL (kinds)),
                    min(format('a step %s without a name', s.kind)) FILTER (WHERE s.name = ''),
                    min(format('nothing in step %s %L', s.kind, s.name)) FILTER (WHERE s.statement !~ '\S'),
                    min(format('step %s %L, which names no table', s.kind, s.name)) FILTER (WHERE s.kind IN ('index', 'trigger') AND s.name !~ ' ON \S'),
                    min(format('source %L after other steps', s.name)) FILTER (WHERE s.kind = 'source' AND s.ordinal > s.first))
      INTO wrong
      FROM (SELECT u.*, min(u.ordinal) FILTER (WHERE u.kind NOT IN ('source', 'index')) OVER () AS first FROM unnest(all_) u) s;
    wrong := COALESCE(wrong, (SELECT format('step %s %L twice', u.kind, u.name) FROM unnest(all_) u WHERE u.kind <> 'rows'
                               GROUP BY u.kind, u.name HAVING count(*) > 1 LIMIT 1));
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('pack %L must keep to the form of packs, got %s', pack, wrong),
            format('The kinds are %s. Sources and their indexes come first, indexes and triggers are called "name ON table", and a step is there once.',
                   array_to_string(kinds, ', ')),
            'SELECT kind, name, statement FROM tally.pack_steps WHERE pack = ''awf'' ORDER BY ordinal;  -- how a pack looks');
    END IF;
    RETURN QUERY SELECT u.* FROM unnest(all_) u;
END $$;
COMMENT ON FUNCTION tally_internal._steps_of_files(text, json) IS 'The steps of all files of a pack, numbered; an error where they do not keep to the form.';

CREATE OR REPLACE FUNCTION tally_internal._line_of_step(statement text, word text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(regexp_split_to_array(btrim(substring(statement, format('(?n)^-- %s: (.*)$', word))), '\s*,\s*'), '{}')
$$;
COMMENT ON FUNCTION tally_internal._line_of_step(text, text) IS 'The columns that a line "-- word: a, b" of a step names.';

CREATE OR REPLACE FUNCTION tally_internal._identifiers(statement text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._line_of_step(statement, 'identifiers')
$$;
COMMENT ON FUNCTION tally_internal._identifiers(text) IS 'Columns of a source that only name something, as the line "-- identifiers: a, b" of its step says.';

CREATE OR REPLACE FUNCTION tally_internal._columns_of_steps(steps tally.pack_steps[], place text) RETURNS SETOF tally.pack_columns
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
#variable_conflict use_column
DECLARE
    step tally.pack_steps;
BEGIN
    FOR step IN SELECT s.* FROM unnest(steps) s WHERE s.kind = 'source' ORDER BY s.ordinal LOOP
        IF to_regclass(format('%I.%I', place, step.name)) IS NOT NULL THEN
            PERFORM tally_internal._refuse('duplicate_table', format('no temporary table may have the name of source %L, got one', step.name),
                'The source is made as a temporary table for a moment, to read its columns.', format('DROP TABLE %I.%I;', place, step.name));
        END IF;
        PERFORM set_config('search_path', quote_ident(place), true);
        EXECUTE step.statement;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        IF to_regclass(format('%I.%I', place, step.name)) IS NULL THEN
            PERFORM tally_internal._refuse('undefined_table', format('step source %L must make the table %1$I, and does not', step.name), NULL,
                format('CREATE TABLE IF NOT EXISTS %I (…);', step.name));
        END IF;
    END LOOP;
    FOR step IN SELECT s.* FROM unnest(steps) s WHERE s.kind = 'source' ORDER BY s.ordinal DESC LOOP
        RETURN QUERY SELECT step.pack, step.name, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod),
                            a.attname = ANY (tally_internal._identifiers(step.statement))
                       FROM pg_attribute a WHERE a.attrelid = to_regclass(format('%I.%I', place, step.name)) AND a.attnum > 0 AND NOT a.attisdropped
                                             AND a.attidentity = '';
        EXECUTE format('DROP TABLE %s.%I', CASE place WHEN 'pg_temp' THEN pg_my_temp_schema()::regnamespace::text ELSE quote_ident(place) END, step.name);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    PERFORM tally_internal._refuse('insufficient_privilege', format('the sources of a pack must be made as temporary tables once: %s', SQLERRM),
        'Nothing was changed.', format('GRANT TEMPORARY ON DATABASE %I TO %I;', current_database(), current_user));
END $$;
COMMENT ON FUNCTION tally_internal._columns_of_steps(tally.pack_steps[], text) IS
'The columns that the sources among the steps need: each source is made as a table in a schema (pg_temp: a temporary one) and dropped.';

CREATE OR REPLACE FUNCTION tally_internal._bring_pack(name text, description text, files json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    steps tally.pack_steps[] := ARRAY(SELECT s FROM tally_internal._steps_of_files(name, files) s);
BEGIN
    INSERT INTO tally.pack_list VALUES (name, description, NULL);
    INSERT INTO tally.pack_steps SELECT s.* FROM unnest(steps) s;
    -- Not as temporary tables: a transaction with those cannot be prepared, and that is how Citus makes the extension at its workers.
    INSERT INTO tally.pack_columns SELECT c.* FROM tally_internal._columns_of_steps(steps, 'tally_internal') c;
END $$;
COMMENT ON FUNCTION tally_internal._bring_pack(text, text, json) IS 'Writes down a pack that comes with the extension. For the scripts of the extension.';
REVOKE ALL ON FUNCTION tally_internal._bring_pack(text, text, json) FROM PUBLIC;
