# shellcheck shell=bash
#
# Where the test cluster keeps its things, and how its scripts talk to a person. Sourced by every script of
# this folder after "set -euo pipefail"; starts nothing and changes no file.
#
# Not for: anything about processes (process.sh) or Kubernetes components (components.sh).

# The variables and functions below are for the scripts that source this file.
# shellcheck disable=SC2034

cluster_directory=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kubernetes_module=$cluster_directory/kubernetes

# The version is written once, in go.mod; the cache and the version that the binaries report follow it.
kubernetes_version=$(
    sed -n 's|^.*[[:space:]]k8s\.io/kubernetes \(v[0-9.]*\)$|\1|p' "$kubernetes_module/go.mod"
)

# Built binaries: kept between runs, the same for every cluster of this user.
user_cache=${XDG_CACHE_HOME:-$HOME/.cache}
cache=$(realpath -m -- "${E2E_CACHE:-$user_cache/openshell-injector/cluster-$kubernetes_version}")

# One running cluster: data, credentials, logs, process ids. Clusters side by side have a directory each.
state=$(realpath -m -- "${E2E_STATE:-${XDG_RUNTIME_DIR:-/tmp}/openshell-injector-cluster-$(id -u)}")

# Shows that a directory is ours to empty. Nothing is ever removed from a state directory without it.
state_marker=$state/.openshell-injector-cluster

kubeconfig=$state/kubeconfig

# say TEXT...: progress for a person, on stderr: stdout belongs to the result.
say() {
    printf 'cluster: %s\n' "$*" >&2
}

# fail TEXT...: says why and ends the script with status 1.
fail() {
    say "$*"
    exit 1
}

# usage_error TEXT...: the command line is wrong; ends the script with status 2.
usage_error() {
    printf '%s: %s (see --help)\n' "${0##*/}" "$*" >&2
    exit 2
}

# seconds_argument OPTION [VALUE...]: prints the value of an option that takes a number of seconds.
seconds_argument() {
    [[ ${2:-} =~ ^[1-9][0-9]{0,4}$ ]] || usage_error "$1 needs a number of seconds from 1 to 99999"
    printf '%s
' "$2"
}

# need_program PROGRAM PACKAGE: ends the script when PROGRAM is not installed, naming the Debian package that
# has it.
need_program() {
    command -v "$1" >/dev/null || fail "$1 is missing: install the Debian package $2"
}

# is_foreign_cluster: the person chose an existing cluster; it is not ours to start, stop or change.
is_foreign_cluster() {
    [[ -n ${E2E_KUBECONFIG:-} ]]
}

# refuse_foreign_cluster: for scripts that act on the cluster's own processes.
refuse_foreign_cluster() {
    if is_foreign_cluster; then
        fail "${0##*/} acts on a cluster that 'up' started, but E2E_KUBECONFIG names an existing one"
    fi
}

# require_cluster: ends the script unless 'up' has made a cluster in the state directory.
require_cluster() {
    [[ -e $state_marker ]] || fail "there is no cluster in $state: run $cluster_directory/up first"
}

# kubectl_program: prints the kubectl to use: the machine's, else the one in the cache; fails when there is
# none.
kubectl_program() {
    command -v kubectl || { [[ -x $cache/bin/kubectl ]] && printf '%s\n' "$cache/bin/kubectl"; }
}

# take_lock: one script at a time builds into the cache, chooses ports, starts or ends a cluster. Held until
# the script ends; components must not inherit the descriptor (component_start closes it).
take_lock() {
    need_program flock util-linux
    mkdir -p "$cache"
    exec {lock_descriptor}>"$cache/lock"
    if ! flock --nonblock "$lock_descriptor"; then
        say "waiting for another cluster script of this user to finish"
        flock "$lock_descriptor"
    fi
}
