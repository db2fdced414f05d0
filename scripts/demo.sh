#!/usr/bin/env bash
# From nothing to a running container: start the service, configure it, post the platform's request, follow the stages,
# receive the callback, pull what was pushed, and try everything in it that was asked for.
#
# Run by `make demo`, which provides the lab and the release build. FASTBUILD_BINARY names another binary,
# FASTBUILD_DEMO_TIMEOUT the seconds that the build may take (280), FASTBUILD_DEMO_KEEP=1 keeps the container and the directory.

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=scripts/lab/settings.sh
. "$here/lab/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$here/lab/packages.sh"

: "${FASTBUILD_LAB_REGISTRY:?run it as: scripts/with-lab.sh --bases \"debian entrypoint\" scripts/demo.sh (make demo does)}"
binary=${FASTBUILD_BINARY:-$project_directory/target/release/fastbuild}
[ -x "$binary" ] || fail "no $binary: cargo build --release --locked"
need_packages socat
# What the scripts put on the network stays on this machine.
export NO_PROXY='*' no_proxy='*'

bold='' green='' red='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'
fi
heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
note() { printf '  %s%s%s\n' "$dim" "$*" "$plain"; }

failures=0
# expect TEXT COMMAND…: the command must succeed.
expect() {
	local text=$1
	shift
	if "$@" >"$work/expect.log" 2>&1; then
		printf '  %sok%s    %s\n' "$green" "$plain" "$text"
	else
		printf '  %sFAIL%s  %s\n' "$red" "$plain" "$text"
		sed 's/^/          /' "$work/expect.log" | tail -n 10
		failures=$((failures + 1))
	fi
}
refuses() { ! "$@"; }

work=$(mktemp -d "${TMPDIR:-/tmp}/fastbuild-demo.XXXXXX")
container=fastbuild-demo-$$
image=$FASTBUILD_LAB_REGISTRY/demo/workbench:$(date +%Y%m%d-%H%M%S)
service_pid='' receiver_pid=''

clean_up() {
	local status=$?
	trap - EXIT
	if [ "${FASTBUILD_DEMO_KEEP:-}" = 1 ]; then
		note "kept: container $container, directory $work"
	else
		docker rm --force --volumes "$container" >/dev/null 2>&1 || true
		docker image rm "$image" >/dev/null 2>&1 || true
	fi
	[ -z "$receiver_pid" ] || kill "$receiver_pid" 2>/dev/null || true
	if [ -n "$service_pid" ]; then
		kill -TERM "$service_pid" 2>/dev/null || true
		wait "$service_pid" 2>/dev/null || true
		[ "$status" -eq 0 ] || { heading 'the service said last'; tail -n 15 "$work/service.log"; }
	fi
	[ "${FASTBUILD_DEMO_KEEP:-}" = 1 ] || rm -rf "$work"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
	local port=$1
	while port_is_taken "$port"; do port=$((port + 1)); done
	printf '%s\n' "$port"
}

hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
# The platform's encryption: AES-128-CBC under the published key and IV, base64.
encrypt() {
	printf '%s' "$1" | openssl enc -aes-128-cbc -K "$(hex c7e71f37dda040fd)" -iv "$(hex 0000000000000000)" -base64 -A
}

# api METHOD PATH [curl option…]: the answer's body.
api() {
	local method=$1 path=$2
	shift 2
	curl --silent --show-error --max-time 120 --request "$method" "$@" "http://127.0.0.1:$port/api/fast-build$path"
}
succeeded() { [ "$(jq -r '.code' <<<"$1" 2>/dev/null)" = 0 ]; }

heading '1. The service'
port=$(free_port 48101)
mkdir -p "$work/source" "$work/task" "$work/tools" "$work/tls"
cat >"$work/config.toml" <<-END
	[fb]
	base_dir = "."
	source_dir = "source"
	task_dir = "task"
	tools_dir = "tools"
	tls_dir = "tls"
	host = "127.0.0.1"
	port = $port

	[db]
	file = "fastbuild.sqlite3"
END
"$binary" serve --config "$work/config.toml" >"$work/service.log" 2>&1 &
service_pid=$!
wait_until 20 curl --silent --fail "http://127.0.0.1:$port/healthz" || fail "the service did not start"
note "http://127.0.0.1:$port, Swagger UI at /docs"
answer=$(api POST /config/config-fastbuild \
	--form-string fastbuild_host=127.0.0.1 --form-string "fastbuild_port=$port" \
	--form-string "harbor_username=$FASTBUILD_LAB_USERNAME" --form-string "harbor_password=$FASTBUILD_LAB_PASSWORD" \
	--form-string "harbor_registry=$FASTBUILD_LAB_REGISTRY" --form-string harbor_registry_dns= \
	--form-string "docker_host=$FASTBUILD_LAB_DOCKER_HOST" --form-string docker_port=2375)
