#!/bin/sh
# Boots one of the tests' own hosts, as the first process of a PID and a mount namespace of its own: when it
# dies, the kernel ends everything of the host, and its mounts and its link are gone.
# By environment: VM_MACHINE (what the kernel's things of it are named), VM_NAME (its host name), VM_BRIDGE,
# VM_ADDRESS, VM_MAC, VM_ROOTFS, VM_DISK (what it keeps between boots), VM_SYSTEMD and VM_PYTHON (yes or no),
# VM_DISK_MIB and VM_CLAIMS (may be empty).
set -eu
umask 022

# In cgroups of its own, or the systemds of two hosts would take each other's units for theirs. Limits hold
# only where a hierarchy has controllers, so those are joined too.
groups=$(cat /proc/self/cgroup)
echo "$groups" | while IFS=: read -r _ controllers path; do
  case $controllers in
    "") mount=/sys/fs/cgroup/unified; [ -d $mount ] || mount=/sys/fs/cgroup ;;
    name=systemd) mount=/sys/fs/cgroup/systemd ;;
    memory | pids | cpu | cpuacct | cpu,cpuacct) mount=/sys/fs/cgroup/$controllers ;;
    *) continue ;;
  esac
  [ -f "$mount/cgroup.procs" ] || continue
  parent=$mount$path
  if [ -z "$controllers" ] && ! echo '+memory +cpu +pids' 2>/dev/null >"$parent/cgroup.subtree_control"; then
    parent=$mount
  fi
  mkdir -p "$parent/$VM_MACHINE"
  echo $$ >"$parent/$VM_MACHINE/cgroup.procs"
done

# What nspawn leaves in /run goes with this mount namespace.
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd

root=$VM_DISK/root
mkdir -p "$VM_DISK/upper" "$VM_DISK/work" "$root"
mount -t overlay overlay -o "lowerdir=$VM_ROOTFS,upperdir=$VM_DISK/upper,workdir=$VM_DISK/work" "$root"

if [ ! -e "$VM_DISK/installed" ]; then
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  echo "$VM_NAME" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$VM_NAME" >"$root/etc/hosts"
  install -m 600 "$VM_DISK/host_key" "$root/etc/ssh/ssh_host_ed25519_key"
  install -m 644 "$VM_DISK/host_key.pub" "$root/etc/ssh/ssh_host_ed25519_key.pub"
  for home in root home/ops home/plain; do
    cat "$VM_DISK/authorized_keys" >"$root/$home/.ssh/authorized_keys"
  done
  if [ "$VM_PYTHON" = no ]; then
    rm -rf "$root"/usr/bin/python3* "$root"/usr/bin/py3* "$root"/usr/bin/pydoc3* "$root"/usr/lib/python3*
  fi
  if [ -n "$VM_CLAIMS" ]; then
    mv "$root/usr/bin/uname" "$root/usr/bin/uname.real"
    printf '#!/bin/sh\nuname.real "$@" | sed "s/$(uname.real -m)/%s/g"\n' "$VM_CLAIMS" >"$root/usr/bin/uname"
    chmod 755 "$root/usr/bin/uname"
  fi
  if [ -n "$VM_DISK_MIB" ]; then
    truncate -s "${VM_DISK_MIB}M" "$VM_DISK/small.img"
    mkfs.ext4 -q -m 0 "$VM_DISK/small.img"
    mkdir -p "$root/var/lib/phoenix"
  fi
  touch "$VM_DISK/installed"
fi
if [ -n "$VM_DISK_MIB" ]; then
  mount -o loop "$VM_DISK/small.img" "$root/var/lib/phoenix"
  rm -rf "$root/var/lib/phoenix/lost+found"
fi

# Runs inside, before anything else does. nspawn leaves the controllers of the older cgroups read-only;
# systemd would then accept limits and not hold them.
inside='
ip link set lo up
ip link set host0 address "$2" up
ip address add "$1/24" dev host0
for controller in memory cpu cpuacct cpu,cpuacct pids; do
  ! [ -d "/sys/fs/cgroup/$controller" ] || mount -o remount,bind,rw "/sys/fs/cgroup/$controller"
done
shift 2
exec "$@"
'
if [ "$VM_SYSTEMD" = yes ]; then
  first= && set -- /lib/systemd/systemd
else
  first=--as-pid2 && set -- sh -c 'mkdir -p /run/sshd && exec /usr/sbin/sshd -D'
fi
exec systemd-nspawn --directory="$root" --machine="$VM_MACHINE" --hostname="$VM_NAME" \
  --network-bridge="$VM_BRIDGE" --register=no --keep-unit --resolv-conf=off --timezone=off \
  --console=read-only --kill-signal=SIGRTMIN+3 $first \
  sh -euc "$inside" sh "$VM_ADDRESS" "$VM_MAC" "$@"
