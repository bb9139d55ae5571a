#!/bin/bash
# on-debian.sh -- build and test on another Debian than this machine's.
#
#	on-debian.sh SUITE [COMMAND [ARG...]]
#
# Makes a Debian of that suite with debootstrap, once, in $ON_DEBIAN (default
# /var/tmp/heygend-debian), copies this source into its /root/heygend, builds
# there what has changed, and runs COMMAND in it (default: ./bootstrap check).
# This is how the unit's Type=notify-reload is tested from Debian 12, whose
# systemd is too old for it:
#
#	on-debian.sh trixie make -C build check TESTS=tests/system/test_service.py
#
# Needs root, debootstrap and a Debian mirror ($MIRROR).
set -eu

if [ "${1-}" = __inside ]; then
	root=$2 source=$3
	shift 3
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	mkdir -p "$root/root/heygend" "$root/run/old"
	(cd "$source" && git ls-files -z -co --exclude-standard |
		tar -c --null -T - -f -) | tar -C "$root/root/heygend" -xf -
	# a root of its own: a process with another one may not make the
	# user namespace that the service's PrivateUsers= wants
	cd "$root"
	pivot_root . run/old
	exec chroot . /bin/sh -c '
		umount -l /run/old && rmdir /run/old
		export HOME=/root LC_ALL=C.UTF-8
		unset TMPDIR
		cd /root/heygend && ./bootstrap && exec "$@"' sh "$@"
fi

[ $# -ge 1 ] || {
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 64
}
suite=$1
shift
[ $# -gt 0 ] || set -- ./bootstrap check
source=$(cd "$(dirname "$0")/../.." && pwd -P)
root=${ON_DEBIAN:-/var/tmp/heygend-debian}/$suite
if [ ! -e "$root/root/made" ]; then
	rm -rf "$root"
	mkdir -p "$root"
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates \
		"$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}" >&2
	touch "$root/root/made"
fi
exec unshare --mount --propagation private -- \
	"$BASH" "$0" __inside "$root" "$source" "$@"
