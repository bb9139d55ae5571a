#!/bin/sh
# run.sh -- the dashboard's tests in a real browser, as TAP.  What they need
# (node, chromium, two npm packages) is no part of the build, so without it
# they are skipped, and say why.
set -u
here=${HG_SRCDIR:?}/tests/web
work=${HG_BUILDDIR:?}/tests/web/npm
. "$HG_SRCDIR/tests/npm.sh"

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

npm_packages "$here" "$work" playwright-core ||
	skip 'npm cannot fetch playwright-core and axe-core'
exec node "$here/main.mjs"
