#!/usr/bin/env bash
# Owns the proof that the hosted edition comes and goes as an ordinary role: it is installed once, refuses a second time in words, lets no stranger in, and
# leaves nothing behind when it is taken out. What Supabase's advisor looks for (row security, search_path, rights by default privileges) is not there.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
scripts/hosted.sh 2>/dev/null
database=hosted_install
install_hosted $database
trap 'server_psql -q -d postgres -c "DROP DATABASE IF EXISTS hosted_install WITH (FORCE)" -c "DROP ROLE IF EXISTS hosted_stranger, hosted_member"' EXIT
server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP ROLE IF EXISTS hosted_stranger, hosted_member" \
    -c "CREATE ROLE hosted_stranger LOGIN" -c "CREATE ROLE hosted_member LOGIN" -c "GRANT tally_host TO hosted_member"

# run ROLE SQL: what psql says, with SQLSTATEs.
run() {
    PGOPTIONS='-c client_min_messages=warning' "$PG_LIB/bin/psql" -XAtq -v VERBOSITY=verbose -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$1" \
        -d $database -c "$2" 2>&1
}
n=0
# is NAME WANTED GOT: the pattern is found in what was said.
is() {
    n=$((n + 1))
    if grep -qE -- "$2" <<<"$3"; then echo "ok $n - $1"; else
        echo "not ok $n - $1"
        printf '# wanted %s, got\n' "$2"
        head -n 5 <<<"$3" | cut -c 1-200 | sed 's/^/# /'
    fi
}
echo "1..36"
is 'its owner is no superuser' '^f$' "$(run tally_host 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')"
is 'it is no extension and has no library' '^0$' "$(run tally_host "SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'pg_tally')
    + (SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'c' AND p.pronamespace::regnamespace::text ~ '^tally')")"
is 'bug: a block with EXCEPTION failed in a parallel query, so nothing is told to be safe there' '^0$' "$(run tally_host "SELECT count(*) FROM pg_proc p
    WHERE p.proparallel = 's' AND p.pronamespace::regnamespace::text ~ '^tally'")"
# Steps of aggregates that this kernel computes in another way have no body either, and nobody calls them.
is 'each function without a body of its own is listed, but for steps of aggregates that no aggregate takes' '^t$' "$(run tally_host "SELECT bool_and(
        CASE WHEN p.proname ~ '_(trans|merge|final)$' THEN NOT EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn))
             ELSE EXISTS (SELECT FROM tally.hosted_missing m WHERE m.name LIKE p.pronamespace::regnamespace || '.' || p.proname || '(%') END)
    FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^tally' AND p.prosrc ~ '^ BEGIN PERFORM tally_internal._missing'")"
is 'and refuses in words' 'ERROR:  0A000: tally_internal._sent' \
    "$(run tally_host "SELECT tally_internal._sent(1)")"
# PL/pgSQL looks for what it calls when it runs, and some callers pass over errors. So the checker looks: above all for run_as(), which is here a function for
# each set of types that the engine passes.
is 'no function calls one that is not there' '^$' "$(server_psql -Atq -d $database -c 'CREATE EXTENSION plpgsql_check' -c "
    SELECT p.oid::regprocedure || ': ' || c.message FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
      CROSS JOIN LATERAL plpgsql_check_function_tb(p.oid, fatal_errors => false) c
     WHERE p.pronamespace::regnamespace::text ~ '^tally' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND c.sqlstate = '42883'" \
    -c 'DROP EXTENSION plpgsql_check' 2>&1)"
is 'a second installation is refused' 'ERROR:  42P06: the schema tally' \
    "$("$PG_LIB/bin/psql" -XAtq -1 -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U tally_host -d $database \
        -f "dist/pg_tally-hosted--$VERSION.sql" 2>&1)"
# As Supabase has it for its schema public: whatever the role makes there is given to everybody.
run tally_host "CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT ALL ON TABLES TO hosted_stranger;
    CREATE TABLE shop.sales (at timestamptz NOT NULL, amount int);
    INSERT INTO shop.sales SELECT now() - i * interval '1 minute', i FROM generate_series(1, 300) i" >/dev/null
