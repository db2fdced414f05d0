#!/usr/bin/env bash
# schemathesis against /openapi.json of a service that is configured for the lab, with all its checks: no 5xx, no answer
# outside its schema, nothing refused that the schema allows, nothing taken that it forbids.
#
# The four forms that configure come last and by themselves, since they change what the others need. Their 500 (the
# daemon or Harbor test failed) is documented, so that not_a_server_error is left out for them; the status and the schema
# of that answer are checked all the same. Their forms are read as texts, and a form cannot tell null or true from a text
# that says so: negative_data_rejection is left out for them, too.
#
# Run inside scripts/with-lab.sh. FASTBUILD_BINARY names the binary, FASTBUILD_SCHEMA_EXAMPLES the examples of an
# operation (12 make about 3,800 cases), FASTBUILD_SCHEMA_SEED another seed than 1.

set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lab/settings.sh
. "$here/lab/settings.sh"
: "${FASTBUILD_LAB_REGISTRY:?run it as: scripts/with-lab.sh --bases debian scripts/schema.sh}"
binary=${FASTBUILD_BINARY:-$project_directory/target/debug/fastbuild}
[ -x "$binary" ] || fail "no $binary: cargo build --locked"
tools=$project_directory/.lab/schemathesis
if [ ! -x "$tools/bin/schemathesis" ]; then
	command -v python3 >/dev/null || fail 'python3 is missing: apt-get install python3-venv'
	python3 -m venv "$tools"
	"$tools/bin/pip" install --quiet 'schemathesis==4.32.5'
fi
export NO_PROXY='*' no_proxy='*'

work=$(mktemp -d "${TMPDIR:-/tmp}/fastbuild-schema.XXXXXX")
service=''
# shellcheck disable=SC2317,SC2329
clean_up() {
	local status=$?
	trap - EXIT
	if [ -n "$service" ]; then
		kill -TERM "$service" 2>/dev/null || true
		wait "$service" 2>/dev/null || true
	fi
	[ "$status" -eq 0 ] || tail -n 20 "$work/service.log"
	rm -rf "$work"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port=48201
while port_is_taken "$port"; do port=$((port + 1)); done
url=http://127.0.0.1:$port
FASTBUILD__FB__BASE_DIR=$work/data FASTBUILD__FB__PORT=$port "$binary" serve >"$work/service.log" 2>&1 &
service=$!
for _ in $(seq 100); do
	curl --silent --fail "$url/healthz" >/dev/null && break
	sleep 0.1
done
curl --silent --fail "$url/api/fast-build/config/config-fastbuild" --output /dev/null \
	--form fastbuild_host=127.0.0.1 --form "fastbuild_port=$port" --form "harbor_username=$FASTBUILD_LAB_USERNAME" \
	--form "harbor_password=$FASTBUILD_LAB_PASSWORD" --form "harbor_registry=$FASTBUILD_LAB_REGISTRY" \
	--form "docker_host=$FASTBUILD_LAB_DOCKER_HOST"
configuring='/(config/config-fastbuild|config/update|host/update)'
try() {
	"$tools/bin/schemathesis" run "$url/openapi.json" --wait-for-schema 20 --checks all \
		--max-examples "${FASTBUILD_SCHEMA_EXAMPLES:-12}" --phases examples,coverage,fuzzing --request-timeout 100 \
		--seed "${FASTBUILD_SCHEMA_SEED:-1}" --continue-on-failure --warnings off "$@"
}
try --exclude-path-regex "$configuring"
try --include-path-regex "$configuring" --exclude-checks not_a_server_error,negative_data_rejection
