# shellcheck shell=bash
#
# How the scripts talk to a person: headings, progress of long steps, failures. Progress goes to stderr, results
# to stdout. Sourced after "set -euo pipefail"; also says where the project is.
#
# Not for: what the scripts do.

# Used by the scripts that source this file.
# shellcheck disable=SC2034
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Debian's Python, whichever other comes first on PATH: the packages of packages.txt belong to it.
python=/usr/bin/python3

bold='' dim='' red='' green='' plain=''
if [[ -t 1 && -t 2 && ${TERM:-dumb} != dumb && -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi

# heading TEXT...: a step begins.
heading() {
    printf '\n%s== %s%s\n' "$bold" "$*" "$plain" >&2
}

# say TEXT...: progress.
say() {
    printf '%s\n' "$*" >&2
}

# fail TEXT...: says why and ends the script with status 1.
fail() {
    printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
    exit 1
}

# usage_error TEXT...: the command line is wrong; ends the script with status 2.
usage_error() {
    printf '%s: %s (see --help)\n' "${0##*/}" "$*" >&2
    exit 2
}

# with_progress LABEL LOG COMMAND [ARGUMENT...]: runs a long, talkative command with its output in the file
# LOG, and says from time to time that it still runs and what it said last. On failure the end of LOG is
# shown. Returns the command's status.
with_progress() {
    local label=$1 log=$2 started=$SECONDS report_at=$((SECONDS + 20)) process status=0
    shift 2
    say "$label ..."
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null &
    process=$!
    while kill -0 "$process" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS >= report_at)); then
            report_at=$((SECONDS + 20))
            say "$label: $((SECONDS - started)) s ${dim}$(tail -n 1 "$log" | tr -d '\r' | cut -c1-90)${plain}"
        fi
    done
    wait "$process" || status=$?
    if ((status != 0)); then
        tail -n 40 "$log" >&2
        say "$red$label failed after $((SECONDS - started)) s; the whole output is in $log$plain"
    elif ((SECONDS - started >= 5)); then
        say "$label: done in $((SECONDS - started)) s"
    fi
    return "$status"
}
