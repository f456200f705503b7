#!/bin/sh
# Installs a pipeline on this host, as root, and puts the one before back if the new one does not work.
#
#   install.sh --collector PATH   install (again); without --collector with the binary that is installed
#   install.sh --rollback         back to what was installed before; twice is where you are
#   install.sh --uninstall        stop it and remove it
#
# Nothing is replaced before the new configuration was accepted by the very binary that will run it. The last pipeline
# that worked is kept, whatever happens on the way: FOLDER/good names it, FOLDER/current what the unit runs.
#
# Ends with 0, or 2 (asked wrongly), 3 (not possible here and now), 4 (it did not work; what was before serves again).
set -eu

# begin of what `phoenix pipeline vm-config` writes
TITLE='process-example-v1'
UNIT='phoenix-pipeline'
FOLDER='/opt/phoenix'
UNIT_FOLDER='/etc/systemd/system'
ENVIRONMENT_FILE='/etc/phoenix/collector.env'
VARIABLES=''
SECRET_FILES=''
EXPORTERS=''
PATIENCE='50'
SUMS=''
# end of what `phoenix pipeline vm-config` writes

PROGRAM=otelcol-phoenix
umask 022
lacking='it was not asked'
staged=''
standing=''
unproven=''

say() { printf '%s\n' "$*"; }

refuse() { # CODE WORDS...
  code=$1
  shift
  printf 'install.sh: %s\n' "$*" >&2
  exit "$code"
}

linked() { # NAME: the release that a link names; nothing if there is none
  target=$(readlink "$FOLDER/$1" 2>/dev/null) || return 0
  if [ -d "$FOLDER/$target" ]; then say "${target#releases/}"; fi
}

link() { # NAME RELEASE: in one step, so that no crash leaves it half done
  ln -sfn "releases/$2" "$FOLDER/.$1" && mv -Tf "$FOLDER/.$1" "$FOLDER/$1"
}

# --- what must hold on this host ---

check_host() {
  [ "$(id -u)" = 0 ] || refuse 3 "it changes units and files of the system: run it as root"
  command -v systemctl >/dev/null || refuse 3 "there is no systemctl here: this installs a systemd unit"
  mkdir -p "$FOLDER/releases"
  if command -v flock >/dev/null; then
    exec 9>"$FOLDER/lock"
    flock -n 9 || refuse 3 "another install.sh is at work on $FOLDER"
  fi
}

find_getter() {
  for getter in curl wget python3 perl bash; do
    if command -v "$getter" >/dev/null; then return; fi
  done
  refuse 3 "one of curl, wget, python3, perl, bash is needed to ask the collector whether it works"
}

check_sums() { # FOLDER
  (cd "$1" && say "$SUMS" | sha256sum -c - >/dev/null 2>&1) ||
    refuse 3 "a file in $1 is not as it was written: copy the whole bundle again"
}

