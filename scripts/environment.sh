# Sourced by the other scripts: where things are, and the flags that every build has in common.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
venv=$cache/venv
tools=$cache/tools
cd "$root"

# Tools that were fetched for the tests come last: what the machine has already is used first.
export PATH=$PATH:$tools/bin

# One set of flags for every call, or the build would start over between them. RELEASE_FLAGS may be set from outside,
# for example to link the standard library dynamically.
build_flags=(--explicit-target-dependency-import-check error)
read -r -a release_flags <<<"${RELEASE_FLAGS:--c release --static-swift-stdlib}"

say() { printf '==> %s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The files of the project, one a line: tracked or new, never ignored ones; everything but caches where git is absent.
project_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        # A file that is deleted and not yet committed is still listed by git.
        git ls-files --cached --others --exclude-standard | sort -u | while read -r file; do
            if [ -f "$file" ]; then printf '%s\n' "$file"; fi
        done
    else
        find . -type d \( -name .build -o -name .cache -o -name .git \) -prune -o -type f -print | sed 's#^\./##' | sort
    fi
}
