#!/usr/bin/env bash
# Owns `make test-boards`: the boards of all packs in a browser, in light, dark and narrow, both forms of Grafana
# against Grafana's own types, Metabase's files against its schemas, and all files in dashboards against the boards. Pictures are left in
# .run/boards-look/pictures, to look at.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

# shellcheck source=scripts/lib/browser.sh
. scripts/lib/browser.sh

browser=pg_test/boards/browser
require_browser
scripts/setup.sh

trap stop_server EXIT
run_server test "${PROFILE:-release}" postgres "fsync = off"
work=$ROOT/.run/boards-look
rm -rf "$work" && mkdir -p "$work/pages" "$work/types"
in_database() { server_psql -X -q -A -t -v ON_ERROR_STOP=1 -d tally_look "$@" </dev/null; }
for pack in ${PACKS:-$(packs)}; do
    say "$pack: pages"
    server_psql -q -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS tally_look" -c "CREATE DATABASE tally_look" 2>/dev/null
    PGOPTIONS="-c client_min_messages=warning" in_database -o /dev/null -c "CREATE EXTENSION pg_tally" \
        -c "SELECT tally.generate_$pack(${EVENTS:-5000}, until => date_trunc('hour', now()))" -c "SELECT tally.install_pack('$pack')" -c "CALL tally.backfill()"
    for board in $(in_database -c "SELECT name FROM tally.boards ORDER BY place, name"); do
        in_database -c "SELECT tally.page('$board')" >"$work/pages/$board.html"
        # A literal of the type is checked more strictly than a value: a field that the type lacks is an error too.
        { echo "import type { Classic } from './classic'; export const d: Classic ="
          in_database -c "SELECT tally.grafana_dashboard('$board')"; } >"$work/types/${board}_classic.ts"
        { echo "import type { Spec } from '@grafana/schema/apis/dashboard.grafana.app/v2'; export const d: Spec ="
          in_database -c "SELECT tally.grafana_dashboard('$board', 'v2') -> 'spec'"; } >"$work/types/$board.ts"
    done
    # Served by a web server, a board has forms too.
    PGOPTIONS="-c request.method=GET" in_database -c "SELECT tally.page(name) FROM tally.boards ORDER BY place, name LIMIT 1" >"$work/pages/${pack}_served.html"
    # Pages beside the boards, in the look that the pack's data gives them.
    in_database -o /dev/null -c "SELECT tally.evaluate(now())"
    for page in page_incidents page_thresholds page_experiments page_boards page_status; do
        in_database -c "SELECT tally.$page()" >"$work/pages/${pack}_$page.html"
    done
    in_database -c "SELECT tally.page_incident(id) FROM tally.incidents ORDER BY id LIMIT 1" >"$work/pages/${pack}_page_incident.html"
    [ -s "$work/pages/${pack}_page_incident.html" ] || rm "$work/pages/${pack}_page_incident.html"
    in_database -c "SELECT json_build_array(path, content) FROM tally.superset_files()" | scripts/bundle.py "$work/superset/$pack.zip"
    in_database -c "SELECT json_build_array(path, content) FROM tally.metabase_files()" >"$work/$pack.lines"
    scripts/bundle.py "$work/metabase/$pack.tgz" <"$work/$pack.lines"
    scripts/bundle.py "$work/cards/$pack" <"$work/$pack.lines"
    for file in "superset/$pack.zip" "metabase/$pack.tgz"; do
        cmp "$work/$file" "dashboards/$file" || die "dashboards/$file is not what the boards say." "make boards"
    done
done
server_psql -q -c "DROP DATABASE tally_look"

say "Metabase's schemas"
# It looks into one collection at a time.
for cards in "$work"/cards/*; do
    "$TALLY_MODULES/node_modules/.bin/representations" validate-schema --folder "$cards" || die "Metabase's schemas refuse ${cards##*/}." "make boards"
done
say "Grafana's types"
ln -sfn "$TALLY_MODULES/node_modules" "$work/types/node_modules"
cp "$browser/classic.d.ts" "$work/types/"
"$TALLY_MODULES/node_modules/.bin/tsc" --noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext --target es2022 "$work"/types/*.ts
say "Grafana's types: $(find "$work/types" -maxdepth 1 -name '*.ts' ! -name '*.d.ts' | wc -l) dashboards are what they say"
node "$browser/check.mjs" "$work/pages" "$work/pictures"