succeeded "$answer" || fail "the configuration was refused: $answer"
note "$(jq -r '.data' <<<"$answer")"

heading '2. The request'
receiver_port=$(free_port 48201)
: >"$work/callbacks"
CALLBACK_FILE=$work/callbacks socat "TCP-LISTEN:$receiver_port,bind=127.0.0.1,reuseaddr,fork" \
	"EXEC:$project_directory/scripts/receive-callback.sh" >"$work/receiver.log" 2>&1 &
receiver_pid=$!
ssh_password=$(openssl rand -hex 8)
jupyter_password=$(openssl rand -hex 8)
installer() {
	jq -n --arg name "$1" --argjson software "$2" '{installer_name: $name,
		install: {present: "", update: false, target: "", install_loc: ""},
		source: {installer_name: "", type: "", file_name: ""},
		software_list: $software, delimiter: "", python_version: []}'
}
jq -n \
	--arg ssh "$(encrypt "$ssh_password")" --arg jupyter "$(encrypt "$jupyter_password")" \
	--arg image "$image" --arg base "$FASTBUILD_LAB_REGISTRY/base/entrypoint:1" --arg callback "http://127.0.0.1:$receiver_port/callback" \
	--argjson packages "$(installer apt '[{"name": "tree"}, {"name": "less"}]')" \
	--argjson pip "$(installer pip '[{"name": "six", "version": "1.16.0"}]')" \
	--argjson conda "$(installer conda '[]')" \
	'{webSSHSecret: $ssh, jupyterLabSecret: $jupyter,
	  task_data: {task_name: "demo", target_image_name: $image, callback_url: $callback},
	  dockerfile_json: {base_image: $base, maintainer: "10001", image_installer_config: {
	    python_env: {present: "", update: false, target: "", install_loc: "/usr/local/dros/python"},
	    package_manager_installer_config: $packages, pip_installer_config: $pip, conda_installer_config: $conda}}}' \
	>"$work/request.json"
note "base $FASTBUILD_LAB_REGISTRY/base/entrypoint:1, a Debian with a start program of its own"
note "apt: tree, less    pip: six 1.16.0    SSH and JupyterLab with a password each"
started=$SECONDS
answer=$(api POST /task/build-image --header 'Content-Type: application/json' --data-binary "@$work/request.json")
succeeded "$answer" || fail "the request was refused: $answer"
task=$(jq -r '.data.task_id' <<<"$answer")
note "task $task"

