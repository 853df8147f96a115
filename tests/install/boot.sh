#!/bin/sh
# Inside new namespaces: make ROOT, over BASE, the whole machine and systemd its first process.
# The kernel's settings and devices stay those of the machine around: read only.
set -e
base=$1 root=$2 wheels=$3
mount --make-rprivate /
mkdir -p "$root/upper" "$root/work" "$root/root"
mount -t overlay -o "lowerdir=$base,upperdir=$root/upper,workdir=$root/work" overlay "$root/root"
cd "$root/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p wheels
mount --bind "$wheels" wheels
pivot_root . mnt
exec chroot . /usr/bin/env -i container=vitalpost PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /bin/sh -c 'umount -l /mnt; exec /lib/systemd/systemd --log-target=null --show-status=0' </dev/null
