#!/bin/sh
# Builds the root file system of the tests' own hosts. Runs in a mount namespace of its own, so that nothing
# that debootstrap mounts outlives it. Its text is part of the cache's key: a change here makes a new one.
# usage: vm_rootfs.sh FOLDER SUITE MIRROR PACKAGE,PACKAGE... [DEBOOTSTRAP-OPTION...]
set -eu
umask 022
folder=$1 suite=$2 mirror=$3 packages=$4
shift 4
debootstrap --variant=minbase --include="$packages" "$@" "$suite" "$folder" "$mirror"

# Of the machine that built it, and of no host: each host gets its own.
rm -f "$folder"/etc/ssh/ssh_host_* "$folder/var/lib/dbus/machine-id"
for file in machine-id resolv.conf hostname; do
  rm -f "$folder/etc/$file"
  : >"$folder/etc/$file"
done

# root, one who may do all by sudo, and one who may do nothing; their keys come with the host.
chroot "$folder" useradd --create-home --uid 2000 --shell /bin/bash ops
chroot "$folder" useradd --create-home --uid 2001 --shell /bin/bash plain
echo 'ops ALL=(ALL) NOPASSWD: ALL' >"$folder/etc/sudoers.d/ops"
chmod 440 "$folder/etc/sudoers.d/ops"
for owner in 0:/root 2000:/home/ops 2001:/home/plain; do
  home=$folder${owner#*:}
  install -d -m 700 -o "${owner%%:*}" -g "${owner%%:*}" "$home/.ssh"
  install -m 600 -o "${owner%%:*}" -g "${owner%%:*}" /dev/null "$home/.ssh/authorized_keys"
done

# What waits for a network, a console or a disk that these hosts do not have, and what wakes up by itself.
ln -sf /lib/systemd/system/multi-user.target "$folder/etc/systemd/system/default.target"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer man-db.timer motd-news.timer systemd-pstore.service \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service getty.target console-getty.service \
  getty@tty1.service remote-fs.target systemd-networkd-wait-online.service \
  systemd-resolved.service systemd-timesyncd.service ssh.socket; do
  ln -sf /dev/null "$folder/etc/systemd/system/$unit"
done
systemctl --root="$folder" --quiet enable ssh.service

rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/var/log/*.log \
  "$folder"/usr/share/doc/* "$folder"/usr/share/man/* "$folder"/usr/share/locale/*
