# shellcheck shell=bash
# Another kernel, in QEMU: for what the kernel of this machine cannot do or does not have. Source it
# from a script in tools/ after requirements.sh. Needs no root, once the packages are there.
#
#   guest_require                        # QEMU and what else it takes, or the script ends
#   guest_fetch_kernel 6.18              # sets guest_kernel, guest_modules, guest_release
#   guest_new "$folder"                  # an empty file system, in guest_root
#   guest_add_programs bash ip jq        # with the libraries they load
#   guest_add "$tool" /usr/bin/martlet   # so too a program from elsewhere; or any file
#   guest_add_modules veth               # in the order of loading
#   guest_pack "$folder/image" script    # with tools/guest/init as its first process
#   guest_boot 90 "$folder/image" "$folder"
#
# In the guest, tools/guest/init runs /scenarios and then powers off. What the kernel and the script
# print goes to FOLDER/console; what is written to /dev/ttyS1 goes to FOLDER/results.

# Kernels and packages, unpacked, from Debian's mirror. Kept, so that only the first run fetches.
readonly guest_cache=${XDG_CACHE_HOME:-$HOME/.cache}/martlet

# Says why this machine cannot have a guest, and ends the script with the status that says so.
readonly guest_status_unavailable=77
guest_unavailable() {
  echo "NOT CHECKED: $1" >&2
  exit "$guest_status_unavailable"
}

# Finds, or as root on Debian installs, the packages that a guest takes.
guest_require() {
  local missing
  [[ $(uname -m) == x86_64 ]] || guest_unavailable "guests are for x86-64, this is $(uname -m)"
  missing=$(missing_packages guest) || exit 1
  [[ -n $missing ]] || return 0
  (require_packages guest) >&2 || guest_unavailable "a guest takes more packages: $missing"
}

# --- What Debian's mirror has

# apt-get or apt-cache with lists of their own: the machine's package sources stay as they are.
guest_apt() {
  local program=$1
  shift
  "$program" -q -c "$guest_cache/apt/apt.conf" "$@"
}

# Makes those lists, or renews them if they are older than a day. One run at a time: apt-get would
# not wait for another one.
guest_update_lists() {
  local apt=$guest_cache/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" || exit 1
  (flock 9 && guest_renew_lists "$apt") 9>"$apt/lock" || exit
}

# guest_renew_lists FOLDER: the suites that have kernels and libraries, from the mirror that the
# machine itself uses.
guest_renew_lists() {
  local apt=$1 mirror suite
  if [[ -n $(find "$apt/updated" -mtime -1 2>/dev/null) ]]; then return; fi
  command -v apt-get >/dev/null || guest_unavailable "this is not Debian: there is no apt-get"
  # shellcheck disable=SC2016 # apt-get's own variables
  mirror=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "Debian" {print $3; exit}')
  [[ -n $mirror ]] || guest_unavailable "this is not Debian: apt-get knows no mirror of it"
  for suite in bookworm bookworm-backports trixie trixie-backports; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done >"$apt/sources.list"
  # What the machine wants done after an update is for its own lists.
  cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
  echo "fetching Debian's lists of kernels and libraries ..." >&2
  if ! guest_apt apt-get update -o APT::Update::Error-Mode=any >"$apt/log" 2>&1; then
    tail -n 5 "$apt/log" >&2
    guest_unavailable "Debian's mirror cannot be reached for a kernel"
  fi
  touch "$apt/updated"
}

