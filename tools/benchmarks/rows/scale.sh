# shellcheck shell=bash
# shellcheck disable=SC2154 # tools/bench sets what is not set here
# The row "scale": cost per packet by ports, flow groups, memory and workers. No interface, no root.

run_row() {
  build MartletBench || return
  "$programs/MartletBench" scale "$@"
}
