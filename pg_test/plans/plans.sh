#!/usr/bin/env bash
# Owns one guarantee: an answer does not depend on the plan. The pgTAP suites run again with every plan forced that PostgreSQL
# would rarely choose by itself: parallel, partitionwise, compiled, and with hardly any memory.
#
#   make test-plans                 all suites; within `make test` some of sketches and rollups
#   PLANS="parallel memory" FILES="pg_test/stages/40_rollup_exact.sql" make test-plans

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

use_server test
shopt -s nullglob
read -r -a files <<<"${FILES:-$(echo pg_test/stages/{10_sketch_*,40_rollup_exact,43_rollup_hierarchy,44_rollup_partitioned,46_rollup_source_changes}.sql)}"
read -r -a plans <<<"${PLANS:-parallel partitionwise compiled memory}"
# To compile each statement of the engine takes fifteen times as long as to run it. So within `make test` one file of rollups stands for all.
compiled=("${files[@]}")
[ -n "${FILES:-}" ] || compiled=(pg_test/stages/{10_sketch_*,40_rollup_exact}.sql)
shopt -u nullglob

settings() { # PLAN: as the server's options
    local parallel=force_parallel_mode
    [ "$PG_MAJOR" -lt 16 ] || parallel=debug_parallel_query
    local list
    case $1 in
        # "regress" is "on" without the context that it adds to error messages.
        parallel) list="$parallel=regress parallel_setup_cost=0 parallel_tuple_cost=0 min_parallel_table_scan_size=0"
            list="$list min_parallel_index_scan_size=0 max_parallel_workers_per_gather=3 enable_indexscan=off" ;;
        partitionwise) list="enable_partitionwise_aggregate=on enable_partitionwise_join=on enable_hashagg=off jit=off" ;;
        compiled) list="jit=on jit_above_cost=0 jit_inline_above_cost=-1 jit_optimize_above_cost=-1" ;;
        memory) list="work_mem=64kB maintenance_work_mem=1MB hash_mem_multiplier=1 jit=off" ;;
        *) die "no plan '$1'." "There are: parallel partitionwise compiled memory" ;;
    esac
    printf -- '-c client_min_messages=warning'
    # shellcheck disable=SC2086  # one setting for each word
    printf -- ' -c %s' $list
}

for plan in "${plans[@]}"; do
    options=$(settings "$plan")
    chosen=("${files[@]}")
    [ "$plan" != compiled ] || chosen=("${compiled[@]}")
    for file in "${chosen[@]}"; do
        server_psql -q -d postgres -c "DROP DATABASE IF EXISTS plans WITH (FORCE)" -c "CREATE DATABASE plans TEMPLATE tally_template"
        output=$(PGOPTIONS="$options" timeout 300 "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U postgres -d plans -v ON_ERROR_STOP=1 \
            -f "$file" 2>&1) || output+=$'\n# the script did not reach its end'
        # A script says itself when it ran another number of tests than it planned.
        if wrong=$(grep -A6 -E '^not ok|^(psql:.*)?(ERROR|FATAL|PANIC):|^# (the script did not|Looks like)' <<<"$output"); then
            not_ok "$plan: $file"
            diag <<<"$wrong" | head -n 30
        else
            ok "$plan: $file ($(grep -c "^ok" <<<"$output") tests)"
        fi
    done
done
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS plans WITH (FORCE)"
done_testing