# guest_unpack FOLDER PACKAGE...: fetches packages (NAME, NAME/SUITE or NAME=VERSION) and unpacks
# them into FOLDER. Nothing is installed.
guest_unpack() {
  local folder=$1 package
  shift
  guest_update_lists
  guest_fetched=$(mktemp -d "$guest_cache/fetch.XXXXXX") || return
  echo "fetching $* ..." >&2
  if ! (cd "$guest_fetched" && guest_apt apt-get download "$@" >log 2>&1); then
    tail -n 5 "$guest_fetched/log" >&2
    guest_end
    guest_unavailable "Debian's mirror did not give $*"
  fi
  mkdir "$guest_fetched/all" || return
  for package in "$guest_fetched"/*.deb; do
    dpkg -x "$package" "$guest_fetched/all" || return
  done
  # Of all the drivers there are, guests have use for a few.
  find "$guest_fetched/all" -path '*/kernel/*' -name '*.ko*' \
    ! -path '*/kernel/net/*' ! -path '*/drivers/net/*' ! -path '*/drivers/virtio/*' \
    ! -path '*/drivers/ptp/*' ! -path '*/drivers/pps/*' ! -path '*/drivers/dca/*' \
    ! -path '*/drivers/i2c/algos/*' -delete
  # In one step, so that nobody ever finds half of it; another run may have been faster.
  mkdir -p "$(dirname "$folder")"
  mv -T "$guest_fetched/all" "$folder" 2>/dev/null || [[ -d $folder ]] || return
  rm -rf "$guest_fetched"
}
guest_fetched=

# Which of Debian's kernels: those for virtual machines, or with drivers for real ones too (amd64).
guest_flavour=cloud-amd64

# guest_fetch_kernel VERSION: a kernel such as 6.18 or 6.18.15, the newest with that number; or
# "newest", or a release that is there. One from an earlier run will do, but for "newest". Sets
# guest_kernel (a file), guest_modules (a folder) and guest_release (as `uname -r` says).
guest_fetch_kernel() {
  local folder='' image='' parts
  local pattern="${1//./\\.}([.-][0-9.-]+)?(\\+[a-z0-9.]+)?-$guest_flavour"
  if [[ $1 == newest ]]; then
    image=$(guest_newest "[0-9.]+([.-][0-9.-]+)?(\\+[a-z0-9.]+)?-$guest_flavour")
    [[ -n $image ]] || guest_unavailable "Debian's mirror does not say what its newest kernel is"
    folder=$guest_cache/kernels/${image#linux-image-}
  elif [[ -d $guest_cache/kernels/$1 ]]; then
    folder=$guest_cache/kernels/$1
  else
    folder=$(find "$guest_cache/kernels" -mindepth 1 -maxdepth 1 2>/dev/null |
      grep -E "/$pattern\$" | sort -V | tail -n 1)
  fi
  if [[ ! -d $folder ]]; then
    [[ -n $image ]] || image=$(guest_newest "$pattern")
    [[ -n $image ]] || guest_unavailable "Debian's mirror has no kernel $1-$guest_flavour"
    # Newer ones come in parts.
    parts=$(guest_apt apt-cache depends --important "$image" |
      awk '$1 == "Depends:" && $2 ~ /^linux-(binary|modules)-/ {print $2}' | sort -u)
    folder=$guest_cache/kernels/${image#linux-image-}
    # shellcheck disable=SC2086 # a list of words
    guest_unpack "$folder" "$image" $parts || return
  fi
  guest_release=${folder##*/}
  guest_modules=$folder/usr/lib/modules/$guest_release
  [[ -d $guest_modules ]] || guest_modules=$folder/lib/modules/$guest_release
  guest_kernel=$(find "$folder" -type f -name 'vmlinuz*' | head -n 1)
  [[ -n $guest_kernel && -d $guest_modules ]] ||
    { echo "$folder holds no kernel or no modules; remove it" >&2; return 1; }
}

# guest_newest PATTERN: the newest kernel that Debian's mirror has of those.
guest_newest() {
  guest_update_lists
  guest_apt apt-cache pkgnames linux-image- | grep -xE "linux-image-$1" | sort -V | tail -n 1
}

# guest_fetch_qemu: a newer QEMU than the machine's, with more devices, which is used from then on.
guest_fetch_qemu() {
  local folder=$guest_cache/qemu-10 suite=bookworm-backports
  [[ -d $folder ]] || guest_unpack "$folder" qemu-system-x86/$suite qemu-system-common/$suite \
    qemu-system-data/$suite seabios/$suite || return
  # Its modules are its own; its libraries are those that the machine has for the other QEMU.
  guest_qemu=(env "QEMU_MODULE_DIR=$folder/usr/lib/x86_64-linux-gnu/qemu"
    "$folder/usr/bin/qemu-system-x86_64" -L "$folder/usr/share/qemu" -L "$folder/usr/share/seabios")
}
guest_qemu=(qemu-system-x86_64)

# --- The guest's file system

# guest_new FOLDER: an empty file system in FOLDER/root, with busybox and its commands.
guest_new() {
  local name
  guest_root=$1/root
  mkdir -p "$guest_root"/{proc,sys,dev,run,tmp,modules,usr/bin,usr/lib,usr/lib64} || return
  for name in bin sbin; do ln -s usr/bin "$guest_root/$name"; done
  for name in lib lib64; do ln -s "usr/$name" "$guest_root/$name"; done
  ln -s bin "$guest_root/usr/sbin"
  guest_add "$(command -v busybox)" /usr/bin/busybox || return
  for name in $(busybox --list); do
    [[ $name == busybox ]] || ln -s busybox "$guest_root/usr/bin/$name"
  done
}

