#!/usr/bin/env bash
# Owns the proof that each edition reads the stored form of each sketch of the other one: its readers answer there what they answer here, and the form is the
# same again, where it holds no more than the other edition keeps.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
scripts/hosted.sh 2>/dev/null
install_hosted hosted_forms
server_psql -q -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS hosted_forms_library WITH (FORCE)" \
    -c "CREATE DATABASE hosted_forms_library TEMPLATE tally_template"
trap 'for d in hosted_forms hosted_forms_library; do server_psql -q -d postgres -c "DROP DATABASE IF EXISTS $d WITH (FORCE)"; done' EXIT

# crosses FROM TO: what differs where sketches go from one database to the other.
crosses() {
    server_psql -XAtq -d "$1" -f pg_test/hosted/forms.psql -c "COPY (SELECT c.n, a.form, a.answer
        FROM cases c, pg_temp.asked(c.kind, c.sketch, c.reader, c.rows_) a ORDER BY c.n) TO STDOUT" | {
        server_psql -XAtq -v ON_ERROR_STOP=1 -d "$2" -f pg_test/hosted/forms.psql -c "CREATE TEMP TABLE come (n int, form jsonb, answer text)" \
            -c "COPY come FROM STDIN" -c "SELECT '# ' || count(*) || ' sketches' FROM come" \
            -c "SELECT c.n, c.sketch, c.rows_, 'expected ' || m.answer || ', got ' || a.answer
               FROM cases c JOIN come m USING (n),
                    pg_temp.asked(c.kind, format('tally_internal._of_form(%L, NULL::tally.%I)', m.form, c.kind), c.reader, 1) a
              WHERE m.answer IS DISTINCT FROM a.answer OR m.answer IS NULL ORDER BY c.n" 2>&1
    }
}
for way in "hosted_forms hosted_forms_library" "hosted_forms_library hosted_forms"; do
    # shellcheck disable=SC2086
    said=$(crosses $way || :)
    is "$(grep -v '^#' <<<"$said")" '' "${way/ / to }: the same answers"
    is "$(grep -c '^# [3-9][0-9] sketches' <<<"$said")" 1 "of $(grep -o '[0-9]* sketches' <<<"$said")"
done
done_testing
