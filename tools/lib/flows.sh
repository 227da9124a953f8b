# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # tools/demo sets and reads them
# `tools/demo flows`: flow groups in pages of their own, read in place by processes that are nobody.
# Sourced by tools/demo, whose functions it uses.

flows_usage() {
  cat <<'END'
usage: tools/demo flows [--quick] [--json FILE] [--plot DIR]

Makes three network namespaces; the one in the middle routes, and an engine stands behind it:

  client ---- switch | director | 4 queues ==== near | engine | out ---- server
                                                   \ three groups, each read by a process of its own

Three groups of flows (iperf3 with 20,000 datagrams a second each, and TCP; one group over IPv6) and
traffic of nobody's. Under it rules change, one consumer is killed and one is stopped. Status 0 only
if the pages of each group hold nothing else, every packet was read as it was sent, nothing went by
the rules while they changed, and no group lost a packet for another one's trouble. Needs root.

  --quick      300,000 packets rather than a million: half the time
  --json FILE  also write the results to FILE, as one JSON object
  --plot DIR   also draw DIR/flows-pages.svg: the pages, coloured by the flow that lies in them
END
}

# The groups and their flows: whose, between which ports, and what their packets are filled with.
# No two senders have a letter in common.
readonly flows_client=10.88.1.1 flows_client6=fd88:1::1
readonly flows_server=10.88.2.2 flows_server6=fd88:2::2
readonly flows_groups=(
  "video=udp $flows_client 6001 $flows_server 5301 abcdabdc,\
tcp $flows_client 7001 $flows_server 5401 efghefhg"
  "voice=udp $flows_client 6002 $flows_server 5302 ijklijlk,\
tcp $flows_client 7002 $flows_server 5402 mnopmnpo"
  "bulk=udp $flows_client6 6003 $flows_server6 5303 qrstqrts,\
tcp $flows_client6 7003 $flows_server6 5403 uvwxuvxw"
)
readonly datagram_bytes=256 datagrams_per_second=20000

