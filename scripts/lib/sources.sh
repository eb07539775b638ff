# shellcheck shell=bash
#
# Which files the checks look at. Sourced after terminal.sh, with the project as working directory.
#
# With CHECK_CHANGED set, only those that differ from the last commit or are new.

# files_of PATTERN...: prints the project's files that match one of the git path patterns.
files_of() {
    {
        if [[ -n ${CHECK_CHANGED:-} ]]; then
            git diff --name-only --diff-filter=d HEAD -- "$@"
        else
            git ls-files -- "$@"
        fi
        git ls-files --others --exclude-standard -- "$@"
    } | sort -u | while read -r file; do
        # A file that is deleted but not yet committed as such is in the list still.
        if [[ -f $file ]]; then
            printf '%s\n' "$file"
        fi
    done
}

# shell_files: prints the shell scripts, which have no suffix, and what they source.
shell_files() {
    files_of '*.sh' scripts .ci tests manifests | sort -u | while read -r file; do
        if [[ $file == *.sh ]] || { [[ $file != *.* || $file == .ci/* ]] && head -n 1 "$file" | grep -q '^#!.*sh$'; }; then
            printf '%s\n' "$file"
        fi
    done
}

# need_compile_commands: the analysers must know how each file is compiled, and the generated files must
# exist.
need_compile_commands() {
    [[ -e build/dev/compile_commands.json ]] || cmake --preset dev >/dev/null
    cmake --build --preset dev --target driver_proto report_sources >/dev/null
}
