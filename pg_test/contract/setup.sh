#!/usr/bin/env bash
# Owns the proof that scripts/setup.sh sees what is missing: each file that it looks for is brought by the package that it would install, or by
# one that this package depends on. It once took pgxs.mk, which the client's package brings, for a sign of the server's headers, so that
# both commands of the README failed on a machine with PostgreSQL and without headers.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

number=0
check() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

# brings FILE PACKAGE: whether the package, or what it depends on, has the file.
brings() {
    local file owner
    file=$(compgen -G "$1" | head -n 1)
    for owner in $(dpkg -S "$file" 2>/dev/null | sed 's/: .*//; s/:[a-z0-9]*//g; s/,//g'); do
        [ "$owner" != "$2" ] || return 0
        dpkg-query -W -f '${Depends}\n' "$2" | tr ',' '\n' | grep -qE "^ *${owner//+/\\+}( |$)" && return 0
    done
    return 1
}

while read -r file package; do
    status=0
    brings "$file" "$package" || status=$?
    check "$status" "$file is of $package"
    case $(dpkg -S "$(compgen -G "$file" | head -n 1)" 2>/dev/null) in
        postgresql-client-* | postgresql-common* | postgresql-client-common*) status=1 ;;
        *) status=0 ;;
    esac
    check "$status" "$file is no sign of the client alone"
done < <(scripts/setup.sh list)
[ "$number" -gt 20 ]
check $? "there are requirements at all"
echo "1..$number"
