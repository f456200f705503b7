"""What runs on a machine behind SSH: POSIX shell as constants, with coreutils, findutils, util-linux and grep.

Whatever varies comes as an argument or on standard input, never as part of a text. What is brought over is counted or
summed before it takes its place: a connection that breaks looks like the end of the input.
"""

MISSING = 44
"""Exit status for what is not there."""

LOCK_TAKEN = 75
"""Exit status for a lock that somebody holds (EX_TEMPFAIL of sysexits.h)."""

LOCKED = b"locked\n"

NEEDED = (
    "cat chmod cut find flock grep kill ln ls mkdir mv readlink rm setsid sha256sum sh sync tail timeout wc"
)

FACTS = """
uname -m; id -u; echo "${HOME:-}"
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then echo yes; else echo no; fi
python=$(command -v python3) && "$python" -IS -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null &&
  "$python" -IS -c 'import json, selectors, zipfile' 2>/dev/null || python=
echo "$python"
for one in $1; do command -v "$one" >/dev/null || echo "$one"; done
"""

READ = f'[ -e "$1" ] || exit {MISSING}; exec cat -- "$1"'

READ_TAIL = '[ -e "$1" ] || exit 0; exec tail -c "$2" -- "$1"'

WRITE = """
umask 077; aside="$1.tmp"
cat >"$aside" && [ "$(wc -c <"$aside")" -eq "$3" ] || { rm -f -- "$aside"; echo "not all of $1 arrived" >&2; exit 1; }
chmod "$2" "$aside" && sync "$aside" && mv -fT -- "$aside" "$1" && sync "${1%/*}"
"""

HAS = '[ -x "$1" ] && echo "$2  $1" | sha256sum -c --status'

PUT = """
umask 022; aside="$1.tmp"
mkdir -p -- "${1%/*}" && cat >"$aside" && echo "$2  $aside" | sha256sum -c --status ||
  { status=$?; rm -f -- "$aside"; echo "not all of $1 arrived, or it is not what was sent" >&2; exit "$status"; }
chmod 755 "$aside" && sync "$aside" && mv -fT -- "$aside" "$1" && sync "${1%/*}"
"""

LINK = 'aside="$1.tmp"; ln -sfnT -- "$2" "$aside" && mv -fT -- "$aside" "$1" && sync "${1%/*}"'

LINK_TARGET = f'[ -L "$1" ] || exit {MISSING}; exec readlink -- "$1"'

MAKE_FOLDER = 'umask "$2"; exec mkdir -p -- "$1"'

NAMES = '[ -d "$1" ] || exit 0; exec ls -A1 -- "$1"'

FOLDERS = '[ -d "$1" ] || exit 0; exec find "$1" -mindepth 1 -maxdepth 1 -type d -printf \'%f\\n\''

EXISTS = f'[ -e "$1" ] || [ -L "$1" ] || exit {MISSING}'

REMOVE = """
for one; do rm -rf -- "$one" || exit 1; done
for one; do [ ! -d "${one%/*}" ] || sync "${one%/*}"; done
"""

LOCK = f"""
umask 022; mkdir -p -- "$1" && exec 9>>"$1/lock" || exit 1
flock -w "$2" 9 || exit {LOCK_TAKEN}
echo locked; exec cat >/dev/null
"""

PROCESSES = "grep -zHsa '' /proc/[0-9]*/stat; grep -zHsa '^PHOENIX_' /proc/[0-9]*/environ; exit 0"

DELIVER = """
pid=$1; started=$2; signal=$3
stat=$(cat "/proc/$pid/stat" 2>/dev/null) || exit 0
set -- ${stat##*) }
[ "${20}" != "$started" ] || kill "-$signal" "$pid" 2>/dev/null || [ ! -d "/proc/$pid" ]
"""
"""Between the look and the signal lie microseconds in which a pid could be given away; units of systemd have none."""
