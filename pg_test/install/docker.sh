#!/usr/bin/env bash
# Owns one promise: docker/Dockerfile builds, and what it builds starts, makes the extension, watches and restarts. No registry of
# images is needed: its instructions are read and run literally in bare roots (dockerfile.pl says which and how). In place of the
# images that it starts FROM stand roots with what those images are known to hold.
#
# A first run builds the extension in the release profile, some minutes; the build root stays in the cache.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
. scripts/lib/root.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

reason=$(roots_possible) || skip_all "$reason"
inside=pg_test/install/inside
name=docker-$PG_MAJOR

# What `FROM` finds: image → a fresh root, in place of the official image.
base_image() { # IMAGE NAME
    local folder
    case $1 in
        postgres:*)
            folder=$(root_open "$2" "$(root_variant "${ROOT_SUITES[$PG_MAJOR]}" "postgresql-$PG_MAJOR")") || return 1
            # The official image has its user under a fixed number, no cluster of Debian's, a data folder of the user's, and its entry point.
            root_run "$folder" sh -euc 'groupmod -g 999 postgres; usermod -u 999 -g 999 postgres'
            rm -rf "$folder/etc/postgresql/$PG_MAJOR" "$folder/var/lib/postgresql/$PG_MAJOR"
            mkdir -p "$folder/docker-entrypoint-initdb.d" "$folder/var/lib/postgresql/data"
            root_run "$folder" chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql
            install -m 755 "$inside/docker-entrypoint.sh" "$folder/usr/local/bin/"
            # As the official image does, so that clients find the socket and programs without a version.
            ln -sf "../lib/postgresql/$PG_MAJOR/bin/"{initdb,postgres,pg_ctl} "$folder/usr/bin/"
            ;;
        rust:*)
            folder=$ROOTS/$2
            rm -rf --one-file-system "$folder"
            mkdir -p "$folder/usr/local/cargo/bin" "$folder/usr/local/rustup"
            local toolchain
            toolchain=$(rustc --print sysroot)
            mkdir -p "$folder/usr/local/rustup/toolchains"
            cp -al "$toolchain" "$folder/usr/local/rustup/toolchains/"
            cp "${RUSTUP_HOME:-$HOME/.rustup}/settings.toml" "$folder/usr/local/rustup/"
            sed -i "s,^default_toolchain.*,default_toolchain = \"$(basename "$toolchain")\"," "$folder/usr/local/rustup/settings.toml"
            for tool in cargo rustc rustup rustfmt cargo-fmt; do cp -a "${CARGO_HOME:-$HOME/.cargo}/bin/$tool" "$folder/usr/local/cargo/bin/"; done
            cp "${CARGO_HOME:-$HOME/.cargo}"/config* "$folder/usr/local/cargo/" 2>/dev/null || :
            # The crates that this machine has fetched already.
            cp -al "${CARGO_HOME:-$HOME/.cargo}/registry" "$folder/usr/local/cargo/" 2>/dev/null || :
            ;;
        *) echo "no root stands in for the image $1" >&2; return 1 ;;
    esac
    echo "$folder"
}

declare -A globals=() stages=()
words() { eval "printf '%s\n' $1"; }                      # the words of a line, quotes and variables resolved
json() { perl -MJSON::PP -e 'print join " ", map { s/\x27/\x27\\\x27\x27/gr =~ s/.*/\x27$&\x27/sr } @{ decode_json(shift) }' "$1"; }
image_user=root image_entrypoint= image_cmd= image_healthcheck= folder= directory=/ environment=() steps=0

# What a RUN or a COPY names is found with the variables of its stage.
resolve() { (for pair in "${environment[@]}"; do declare "$pair"; done; words "$1"); }

