# shellcheck shell=bash
# Base images for tests: a real Debian, pulled where that works and made by debootstrap elsewhere, and cheap variants of it (images/*.Dockerfile).
# Each carries the label `fastbuild.lab` with a hash of what it was made from: an image in the registry with
# the right hash is finished, whoever made it.

# name of the Dockerfile, repository, tag
base_images='
debian       base/debian       12
entrypoint   base/entrypoint   1
ubuntu       base/ubuntu       20.04
uid1000      base/uid1000      1
localpython  base/localpython  1
rpm          base/rpm          9
alpinelike   base/alpinelike   1
scratchlike  base/scratchlike  1
awkward      base/awkward      1
'

official_debian=debian:12
ca_bundle=/etc/ssl/certs/ca-certificates.crt
manifest_type='application/vnd.docker.distribution.manifest.v2+json'

# registry_label REPOSITORY TAG: the hash that the pushed image carries, or nothing.
registry_label() {
	local configuration
	configuration=$(registry_get "$1/manifests/$2" --header "Accept: $manifest_type" 2>/dev/null \
		| jq -r '.config.digest // empty') || return 0
	[ -n "$configuration" ] || return 0
	registry_get "$1/blobs/$configuration" 2>/dev/null | jq -r '.config.Labels["fastbuild.lab"] // empty' || true
}

daemon_label() {
	docker image inspect --format '{{index .Config.Labels "fastbuild.lab"}}' "$1" 2>/dev/null || true
}

hash_of() { sha256sum | cut -c1-16; }

# Debian itself: the machine's mirror and the machine's CAs, so that apt, pip and curl work inside builds.
debian_hash() {
	{
		debian_mirror
		cat "$ca_bundle" "$lab_scripts/images"/debian.*
	} | hash_of
}

make_debian() {
	local image=$1 hash=$2 context
	context=$(mktemp -d)
	cp "$ca_bundle" "$context/ca-certificates.crt"
	cp "$lab_scripts/images/debian.dress.sh" "$context/"
	# The official image where it can be had, in a bounded time.
	if docker image inspect "$official_debian" >/dev/null 2>&1 || timeout 120 docker pull --quiet "$official_debian" >/dev/null 2>&1; then
		say "making $image from $official_debian"
		docker build --quiet --build-arg "BASE=$official_debian" --build-arg "MIRROR=$(debian_mirror)" --label "fastbuild.lab=$hash" \
			--tag "$image" --file "$lab_scripts/images/debian.Dockerfile" "$context" >"$lab_directory/build-debian.log" 2>&1 \
			|| {
				tail -n 25 "$lab_directory/build-debian.log" >&2
				fail "$image could not be built"
			}
	else
		bootstrap_debian "$image" "$hash" "$context"
	fi
	rm -rf "$context"
}

# bootstrap_debian IMAGE HASH CONTEXT
bootstrap_debian() {
	local image=$1 hash=$2 context=$3 root mirror
	mirror=$(debian_mirror)
	need_packages debootstrap
	say "making $image with debootstrap from $mirror"
	root=$(as_root mktemp -d "${TMPDIR:-/tmp}/fastbuild-debootstrap.XXXXXX")
	if ! as_root env "PATH=$PATH:/usr/sbin:/sbin" debootstrap --variant=minbase bookworm "$root" "$mirror" >"$lab_directory/debootstrap.log" 2>&1; then
		tail -n 15 "$lab_directory/debootstrap.log" >&2
		as_root rm -rf "$root"
		fail "debootstrap failed; its log is $lab_directory/debootstrap.log"
	fi
	as_root sh "$context/debian.dress.sh" "$root" "$context/ca-certificates.crt" "$mirror"
	as_root tar --numeric-owner --one-file-system -C "$root" -c . \
		| docker import --change "LABEL fastbuild.lab=$hash" --change 'CMD ["bash"]' \
			--change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$image" >/dev/null
	as_root rm -rf "$root"
}

make_variant() {
	local name=$1 image=$2 hash=$3
	say "building $image"
	docker build --quiet --build-arg "BASE=$(registry_address)/base/debian:12" --label "fastbuild.lab=$hash" \
		--tag "$image" --file "$lab_scripts/images/$name.Dockerfile" "$lab_scripts/images" >"$lab_directory/build-$name.log" 2>&1 \
		|| {
			tail -n 25 "$lab_directory/build-$name.log" >&2
			fail "$image could not be built"
		}
}

# provide_bases [NAME…]: all of them without a name.
provide_bases() {
	local wanted=" $* " name repository tag image hash debian
	debian=$(debian_hash)
	while read -r name repository tag; do
		[ -n "$name" ] || continue
		if [ "$wanted" != '  ' ] && [ "$name" != debian ] && [ "${wanted#* "$name" }" = "$wanted" ]; then continue; fi
		image=$(registry_address)/$repository:$tag
		hash=$debian
		[ "$name" = debian ] || hash=$({
			printf '%s\n' "$debian"
			cat "$lab_scripts/images/$name".*
		} | hash_of)
		[ "$(registry_label "$repository" "$tag")" = "$hash" ] && continue
		if [ "$(daemon_label "$image")" != "$hash" ]; then
			if [ "$name" = debian ]; then
				make_debian "$image" "$hash"
			else
				[ "$(daemon_label "$(registry_address)/base/debian:12")" = "$debian" ] \
					|| docker pull --quiet "$(registry_address)/base/debian:12" >/dev/null
				make_variant "$name" "$image" "$hash"
			fi
		fi
		docker push --quiet "$image" >/dev/null || fail "$image could not be pushed to the lab's registry"
	done <<<"$base_images"
}
