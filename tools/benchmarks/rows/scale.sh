# shellcheck shell=bash
# The row "scale": cost per packet by ports, flow groups, memory and workers. No interface, no root.

run_row() {
  local program
  program=$(bench_program) || return
  "$program" scale "$@"
}
