-- Owns: the schema into which pg_tally is put, before it makes anything there. CREATE EXTENSION takes the schema tally as it finds it, whoever made it.
-- Whoever owns it, or may create in it, could lay a function beside one of pg_tally's, which a superuser's session would then call.

DO $$
DECLARE
    place   pg_catalog.oid := (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'tally');
    maker   pg_catalog.oid := (SELECT e.extowner FROM pg_catalog.pg_extension e WHERE e.extname OPERATOR(pg_catalog.=) 'pg_tally');
    problem pg_catalog.text;
    remedy  pg_catalog.text;
BEGIN
    SELECT pg_catalog.format('it belongs to %s', r.rolname), pg_catalog.format('ALTER SCHEMA tally OWNER TO %I;', current_user) INTO problem, remedy
      FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
     WHERE n.oid OPERATOR(pg_catalog.=) place AND NOT r.rolsuper AND r.oid OPERATOR(pg_catalog.<>) maker;
    IF problem IS NULL THEN
        SELECT pg_catalog.format('%s may create in it', COALESCE(r.rolname, 'everybody')),
               pg_catalog.format('REVOKE CREATE ON SCHEMA tally FROM %s;', COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC')) INTO problem, remedy
          FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
          LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
         WHERE n.oid OPERATOR(pg_catalog.=) place AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE' AND r.rolsuper IS NOT TRUE
           AND a.grantee OPERATOR(pg_catalog.<>) maker LIMIT 1;
    END IF;
    IF problem IS NULL THEN
        SELECT pg_catalog.format('%s of %s is in it', i.identity, r.rolname), pg_catalog.format('DROP %s %s;', pg_catalog.upper(i.type), i.identity)
          INTO problem, remedy
          FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_shdepend s ON s.classid OPERATOR(pg_catalog.=) d.classid
           AND s.objid OPERATOR(pg_catalog.=) d.objid AND s.deptype OPERATOR(pg_catalog.=) 'o'
           AND s.dbid OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database b
                                               WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
          JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.refobjid
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, 0) i
         WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) place
           AND d.deptype OPERATOR(pg_catalog.=) 'n' AND NOT r.rolsuper AND r.oid OPERATOR(pg_catalog.<>) maker LIMIT 1;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = pg_catalog.format('pg_tally needs the schema tally for a superuser alone, got one that is not: %s', problem),
            DETAIL = 'Who can put objects into it could have his functions called in the place of pg_tally''s, with the rights of any role. Nothing was made.',
            HINT = remedy OPERATOR(pg_catalog.||) '  -- or, where pg_tally is not there yet: ALTER SCHEMA tally RENAME TO tally_before;';
    END IF;
END $$;