# guest_add FILE [PLACE]: a file, where it is here or in PLACE; if it is a program, also the
# libraries that it loads, where they are here.
guest_add() {
  local place=$guest_root${2:-$1} linker library
  mkdir -p "$(dirname "$place")" || return
  # What stood there may be one of busybox's names, which is a link.
  rm -f "$place"
  cp -L "$1" "$place" || return
  # The program names its dynamic linker, which knows what it would load.
  linker=$(readelf -l "$1" 2>/dev/null | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
  [[ -n $linker ]] || return 0
  while read -r library; do
    [[ -e $guest_root$library ]] || guest_add_file "$library" || return
  done < <("$linker" --list "$1" | grep -o '/[^ ]*')
}

# guest_add_file FILE: just that, where it is here.
guest_add_file() {
  mkdir -p "$(dirname "$guest_root$1")" && cp -L "$1" "$guest_root$1"
}

# guest_add_programs NAME...: programs on the path, into /usr/bin.
guest_add_programs() {
  local name file
  for name in "$@"; do
    file=$(PATH=$PATH:/usr/sbin:/sbin command -v "$name") ||
      { echo "the guest needs $name, which is not here" >&2; return 1; }
    guest_add "$file" "/usr/bin/$name" || return
  done
}

# guest_add_modules NAME...: kernel modules, which init loads in this order. What the kernel has
# built in needs none and is passed over.
guest_add_modules() {
  local name file number=10
  for name in "$@"; do
    number=$((number + 1))
    file=$(find "$guest_modules" -name "$name.ko*" | head -n 1)
    case $file in
      *.xz) xz -dc "$file" >"$guest_root/modules/$number-$name.ko" || return ;;
      *.ko) cp "$file" "$guest_root/modules/$number-$name.ko" || return ;;
      "") ;;
      *) echo "$file: packed in a way that is new" >&2; return 1 ;;
    esac
  done
}

# guest_compile FILE [OPTION...]: an eBPF program in C, from standard input.
guest_compile() {
  local file=$1 toolchain
  shift
  toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
  "$toolchain/clang" --target=bpfel -mcpu=v3 -O2 -g -nostdinc -x c -c "$@" -o "$file" -
}

# guest_pack FILE SCENARIOS: the file system as an image to boot, with the script to run in it.
guest_pack() {
  install -m 755 tools/guest/init "$guest_root/init" &&
    install -m 755 "$2" "$guest_root/scenarios" &&
    (cd "$guest_root" && find . -print0 | cpio --null -o -H newc --quiet -R 0:0) >"$1"
}

# --- The guest itself

# guest_boot SECONDS IMAGE FOLDER [QEMU OPTION...]: boots, waits until the guest powers off, for at
# most so many seconds; fails if it did not. Without KVM, which not every machine has: it is slow,
# but the same everywhere. A script that is ended meanwhile calls guest_end.
guest_boot() {
  local seconds=$1 image=$2 folder=$3 status
  shift 3
  : >"$folder/console"
  : >"$folder/results"
  # panic=-1 with -no-reboot: a kernel that fails ends the guest instead of standing still. Without
  # what guards against other guests it takes a quarter less time. All processors are on one thread:
  # on several, QEMU 7.2 and 10 run instructions that the kernel has rewritten as they were before,
  # and it panics ("Oops: int3"), where it rewrites much within seconds.
  timeout --foreground --kill-after=2 "$seconds" "${guest_qemu[@]}" \
    -machine q35 -accel tcg,thread=single -cpu max -smp 2 -m 768 -nodefaults -no-reboot \
    -display none -monitor none -serial "file:$folder/console" -serial "file:$folder/results" \
    -kernel "$guest_kernel" -initrd "$image" \
    -append "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr" "$@" \
    </dev/null >"$folder/qemu" 2>&1 &
  guest_process=$!
  wait "$guest_process"
  status=$?
  guest_process=
  case $status in
    0) return ;;
    124 | 137) echo "the guest did not end within $seconds s" >&2 ;;
    *) tail -n 5 "$folder/qemu" >&2 ;;
  esac
  return 1
}
guest_process=

# Ends the guest if it runs, and removes what was fetched in part. For a script's trap on EXIT.
guest_end() {
  [[ -z $guest_fetched ]] || rm -rf "$guest_fetched"
  [[ -n $guest_process ]] || return 0
  kill -TERM "$guest_process" 2>/dev/null
  wait "$guest_process"
  guest_process=
}
