#!/usr/bin/env bash
# Owns "state stands apart": files in state/ hold what only an upgrade script changes, the others what every upgrade runs again; and the state of
# this version is as it is written down, so that nobody changes it without an upgrade.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/sql.sh
. scripts/lib/sql.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

# Statements begin in the first column; bodies between dollar quotes are passed over.
statements() {
    filled "$1" | perl -0777 -ne '
        s/\$(\w*)\$.*?\$\1\$/\$\$/gs; s/^--.*$//mg;
        my $made = qr/CREATE OR REPLACE \w+|CREATE (?:UNIQUE )?\w+(?: CLASS| TRIGGER)?|ALTER TABLE \S+ ADD|ALTER \w+|DROP \w+(?: TRIGGER)?(?: IF EXISTS)?/;
        print "$1\n" while /^($made|COMMENT ON|GRANT|REVOKE|INSERT|UPDATE|DELETE|DO)\b/mg'
}
of_state='SCHEMA|TABLE|INDEX|UNIQUE INDEX|TYPE|DOMAIN|CAST|OPERATOR|OPERATOR CLASS|SEQUENCE'
strange_in_state=$(for file in $(ordered_files | grep /state/); do
    # A type needs its functions, so they come with it.
    statements "$file" | grep -vxE "CREATE ($of_state)|CREATE OR REPLACE FUNCTION|COMMENT ON" |
        sed "s,^,$file: ," || :
done)
is "$strange_in_state" "" "files of state hold schemas, tables, indexes, types with their functions and operators, casts, and comments"
strange_in_behaviour=$(for file in $(ordered_files | grep -v /state/); do
    statements "$file" | grep -xE "CREATE ($of_state|FUNCTION|PROCEDURE|AGGREGATE|VIEW|TRIGGER)|ALTER TABLE \S+ ADD|DROP (TABLE|TYPE|FUNCTION|VIEW)" |
        sed "s,^,$file: ," || :
done)
is "$strange_in_behaviour" "" "the other files hold what can be run again"
is "$(for file in $(ordered_files | grep -v /state/); do
    filled "$file" | perl -0777 -ne '
        while (/^CREATE POLICY (\w+) ON (\S+)/mg) { my ($p, $t) = ($1, $2); print "$p on $t\n" unless /^DROP POLICY IF EXISTS \Q$p\E ON \Q$t\E;/m }'
done)" "" "each policy is dropped before it is made"

difference=$(diff "sql/upgrade/frozen/$VERSION" <(scripts/frozen.sh) || :)
is "$difference" "" "the state of $VERSION is as sql/upgrade/frozen/$VERSION says"
if [ -n "$difference" ]; then
    {
        echo "A database of $VERSION stores what these files made. docs/upgrade.md says how a change is made."
        if grep -q "^## $VERSION (not released)" CHANGELOG.md; then
            echo "$VERSION is not released: change the upgrade to it too (sql/upgrade/*--$VERSION/), see pg_test/upgrade/upgrade.sh pass, then: make freeze"
        else
            echo "$VERSION is released: raise the version in Cargo.toml and META.json, and add sql/upgrade/$VERSION--<new version>/."
        fi
    } | diag
fi
done_testing
