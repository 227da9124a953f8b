# shellcheck shell=bash
# The row "allocator": no interface, no root, two processors for the foreign releases.

run_row() {
  build MartletBench || return
  "$programs/MartletBench" allocator "$@"
}
