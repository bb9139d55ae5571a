#!/bin/sh
# run.sh -- the dashboard's tests in a real browser, as TAP.  What they need
# (node, chromium, two npm packages) is no part of the build, so without it
# they are skipped, and say why.
set -u
here=${HG_SRCDIR:?}/tests/web
work=${HG_BUILDDIR:?}/tests/web/npm

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

command -v node > /dev/null || skip 'node is missing'
command -v npm > /dev/null || skip 'npm is missing'
for name in chromium chromium-browser google-chrome; do
	HG_CHROMIUM=${HG_CHROMIUM:-$(command -v "$name")}
done
[ -n "$HG_CHROMIUM" ] || skip 'chromium is missing'
export HG_CHROMIUM

# the packages live in the build directory, and are fetched once
mkdir -p "$work" || exit 99
if ! cmp -s "$here/package-lock.json" "$work/package-lock.json" ||
   ! [ -d "$work/node_modules/playwright-core" ]; then
	rm -f "$work/package.json" "$work/package-lock.json"
	cp "$here/package.json" "$here/package-lock.json" "$work/" || exit 99
	if ! (cd "$work" && timeout 120 npm ci --ignore-scripts --no-audit \
		--no-fund > npm.log 2>&1); then
		rm -f "$work/package-lock.json"
		skip 'npm cannot fetch playwright-core and axe-core'
	fi
fi
exec node "$here/main.mjs"
