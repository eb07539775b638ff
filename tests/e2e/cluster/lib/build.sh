# shellcheck shell=bash
#
# Builds Go programs into the cache, once, and shows progress while it does: the first build takes minutes.
#
# Needs the lock of take_lock. Not for: finding Go (ensure-go).

# shellcheck source=settings.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/settings.sh"

# The go command that builds, found when something has to be built.
go=

# The build that runs now, for end_build.
build_process=

# end_build: for the script's exit trap: an interrupted script leaves no compiler behind.
end_build() {
    if [[ -n $build_process ]]; then
        kill "$build_process" 2>/dev/null || true
        wait "$build_process" 2>/dev/null || true
        build_process=
    fi
}

# run_go DIRECTORY LABEL TOTAL ARGUMENT...: runs "go ARGUMENT..." in DIRECTORY. Its stdout goes to build.out
# in the cache; each line of its stderr (a package compiled, a module downloaded) counts as progress towards
# TOTAL, or towards an unknown end when TOTAL is empty. Ends the script when go fails, showing what it said.
run_go() {
    local directory=$1 label=$2 total=$3 started=$SECONDS report_at=$((SECONDS + 15)) count
    shift 3
    (
        cd "$directory" || exit
        unset GOROOT
        # A result that is the same on every machine: no C compiler, no settings of the person, no version
        # control.
        export CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOTOOLCHAIN=local
        exec nice "$go" "$@" >"$cache/build.out" 2>"$cache/build.log" </dev/null
    ) &
    build_process=$!
    while kill -0 "$build_process" 2>/dev/null; do
        sleep 1
        if [[ -t 2 ]] || ((SECONDS >= report_at)); then
            report_at=$((SECONDS + 15))
            count=$(wc -l <"$cache/build.log")
            printf 'cluster: %s: %d%s, %d s' \
                "$label" "$count" "${total:+ of at most $total}" $((SECONDS - started)) >&2
            # On a terminal the line is drawn over itself; in a log it is one of a few.
            if [[ -t 2 ]]; then printf '\r' >&2; else printf '\n' >&2; fi
        fi
    done
    [[ ! -t 2 ]] || printf '\n' >&2
    if ! wait "$build_process"; then
        build_process=
        tail -n 25 "$cache/build.log" >&2
        fail "$label failed; the whole output is in $cache/build.log"
    fi
    build_process=
}

# source_digest MODULE PACKAGE LINKER_FLAGS: prints a digest of all that decides what PACKAGE's program is.
source_digest() {
    (
        cd "$1" || exit
        printf '%s\n' "$3" | cat - go.mod go.sum
        [[ ! -d $2 ]] || cat "$2"/*.go
    ) | sha256sum | cut -d' ' -f1
}

# is_built PROGRAM DIGEST: the cache has PROGRAM, made from the source with this digest.
is_built() {
    [[ -x $cache/bin/$1 && $(cat "$cache/bin/$1.source" 2>/dev/null) == "$2" ]]
}

# build_programs MODULE LINKER_FLAGS PACKAGE...: makes the cache's bin/ hold the program of each PACKAGE of
# the Go module in directory MODULE; builds only those that are missing or whose source has changed.
build_programs() {
    local module=$1 linker_flags=$2 package program total outdated=()
    shift 2
    mkdir -p "$cache/bin"
    for package in "$@"; do
        program=${package##*/}
        is_built "$program" "$(source_digest "$module" "$package" "$linker_flags")" || outdated+=("$package")
    done
    ((${#outdated[@]})) || return 0

    go=$("$cluster_directory/ensure-go" "$(sed -n 's/^go //p' "$module/go.mod")")
    say "building ${outdated[*]##*/} into $cache/bin with $("$go" env GOVERSION)"
    run_go "$module" "modules downloaded" "" list -deps "${outdated[@]}"
    total=$(wc -l <"$cache/build.out")
    rm -rf "$cache/new"
    mkdir "$cache/new"
    run_go "$module" "packages compiled" "$total" \
        build -v -trimpath -buildvcs=false -ldflags "$linker_flags" -o "$cache/new/" "${outdated[@]}"
    for package in "${outdated[@]}"; do
        program=${package##*/}
        # A rename leaves a cluster that runs the old program alone.
        mv "$cache/new/$program" "$cache/bin/$program"
        source_digest "$module" "$package" "$linker_flags" >"$cache/bin/$program.source"
    done
    rm -rf "$cache/new"
}

# build_kubernetes PROGRAM...: programs of the Kubernetes module. They report the release that they are built
# from: kubectl cannot parse the version of one that reports none.
build_kubernetes() {
    local variable=k8s.io/component-base/version.git major minor linker_flags
    IFS=. read -r major minor _ <<<"${kubernetes_version#v}"
    linker_flags="-s -w -X ${variable}Version=$kubernetes_version"
    linker_flags+=" -X ${variable}Major=$major -X ${variable}Minor=$minor"
    build_programs "$kubernetes_module" "$linker_flags" "${@/#/./}"
}

# build_control_plane: all that 'up' runs, kubectl too where the machine has none.
build_control_plane() {
    local programs=(kube-apiserver kube-controller-manager)
    kubectl_program >/dev/null || programs+=(kubectl)
    build_kubernetes "${programs[@]}"
}
