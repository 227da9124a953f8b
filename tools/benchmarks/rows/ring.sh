# shellcheck shell=bash
# shellcheck disable=SC2154 # tools/bench sets what is not set here
# The row "ring": instructions per packet of the loops over rings in memory, and nanoseconds beside.
# No interface, no root; the counts are those of tools/gate.

run_row() {
  local json='' counts=$work/gate.json times=$work/ring.times status=0
  while (($# > 0)); do
    case $1 in
      --json) json=$2; shift 2 ;;
      --plot) shift 2 ;;
      *) shift ;;
    esac
  done
  require_packages gate
  rm -f "$counts"
  tools/gate --json "$counts" >"$work/gate.log" 2>&1 || status=1
  [[ -s $counts ]] || { cat "$work/gate.log" >&2; return 2; }
  .build/embedding/release/Loop --time >"$times" || return 2
  ring_rows "$counts" "$times" >"$json" || return 2
  ring_table "$json"
  return "$status"
}

# The cases, each as an object; C by the better of its two ways to swap addresses.
ring_rows() {
  jq --rawfile times "$2" '
    ($times | [split("\n")[] | select(test("\\S")) | split(" ")
      | {name: .[0], burst: .[1], min: (.[2] | tonumber), quartile: (.[3] | tonumber)}]) as $ns
    | . as $all
    | def count($names; $burst):
        [$all.loops[], $all.reference[] | select(.name | IN($names[])) | .per_packet[$burst]] | min;
      def time($names; $burst):
        [$ns[] | select(.burst == $burst and (.name | IN($names[])))] | min_by(.min)
        | {min, quartile};
      [("none", "mac") as $swap | ("1", "16", "64", "256") as $burst
        | (if $swap == "none" then ["forward"] else ["swap", "swap16", "swap64"] end) as $loops
        | {martlet_verdict: "verdict", martlet_frames: "frames", c: "checked", c_plain: "plain"}
        | map_values([. + "/" + $loops[]]) as $sides
        | {row: "ring", swap: $swap, batch: ($burst | tonumber)}
          + ($sides | map_values(count(.; $burst) * 100 | round / 100))
          + {ns: ($sides | map_values(time(.; $burst)))}]' "$1"
}

ring_table() {
  jq --raw-output '
    ["swap", "batch", "verdict", "frames", "C", "C plain", "verdict/C", "frames/C", "verdict/plain",
      "ns: verdict", "frames", "C", "C plain"],
    (.[] | [.swap, .batch, .martlet_verdict, .martlet_frames, .c, .c_plain,
      (.martlet_verdict / .c, .martlet_frames / .c, .martlet_verdict / .c_plain
        | . * 1000 | round / 1000),
      (.ns | .martlet_verdict, .martlet_frames, .c, .c_plain | .min * 100 | round / 100)])
    | map(tostring) | join("|")' "$1" | column -t -s '|'
}
