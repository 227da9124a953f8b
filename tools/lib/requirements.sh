# shellcheck shell=bash
# What the scripts need before they start: a Swift toolchain and the system's packages. Source it
# from a script in tools/, then call require_swift and require_packages with the groups in use.
#
#   require_swift                 # ends the script if Swift is missing or too old
#   require_packages build demo   # finds what is missing; as root on Debian or Ubuntu installs it
#   can_write results.json        # fails, with a word, if the results could not go there
#
# Nothing missing: no output, no network, a few milliseconds.

# The packages of a group, each as `package:probe`. A probe tells whether the package's content is
# there, wherever it came from: a command's name, a header's path, or module=NAME for pkg-config.
requirements_of() {
  case $1 in
    build)
      echo git:git gcc:gcc libc6-dev:/usr/include/stdio.h linux-libc-dev:/usr/include/linux/if_xdp.h
      echo pkg-config:pkg-config libxdp-dev:module=libxdp libbpf-dev:module=libbpf
      ;;
    demo)
      echo iproute2:ip util-linux:nsenter ethtool:ethtool iputils-ping:ping
      echo iperf3:iperf3 socat:socat jq:jq
      ;;
    gate)
      echo valgrind:/usr/include/valgrind/callgrind.h binutils:strip bsdextrautils:column jq:jq
      ;;
    bench)
      echo jq:jq
      ;;
    dpdk)
      echo dpdk-dev:dpdk-testpmd
      ;;
    check)
      echo valgrind:valgrind binutils:strip tcpdump:tcpdump tcpreplay:tcpreplay curl:curl
      echo perl-base:perl util-linux:setpriv
      ;;
    guest)
      echo qemu-system-x86:qemu-system-x86_64 busybox-static:busybox cpio:cpio xz-utils:xz
      echo iproute2:ip ethtool:ethtool xdp-tools:xdp-loader jq:jq binutils:readelf
      ;;
    *)
      echo "requirements: no group named '$1'" >&2
      return 1
      ;;
  esac
}

# Whether the content named by a probe is there.
requirement_met() {
  case $1 in
    module=*) pkg-config --exists "${1#module=}" 2>/dev/null ;;
    /*) [[ -e $1 ]] ;;
    *) command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 || -x /sbin/$1 ]] ;;
  esac
}

# The packages of the groups that are missing, in one line.
missing_packages() {
  local group pair list missing=()
  for group in "$@"; do
    list=$(requirements_of "$group") || return 1
    for pair in $list; do
      requirement_met "${pair#*:}" || missing+=("${pair%%:*}")
    done
  done
  echo "${missing[*]}"
}

# Installs the packages of the named groups (build, demo, gate, bench, check, guest) that are
# missing, or says how to and exits 1.
require_packages() {
  local missing
  missing=$(missing_packages "$@") || exit 1
  [[ -n $missing ]] || return 0

  if ! command -v apt-get >/dev/null; then
    echo "missing: what Debian's packages $missing hold; install it and start again" >&2
    exit 1
  fi
  if [[ $EUID -ne 0 ]]; then
    echo "missing: $missing; install it with" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing" >&2
    exit 1
  fi
  echo "installing with apt-get: $missing"
  # shellcheck disable=SC2086 # a list of words
  apt_install $missing

  missing=$(missing_packages "$@")
  if [[ -n $missing ]]; then
    echo "apt-get installed it, but this is still not found: $missing" >&2
    exit 1
  fi
}

# Runs apt-get without questions; its words are shown only if it fails.
apt_install() {
  local log
  log=$(mktemp)
  if ! { apt_update_if_old && apt_get install --no-install-recommends "$@"; } >"$log" 2>&1; then
    # Lists of yesterday may name files that the mirror has replaced.
    if ! { apt_get update && apt_get install --no-install-recommends "$@"; } >"$log" 2>&1; then
      echo "apt-get failed:" >&2
      tail -n 20 "$log" >&2
      rm -f "$log"
      exit 1
    fi
  fi
  rm -f "$log"
}

# apt-get without questions, waiting for another one that runs.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 "$@"
}

# Fetches the package lists if there are none younger than a day.
apt_update_if_old() {
  local fresh
  fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null)
  [[ -n $fresh ]] || apt_get update
}

# can_write FILE: whether results can go there, to be asked before the work. Leaves no file where
# none was, and keeps what is in one.
can_write() {
  local is_new=false
  [[ -e $1 || -L $1 ]] || is_new=true
  if ! { : >>"$1"; } 2>/dev/null; then
    echo "cannot write $1: name a file in a folder that is there, of your own" >&2
    return 1
  fi
  [[ $is_new == false ]] || rm -f "$1"
}

# Ends the script if there is no Swift, or one older than Package.swift asks for.
require_swift() {
  local root needed found
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  needed=$(sed -n '1s/.*swift-tools-version: *\([0-9.]*\).*/\1/p' "$root/Package.swift")
  if ! command -v swift >/dev/null; then
    echo "missing: Swift $needed or newer (developed with 6.3): https://www.swift.org/install" >&2
    exit 1
  fi
  found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p')
  if [[ -z $found ]]; then
    echo "Swift does not start: 'swift --version' says" >&2
    swift --version >&2
    exit 1
  fi
  if [[ $(printf '%s\n%s\n' "$needed" "$found" | sort -V | head -n 1) != "$needed" ]]; then
    echo "Swift $found is too old: $needed or newer (developed with 6.3) is needed:" \
      "https://www.swift.org/install" >&2
    exit 1
  fi
}
