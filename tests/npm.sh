# npm.sh -- for tests that need packages of npm.

# npm_packages FROM WORK PACKAGE -- those that FROM's lock file names, in WORK,
# which lies in the build directory: fetched once.
npm_packages() {
	mkdir -p "$2" || exit 99
	if cmp -s "$1/package-lock.json" "$2/package-lock.json" &&
	   [ -d "$2/node_modules/$3" ]; then
		return 0
	fi
	rm -f "$2/package.json" "$2/package-lock.json"
	cp "$1/package.json" "$1/package-lock.json" "$2/" || exit 99
	(cd "$2" && timeout 120 npm ci --ignore-scripts --no-audit \
		--no-fund > npm.log 2>&1) && return 0
	rm -f "$2/package-lock.json"
	return 1
}
