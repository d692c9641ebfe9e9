#!/bin/bash
# guest-with-iperf.sh INITRD: appends an archive to the initrd of the tests' guest. The archive contains iperf3, the
# libraries of iperf3, and an init that runs iperf3. The kernel unpacks both archives, one after the other. NAME=VALUE
# words on the kernel's command line that the kernel does not know become environment variables of init.
set -euo pipefail
image=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,tmp}
cp "$(command -v iperf3)" "$root/bin/iperf3"
ldd "$root/bin/iperf3" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
cat > "$root/bench-init" <<'END'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order
ip addr add "$address/24" dev eth0
ip link set eth0 up
[ -n "$peer" ] || exec iperf3 -s
# With iperf3's default of 128 kB, system calls on the emulated CPU would be the bottleneck, not the port.
until iperf3 -c "$peer" -t "$seconds" -l 1M ${reverse:+-R} -J > /tmp/result; do sleep 1; done
cat /tmp/result
echo RESULT-END
exec sleep 1000
END
chmod 755 "$root/bench-init"
(cd "$root" && find . | cpio -o -H newc --quiet) >> "$image"
