# shellcheck shell=bash
# The row "sink": what arrives is counted and dropped. Needs root; namespaces of its own.

run_row() { run_live_row sink "$@"; }