copy() { # REST
    local from=$ROOT target source sources=() word
    while IFS= read -r word; do
        case $word in --from=*) from=${stages[${word#--from=}]} ;; *) sources+=("$word") ;; esac
    done < <(resolve "$1")
    target=${sources[-1]}
    unset 'sources[-1]'
    [[ $target == /* ]] || target=$directory/$target
    for source in "${sources[@]}"; do
        if [ "$from" = "$ROOT" ]; then
            # The context is what the commit and .dockerignore leave of the checkout; what was there of an earlier run goes.
            [ "$source" != . ] || find "$folder$target" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} + 2>/dev/null || :
            if [ -d "$source" ]; then
                mkdir -p "$folder$target"
                git ls-files -z -- "$source" | tar --null -C "$ROOT" -T - -cf - | tar -C "$folder$target" -xf - --no-same-owner \
                    $([ "$source" = . ] || echo "--strip-components=$(tr -cd / <<<"${source%/}/" | wc -c)")
            else
                install -D -m "$(stat -c %a "$source")" "$source" "$folder$target"
            fi
        elif [ -d "$from$source" ]; then
            mkdir -p "$folder$target"
            cp -alf "$from$source/." "$folder$target/" 2>/dev/null || cp -af "$from$source/." "$folder$target/"
        else
            cp -a "$from$source" "$folder$target"
        fi
    done
}

while IFS=$'\t' read -r instruction rest; do
    steps=$((steps + 1))
    case $instruction in
        ARG) globals[${rest%%=*}]=${rest#*=}; [ "${rest%%=*}" != PG_MAJOR ] || globals[PG_MAJOR]=$PG_MAJOR ;;
        FROM)
            image=${rest%% *} alias=${rest##* }
            for key in "${!globals[@]}"; do image=${image//\$\{$key\}/${globals[$key]}}; done
            [ "$alias" != "$rest" ] || alias=final
            [ "$alias" != final ] || root_remove "$ROOTS/$name-final"
            folder=$(base_image "$image" "$name-$alias") || { not_ok "FROM $image"; done_testing; exit; }
            stages[$alias]=$folder image_user=root directory=/
            environment=("PG_MAJOR=$PG_MAJOR" "PGDATA=/var/lib/postgresql/data" \
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$PG_MAJOR/bin")
            ;;
        ENV) while IFS= read -r pair; do environment+=("$pair"); done < <(resolve "$rest") ;;
        WORKDIR) directory=$rest; mkdir -p "$folder$rest" ;;
        USER) image_user=$rest ;;
        COPY) copy "$rest" || { not_ok "$instruction $rest"; done_testing; exit; } ;;
        RUN)
            if root_run "$folder" "${environment[@]}" sh -c "cd '$directory' && $rest" >"$ROOTS/$name.log" 2>&1; then
                ok "RUN ${rest:0:70}"
            else
                not_ok "RUN $rest"; tail -n 30 "$ROOTS/$name.log" | diag; done_testing; exit
            fi
            ;;
        HEALTHCHECK) image_healthcheck=$(json "${rest#*CMD }") ;;
        ENTRYPOINT) image_entrypoint=$(json "$rest") ;;
        CMD) image_cmd=$(json "$rest") ;;
        LABEL | EXPOSE | VOLUME) ;;
        *) not_ok "no rule for $instruction"; done_testing; exit ;;
    esac
done < <(perl "$inside/dockerfile.pl" docker/Dockerfile)
is "$image_user" 999 "the image does not run as root, and says so by number"
if command -v hadolint >/dev/null; then is "$(hadolint --no-color docker/Dockerfile 2>&1)" "" "hadolint has no word on the Dockerfile"; fi

mkdir -p "$folder/test"
cp scripts/lib/tap.sh "$inside/docker.sh" "$folder/test/"
trap 'root_remove "$ROOTS/$name-final"; root_remove "$ROOTS/$name-rust"' EXIT
root_run "$folder" "${environment[@]}" TAP_COUNT="$TAP_COUNT" IMAGE_USER="$image_user" IMAGE_ENTRYPOINT="$image_entrypoint" IMAGE_CMD="$image_cmd" \
    IMAGE_HEALTHCHECK="$image_healthcheck" bash /test/docker.sh
