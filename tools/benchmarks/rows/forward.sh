# shellcheck shell=bash
# The row "forward": from one interface to another. Needs root; namespaces of its own.

run_row() { run_live_row forward "$@"; }
