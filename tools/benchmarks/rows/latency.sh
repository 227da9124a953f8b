# shellcheck shell=bash
# The row "latency": a question and its answer. Needs root; namespaces of its own.

run_row() { run_live_row latency "$@"; }
