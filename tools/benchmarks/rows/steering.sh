# shellcheck shell=bash
# The row "steering": what rules cost a packet. Needs root; namespaces of its own.

run_row() { run_live_row steering "$@"; }
