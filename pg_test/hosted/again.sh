#!/usr/bin/env bash
# Owns the proof of the upgrade of the hosted edition: the file goes over an installation with other functions, twice, as the role that owns it. Then functions,
# views, comments, rights and policies are those of a fresh installation; definitions, rows, marks and incidents are there, and live views are exact. Strangers,
# databases without an installation and tables of another form are refused.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
scripts/hosted.sh 2>/dev/null
file=dist/pg_tally-hosted--$VERSION--again.sql
install_hosted hosted_again
trap 'server_psql -q -d postgres -c "DROP DATABASE IF EXISTS hosted_again WITH (FORCE)" -c "DROP ROLE IF EXISTS hosted_again_stranger"' EXIT
server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP ROLE IF EXISTS hosted_again_stranger" -c "CREATE ROLE hosted_again_stranger LOGIN"

run() {
    PGOPTIONS='-c client_min_messages=warning' "$PG_LIB/bin/psql" -XAtq -v VERBOSITY=verbose -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$1" \
        -d hosted_again "${@:2}" 2>&1 || :
}
again() { run "$1" -1 -v ON_ERROR_STOP=1 -f "$file"; }
# Each object of the edition with all that an upgrade may change of it. What the engine made for a rollup is none.
objects="SELECT count(*) > 2000, md5(string_agg(x, E'\n' ORDER BY x COLLATE \"C\")), count(*) FROM (
    SELECT concat_ws(' ', p.oid::regprocedure, p.prosrc, pg_get_function_sqlbody(p.oid), p.provolatile, p.proparallel, p.proisstrict, p.procost, p.prorows,
                     p.proconfig, p.proacl, obj_description(p.oid, 'pg_proc'), a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.agginitval) AS x
      FROM pg_proc p LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE p.pronamespace::regnamespace::text ~ '^tally'
    UNION ALL SELECT concat_ws(' ', c.oid::regclass, c.relkind, c.relrowsecurity, c.relacl, obj_description(c.oid, 'pg_class'),
                               CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END)
      FROM pg_class c WHERE c.relnamespace::regnamespace::text ~ '^tally' AND c.relkind IN ('r', 'v', 'c', 'S') AND c.relname !~ '^dirty_keys_'
    UNION ALL SELECT concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(a.attrelid, a.attnum))
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace::regnamespace::text ~ '^tally' AND a.attnum > 0
                                             AND c.relname !~ '^dirty_keys_'
    UNION ALL SELECT concat_ws(' ', p.polrelid::regclass, p.polname, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid AND c.relname !~ '^dirty_keys_'
    UNION ALL SELECT concat_ws(' ', t.tgrelid::regclass, t.tgname, pg_get_triggerdef(t.oid)) FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid AND c.relnamespace::regnamespace::text ~ '^tally' AND c.relname !~ '^dirty_keys_' WHERE NOT t.tgisinternal
    UNION ALL SELECT format('%s as %s', c.castsource::regtype, c.casttarget::regtype) FROM pg_cast c WHERE c.casttarget::regtype::text ~ '^tally') o(x)"
data="SELECT (SELECT string_agg(format('%s %s', r.id, r.name), ',' ORDER BY r.id) FROM tally.rollups r), (SELECT count(*) FROM shop.hourly),
    (SELECT md5(string_agg(h::text, ',' ORDER BY h::text)) FROM shop.hourly h), (SELECT count(*) FROM tally.dirty), (SELECT count(*) FROM tally.incidents),
    (SELECT md5(string_agg(i::text, ',' ORDER BY i::text)) FROM tally.incidents i), (SELECT count(*) FROM tally.thresholds)"

fresh=$(run tally_host -c "$objects")
run tally_host >/dev/null <<'SQL'
CREATE SCHEMA shop;
CREATE TABLE shop.sales (at timestamptz NOT NULL, person int, kind text, amount int);
INSERT INTO shop.sales SELECT timestamptz '2026-03-02 00:00Z' + i * interval '5 minutes', i % 7, (ARRAY['see', 'buy'])[1 + i % 2], i
  FROM generate_series(1, 300) i;
SELECT tally.create_rollup('shop.hourly', source => 'shop.sales', time_column => 'at', bucket => '1 hour', measures =>
    '{"n": "count(*)", "people": "tally.hll(person)", "p": "tally.tdigest(amount)"}', with_data => true);