heading '3. The stages'
state='' shown=''
while :; do
	progress=$(api GET "/progress/details?task_id=$task")
	while IFS=$'\t' read -r action status duration log_url; do
		[ -n "$action" ] || continue
		case $shown in *" $action "*) continue ;; esac
		shown="$shown $action "
		colour=$green
		[ "$status" = success ] || colour=$red
		printf '  %-8s %s%-8s%s %8s ms   %s%s%s\n' "$action" "$colour" "$status" "$plain" "$duration" "$dim" "$log_url" "$plain"
	done < <(jq -r '.data.progress[]? | select(.status == "success" or .status == "fail")
		| [.action, .status, (.duration // 0 | tostring), (.log_url // "")] | @tsv' <<<"$progress")
	# An end state that was read before the stages would lose the last of them: leave one round later.
	case $state in *_FAILED | PUSH_SUCCESS | BUILD_ABORT) break ;; esac
	state=$(api GET "/task/task-details_by_task_id?task_id=$task" | jq -r '.data.state // ""')
	if [ $((SECONDS - started)) -gt "${FASTBUILD_DEMO_TIMEOUT:-280}" ]; then fail "still $state after $((SECONDS - started)) s"; fi
	[ ! -t 1 ] || printf '  %s%s, %d s%s\e[K\r' "$dim" "$state" $((SECONDS - started)) "$plain"
	sleep 0.3
done
[ ! -t 1 ] || printf '\e[K'
note "$state after $((SECONDS - started)) s"
if [ "$state" != PUSH_SUCCESS ]; then
	api GET "/task/task-details_by_task_id?task_id=$task" | jq '.data' || true
	log=$(jq -r '[.data.progress[]? | select(.status == "fail") | .log_url] | last // ""' <<<"$progress")
	[ -z "$log" ] || curl --silent "$log" | tail -n 30
	fail "the task ended in $state"
fi

heading '4. The callback'
expect 'arrived within 15 s' wait_until 15 test -s "$work/callbacks"
note "$(head -n 1 "$work/callbacks")"
callback_is_right() {
	sed -n '1s/^POST //p' "$work/callbacks" \
		| jq -e --arg image "$image" --argjson task "$task" '.imageName == $image and .taskId == $task and .state == "PUSH_SUCCESS"'
}
expect 'names the image, the task and PUSH_SUCCESS' callback_is_right
expect 'came once' test "$(wc -l <"$work/callbacks")" -eq 1

heading '5. The image, pulled back and run'
docker image rm "$image" >/dev/null 2>&1 || true
expect "docker pull $image" docker pull --quiet "$image"
docker run --detach --name "$container" --publish 127.0.0.1::22 --publish 127.0.0.1::8888 "$image" >/dev/null
published() { docker port "$container" "$1/tcp" | sed -n '1s/.*://p'; }
ssh_port=$(published 22)
jupyter=http://127.0.0.1:$(published 8888)
inside() { docker exec "$container" "$@"; }

label_is() { test "$(docker image inspect --format "{{index .Config.Labels \"$1\"}}" "$image")" = "$2"; }
expect 'labelled constructor=FastBuild and task_id' eval "label_is constructor FastBuild && label_is task_id $task"
expect 'tree is there' inside tree --version
expect 'less is there' inside less --version
expect 'six imports, in the version asked for' inside python3 -c 'import six; assert six.__version__ == "1.16.0", six.__version__'

base_program_ran() {
	inside cat /tmp/base-started
	inside grep -qx 'argument=--fixed' /tmp/base-started && inside grep -qx 'argument=two words' /tmp/base-started \
		&& inside grep -qx 'directory=/srv' /tmp/base-started
}
expect "the base image's own start program ran, with its arguments" wait_until 15 base_program_ran

secure_shell() {
	SSHPASS=$1 sshpass -e ssh -p "$ssh_port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		-o PreferredAuthentications=password -o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1 -o ConnectTimeout=5 \
		root@127.0.0.1 "$2"
}
image_path=$(docker image inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$image" | sed -n 's/^PATH=//p')
sees_image_path() {
	local path directory
	path=$(secure_shell "$ssh_password" "$1") || return 1
	printf 'image %s\nssh   %s\n' "$image_path" "$path"
	while read -r directory; do
		case :$path: in *":$directory:"*) ;; *) return 1 ;; esac
	done < <(tr ':' '\n' <<<"$image_path")
}
expect 'ssh logs in with the password' wait_until 30 secure_shell "$ssh_password" true
# shellcheck disable=SC2016
expect "ssh sees the image's PATH" sees_image_path 'echo $PATH'
# shellcheck disable=SC2016
expect "so does a login shell" sees_image_path 'sh -lc "echo \$PATH"'
expect 'ssh refuses a wrong password' refuses secure_shell "not-$ssh_password" true

# jupyter_answers PASSWORD: log in through the form, then ask for something that needs it.
jupyter_answers() {
	local jar=$work/cookies.$1 token
	rm -f "$jar"
	curl --silent --fail --output /dev/null --cookie-jar "$jar" --cookie "$jar" "$jupyter/login" || return 1
	token=$(awk '$6 == "_xsrf" { print $7 }' "$jar")
	curl --silent --output /dev/null --cookie-jar "$jar" --cookie "$jar" --write-out 'login %{http_code}\n' \
		--data-urlencode "password=$1" --data-urlencode "_xsrf=$token" "$jupyter/login" || return 1
	curl --silent --show-error --fail --cookie "$jar" "$jupyter/api/status" && curl --silent --show-error --fail --output /dev/null --cookie "$jar" "$jupyter/lab"
}
expect 'JupyterLab answers on 8888' wait_until 60 curl --silent --fail "$jupyter/login"
expect 'JupyterLab accepts the password' jupyter_answers "$jupyter_password"
expect 'JupyterLab refuses a wrong one' refuses jupyter_answers "not-$jupyter_password"
expect 'JupyterLab refuses none' refuses curl --silent --fail "$jupyter/api/status"

no_password_in_history() {
	! docker history --no-trunc "$image" | grep -F -e "$ssh_password" -e "$jupyter_password" \
		-e "$(jq -r .webSSHSecret "$work/request.json")" -e "$(jq -r .jupyterLabSecret "$work/request.json")"
}
expect 'no password in docker history' no_password_in_history
stop_is_quick() {
	local before=$SECONDS
	docker stop --time 30 "$container" && [ $((SECONDS - before)) -le 10 ]
}
expect 'stops within ten seconds' stop_is_quick

heading '6. The end'
kill -TERM "$service_pid"
status=0
wait "$service_pid" || status=$?
service_pid=''
expect 'the service drained and exited 0' test "$status" -eq 0
if [ "$failures" -gt 0 ]; then
	printf '\n%s%d of the above did not hold%s\n' "$red" "$failures" "$plain"
	exit 1
fi
printf '\n%sAll of it holds.%s  %d s after compilation\n' "$green" "$plain" "$SECONDS"
