#!/bin/bash
# Builds the tests' guest from Debian's packages: build.sh KERNEL-RELEASE OUT-INITRD. The initrd has a static busybox,
# the network modules of the release, if any, and init. It is not compressed, since an emulated CPU unpacks slowly.
set -euo pipefail
release=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,proc,sys,dev,modules}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
touch "$root/modules/order"
for module in virtio_pci virtio_net e1000; do
  /sbin/modprobe -S "$release" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" { print $2 }' || true
done | awk '!seen[$0]++' | while read -r file; do
  name=$(basename "$file" .xz)
  case $file in *.xz) xz -dc "$file" > "$root/modules/$name" ;; *) cp "$file" "$root/modules/$name" ;; esac
  echo "$name" >> "$root/modules/order"
done
install -m 755 "$here/init" "$root/init"
mknod -m 600 "$root/dev/console" c 5 1
(cd "$root" && find . | cpio -o -H newc --quiet) > "$out.$$"
mv "$out.$$" "$out" # atomic: other tests may be building it too
