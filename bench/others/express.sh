#!/bin/sh
# GET /status from a dict, on Express: express.sh DIRECTORY
#
# Express comes from npm into DIRECTORY, as package-lock.json says, and is
# gone with it.
here=$(dirname "$0")
refuse() { echo "$*"; exit 0; }
command -v node > /dev/null || refuse 'node is not installed'
command -v npm > /dev/null || refuse 'npm is not installed'
cp "$here/package.json" "$here/package-lock.json" "$here/express.js" "$1" ||
	refuse 'its directory cannot be written'
(cd "$1" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund \
	> npm.log 2>&1) || refuse 'npm cannot fetch express'
cd "$1" && NODE_ENV=production exec node express.js ids
