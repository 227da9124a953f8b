# shellcheck shell=bash
# shellcheck disable=SC2154 # tools/bench sets what is not set here
# The row "allocator": no interface, no root, two processors for the foreign releases.

run_row() {
  build MartletBench || return
  "$programs/MartletBench" allocator "$@"
}