run tally_host "SELECT tally.create_rollup('shop.hourly', source => 'shop.sales', time_column => 'at', measures => '{\"n\": \"count(*)\"}')" >/dev/null
is 'a rollup is exact live' '^300$' "$(run tally_host 'SELECT sum(n) FROM shop.hourly_live')"
is 'a stranger reads no rollup' 'ERROR:  42501' "$(run hosted_stranger 'SELECT * FROM shop.hourly')"
is 'writes no catalogue' 'ERROR:  42501' "$(run hosted_stranger 'DELETE FROM tally.rollups')"
is 'and no marks' 'ERROR:  42501' "$(run hosted_stranger "INSERT INTO tally.dirty VALUES (1, now())")"
is 'draws no ticket as somebody else' 'ERROR:  42501' "$(run hosted_stranger "INSERT INTO tally_internal.tickets (ticket, role) VALUES (5, 'tally_host')")"
is 'and forges none' 'ERROR:  42501: the ticket proves nobody' \
    "$(run hosted_stranger "SELECT tally_internal._redeem(-(SELECT oid::bigint FROM pg_roles WHERE rolname = 'tally_host'))")"
is 'nor in a read-only transaction' 'ERROR:  42501: the ticket proves nobody' \
    "$(run hosted_stranger "BEGIN READ ONLY; SELECT tally_internal._redeem(-(SELECT oid::bigint FROM pg_roles WHERE rolname = 'tally_host'))")"
is 'a source of another owner is refused' 'ERROR:  42501: rollup' \
    "$(server_psql -q -d $database -c 'CREATE TABLE shop.foreign_ (at timestamptz); GRANT ALL ON shop.foreign_ TO tally_host'
    run tally_host "SELECT tally.create_rollup('shop.f', source => 'shop.foreign_', time_column => 'at', measures => '{\"n\": \"count(*)\"}')")"
is 'whoever may be the owner is told how' 'HINT:  SET ROLE tally_host' \
    "$(run hosted_member "SELECT tally.create_rollup('shop.m', source => 'shop.sales', time_column => 'at', measures => '{\"n\": \"count(*)\"}')")"
is 'and defines as the owner' '^300$' "$(run hosted_member "SET ROLE tally_host; SELECT tally.create_rollup('shop.m', source => 'shop.sales',
    time_column => 'at', measures => '{\"n\": \"count(*)\"}'); SELECT sum(n) FROM shop.m_live")"
run tally_host 'GRANT INSERT ON shop.sales TO hosted_stranger' >/dev/null
run hosted_stranger "INSERT INTO shop.sales VALUES (now() + interval '3 days', 1)" >/dev/null
is 'a writer of the source leaves marks and needs nothing of ours' '^1$' \
    "$(run tally_host "SELECT count(DISTINCT bucket) FROM tally.dirty WHERE bucket > now() + interval '2 days' AND isfinite(bucket)")"
is 'every table has row security' '^0$' "$(run tally_host "SELECT count(*) FROM pg_class
    WHERE relkind = 'r' AND NOT relrowsecurity AND relnamespace::regnamespace::text ~ '^tally'")"
is 'and a policy, if only one that says that it is the owner'"'"'s alone' '^$' "$(run tally_host "SELECT string_agg(c.oid::regclass::text, ' ') FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text ~ '^tally' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)")"
is 'no policy lets everybody write' '^$' "$(run tally_host "SELECT string_agg(p.polrelid::regclass || '.' || p.polname, ' ') FROM pg_policy p
    WHERE p.polcmd <> 'r' AND 'true' IN (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))")"
is 'what everybody may read everybody reads' '^2$' "$(run hosted_stranger "SELECT count(*) FROM tally.rollups")"
is 'and with row_security off, by way of functions' '^$' "$(run hosted_stranger "SET row_security = off; SELECT FROM tally.definitions()")"
# Limits of statements a minute. Those of this minute and the next ones are put there, so that no clock decides.
run tally_host "SELECT tally.create_metric('all_sales', 'shop.hourly', 'n'); SELECT tally.set_limits('shop', per_minute => 5);
    GRANT SELECT ON shop.hourly, shop.hourly_live TO hosted_stranger" >/dev/null
asked="SELECT count(*) FROM tally.timeseries('all_sales', since => '2026-01-01', until => '2026-01-02')"
is 'a role that limits bind is answered' '^[0-9]+$' "$(run hosted_stranger "$asked")"
is 'and counted, once a statement' '^1$' "$(run tally_host "SELECT count(*) FROM tally_internal.requests r WHERE r.role = 'hosted_stranger'::regrole")"
run tally_host "INSERT INTO tally_internal.requests SELECT 'hosted_stranger'::regrole, (SELECT min(id) FROM tally.limits), m, m + n * interval '1 second', 0
    FROM generate_series(date_trunc('minute', now()), now() + interval '1 hour', '1 minute') m, generate_series(1, 5) n" >/dev/null
