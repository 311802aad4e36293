#!/usr/bin/env bash
# Owns `make demo-stop`: ends the servers of the demos; their data stay until the next demo or `make clean`.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

[ -e .run ] || { echo "no demo is running"; exit 0; }
for purpose in demo demo-git demo-north demo-south demo-centre; do
    use_server "$purpose"
    case $purpose in demo-north | demo-south | demo-centre) [ -d "$SERVER_DATA" ] || continue ;; esac
    if [ -n "$(server_pid)" ]; then
        stop_server
        echo "the $purpose server is stopped; make psql or make $purpose starts it again"
    else
        echo "the $purpose server is not running"
    fi
done
