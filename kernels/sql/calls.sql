-- Owns: what a parsed expression calls, read from the text of PostgreSQL's own tree. src/pg/calls.rs walks over the tree itself and says the same.

CREATE FUNCTION tally_internal._constant(type oid, stored text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' AS $$
DECLARE
    bytes int[] := ARRAY(SELECT CASE WHEN b[1]::int < 0 THEN b[1]::int + 256 ELSE b[1]::int END
                           FROM regexp_matches(substring(stored FROM '\[(.*)\]'), '(-?\d+)', 'g') WITH ORDINALITY m(b, n) ORDER BY n);
    raw   bytea;
    whole bigint;
BEGIN
    raw := decode((SELECT COALESCE(string_agg(lpad(to_hex(b), 2, '0'), '' ORDER BY n), '') FROM unnest(bytes) WITH ORDINALITY u(b, n)), 'hex');
    -- Numbers lie with the least byte first.
    whole := CASE WHEN octet_length(raw) >= 8 THEN (SELECT ('x' || string_agg(lpad(to_hex(b), 2, '0'), '' ORDER BY n DESC))::bit(64)::bigint
                                                     FROM unnest(bytes[1:8]) WITH ORDINALITY u(b, n)) END;
    RETURN CASE
        WHEN type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
            THEN convert_from(CASE WHEN bytes[1] % 2 = 1 THEN substr(raw, 2) ELSE substr(raw, 5) END, 'UTF8')
        WHEN type IN ('unknown'::regtype, 'name'::regtype)
            THEN convert_from(CASE WHEN position('\x00'::bytea IN raw) > 0 THEN substr(raw, 1, position('\x00'::bytea IN raw) - 1) ELSE raw END, 'UTF8')
        WHEN type = 'bool'::regtype THEN CASE bytes[1] WHEN 0 THEN 'f' ELSE 't' END
        WHEN type IN ('int8'::regtype, 'oid'::regtype) THEN whole::text
        WHEN type = 'int4'::regtype THEN (whole << 32 >> 32)::text
        WHEN type = 'int2'::regtype THEN (whole << 48 >> 48)::text
        WHEN type = 'date'::regtype THEN (date '2000-01-01' + ((whole << 32 >> 32))::int)::text
        WHEN type IN ('timestamp'::regtype, 'timestamptz'::regtype) AND whole NOT IN (9223372036854775807, -9223372036854775808)
            THEN (timestamp '2000-01-01' + div(whole::numeric, 86400000000)::int * interval '1 day'
                  + mod(whole::numeric, 86400000000)::float8 * interval '1 microsecond')::text
        WHEN type = 'time'::regtype THEN (time '00:00' + whole::float8 * interval '1 microsecond')::text
        -- Another type that may hold times is taken for one of today: then a definition is refused rather than read wrongly.
        ELSE to_char(now(), 'YYYY-MM-DD') END;
END $$;
COMMENT ON FUNCTION tally_internal._constant(oid, text) IS 'The text of a constant from its bytes in a tree; for types that this cannot read, the present day.';

CREATE FUNCTION tally_internal._constant_interval(stored text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    bytes int[] := ARRAY(SELECT CASE WHEN b[1]::int < 0 THEN b[1]::int + 256 ELSE b[1]::int END
                           FROM regexp_matches(substring(stored FROM '\[(.*)\]'), '(-?\d+)', 'g') WITH ORDINALITY m(b, n) ORDER BY n);
    part  bigint[] := ARRAY(SELECT ('x' || (SELECT string_agg(lpad(to_hex(b), 2, '0'), '' ORDER BY n DESC) FROM unnest(bytes[p.first : p.last])
                                             WITH ORDINALITY u(b, n)))::bit(64)::bigint
                              FROM (VALUES (1, 1, 8), (2, 9, 12), (3, 13, 16)) p(place, first, last) ORDER BY p.place);
BEGIN
    -- Parts of 4 bytes fill the upper half of the 64 bits.
    RETURN (make_interval(months => (part[3] >> 32)::int, days => (part[2] >> 32)::int) + part[1]::float8 * interval '1 microsecond')::text;
END $$;
COMMENT ON FUNCTION tally_internal._constant_interval(text) IS 'The text of a constant interval from its bytes in a tree.';

CREATE FUNCTION tally_internal._node_type(name text, f jsonb) RETURNS oid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE name WHEN 'BOOLEXPR' THEN '16' WHEN 'NULLTEST' THEN '16' WHEN 'BOOLEANTEST' THEN '16' WHEN 'SCALARARRAYOPEXPR' THEN '16'
        WHEN 'ROWCOMPAREEXPR' THEN '16' WHEN 'GROUPINGFUNC' THEN '23'
        ELSE COALESCE(f ->> 'vartype', f ->> 'consttype', f ->> 'paramtype', f ->> 'aggtype', f ->> 'wintype', f ->> 'funcresulttype', f ->> 'opresulttype',
                      f ->> 'resulttype', f ->> 'casetype', f ->> 'coalescetype', f ->> 'minmaxtype', f ->> 'array_typeid', f ->> 'row_typeid',
                      f ->> 'refrestype', f ->> 'refelemtype', 
                      CASE WHEN name IN ('SQLVALUEFUNCTION', 'XMLEXPR') THEN f ->> 'type' END, '0') END::oid
$$;
COMMENT ON FUNCTION tally_internal._node_type(text, jsonb) IS 'The type of a node of a tree, by its name and fields.';

CREATE OR REPLACE FUNCTION tally_internal._calls(tree pg_node_tree) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token   text;
    depth   int := 0;
    named   boolean := true;
    names   text[] := '{}';
    fields  jsonb[] := '{}';
    current text[] := '{}';
    types   jsonb[] := '{}';
    values_ jsonb[] := '{}';
    found_  jsonb := '[]';
    f       jsonb;
    type    jsonb;
    value   jsonb;
    name    text;
    call    oid;
BEGIN
    FOR token IN SELECT t[1] FROM regexp_matches(tree::text, '([{}]|"(?:\\.|[^"\\])*"|(?:\\.|[^\s(){}])+)', 'g') WITH ORDINALITY m(t, n) ORDER BY n LOOP
        IF token = '{' THEN
            depth := depth + 1;
            named := false;
            fields[depth] := '{}'; types[depth] := '[]'; values_[depth] := '[]'; current[depth] := '';
        ELSIF token = '}' THEN
            name := names[depth];
            f := fields[depth];
            type := to_jsonb(tally_internal._node_type(name, f)::bigint);
            value := 'null';
            CASE name
                WHEN 'TARGETENTRY' THEN
                    -- It stands for its expression, but for what an aggregate only orders by.
                    type := CASE WHEN f ->> 'resjunk' = 'true' THEN NULL ELSE types[depth] -> 0 END;
                    value := values_[depth] -> 0;
                WHEN 'FUNCEXPR', 'OPEXPR', 'DISTINCTEXPR', 'NULLIFEXPR', 'SCALARARRAYOPEXPR', 'AGGREF', 'WINDOWFUNC' THEN
                    call := COALESCE((f ->> 'funcid')::oid, (f ->> 'aggfnoid')::oid, (f ->> 'winfnoid')::oid,
                                     (SELECT o.oprcode::oid FROM pg_operator o WHERE o.oid = (f ->> 'opno')::oid));
                    found_ := found_ || jsonb_build_object('kind', 'call', 'function', call::bigint, 'types', types[depth], 'constants', values_[depth]);
                WHEN 'ROWCOMPAREEXPR' THEN
                    found_ := found_ || COALESCE((SELECT jsonb_agg(jsonb_build_object('kind', 'call', 'function', o.oprcode::oid::bigint, 'types', '[]'::jsonb,
                                                                                      'constants', '[]'::jsonb))
                        FROM regexp_matches(f ->> 'opnos', '\d+', 'g') n JOIN pg_operator o ON o.oid = n[1]::oid), '[]');
                WHEN 'COERCEVIAIO' THEN
                    found_ := found_ || jsonb_build_object('kind', 'io', 'types', (types[depth]) || type);
                WHEN 'SQLVALUEFUNCTION' THEN
                    found_ := found_ || jsonb_build_object('kind', 'word', 'types', jsonb_build_array(type));
                WHEN 'CONST' THEN
                    value := COALESCE(to_jsonb(CASE WHEN f ->> 'constisnull' = 'true' THEN NULL
                        WHEN (f ->> 'consttype')::oid = 'interval'::regtype THEN tally_internal._constant_interval(f ->> 'constvalue')
                        ELSE tally_internal._constant((f ->> 'consttype')::oid, f ->> 'constvalue') END), 'null');
                    found_ := found_ || jsonb_build_object('kind', 'constant', 'types', jsonb_build_array(type), 'constants', jsonb_build_array(value));
                WHEN 'VAR' THEN
                    IF (f ->> 'varattno')::int < 0 THEN found_ := found_ || jsonb_build_object('kind', 'system', 'types', jsonb_build_array(type)); END IF;
                WHEN 'XMLEXPR' THEN
                    found_ := found_ || '{"kind": "reads", "types": [142]}'::jsonb;
                WHEN 'RANGETBLFUNCTION', 'TABLEFUNC' THEN
                    -- Columns that a function or a document is read into.
                    f := COALESCE((SELECT jsonb_agg(n[1]::bigint) FROM regexp_matches(COALESCE(f ->> 'funccoltypes', f ->> 'coltypes'), '\d+', 'g') n), '[]');
                    IF f <> '[]' THEN found_ := found_ || jsonb_build_object('kind', 'reads', 'types', f); END IF;
                ELSE NULL;
            END CASE;
            depth := depth - 1;
            -- To the node around it: arguments, and what is converted.
            IF depth > 0 AND type IS NOT NULL AND (current[depth] IN ('args', 'arg') OR names[depth] = 'TARGETENTRY' AND current[depth] = 'expr') THEN
                types[depth] := types[depth] || type;
                values_[depth] := values_[depth] || COALESCE(value, 'null');
            END IF;
        ELSIF NOT named THEN
            names[depth] := token;
            named := true;
        ELSIF depth = 0 THEN
            NULL;
        ELSIF token ~ '^:[a-z]' THEN
            current[depth] := substr(token, 2);
        ELSIF token <> '<>' THEN
            fields[depth] := jsonb_set(fields[depth], ARRAY[current[depth]],
                                       to_jsonb(concat_ws(' ', fields[depth] ->> current[depth], token)));
        END IF;
    END LOOP;
    RETURN found_::text;
END $$;