is 'past its limit it is refused' 'ERROR:  53400: a role may ask 5 times a minute' "$(run hosted_stranger "$asked")"
is 'and where nothing can be counted' 'ERROR:  25006: a transaction that may write expected' "$(run hosted_stranger "BEGIN READ ONLY; $asked")"
is 'the owner is not' '^[0-9]+$' "$(run tally_host "$asked")"
is 'every function that reads names pins its search_path' '^0$' "$(run tally_host "SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace::regnamespace::text ~ '^tally' AND p.prokind = 'f' AND (l.lanname = 'plpgsql' OR p.prosecdef)
      AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') AND p.proname NOT IN ('_rows', '_finish_relation')")"
# The list as one array: signatures, and names that stand for all of theirs.
unpinned="ARRAY[$(sed -nE "s/^([a-z_.]+(\([^#]*\))?) .*/'\1'/p" kernels/sql/unpinned | paste -sd,)]"
is 'kernels/sql/unpinned names the functions that pin none, and no other one' '^$' "$(run tally_host "SET search_path = pg_catalog;
    WITH pinless AS (SELECT p.oid::regprocedure::text AS function, p.pronamespace::regnamespace || '.' || p.proname AS name FROM pg_proc p
                      WHERE p.pronamespace::regnamespace::text ~ '^tally' AND p.prokind = 'f'
                        AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%'))
    SELECT 'not listed: ' || p.function FROM pinless p WHERE p.function <> ALL ($unpinned) AND p.name <> ALL ($unpinned)
    UNION ALL SELECT 'pins one: ' || l FROM unnest($unpinned) l WHERE NOT EXISTS (SELECT FROM pinless p WHERE l IN (p.function, p.name))")"
is 'and one in SQL that does not has no function without its schema' '^$' "$(run tally_host "SELECT string_agg(p.oid::regprocedure::text, ' ')
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace::regnamespace::text ~ '^tally' AND p.prokind = 'f' AND l.lanname = 'sql' AND p.prosqlbody IS NULL
      AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')
      AND regexp_replace(p.prosrc, '''[^'']*''', '', 'g') ~* '(^|[^.a-z_0-9])(?!(coalesce|nullif|greatest|least|row|exists|values|and|or|when|then|not|in|is'
          '|any|all|select|from|else|lateral|over|array|operator)\M)[a-z_0-9]+\s*\('")"
run tally_host 'SELECT count(*) FROM tally.uninstall(really => true)' >/dev/null
run tally_host 'DROP SCHEMA tally, tally_internal CASCADE' >/dev/null
is 'it is taken out' '^0$' "$(run tally_host "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname ~ 'tally')
    + (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^tally') + (SELECT count(*) FROM pg_class WHERE relname ~ 'hourly|tally')")"
is 'and the source is whole' '^301$' "$(run tally_host 'SELECT count(*) FROM shop.sales')"

# Default privileges for all schemas give everything to a stranger: nothing of that is left on our objects.
run tally_host "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO hosted_stranger; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO hosted_stranger" >/dev/null
put_hosted $database
is 'it is installed again' '^0$' "$(run tally_host 'SELECT count(*) FROM tally.rollups')"
is 'and default privileges give nobody anything' '^0$' "$(run tally_host "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace::regnamespace::text ~ '^tally' AND a.grantee = 'hosted_stranger'::regrole")"
run tally_host "DROP SCHEMA tally, tally_internal CASCADE; ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM hosted_stranger;
    ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM hosted_stranger" >/dev/null

# Where the role may make event triggers, they are those of the library edition.
"$PG_LIB/bin/psql" -XAtq -1 -v ON_ERROR_STOP=1 -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d $database -f "dist/pg_tally-hosted--$VERSION.sql" \
    >/dev/null 2>&1
listed="SELECT count(*) || ' ' || md5(string_agg(concat_ws(' ', evtname, evtevent, evttags, evtenabled, evtfoid::regproc), ', ' ORDER BY evtname))
    FROM pg_event_trigger"
is 'a superuser gets the event triggers of the library' "^$(server_psql -Atq -d tally_template -c "$listed")$" "$(run postgres "$listed")"