check_collector() {
  if [ ! -f "$collector" ] || [ ! -x "$collector" ]; then
    refuse 2 "$collector is no program; give --collector PATH"
  fi
  # An ELF file tells its machine in bytes 18 and 19.
  if [ "$(od -An -tx1 -N4 "$collector" | tr -d ' \n')" = 7f454c46 ]; then
    case $(uname -m)/$(od -An -tx1 -j18 -N2 "$collector" | tr -d ' \n') in
    x86_64/3e00 | aarch64/b700) ;;
    x86_64/* | aarch64/*) refuse 4 "$collector was built for another architecture than this host's, $(uname -m)" ;;
    esac
  fi
  timeout 30 "$collector" --version >/dev/null 2>&1 ||
    refuse 4 "$collector does not run here: is it built for $(uname -m), and its folder not mounted noexec?"
}

given() { # NAME: its value in the environment file, as far as a line NAME=VALUE gives one
  if [ -r "$ENVIRONMENT_FILE" ]; then
    sed -n "s/^$1=//p" "$ENVIRONMENT_FILE" | tail -n 1 | sed "s/^\"\(.*\)\"\$/\1/; s/^'\(.*\)'\$/\1/"
  fi
}

check_secrets() {
  missing=''
  for name in $VARIABLES; do
    if [ -z "$(given "$name")" ]; then missing="$missing $name"; fi
  done
  if [ -n "$missing" ]; then
    refuse 3 "put a line NAME=VALUE into $ENVIRONMENT_FILE (mode 0600) for each of:$missing"
  fi
  for file in $SECRET_FILES; do
    [ -f "$file" ] || refuse 3 "the configuration reads $file, which is not there"
  done
  for file in $ENVIRONMENT_FILE $SECRET_FILES; do
    if [ ! -e "$file" ]; then continue; fi
    case $(stat -c '%u %a' "$file") in
    "0 600" | "0 400") ;;
    *) refuse 3 "$file holds secrets and is not root's alone: chown root $file; chmod 600 $file" ;;
    esac
  done
}

address() { # RELEASE_FOLDER NAME: as the unit gives it; whoever needs another gives it in the environment file
  given "$2" | grep . || sed -n "s/^Environment=\"$2=\(.*\)\"\$/\1/p" "$1/$UNIT.service"
}

# --- a release: a binary, a configuration and a unit that belong together ---

stage() { # copies the release beside the others; nothing that runs is touched
  here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
  check_sums "$here"
  release=$({ say "$SUMS" && sha256sum <"$collector"; } | sha256sum | cut -c1-16)
  staged=$FOLDER/releases/.$release
  rm -rf "$staged"
  mkdir "$staged"
  cp "$here/collector.yaml" "$here/$UNIT.service" "$staged/"
  cp "$collector" "$staged/$PROGRAM"
  chmod 755 "$staged/$PROGRAM"
  for exporter in $EXPORTERS; do say "$exporter"; done >"$staged/exporters"
  check_sums "$staged"
  cmp -s "$collector" "$staged/$PROGRAM" || refuse 4 "$collector was not copied whole"
  validate "$staged"
  if [ -d "$FOLDER/releases/$release" ]; then rm -rf "$staged"; else mv "$staged" "$FOLDER/releases/$release"; fi
  staged=''
}

validate() { # FOLDER: asks the binary, in the environment that it will have
  complaint=$(
    for name in PHOENIX_METRICS_ADDRESS PHOENIX_HEALTH_ADDRESS PHOENIX_TELEMETRY_HOST PHOENIX_TELEMETRY_PORT; do
      value=$(address "$1" "$name")
      export "$name=$value"
    done
    for name in $VARIABLES; do
      # No argument of any program, where others could read it.
      value=$(given "$name")
      export "$name=$value"
    done
    timeout 30 "$1/$PROGRAM" validate --config="$1/collector.yaml" 2>&1
  ) || refuse 4 "the collector refuses the configuration; nothing was changed: $complaint"
}

# --- the switch, and its proof ---

serve() { # RELEASE
  link current "$1" &&
    cp "$FOLDER/releases/$1/$UNIT.service" "$UNIT_FOLDER/.$UNIT.new" &&
    mv -f "$UNIT_FOLDER/.$UNIT.new" "$UNIT_FOLDER/$UNIT.service" &&
    systemctl daemon-reload &&
    systemctl --quiet enable "$UNIT.service" &&
    systemctl restart "$UNIT.service"
}

get() { # ADDRESS PATH
  case $getter in
  curl) curl --noproxy '*' -fsS --max-time 5 "http://$1$2" ;;
  wget) no_proxy='*' wget -q -T 5 -O - "http://$1$2" ;;
  python3)
    python3 -c 'import sys, urllib.request as u
print(u.build_opener(u.ProxyHandler({})).open("http://" + sys.argv[1] + sys.argv[2], timeout=5).read().decode())' "$1" "$2"
    ;;
  *) ask "$1" "$2" | answer ;;
  esac 2>/dev/null
}

ask() { # ADDRESS PATH: over a bare connection
  case $getter in
  perl)
    # shellcheck disable=SC2016 # perl expands it
    timeout 5 perl -MIO::Socket::INET -e '
      my $to = IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 5) or exit 1;
      print $to "GET $ARGV[1] HTTP/1.0\r\nHost: $ARGV[0]\r\n\r\n"; print while <$to>;' "$1" "$2"
    ;;
  bash)
    # shellcheck disable=SC2016 # bash expands it
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" &&
      printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 && cat <&3' bash "${1%:*}" "${1##*:}" "$2"
    ;;
  esac
}

answer() { # the body of an answer that says 200; fails for any other
  awk 'NR == 1 { if ($2 != 200) exit 1; next } body { print } /^\r?$/ { body = 1 } END { if (NR == 0) exit 1 }'
}

counts() { # NAME LABEL: whether a counter of the telemetry on standard input is above 0
  awk -v name="$1" -v label="$2" \
    'index($0, name) == 1 && index($0, label) && $NF + 0 > 0 { found = 1 } END { exit !found }'
}

works() { # health, points in, and points out through every exporter; else $lacking says what there is not
  lacking='the unit is not active'
  systemctl is-active --quiet "$UNIT.service" || return 1
  asked=$(address "$FOLDER/current" PHOENIX_HEALTH_ADDRESS)
  lacking="its health check does not answer on $asked"
  get "$asked" / >/dev/null || return 1
  asked=$(address "$FOLDER/current" PHOENIX_TELEMETRY_HOST):$(address "$FOLDER/current" PHOENIX_TELEMETRY_PORT)
  lacking="its telemetry does not answer on $asked"
  telemetry=$(get "$asked" /metrics) || return 1
  lacking='its receivers accepted no point'
  say "$telemetry" | counts otelcol_receiver_accepted_metric_points '' || return 1
  while read -r exporter; do
    lacking="its exporter $exporter sent no point"
    say "$telemetry" | counts otelcol_exporter_sent_metric_points "exporter=\"$exporter\"" || return 1
  done <"$FOLDER/current/exporters"
}

prove() { # waits until it works
  deadline=$(($(date +%s) + PATIENCE))
  before=$(restarts)
  until works; do
    if [ "$(date +%s)" -ge "$deadline" ]; then return 1; fi
    if [ $(($(restarts) - before)) -ge 3 ]; then
      lacking="it ended again and again"
      return 1
    fi
    sleep 1
  done
}

restarts() { # how often systemd had to start it again, counted since some start in the past
  systemctl show --property=NRestarts --value "$UNIT.service" 2>/dev/null | grep . || say 0
}

put_back() { # what served before serves again, or nothing if nothing did
  unproven=''
  if [ -n "$standing" ]; then
    if serve "$standing" && prove; then
      say "what was installed before serves again"
    else
      say "what was installed before was started again, but: $lacking" >&2
    fi
  else
    withdraw
    say "nothing was installed before, and nothing is now"
  fi
}

withdraw() {
  systemctl --quiet disable --now "$UNIT.service" >/dev/null 2>&1 || true
  rm -f "$UNIT_FOLDER/$UNIT.service" "$FOLDER/current" "$FOLDER/.current"
  systemctl daemon-reload || true
}

last_words() {
  if command -v journalctl >/dev/null; then
    journalctl --unit="$UNIT.service" --lines=5 --no-pager --output=cat 2>/dev/null || true
  fi
}

switch_to() { # RELEASE: and back again if it does not work
  unproven=yes
  if serve "$1" && prove; then
    unproven=''
    return
  fi
  why=$lacking
  last_words >&2
  put_back
  refuse 4 "it does not work: $why"
}

leaving() { # an interruption between switch and proof
  status=$?
  trap - EXIT
  if [ -n "$staged" ]; then rm -rf "$staged"; fi
  if [ -n "$unproven" ]; then put_back; fi
  exit "$status"
}

# --- the verbs ---

install() {
  check_host
  standing=$(linked good)
  : "${collector:=$FOLDER/current/$PROGRAM}"
  check_collector
  check_secrets
  find_getter
  stage
  if [ "$release" = "$standing" ] && [ "$release" = "$(linked current)" ] && is_in_place && works; then
    say "$TITLE is installed already, and works"
    return
  fi
  switch_to "$release"
  if [ -n "$standing" ] && [ "$standing" != "$release" ]; then link previous "$standing"; fi
  link good "$release"
  forget_others
  say "$TITLE serves: systemctl status $UNIT"
}

is_in_place() {
  cmp -s "$FOLDER/releases/$release/$UNIT.service" "$UNIT_FOLDER/$UNIT.service"
}

forget_others() {
  for one in "$FOLDER"/releases/* "$FOLDER"/releases/.[!.]*; do
    case ${one##*/} in
    "$(linked good)" | "$(linked previous)" | "$(linked current)") ;;
    *) rm -rf "$one" ;;
    esac
  done
}

