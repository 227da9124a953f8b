# shellcheck shell=bash
# The row "allocator": no interface, no root, two processors for the foreign releases.

run_row() {
  local program
  program=$(bench_program) || return
  "$program" allocator "$@"
}
