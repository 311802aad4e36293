# shellcheck shell=bash
# Owns what the tests need that look at pages in a browser: Chromium from the system, the rest from npm, once, into the cache. Sourced after common.sh.

# require_browser: sets CHROMIUM and TALLY_MODULES for the programs in pg_test/boards/browser.
require_browser() {
    local browser=$ROOT/pg_test/boards/browser
    CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || :)}
    [ -n "$CHROMIUM" ] || die "Chromium is missing." "apt-get install chromium"
    command -v npm >/dev/null || die "npm is missing." "apt-get install nodejs npm"
    TALLY_MODULES=$CACHE/boards-$(sha256sum "$browser/package.json" | cut -c1-12)
    if [ ! -e "$TALLY_MODULES/ready" ]; then
        say "installing what looks at pages into $TALLY_MODULES"
        mkdir -p "$TALLY_MODULES"
        cp "$browser/package.json" "$TALLY_MODULES/"
        npm install --prefix "$TALLY_MODULES" --no-audit --no-fund --silent
        touch "$TALLY_MODULES/ready"
    fi
    export CHROMIUM TALLY_MODULES
}
