#!/usr/bin/env bash
# Prints the path of a real CPython source tarball, Python-3.11.x.tgz as python.org names it, for the from-source test
# (make torture). Debian's source package brings the upstream tarball; it is fetched once, through lists of its own.

here=$(dirname -- "${BASH_SOURCE[0]}")/lab
# shellcheck source=scripts/lab/settings.sh
. "$here/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$here/packages.sh"

directory=$lab_directory/cpython
finished() { find "$directory" -maxdepth 1 -name 'Python-*.tgz' -print -quit 2>/dev/null; }
if [ -z "$(finished)" ]; then
	need_packages xz-utils
	mkdir -p "$directory"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	chmod 0755 "$work"
	mkdir -p "$work/lists/partial"
	printf 'deb-src %s bookworm main\n' "$(debian_mirror)" >"$work/sources.list"
	apt_get=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$work/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=)
	say "fetching the source of python3.11 from $(debian_mirror)"
	(
		cd "$work"
		"${apt_get[@]}" update
		"${apt_get[@]}" source --download-only python3.11
	) >"$lab_directory/cpython.log" 2>&1 || {
		tail -n 10 "$lab_directory/cpython.log" >&2
		fail "the source of python3.11 could not be fetched"
	}
	tarball=$(find "$work" -name 'python3.11_*.orig.tar.*' ! -name '*.asc' -print -quit)
	version=$(basename "$tarball" | sed 's/^python3.11_\(.*\)\.orig.*/\1/')
	mkdir "$work/source"
	tar -C "$work/source" -xf "$tarball"
	# python.org's name for the directory inside too.
	[ -d "$work/source/Python-$version" ] || mv "$work/source"/* "$work/source/Python-$version"
	tar --owner=0 --group=0 -C "$work/source" -czf "$work/new.tgz" "Python-$version"
	mv "$work/new.tgz" "$directory/Python-$version.tgz"
fi
finished
