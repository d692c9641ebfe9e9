#!/bin/sh
# Boots this machine's systemd as process 1 of its own namespaces: systemd-boot.sh HOME CHECKOUT NODE.
# Its files are a layer of memory over those of the machine. Only what the units need is there and started: no device
# manager, no login, no other service. The checkout is /opt/tsvde, and Node /opt/node. Ends with process 1.
set -e
home=$1 checkout=$2 node=$3

if [ "$4" != inside ]; then
  mount -t tmpfs tmpfs "$home"
  mkdir "$home/cgroup" "$home/upper" "$home/work" "$home/root"
  mount -t cgroup2 cgroup2 "$home/cgroup"
  mkdir "$home/cgroup/$CGROUP"
  echo $$ > "$home/cgroup/$CGROUP/cgroup.procs"
  exec unshare --cgroup --uts --ipc --pid --fork --kill-child "$0" "$@" inside
fi

root=$home/root
mount -t overlay -o "lowerdir=/,upperdir=$home/upper,workdir=$home/work" overlay "$root"
cd "$root"
rm -rf usr/lib/systemd/system-generators etc/systemd/system/*.wants var/log/journal
for wants in usr/lib/systemd/system/*.wants; do rm -r "$wants"; done
mkdir -p etc/systemd/system/basic.target.wants etc/systemd/system.conf.d
ln -s /usr/lib/systemd/system/systemd-journald.service etc/systemd/system/basic.target.wants/
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for place in run tmp opt; do mount -t tmpfs tmpfs $place; done
mkdir opt/tsvde
mount --bind "$checkout" opt/tsvde
touch opt/node
mount --bind "$node" opt/node
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for device in null zero full random urandom tty net/tun; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
exec env -i container=tsvde PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --unit=basic.target
