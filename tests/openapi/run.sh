#!/bin/sh
# run.sh -- redocly's recommended rules on the description of the API, as TAP.
# node, npm and the package (15 MB) are no part of the build: without them
# the test is skipped, and says why.
set -u
here=${HG_SRCDIR:?}/tests/openapi
work=${HG_BUILDDIR:?}/tests/openapi/npm
document=${HG_BUILDDIR:?}/doc/openapi.json
. "$HG_SRCDIR/tests/npm.sh"

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

command -v node > /dev/null || skip 'node is missing'
command -v npm > /dev/null || skip 'npm is missing'

npm_packages "$here" "$work" @redocly/cli ||
	skip 'npm cannot fetch @redocly/cli'

echo 1..1
if REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true timeout 120 \
	"$work/node_modules/.bin/redocly" lint --extends recommended \
	"$document" > "$work/lint.log" 2>&1; then
	echo 'ok 1 - the description of the API has no errors'
else
	echo 'not ok 1 - the description of the API has no errors'
	sed 's/^/# /' "$work/lint.log"
	exit 1
fi