# show_flows OPTION...
show_flows() {
  local json='' plot='' pace=full result
  while (($# > 0)); do
    case $1 in
      --quick) pace=quick ;;
      --json | --plot)
        [[ $# -ge 2 ]] || usage_error "$1 needs a value"
        if [[ $1 == --json ]]; then json=$2; else plot=$2; fi
        shift
        ;;
      --help | -h) flows_usage; exit 0 ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
  done
  if [[ -n $json ]]; then
    [[ $json == /* ]] || json=$started_in/$json
    can_write "$json" || exit 1
  fi
  if [[ -n $plot ]]; then
    [[ $plot == /* ]] || plot=$started_in/$plot
    mkdir -p "$plot" || exit 1
  fi
  require_root
  require_packages build demo
  build MartletFlows
  prepare
  deadline=$((SECONDS + 120))
  result=$temporary/flows.json
  make_flows_network || exit 1
  run_flows "$pace" "$result" "$temporary/flows-pages.svg"
  report_flows "$result"
  [[ -z $json || ! -s $result ]] || cp "$result" "$json" || ok=false
  [[ -z $plot || ! -s $temporary/flows-pages.svg ]] ||
    cp "$temporary/flows-pages.svg" "$plot/" || ok=false
  [[ $ok == true ]]
}

make_flows_network() {
  local place middle=$run-forwarder
  for place in client forwarder server; do
    ip netns add "$run-$place" && ip -n "$run-$place" link set lo up || return
  done
  ip -n "$run-client" link add eth type veth peer name toClient netns "$middle" &&
    ip -n "$run-server" link add eth type veth peer name out netns "$middle" &&
    ip -n "$middle" link add toDevice numtxqueues 4 numrxqueues 4 type veth \
      peer name near numtxqueues 4 numrxqueues 4 || return
  # The engine's own ends have no addresses: nothing of the stack's is to be sent there.
  setting forwarder net.ipv6.conf.near.disable_ipv6 1 &&
    setting forwarder net.ipv6.conf.out.disable_ipv6 1 || return
  bring_up client eth && bring_up server eth && bring_up forwarder toClient &&
    bring_up forwarder toDevice && bring_up forwarder near && bring_up forwarder out || return
  setting forwarder net.ipv4.ip_forward 1 &&
    setting forwarder net.ipv6.conf.all.forwarding 1 || return
  give client eth "$flows_client" "$flows_client6" && give forwarder toClient 10.88.1.9 fd88:1::9 &&
    give forwarder toDevice 10.88.2.9 fd88:2::9 &&
    give server eth "$flows_server" "$flows_server6" || return
  ip -n "$run-client" route add default via 10.88.1.9 &&
    ip -n "$run-client" route add default via fd88:1::9 &&
    ip -n "$run-server" route add default via 10.88.2.9 &&
    ip -n "$run-server" route add default via fd88:2::9
}

# setting PLACE NAME VALUE
setting() { nsenter --net="/run/netns/$run-$1" sysctl -q -w "$2=$3"; }

# give PLACE INTERFACE ADDRESS ADDRESS6
give() {
  ip -n "$run-$1" address add "$3/24" dev "$2" &&
    ip -n "$run-$1" address add "$4/64" dev "$2" nodad
}

# run_flows PACE JSON PICTURE: the engine and its traffic.
run_flows() {
  local group arguments=()
  for group in "${flows_groups[@]}"; do arguments+=(--group "$group"); done
  chmod 755 "$temporary" && mkdir "$temporary/groups" && chmod 755 "$temporary/groups" || exit 1
  start_servers
  start engine forwarder nice -n -10 "$tool" near out --folder "$temporary/groups" \
    --pace "$1" --json "$2" --plot "$3" "${arguments[@]}"
  if await engine out "^ready"; then
    start_senders
    start_noise
  fi
  finish engine
  check $? engine "status" engine
  connections_lived
}

start_servers() {
  local number
  for number in 1 2 3 9; do
    start "datagrams$number" server iperf3 --server --one-off --port "530$number" --forceflush
  done
  for number in 1 2 3; do
    start "stream$number" server socat -u "TCP6-LISTEN:540$number,ipv6only=0,rcvbuf=65536" \
      OPEN:/dev/null
  done
  start noise-server server iperf3 --server --one-off --port 5409 --forceflush
  for number in 1 2 3 9; do await "datagrams$number" out listening || return; done
  await noise-server out listening
}

# pipe NAME COMMAND ARGUMENT...: a pipeline of the client's, ended as a whole.
pipe() {
  local name=$1
  shift
  : >"$temporary/$name.out"
  : >"$temporary/$name.err"
  nsenter --net="/run/netns/$run-client" timeout --kill-after=2 "$(remaining)" \
    bash -c "$@" </dev/null >>"$temporary/$name.out" 2>>"$temporary/$name.err" &
  children[$name]=$!
}

# Each group's two flows, as its plan says.
start_senders() {
  local group flow rate=$((datagram_bytes * 8 * datagrams_per_second)) number=0
  local kind from from_port to to_port marker
  for group in "${flows_groups[@]}"; do
    while read -r kind from from_port to to_port marker; do
      number=$((number + 1))
      if [[ $kind == udp ]]; then
        # shellcheck disable=SC2016 # the arguments are the inner shell's
        pipe "sender$number" 'yes "$6" | tr -d "\n" | iperf3 --client "$1" --port "$2" \
          --bind "$3" --cport "$4" --udp --bitrate "$5" --length "$7" --time 100 \
          --forceflush --file /dev/stdin' sender "$to" "$to_port" "$from" "$from_port" "$rate" \
          "$marker" "$datagram_bytes"
      else
        [[ $to == *:* ]] && to=[$to] from=[$from]
        # shellcheck disable=SC2016
        pipe "sender$number" 'yes "$2" | tr -d "\n" | socat -u - "$1"' sender \
          "TCP:$to:$to_port,bind=$from:$from_port" "$marker"
      fi
    done < <(tr , '\n' <<<"${group#*=}")
  done
}

# What belongs to no group: other flows of the same client, one of them to the port of a group's.
# An iperf3 server takes the first datagram's sender for its client, so that must not be this one.
start_noise() {
  await sender1 out "connected to" || check 1 video "no connection" sender1
  start noise1 client ping -q -i 0.01 -p 4e4f495345 "$flows_server"
  start noise2 client ping -q -i 0.02 -p 4e4f495345 "$flows_server6"
  # shellcheck disable=SC2016
  pipe noise3 'yes NOISE012 | tr -d "\n" | iperf3 --client "$1" --port 5309 --udp --bitrate 8M \
    --length 512 --time 100 --file /dev/stdin' noise "$flows_server"
  # shellcheck disable=SC2016
  pipe noise4 'yes NOISE345 | tr -d "\n" | iperf3 --client "$1" --port 5409 --bitrate 8M \
    --length 4096 --time 100 --file /dev/stdin' noise "$flows_server"
  # shellcheck disable=SC2016
  pipe noise5 'while sleep 0.01; do printf NOISE678 >"/dev/udp/$1/5301"; done' noise "$flows_server"
}

# The TCP flows went on to the end, through consumers that were killed and stopped.
connections_lived() {
  local number bytes least=1000000000
  for number in 1 2 3; do
    bytes=$(nsenter --net="/run/netns/$run-server" ss -Htin "sport = :540$number" |
      sed -nE 's/.*bytes_received:([0-9]+).*/\1/p' | sort -n | tail -n 1)
    ((${bytes:-0} >= least)) || least=${bytes:-0}
  done
  ((least > 100000))
  check $? "TCP" "through each consumer at least $((least / 1000)) kB" stream1
}

# report_flows JSON
report_flows() {
  local line right
  if [[ ! -s $1 ]]; then
    ok=false
    return
  fi
  while IFS=$'\t' read -r line right; do
    [[ $right == true ]]
    check $? "${line%%:*}" "${line#*: }" engine
  done < <(jq -r '(.groups[] | ["\(.name): queue \(.queue), \(.placement), \(.packets) packets",
      (.placement == "steered-exact" and .packets > 0)],
    ["\(.name): \(.pages) pages, purity \(.purity), outside \(.outside)",
      (.purity == 1 and .outside == 0)],
    ["\(.name): user \(.consumer.uid): \(.consumer.verified) verified, "
        + "\(.consumer.corrupt) corrupt",
      (.consumer.uid == 65534 and .consumer.corrupt == 0 and .consumer.verified > 0)],
    ["\(.name): writing \(.consumer.writable_mapping), others \(.consumer.foreign_pages)",
      (.consumer.writable_mapping == "refused" and .consumer.foreign_pages == "unreachable")],
    ["\(.name): \(.consumer.system_calls_per_64_packets) system calls per 64 packets",
      (.consumer.system_calls_per_64_packets <= 1)]),
    ["rules: \(.rule_change.changes) changes, \(.rule_change.packets_seen_by_neither) by neither",
      (.rule_change.packets_seen_by_neither == 0)],
    ["killed: the other groups lost \(.killed.others_lost) packets", (.killed.others_lost == 0)],
    ["hung: the other groups lost \(.hung.others_lost) packets", (.hung.others_lost == 0)],
    ["all: as it must be", .ok] | @tsv' "$1")
}
