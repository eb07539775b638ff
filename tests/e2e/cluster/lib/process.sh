# shellcheck shell=bash
#
# Starts and ends the cluster's processes. A process is known by its id and its start time, so that an id
# which the kernel has given to somebody else in the meantime is never signalled.
#
# Not for: what the processes are or which flags they get (components.sh).

# shellcheck source=settings.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/settings.sh"

# process_start_time PID: prints the start time in clock ticks since boot; fails when PID is not running. A
# zombie does not count as running: where process 1 never reaps, it would stay for ever. But one whose other
# threads have not ended yet does, since they still hold its ports.
process_start_time() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # The second field, the name, is in parentheses and may hold spaces: what follows the last one starts at
    # field 3.
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != [ZX] || ${fields[17]} -gt 1 ]] && printf '%s\n' "${fields[19]}"
}

# component_process NAME: prints the id of the running component; fails when it does not run.
component_process() {
    local pid started
    { read -r pid started <"$state/run/$1"; } 2>/dev/null || return 1
    [[ -n $started && $(process_start_time "$pid") == "$started" ]] && printf '%s\n' "$pid"
}

# close_inherited_descriptors: a component outlives the script and must hold neither the lock nor a pipe of
# whoever called the script, who would wait for its end. 255 is bash's own and closes by itself.
close_inherited_descriptors() {
    local path descriptor
    for path in /proc/self/fd/*; do
        descriptor=${path##*/}
        if ((descriptor > 2 && descriptor != 255)); then
            exec {descriptor}>&-
        fi
    done
}

# component_start NAME COMMAND [ARGUMENT...]: starts COMMAND in a session of its own, in the state directory,
# its output in log/NAME.log, and records it.
component_start() {
    local name=$1 pid
    shift
    (
        cd "$state" || exit
        close_inherited_descriptors
        exec setsid -- "$@" </dev/null >>"$state/log/$name.log" 2>&1
    ) &
    pid=$!
    # An empty start time, of a process that is gone already, never matches: the component counts as not
    # running.
    printf '%s %s\n' "$pid" "$(process_start_time "$pid")" >"$state/run/$name"
    # The component is not this script's job to wait for, nor to report when it is killed.
    disown "$pid"
}

# wait_for_end NAME LIMIT_S: fails when the component still runs after LIMIT_S seconds.
wait_for_end() {
    local deadline=$((SECONDS + $2))
    while component_process "$1" >/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# component_end NAME [SIGNAL [LIMIT_S]]: sends SIGNAL (TERM) and, if the component still runs after LIMIT_S
# (10) seconds, KILL. Nothing to do when it does not run.
component_end() {
    local name=$1 signal=${2:-TERM} limit_s=${3:-10} pid
    if pid=$(component_process "$name"); then
        kill -s "$signal" "$pid" 2>/dev/null || true
        if ! wait_for_end "$name" "$limit_s"; then
            kill -s KILL "$pid" 2>/dev/null || true
            wait_for_end "$name" 10 || fail "$name, process $pid, does not end"
        fi
    fi
    rm -f "$state/run/$name"
}

# show_component_logs NAME...: the end of each log, on stderr, for a person who has to find out what went
# wrong.
show_component_logs() {
    local name
    for name in "$@"; do
        [[ -s $state/log/$name.log ]] || continue
        printf -- '----- the end of %s\n' "$state/log/$name.log" >&2
        tail -n 25 "$state/log/$name.log" >&2
    done
}
