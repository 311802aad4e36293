-- Owns: the encoding of the database. The library reads text as UTF-8, as Rust does; in a database of another encoding names, labels and
-- messages would be read as something else. So the extension is refused there, before it makes anything.

DO $$
DECLARE
    found_ pg_catalog.text := pg_catalog.getdatabaseencoding();
BEGIN
    IF found_ OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = pg_catalog.format('pg_tally needs a database whose encoding is UTF8, got %s', found_),
            DETAIL = 'Names, labels and messages are read as UTF-8. Nothing was made.',
            HINT = pg_catalog.format('CREATE DATABASE %I ENCODING ''UTF8'' LOCALE ''C'' TEMPLATE template0;  -- and restore a dump of this one into it',
                pg_catalog.current_database() OPERATOR(pg_catalog.||) '_utf8');
    END IF;
END $$;
