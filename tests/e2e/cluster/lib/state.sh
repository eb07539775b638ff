# shellcheck shell=bash
#
# The state directory: made new for every cluster, removed with it.
#
# Not for: the processes that work in it (components.sh).

# shellcheck source=settings.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/settings.sh"

# refuse_foreign_directory: ends the script when the state directory holds anything that is not a cluster of
# ours, or belongs to somebody else: it will be emptied.
refuse_foreign_directory() {
    [[ -e $state || -L $state ]] || return 0
    [[ -d $state && ! -L $state ]] || fail "$state is not a directory: choose another with E2E_STATE"
    [[ -O $state ]] || fail "$state belongs to another user: choose another with E2E_STATE"
    if [[ ! -e $state_marker && -n $(ls -A -- "$state") ]]; then
        fail "$state holds something that is not a test cluster: choose another with E2E_STATE"
    fi
}

# make_state_directory: an empty one, for a new cluster.
make_state_directory() {
    refuse_foreign_directory
    rm -rf --one-file-system -- "$state"
    mkdir -p -- "$(dirname "$state")"
    mkdir -m 700 -- "$state"
    : >"$state_marker"
    mkdir "$state/run" "$state/log"
}

# remove_state_directory [KEEP_LOGS]: removes the cluster's data; with KEEP_LOGS its logs stay.
remove_state_directory() {
    [[ -e $state_marker ]] || return 0
    if [[ -n ${1:-} ]]; then
        find "$state" -mindepth 1 -maxdepth 1 ! -name log ! -path "$state_marker" \
            -exec rm -rf --one-file-system -- {} +
    else
        rm -rf --one-file-system -- "$state"
    fi
}
