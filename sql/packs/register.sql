-- Owns: packs of one's own: register_pack() writes down what a pack is made of, unregister_pack() forgets it. From then on they are as those that
-- come with pg_tally; only who has the rights of their owner sees and installs them, because their steps run with the rights of who installs.

CREATE OR REPLACE FUNCTION tally_internal._pack_files(pack text) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT json_object_agg(f.file, f.content ORDER BY f.first)
      FROM (SELECT s.file, min(s.ordinal) AS first, string_agg(format(E'-- step: %s %s\n%s', s.kind, s.name, s.statement), E'\n' ORDER BY s.ordinal) AS content
              FROM tally.pack_steps s WHERE s.pack = $1 GROUP BY s.file) f
$$;
COMMENT ON FUNCTION tally_internal._pack_files(text) IS 'The files of a pack, as register_pack() takes them.';

CREATE OR REPLACE FUNCTION tally_internal._store_registered(name text, description text, steps tally.pack_steps[], columns tally.pack_columns[],
                                                            who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    was    tally.pack_list;
BEGIN
    -- It waits for whoever takes the name just now, and then sees whose it is.
    INSERT INTO tally.pack_list VALUES (name, description, caller) ON CONFLICT ON CONSTRAINT pack_list_pkey DO NOTHING;
    SELECT * INTO was FROM tally.pack_list l WHERE l.name = name FOR UPDATE;
    IF was.owner IS NULL OR NOT tally_internal._has_rights(caller, was.owner) THEN
        -- Whose it is, is said to nobody who may not see it.
        PERFORM tally_internal._refuse('duplicate_object', format('a pack needs a name of its own, got %L, which is taken', name), NULL,
            format('SELECT tally.register_pack(%L, …);', left(caller::text || '_' || name, 60)));
    END IF;
    UPDATE tally.pack_list l SET description = description WHERE l.name = name;
    DELETE FROM tally.pack_steps s WHERE s.pack = name;
    DELETE FROM tally.pack_columns c WHERE c.pack = name;
    INSERT INTO tally.pack_steps SELECT name, s.ordinal, s.kind, s.name, s.statement, s.file FROM unnest(steps) s;
    INSERT INTO tally.pack_columns SELECT name, c.relation, c.ordinal, c.name, c.type, c.identifier FROM unnest(columns) c;
END $$;
COMMENT ON FUNCTION tally_internal._store_registered(text, text, tally.pack_steps[], tally.pack_columns[], bigint) IS
'Writes down a pack of the caller''s. For register_pack().';

CREATE OR REPLACE FUNCTION tally.register_pack(name text, files json, description text DEFAULT '') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    steps   tally.pack_steps[];
    columns tally.pack_columns[];
BEGIN
    IF COALESCE(name, '') !~ '^[[:alpha:]_][[:alnum:]_]{0,59}$' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('the name of a pack must be a word of up to 60 letters, digits and _, got %L', name),
            NULL, 'SELECT tally.register_pack(''my_pack'', …);');
    END IF;
    steps := ARRAY(SELECT s FROM tally_internal._steps_of_files(name, files) s);
    columns := ARRAY(SELECT c FROM tally_internal._columns_of_steps(steps, 'pg_temp') c);
    PERFORM tally_internal._store_registered(name, COALESCE(description, ''), steps, columns);
    RETURN format('pack %s is registered with %s steps; next: SELECT tally.install_pack(%L, target_schema => …);', name, cardinality(steps), name);
END $$;
COMMENT ON FUNCTION tally.register_pack(text, json, text) IS
'Registers a pack of your own, or a new version of one: files is a JSON object of file names and their SQL, in the order in which they run; in each a line '
    '"-- step: <kind> <name>" begins a step. install_pack() installs it, again after a new version. Only roles with your rights see it.';

CREATE OR REPLACE FUNCTION tally_internal._forget_registered(name text, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.pack_list l WHERE l.name = name AND l.owner IS NOT NULL AND tally_internal._has_rights(caller, l.owner);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION tally_internal._forget_registered(text, bigint) IS 'Forgets a registered pack of the caller''s, and says whether there was one.';

CREATE OR REPLACE FUNCTION tally.unregister_pack(name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted tally.pack_list := tally_internal._pack(name);
    place  text := (SELECT min(i.target_schema::text) FROM tally.installed_packs i WHERE i.pack = wanted.name);
BEGIN
    IF place IS NOT NULL THEN
        PERFORM tally_internal._refuse('object_in_use', format('pack %L must be dropped before it is forgotten; it is installed in schema %I', name, place),
            NULL,
            format('SELECT tally.drop_pack(%L, %L);', name, place));
    ELSIF NOT tally_internal._forget_registered(name) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('only a pack of your own can be unregistered, got %L', name),
            'It comes with pg_tally.', 'SELECT name, description FROM tally.packs;');
    END IF;
    RETURN format('pack %s is forgotten', name);
END $$;
COMMENT ON FUNCTION tally.unregister_pack(text) IS 'Forgets a pack that you have registered; it must not be installed any more.';
