#!/usr/bin/env bash
# Owns `make pictures`: docs/img, from the page that `make demo` has written, and from what `make test-superset` has seen where that has run.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/browser.sh
. scripts/lib/browser.sh

require_browser
locate_run
[ -s "$RUN/demo.html" ] || die "there is no page of the demo." "make demo"
superset=$ROOT/.run/superset/seen/awf/tally-awf_overview.png
[ -e "$superset" ] || superset=
node pg_test/boards/browser/pictures.mjs "$RUN/demo.html" docs/img ${superset:+"$superset"}
say "docs/img: $(cd docs/img && echo *.png)"
