#!/usr/bin/env bash
# Builds the container image around a finished binary and tries what compose.yaml and the Dockerfile promise: small,
# healthy, not root, a read-only root, no capabilities, a build through it, a volume that keeps what was configured, a stop
# that is quick and clean. The options are compose.yaml's own (packaging/compose.py).
#
#   scripts/with-lab.sh --bases debian packaging/try.sh [BINARY]      # default: target/release/fastbuild
#
# FASTBUILD_RUNTIME names another runtime base than the lab's Debian. A binary with debug information is stripped first.
# FASTBUILD_PYTHON is a Python with PyYAML.

set -euo pipefail
project=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
binary=$(realpath "${1:-$project/target/release/fastbuild}")
: "${FASTBUILD_LAB_REGISTRY:?run it as: scripts/with-lab.sh --bases debian packaging/try.sh}"
runtime=${FASTBUILD_RUNTIME:-$FASTBUILD_LAB_REGISTRY/base/debian:12}
client=${DOCKER:-/usr/bin/docker}
name=fastbuild-try-$$
base=$FASTBUILD_LAB_REGISTRY/base/debian:12
target=$FASTBUILD_LAB_REGISTRY/try/packaged:$$
python=${FASTBUILD_PYTHON:-python3}
# What the binary may add to its base.
largest_megabytes=80
context=$(mktemp -d)
export DOCKER_BUILDKIT=1 DOCKER_HOST=$FASTBUILD_LAB_DOCKER_HOST DOCKER_CONFIG=$FASTBUILD_LAB_DOCKER_CONFIG

clean_up() {
	local status=$?
	trap - EXIT
	if [ "$status" -ne 0 ]; then "$client" logs "$name" 2>&1 | tail -n 20 || true; fi
	"$client" rm --force --volumes "$name" >/dev/null 2>&1 || true
	"$client" volume rm "$name" >/dev/null 2>&1 || true
	"$client" image rm "$name" >/dev/null 2>&1 || true
	"$client" image rm "$target" >/dev/null 2>&1 || true
	rm -rf "$context"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	printf 'try: %s\n' "$*" >&2
	exit 1
}
# same WHAT EXPECTED FOUND
same() {
	[ "$2" = "$3" ] || fail "$1 is '$3', not '$2'"
	printf '  ok    %s: %s\n' "$1" "$3"
}
inside() { "$client" exec "$name" "$@"; }
healthy() { [ "$("$client" inspect --format '{{.State.Health.Status}}' "$name")" = healthy ]; }
wait_until_healthy() {
	local tries=150
	until healthy; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail 'not healthy within 30 s'
		sleep 0.2
	done
}

# The binary may be any; the image takes the one of this context.
mkdir -p "$context/target/release"
cp -r "$project"/{Dockerfile,.dockerignore,config.toml,packaging} "$context/"
strip -o "$context/target/release/fastbuild" "$binary"
if "$client" compose version >/dev/null 2>&1; then
	"$client" compose --file "$project/compose.yaml" config --quiet
	echo '  ok    docker compose reads compose.yaml'
else
	echo '  note  no docker compose here: packaging/compose.py reads compose.yaml'
fi
options=$("$python" "$project/packaging/compose.py" "$project/compose.yaml")
mapfile -t options <<<"$options"
"$client" build --quiet --tag "$name" --build-arg BINARY=prebuilt --build-arg "RUNTIME=$runtime" "$context" >/dev/null
bytes() { "$client" image inspect --format '{{.Size}}' "$1"; }
"$client" pull --quiet "$runtime" >/dev/null 2>&1 || true
added=$((($(bytes "$name") - $(bytes "$runtime")) / 1000000))
[ "$added" -le "$largest_megabytes" ] || fail "the image is $added MB larger than its base"
printf '  ok    %s MB more than the base\n' "$added"
same 'user of the image' 10001:10001 "$("$client" image inspect --format '{{.Config.User}}' "$name")"

# As in compose.yaml; the socket takes the place of a Docker server elsewhere.
socket=${FASTBUILD_LAB_DOCKER_HOST#unix://}
"$client" run --detach --name "$name" --publish 127.0.0.1::48001 --volume "$name:/var/lib/fastbuild" \
	--volume "$socket:$socket" --group-add "$(stat -c %g "$socket")" \
	"${options[@]}" --health-interval 1s --health-start-period 0s "$name" >/dev/null
wait_until_healthy
echo '  ok    healthy'

same user 10001 "$(inside id -u)"
same capabilities 0000000000000000 "$(inside sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status)"
same 'new privileges forbidden' 1 "$(inside sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/1/status)"
if inside sh -c 'touch /etc/fastbuild/x' 2>/dev/null; then fail 'the root is writable'; fi
echo '  ok    the root is read-only'
same 'mode of the key file' 600 "$(inside stat -c %a /var/lib/fastbuild/fastbuild.sqlite3.key)"

# A container asks for tokens, and makes them itself.
same 'without a token' 401 "$(curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}' \
	"http://$("$client" port "$name" 48001/tcp | head -n 1)/api/fast-build/task/queued-tasks")"
token=$(inside fastbuild token create --name try --role administer 2>/dev/null)
api() { curl --silent --show-error --max-time 60 --noproxy '*' --header "Authorization: Bearer $token" "http://$("$client" port "$name" 48001/tcp | head -n 1)/$1" "${@:2}"; }
configure() {
	api api/fast-build/config/config-fastbuild --form-string fastbuild_host=127.0.0.1 \
		--form-string "harbor_registry=$FASTBUILD_LAB_REGISTRY" --form-string "harbor_username=$FASTBUILD_LAB_USERNAME" \
		--form-string "harbor_password=$FASTBUILD_LAB_PASSWORD" --form-string "docker_host=$FASTBUILD_LAB_DOCKER_HOST"
}
same 'configured, code' 0 "$(configure | jq .code)"

# The example of the documentation, with nothing to install.
request=$(jq --arg base "$base" --arg target "$target" '.task_data += {target_image_name: $target, callback_url: ""}
	| .dockerfile_json.base_image = $base
	| .dockerfile_json.image_installer_config |= map_values(if type == "object" and has("software_list")
		then .software_list = [] | .source |= map_values("") | .install |= (.target = "" | .update = false) else . end)
	| .webSSHSecret = "" | .jupyterLabSecret = ""' "$project/docs/examples/request.json")
task=$(api api/fast-build/task/build-image --json "$request" | jq -r '.data.task_id // .')
state() { api "api/fast-build/task/task-details_by_task_id?task_id=$task" | jq -r '.data.state'; }
tries=200
until [[ $(state) =~ PUSH_SUCCESS|FAILED|ABORT ]]; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || fail "task $task has not ended within a minute"
	sleep 0.3
done
same 'a build through it' PUSH_SUCCESS "$(state)"

started=$SECONDS
"$client" stop --time 30 "$name" >/dev/null
same 'exit code of a stop' 0 "$("$client" inspect --format '{{.State.ExitCode}}' "$name")"
[ $((SECONDS - started)) -le 10 ] || fail "a stop without work took $((SECONDS - started)) s"

"$client" start "$name" >/dev/null
wait_until_healthy
same 'still configured after a restart' 127.0.0.1 "$(api api/fast-build/host/latest | jq -r .data.host_ip)"
same 'ready' true "$(api readyz | jq .ready)"
