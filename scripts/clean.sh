#!/usr/bin/env bash
# Owns `make clean`: ends our servers, removes their folders and the build. What set-up installed stays.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

if [ -e .run ]; then
    locate_run
    for directory in "$RUN"/*/; do
        [ -d "$directory" ] || continue
        use_server "$(basename "$directory")"
        remove_server
    done
    rm -rf "$RUN" .run
fi
rm -rf target
