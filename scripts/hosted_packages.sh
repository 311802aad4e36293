#!/usr/bin/env bash
# Owns the forms in which platforms take the hosted edition, made from dist/pg_tally-hosted--<version>.sql:
#
#   dist/supabase/migrations/<stamp>_pg_tally.sql   a migration of Supabase: one statement, which does nothing where this version is installed, and brings
#                                                   another version to this one
#   dist/pg_tle/pg_tally_hosted--<version>.sql      registers the extension pg_tally_hosted with pg_tle; CREATE EXTENSION installs it
#   dist/dbdev/pg_tally_hosted/                     the folder that `dbdev publish` takes

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/sql.sh
. scripts/lib/sql.sh

file=dist/pg_tally-hosted--$VERSION.sql
over=dist/pg_tally-hosted--$VERSION--again.sql
[ -r "$file" ] && [ -r "$over" ] || scripts/hosted.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
what='Product analytics and SLOs inside PostgreSQL: rollups, metrics, alerts, funnels, experiments. Hosted edition, without a shared library'

# Nothing in the files may end the strings that they are put into.
for tag in 'pg_tally_migration' 'pg_tally_file' 'pg_tally_again' 'pg_tally_tle' '_pgtle_i_' '_pgtle_o_'; do
    ! grep -qF "\$$tag\$" "$file" "$over" || die "the hosted edition contains \$$tag\$."
done

rm -rf dist/supabase dist/pg_tle dist/dbdev
mkdir -p dist/supabase/migrations dist/pg_tle dist/dbdev/pg_tally_hosted

# Supabase runs migrations in the order of their stamps, each once. The stamp is the time of the commit, so the same commit gives the same file.
stamp=${STAMP:-$(git log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S 2>/dev/null || date -u +%Y%m%d%H%M%S)}
{
    cat <<SQL
-- pg_tally $VERSION, hosted edition, as a migration. It needs no superuser. Where this version is installed it does nothing. Over another one it replaces
-- functions and views, as pg_tally-hosted--$VERSION--again.sql does; where the tables have another form, it refuses and changes nothing.
DO \$pg_tally_migration\$
DECLARE
    installed text;
BEGIN
    IF pg_catalog.to_regprocedure('tally_internal._installed_version()') IS NULL THEN
        EXECUTE \$pg_tally_file\$
SQL
    cat "$file"
    cat <<SQL
\$pg_tally_file\$;
        RETURN;
    END IF;
    EXECUTE 'SELECT tally_internal._installed_version()' INTO installed;
    IF installed = '$VERSION' THEN
        RAISE NOTICE 'pg_tally $VERSION is installed already';
        RETURN;
    END IF;
    EXECUTE \$pg_tally_again\$
SQL
    cat "$over"
    printf '$pg_tally_again$;\nEND $pg_tally_migration$;\n'
} >"$work/migration.sql"
mv "$work/migration.sql" "dist/supabase/migrations/${stamp}_pg_tally.sql"

# As an extension: its tables hold definitions and data, so dumps keep them. It is the extension that its schema belongs to, whatever its name is.
ours="e.oid = (SELECT x.refobjid FROM pg_catalog.pg_depend x WHERE x.objid = 'tally'::regnamespace AND x.deptype = 'e')"
{
    sed -n '/^DO \$\$/,$p' "$file"
    printf '\n-- sql/s90_grants/dump.sql\n'
    for part in sql/s90_grants/dump.sql sql/packs/dump.sql; do
        filled "$part" | sed "s/e\.extname = 'pg_tally'/$ours/"
    done
} >"dist/dbdev/pg_tally_hosted/pg_tally_hosted--$VERSION.sql"
cat >dist/dbdev/pg_tally_hosted/pg_tally_hosted.control <<CONTROL
comment = '$what'
default_version = '$VERSION'
relocatable = false
superuser = false
CONTROL
cp docs/supabase-hosted.md dist/dbdev/pg_tally_hosted/README.md
{
    printf -- '-- Registers pg_tally %s, hosted edition, with pg_tle: run it as a member of pgtle_admin, then CREATE EXTENSION pg_tally_hosted.\n' "$VERSION"
    printf "SELECT pgtle.install_extension('pg_tally_hosted', '%s', '%s', \$pg_tally_tle\$\n" "$VERSION" "$what"
    cat "dist/dbdev/pg_tally_hosted/pg_tally_hosted--$VERSION.sql"
    printf '$pg_tally_tle$);\n'
} >"dist/pg_tle/pg_tally_hosted--$VERSION.sql"
say "dist/supabase, dist/pg_tle, dist/dbdev: from $file"
