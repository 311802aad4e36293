-- Owns: how often a role has asked in the present minute. A row for each statement, in a table that no crash keeps. So what is rolled back is not counted, and
-- a transaction that only reads cannot be counted: it is refused, because it would be a way around every limit.

CREATE UNLOGGED TABLE IF NOT EXISTS tally_internal.requests (
    role      oid NOT NULL,
    limits_id int NOT NULL,
    minute    timestamptz NOT NULL,
    at        timestamptz NOT NULL,
    backend   int NOT NULL,
    PRIMARY KEY (role, limits_id, minute, at, backend)
);
COMMENT ON TABLE tally_internal.requests IS 'Statements of roles that limits bind, of this minute and the last one.';
COMMENT ON COLUMN tally_internal.requests.role IS 'The role.';
COMMENT ON COLUMN tally_internal.requests.limits_id IS 'The limits.';
COMMENT ON COLUMN tally_internal.requests.minute IS 'The minute.';
COMMENT ON COLUMN tally_internal.requests.at IS 'When the statement began.';
COMMENT ON COLUMN tally_internal.requests.backend IS 'The process that it ran in.';
REVOKE ALL ON tally_internal.requests FROM PUBLIC;
ALTER TABLE tally_internal.requests ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION tally_internal._count_request(role oid, limits_id int) RETURNS bigint
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    minute timestamptz := date_trunc('minute', statement_timestamp());
BEGIN
    IF limits_id = 0 THEN RETURN 0; END IF;
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction',
            MESSAGE = 'a transaction that may write expected, because statements are counted in a table, got one that only reads',
            DETAIL = 'The owner of what was asked for has limited the statements a minute. In this edition a transaction that only reads is not counted.',
            HINT = 'START TRANSACTION READ WRITE;  -- then ask again';
    END IF;
    INSERT INTO tally_internal.requests VALUES (role, limits_id, minute, statement_timestamp(), pg_backend_pid()) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        -- Rows of minutes before the last one, as far as no other session removes them too.
        DELETE FROM tally_internal.requests r WHERE r.ctid = ANY (ARRAY(SELECT o.ctid FROM tally_internal.requests o
            WHERE o.minute < minute - interval '1 minute' LIMIT 1000 FOR UPDATE SKIP LOCKED));
    END IF;
    RETURN (SELECT count(*) FROM tally_internal.requests r WHERE r.role = role AND r.limits_id = limits_id AND r.minute = minute);
END $$;
REVOKE ALL ON FUNCTION tally_internal._count_request(oid, int) FROM PUBLIC;
