# shellcheck shell=bash
# The row "offload": forwarding by a rule in the kernel beside user space. Needs root; namespaces
# of its own.

run_row() { run_live_row offload "$@"; }
