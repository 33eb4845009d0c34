# shellcheck shell=bash
# Sourced by the scripts: goes to the top of the repository and brings the few
# words that all of them need.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# die prints why the script gives up, and gives up.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# usage prints the comment at the top of the calling script.
usage() {
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# need_go gives up unless a Go toolchain is there. The go command fetches the
# version that go.mod asks for by itself.
need_go() {
  command -v go >/dev/null 2>&1 ||
    die "Go is missing. Install Go $(sed -n 's/^go //p' go.mod) or newer: https://go.dev/dl/"
}
