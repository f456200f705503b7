"""What runs on a machine behind SSH: POSIX shell as constants, with coreutils, findutils, util-linux and grep.

Whatever varies comes as an argument or on standard input, never as part of a text. What is brought over is counted or
summed before it takes its place: a connection that breaks looks like the end of the input.
"""

MISSING = 44
"""Exit status for what is not there."""

LOCK_TAKEN = 75
"""Exit status for a lock that somebody holds (EX_TEMPFAIL of sysexits.h)."""

NEEDED = (
    "cat chmod cut date find flock grep head kill ln ls mkdir mv readlink rm setsid sha256sum sh sync tail timeout "
    "touch tr wc"
)

FACTS = """
uname -m; id -u; echo "${HOME:-}"
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then echo yes; else echo no; fi
python=$(command -v python3) && "$python" -IS -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null &&
  "$python" -IS -c 'import json, selectors, zipfile' 2>/dev/null || python=
echo "$python"
date +%s.%N
for one in $1; do command -v "$one" >/dev/null || echo "$one"; done
"""

HELD = """
lock=$1; shift
held() {
  [ -z "$lock" ] || [ -L "/proc/$lock/fd/9" ] || { echo 'the lock was lost meanwhile' >&2; return 1; }
}
"""
"""Begins what changes a host: its first argument is the process that holds the lock which it is done under, or empty.

A connection that was lost may be another one by now, or its last words may arrive late: that lock is somebody else's
then, and nothing is changed. The kernel frees a lock no sooner than its holder's last descriptor of it.
"""

READ_ALL = r"""
for one; do
  if tr -d '\000' <"$one"; then printf '1\0'
  elif [ -e "$one" ]; then exit 1
  else printf '0\0'; fi
done
"""
"""NUL-terminated, each with a last character that says whether it is there."""

READ_EACH = r"""
[ -d "$1" ] || exit 0
for one in "$1"/*/; do
  [ -d "$one" ] || continue
  one=${one%/}; printf '%s\0' "${one##*/}"
  if tr -d '\000' <"$one/$2"; then printf '1\0'
  elif [ -e "$one/$2" ]; then exit 1
  else printf '0\0'; fi
done
"""

READ_TAIL = '[ -e "$1" ] || exit 0; exec tail -c "$2" -- "$1"'

CHANGE = (
    HELD
    + """
count=$1; shift; aside=
trap '[ ! -e "$aside" ] || rm -f -- "$aside"' EXIT
while [ "$count" -gt 0 ]; do
  path=$1 mask=$2 folder_mask=$3 size=$4; shift 4; count=$((count - 1))
  [ -d "${path%/*}" ] || (umask "$folder_mask" && mkdir -p -- "${path%/*}") || exit 1
  umask "$mask"; aside=$path.$$.tmp
  head -c "$size" >"$aside" || exit 1
  [ "$(wc -c <"$aside")" -eq "$size" ] || { echo "not all of $path arrived" >&2; exit 1; }
  sync "$aside" && held && mv -fT -- "$aside" "$path" && sync "${path%/*}" || exit 1
done
[ "$#" -eq 0 ] || held || exit 1
for one; do rm -rf -- "$one" || exit 1; done
for one; do [ ! -d "${one%/*}" ] || sync "${one%/*}"; done
"""
)
"""Standard input: the files one after the other. Each is written beside its place under a name of this process's own,
for one that lost its connection may still be at it."""

HAS = '[ -x "$1" ] && echo "$2  $1" | sha256sum -c --status && touch -- "${1%/*}"'
"""Touched, so that whoever forgets programs sees that this one is wanted."""

PUT = (
    HELD
    + """
umask 022; aside="$1.tmp"
mkdir -p -- "${1%/*}" && cat >"$aside" && echo "$2  $aside" | sha256sum -c --status ||
  { status=$?; rm -f -- "$aside"; echo "not all of $1 arrived, or it is not what was sent" >&2; exit "$status"; }
chmod 755 "$aside" && sync "$aside" && held && mv -fT -- "$aside" "$1" && sync "${1%/*}" ||
  { rm -f -- "$aside"; exit 1; }
"""
)

FORGET = """
cd -- "$1" 2>/dev/null || exit 0
minutes=$2; shift 2
for one in */; do
  [ -d "$one" ] || continue
  one=${one%/}
  for kept; do [ "$one" != "$kept" ] || continue 2; done
  [ -z "$(find "$one" -maxdepth 0 -mmin "+$minutes")" ] || rm -rf -- "$one"
done
"""
"""The folders of a folder that nobody touched for some minutes, but those that are named."""

LINK = (
    HELD
    + """
aside=$1.$$.tmp; ln -sfnT -- "$2" "$aside" && held && mv -fT -- "$aside" "$1" && sync "${1%/*}" ||
  { rm -f -- "$aside"; exit 1; }
"""
)

LINK_TARGET = f'[ -L "$1" ] || exit {MISSING}; exec readlink -- "$1"'

MAKE_FOLDER = 'umask "$2"; exec mkdir -p -- "$1"'

NAMES = r"""for one; do [ ! -d "$one" ] || ls -A1 -- "$one" || exit 1; printf '\0'; done"""

EXISTS = f'[ -e "$1" ] || [ -L "$1" ] || exit {MISSING}'

LOCK = f"""
umask 022; mkdir -p -- "$1" && umask 077 && exec 9>>"$1/lock" || exit 1
flock -w "$2" 9 || exit {LOCK_TAKEN}
echo "locked $$ $(date +%s.%N)"; exec timeout -s KILL "$3" cat >/dev/null
"""
"""Freed when the input ends, and after some seconds in any case: a host does not see that a network was cut. Nobody else
may open the file: whoever can read it could lock it. Says who holds it, and what time it is there."""

PROCESSES = "grep -zHsa '' /proc/[0-9]*/stat; grep -zHsa '^PHOENIX_' /proc/[0-9]*/environ; exit 0"

DELIVER = """
pid=$1; started=$2; signal=$3
stat=$(cat "/proc/$pid/stat" 2>/dev/null) || exit 0
set -- ${stat##*) }
[ "${20}" != "$started" ] || kill "-$signal" "$pid" 2>/dev/null || [ ! -d "/proc/$pid" ]
"""
"""Between the look and the signal lie microseconds in which a pid could be given away; units of systemd have none."""
