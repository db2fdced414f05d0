# shellcheck shell=bash
# A registry with a password on a port of the lab's own. One of ours that answers already is used.

registry_pid_file=$lab_directory/registry.pid
registry_port_file=$lab_directory/registry.port

registry_port() {
	if [ -s "$registry_port_file" ]; then cat "$registry_port_file"; else printf '%s\n' "$registry_first_port"; fi
}
registry_address() { printf '127.0.0.1:%s\n' "$(registry_port)"; }

# registry_get PATH [curl option…]: an authenticated GET under /v2/, the body on stdout.
registry_get() {
	local path=$1
	shift
	curl --silent --show-error --fail --location --noproxy '*' --max-time 20 \
		--user "$registry_username:$registry_password" "$@" "http://$(registry_address)/v2/$path"
}

# Ours answers our password and refuses everybody else.
registry_answers() {
	registry_get '' >/dev/null 2>&1 \
		&& ! curl --silent --fail --noproxy '*' --max-time 5 "http://$(registry_address)/v2/" >/dev/null 2>&1
}

# The first free port from the preferred one on.
choose_registry_port() {
	local port=$registry_first_port
	rm -f "$registry_port_file"
	registry_answers && return 0
	while port_is_taken "$port"; do
		port=$((port + 1))
		[ "$port" -lt $((registry_first_port + 50)) ] || fail "no free port for the registry from $registry_first_port on"
	done
	printf '%s\n' "$port" >"$registry_port_file"
}

start_registry() {
	if ! registry_answers; then
		need_packages docker-registry apache2-utils curl
		choose_registry_port
	fi
	if ! registry_answers; then
		say "starting a registry on $(registry_address)"
		mkdir -p "$lab_directory/registry"
		# The lowest cost: every request is one bcrypt.
		htpasswd -B -C 4 -b -n "$registry_username" "$registry_password" 2>/dev/null >"$lab_directory/htpasswd"
		cat >"$lab_directory/registry.yml" <<-END
			version: 0.1
			log: {level: warn, accesslog: {disabled: true}}
			storage:
			  filesystem: {rootdirectory: "$lab_directory/registry"}
			  delete: {enabled: true}
			  maintenance: {uploadpurging: {enabled: false}}
			http: {addr: "$(registry_address)"}
			auth:
			  htpasswd: {realm: fastbuild-lab, path: "$lab_directory/htpasswd"}
		END
		setsid nohup docker-registry serve "$lab_directory/registry.yml" >"$lab_directory/registry.log" 2>&1 </dev/null 9>&- &
		printf '%s\n' $! >"$registry_pid_file"
		disown
		if ! wait_until 20 registry_answers; then
			tail -n 15 "$lab_directory/registry.log" >&2
			fail "the registry did not answer on $(registry_address); its log is $lab_directory/registry.log"
		fi
	fi
	mkdir -p "$DOCKER_CONFIG"
	# A file rather than `docker login`: no credential helper of the machine gets between.
	jq -n --arg address "$(registry_address)" --arg auth "$(printf '%s' "$registry_username:$registry_password" | base64 -w0)" \
		'{auths: {($address): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json.new"
	mv "$DOCKER_CONFIG/config.json.new" "$DOCKER_CONFIG/config.json"
}

stop_registry() {
	stop_process "$registry_pid_file" docker-registry
	rm -f "$registry_port_file"
}