roll_back() {
  check_host
  find_getter
  standing=$(linked good)
  wanted=$(linked previous)
  if [ -n "$standing" ] && [ "$standing" != "$(linked current)" ]; then wanted=$standing; fi
  [ -n "$wanted" ] || refuse 3 "nothing was installed before"
  switch_to "$wanted"
  if [ "$wanted" != "$standing" ]; then link previous "$standing"; fi
  link good "$wanted"
  say "what was installed before serves: systemctl status $UNIT"
}

uninstall() {
  check_host
  withdraw
  rm -rf "$FOLDER/releases" "$FOLDER/good" "$FOLDER/previous" "$FOLDER/lock"
  rmdir "$FOLDER" 2>/dev/null || true
  say "removed; $ENVIRONMENT_FILE stays, remove it where nothing else needs it"
}

verb=install
collector=''
while [ $# -gt 0 ]; do
  case $1 in
  --collector)
    [ $# -ge 2 ] || refuse 2 "--collector needs a path"
    collector=$2
    shift
    ;;
  --collector=*) collector=${1#*=} ;;
  --rollback) verb=roll_back ;;
  --uninstall) verb=uninstall ;;
  --help | -h)
    sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  *) refuse 2 "$1 is unknown; see --help" ;;
  esac
  shift
done
trap leaving EXIT
trap 'exit 4' INT TERM HUP
"$verb"