SELECT tally.create_metric('sold', 'shop.hourly', 'n');
SELECT tally.create_threshold('few', metric => 'sold', condition => '< 1000000', owner => 'me');
SELECT tally.create_funnel('shop.buyers', 'shop.sales', 'at', 'person', '{"see": "kind = ''see''", "buy": "kind = ''buy''"}', with_data => true);
SELECT count(*) FROM tally.evaluate(as_of => timestamptz '2026-03-02 12:00Z');
INSERT INTO shop.sales VALUES ('2026-03-02 03:30Z', 1, 'see', 5);
-- As another file of this version would have it: a function that says something else, one more, another view, other rights, a comment.
CREATE OR REPLACE FUNCTION tally.bar(share float8, width int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ''old''::text';
CREATE FUNCTION tally_internal._of_old(n int) RETURNS int LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION tally.sold_out(a int, b int DEFAULT 0) RETURNS int LANGUAGE sql AS 'SELECT tally_internal._of_old(a)';
CREATE VIEW tally.of_old AS SELECT tally_internal._of_old(1);
GRANT EXECUTE ON FUNCTION tally.sold_out(int, int) TO PUBLIC;
COMMENT ON FUNCTION tally.sparkline(float8[]) IS 'something else';
COMMENT ON COLUMN tally.rollups.name IS 'something else';
SQL
before=$(run tally_host -c "$data")
is "$(run tally_host -c "SELECT tally.bar(0.5, 4)")" old 'a function says something else'
is "$(again hosted_again_stranger | grep -oE 'ERROR:  42501: the owner of pg_tally expected, got hosted_again_stranger')" \
    'ERROR:  42501: the owner of pg_tally expected, got hosted_again_stranger' 'a stranger is refused'
is "${fresh%%|*}" t 'there are thousands of objects to compare'
is "$(again tally_host)" '' 'the file goes over it without a word'
is "$(run tally_host -c "$objects")" "$fresh" 'all objects are those of a fresh installation'
is "$(run tally_host -c "$data")" "$before" 'definitions, rows, marks and incidents are there'
is "$(run tally_host -c "SELECT (SELECT sum(n) FROM shop.hourly_live), (SELECT sum(n) FROM shop.hourly), tally.bar(0.5, 4)")" '301|300|██' \
    'a live view is exact, and the marked hour waits'
is "$(again tally_host)" '' 'it goes over itself'
is "$(run tally_host -c "$objects")" "$fresh" 'nothing differs then'
is "$(run tally_host -c "$data")" "$before" 'and nothing is lost'
run tally_host -c "INSERT INTO shop.sales VALUES ('2026-03-02 04:30Z', 1, 'buy', 5)" -c "CALL tally.backfill('shop.hourly')" >/dev/null
is "$(run tally_host -c "SELECT sum(n), (SELECT actors FROM shop.buyers_steps_live WHERE step = 2) > 0 FROM shop.hourly")" '302|t' \
    'capture and refreshes go on'
run tally_host -c "CREATE FUNCTION tally.sold_out_too(a int) RETURNS int LANGUAGE sql AS 'SELECT a'" \
    -c "CREATE VIEW shop.mine AS SELECT tally.sold_out_too(1)" >/dev/null
is "$(again tally_host | grep -oE 'ERROR:  2BP01: pg_tally cannot be upgraded: objects of yours')" \
    'ERROR:  2BP01: pg_tally cannot be upgraded: objects of yours' 'what a view of a person uses stops it'
run tally_host -c "DROP VIEW shop.mine" \
    -c "CREATE OR REPLACE FUNCTION tally_internal._hosted_state() RETURNS text LANGUAGE sql AS 'SELECT ''other''::text'" >/dev/null
is "$(again tally_host | grep -oE 'ERROR:  0A000: tables of the form .* expected, got other')" \
    "ERROR:  0A000: tables of the form $(sed -n "s/.*MESSAGE = format('tables of the form \([0-9a-f]*\) .*/\1/p" "$file") expected, got other" \
    'tables of another form are refused'
run tally_host -c "SELECT FROM tally.uninstall(really => true)" -c "DROP SCHEMA tally, tally_internal CASCADE" >/dev/null
is "$(again tally_host | grep -oE 'ERROR:  55000: the hosted edition of pg_tally expected')" 'ERROR:  55000: the hosted edition of pg_tally expected' \
    'without an installation it refuses'
done_testing
