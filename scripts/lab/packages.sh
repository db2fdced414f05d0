# shellcheck shell=bash
# Debian packages that the lab needs: only what is missing is installed, and the lists are fetched at most once.

lists_are_fresh=no

# need_packages NAME…
need_packages() {
	local missing=() name
	for name in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	command -v apt-get >/dev/null || fail "missing ${missing[*]}, and there is no apt-get to install them with"
	say "installing ${missing[*]}"
	mkdir -p "$lab_directory"
	if [ "$lists_are_fresh" = no ]; then
		# One list that cannot be fetched is no reason to stop: the packages may stand in another.
		as_root apt-get update -qq >"$lab_directory/apt.log" 2>&1 || true
		lists_are_fresh=yes
	fi
	if ! as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" >>"$lab_directory/apt.log" 2>&1 </dev/null; then
		tail -n 15 "$lab_directory/apt.log" >&2
		fail "apt-get could not install ${missing[*]}; its log is $lab_directory/apt.log"
	fi
}

# The Debian mirror of this machine's own apt, so that the lab works behind any mirror.
debian_mirror() {
	local mirror=${FASTBUILD_LAB_DEBIAN_MIRROR:-}
	if [ -z "$mirror" ]; then
		mirror=$(apt-get indextargets --format '$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' \
			| awk -F'|' '$1 == "Debian" && $2 == "main" { print $3; exit }')
	fi
	if [ -z "$mirror" ]; then
		# Without fetched lists there is no label yet; the path still tells.
		mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 -E '/debian/?$' || true)
	fi
	[ -n "$mirror" ] || fail "no Debian mirror in this machine's apt; set FASTBUILD_LAB_DEBIAN_MIRROR"
	printf '%s\n' "${mirror%/}"
}
