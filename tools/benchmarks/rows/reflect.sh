# shellcheck shell=bash
# The row "reflect": what arrives goes back. Needs root; namespaces of its own.

run_row() { run_live_row reflect "$@"; }
