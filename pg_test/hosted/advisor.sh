#!/usr/bin/env bash
# Owns what Supabase's advisor says of the hosted edition with all five packs and a definition of each kind: nothing, but for what docs/supabase-hosted.md
# lists with reasons. advisor.psql asks; each of its questions also finds a fault that is planted here.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/supabase.sh
. scripts/lib/supabase.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

scripts/hosted.sh 2>/dev/null
trap 'remove_server' EXIT
run_supabase_server advisor
as_supabase hosted
put_hosted hosted
run tally_host "CREATE TABLE public.visits (at timestamptz NOT NULL, person uuid, kind text);
    ALTER TABLE public.visits ENABLE ROW LEVEL SECURITY; CREATE POLICY nobody ON public.visits USING (false);
    INSERT INTO visits SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', gen_random_uuid(), 'k' FROM generate_series(1, 90) i;
    CREATE SCHEMA awf" >/dev/null
made=$(run tally_host "SELECT tally.create_rollup('by_hour', 'visits', 'at', dimensions => '[\"kind\"]', measures => '{\"n\": \"count(*)\"}');
    SELECT tally.create_rollup('by_person', 'visits', key => 'person', measures => '{\"n\": \"count(*)\"}');
    SELECT tally.create_metric('visits', 'by_hour', 'n'), tally.create_threshold('many', metric => 'visits', condition => '> 100');
    SELECT tally.create_funnel('steps', 'visits', 'at', 'person', '{\"a\": \"true\", \"b\": \"kind = ''k''\"}');
    SELECT tally.create_retention('stays', 'visits', 'at', 'person'), tally.create_sessions('sittings', 'visits', 'at', 'person');
    SELECT tally.install_pack(p, CASE p WHEN 'awf' THEN p ELSE 'public' END)
      FROM unnest('{awf,operator_control_center,operator_dashboard,product_analytics,publisher}'::text[]) p" | grep 'ERROR' || :)
is "$made" '' 'a definition of each kind and five packs are there'

# One fault of each kind, which the advisor finds.
server_psql -q -d hosted -v ON_ERROR_STOP=1 -f pg_test/hosted/advisor.psql -f - <<'SQL'
CREATE SCHEMA planted;
CREATE TABLE planted.bare (id int PRIMARY KEY);
CREATE TABLE planted.open (id int, up int REFERENCES planted.bare);
CREATE INDEX one ON planted.open (id) WHERE id > 0;
CREATE INDEX two ON planted.open (id) WHERE id > 0;
ALTER TABLE planted.open ENABLE ROW LEVEL SECURITY;
CREATE TABLE planted.silent (id int);
ALTER TABLE planted.silent ENABLE ROW LEVEL SECURITY;
CREATE POLICY here ON planted.open USING (true);
CREATE POLICY there ON planted.open FOR SELECT USING (id = current_setting('x.y')::int);
CREATE POLICY idle ON planted.bare USING (false);
CREATE VIEW planted.shown AS SELECT FROM planted.open;
CREATE MATERIALIZED VIEW planted.kept AS SELECT FROM planted.open;
CREATE FUNCTION planted.strong() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
GRANT SELECT ON ALL TABLES IN SCHEMA planted TO anon;
SQL
# found WHAT SCHEMAS: the objects, in order.
found() { server_psql -XAtq -d hosted -c "SELECT string_agg(object, '; ' ORDER BY object) FROM advisor.found WHERE what = '$1' AND place ~ '^($2)\$'"; }
# clean WHAT SCHEMAS PLANTED WANTED
clean() {
    is "$(found "$1" planted)" "$3" "$1: what is planted is found"
    is "$(found "$1" "$2")" "$4" "$1: of pg_tally ${4:-nothing}"
}
ours='tally|tally_internal|public|awf'
reached='public|awf'
is "$(server_psql -XAtq -d hosted -c "SELECT string_agg(object, '; ' ORDER BY object) FROM advisor.found
    WHERE what = 'function_search_path_mutable' AND place ~ '^($ours)\$' AND object !~ '^[af] '")" \
    'p backfill; p evaluate_scheduled; p expire; p refresh_scheduled' 'function_search_path_mutable: four procedures, which commit'
q="SELECT count(*) FROM advisor.found WHERE what = 'function_search_path_mutable' AND place ~ '^tally' AND object ~ '^a '"
is "$(server_psql -XAtq -d hosted -c "$q")" \
    "$(server_psql -XAtq -d hosted -c "SELECT count(*) FROM pg_proc WHERE prokind = 'a' AND pronamespace::regnamespace::text ~ '^tally'")" \
    'all aggregates, which cannot pin one'
clean function_search_path_mutable "$reached" 'f strong' ''
clean rls_disabled_in_public "$reached" bare ''
is "$(found rls_disabled_anywhere 'tally|tally_internal')" '' 'no table of pg_tally is without row security, those of rollups per key included'
clean rls_enabled_no_policy "$ours" silent ''
clean policy_exists_rls_disabled "$ours" planted.bare.idle ''
clean rls_policy_always_true "$ours" planted.open.here ''
clean multiple_permissive_policies "$ours" 'planted.open.here, there' ''
clean auth_rls_initplan "$ours" planted.open.there ''
clean security_definer_view "$reached" shown ''
clean materialized_view_in_api "$ours" kept ''
# Those ask who calls: docs/supabase-hosted.md.
clean security_definer_function_executable "$reached" strong 'awf_incident_rows; operator_incident_rows; operator_threshold_rows'
is "$(run authenticator "SET ROLE anon; SELECT count(*) FROM operator_incident_rows()") $(
    run authenticator "SET ROLE authenticated; SELECT count(*) FROM operator_threshold_rows()")" 'ERROR:  42501 ERROR:  42501' 'and they refuse guests'
is "$(found extension_in_public public)" '' 'extension_in_public: of pg_tally nothing'
clean duplicate_index "$ours" 'one, two' ''
# Tables of a few dozen rows, whose parents are hardly ever deleted.
clean unindexed_foreign_keys "$ours" open_up_fkey "$(tr '\n' ' ' <<'LIST' | sed 's/ $//; s/ /; /g'
beside_beside_id_fkey
experiment_cells_cells_fkey
experiment_cells_metric_id_fkey
experiment_cells_unit_values_fkey
experiments_arrivals_fkey
experiments_units_fkey
keyed_rollups_key_fkey
notification_members_incident_id_fkey
rollups_source_rollup_fkey
thresholds_probe_id_fkey
LIST
)"
done_testing
