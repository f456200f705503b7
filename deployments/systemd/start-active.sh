# Runs inside active.service: sh -c THIS sh FOLDER PREFIX
set -eu
place=$(readlink "$1/active") || {
  echo "nothing is active in $1"
  exit 0
}
number=${place#places/revision-}
case $number in
"$place" | "" | 0* | *[!0-9]*)
  echo "$1/active points at no revision" >&2
  exit 1
  ;;
esac
exec systemctl start "${2}revision-$number.service"
