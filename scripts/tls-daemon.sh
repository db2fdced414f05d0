#!/usr/bin/env bash
# A second Docker daemon behind mutual TLS on 127.0.0.1:23760, beside the first one and without touching it.
#
#   scripts/tls-daemon.sh up      certificates, client tars (good and bad ones), bridge, daemon, base/debian:12
#   scripts/tls-daemon.sh env     shell exports: FASTBUILD_LAB_TLS_HOST, _PORT, _DIR, _DOCKER_SOCKET
#   scripts/tls-daemon.sh running its name, if `up` started it and it still runs
#   scripts/tls-daemon.sh down    stop it and take the bridge and its three firewall rules away (FASTBUILD_KEEP_LAB=1 keeps it)
#
# The lab's registry must run (scripts/lab.sh up). The tars in FASTBUILD_LAB_TLS_DIR:
#   client.tar            ca-jenkins.pem, cert-jenkins.pem, key-jenkins.pem
#   client-docker.tar.gz  the same under Docker's names: ca.pem, cert.pem, key.pem
#   client-expired.tar    a certificate that ended yesterday      client-v1.tar       an X.509 v1 certificate
#   client-no-key.tar     without the key                         client-other-key.tar  a key of another certificate
#   client-encrypted-key.tar  a key with a passphrase
#   client-other-ca.tar   a client and a CA that the server does not know

lab_here=$(dirname -- "${BASH_SOURCE[0]}")/lab
# shellcheck source=scripts/lab/settings.sh
. "$lab_here/settings.sh"
# shellcheck source=scripts/lab/packages.sh
. "$lab_here/packages.sh"
# shellcheck source=scripts/lab/registry.sh
. "$lab_here/registry.sh"
# shellcheck source=scripts/lab/bridge.sh
. "$lab_here/bridge.sh"

tls_directory=$lab_directory/tls
tls_pid_file=$tls_directory/dockerd.pid
# Short, because the path of a unix socket may have 107 bytes.
tls_run_directory=/run/fastbuild-lab-tls
tls_port=${FASTBUILD_LAB_TLS_PORT:-23760}
bridge=fbtls0
bridge_subnet=${FASTBUILD_LAB_TLS_SUBNET:-172.31.250}
PATH=$PATH:/usr/sbin:/sbin

tls_docker() {
	docker --host "tcp://127.0.0.1:$tls_port" --tlsverify --tlscacert "$tls_directory/ca.pem" \
		--tlscert "$tls_directory/client.pem" --tlskey "$tls_directory/client-key.pem" "$@"
}
tls_daemon_answers() { tls_docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# make_ca NAME
make_ca() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=FastBuild lab $1" \
		-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
		-keyout "$1-key.pem" -out "$1.pem" 2>/dev/null
}

# make_certificate NAME CA DAYS EXTENSIONS: v3 with the extensions, v1 when there are none.
make_certificate() {
	local name=$1 ca=$2 days=$3 extensions=$4 with=()
	openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$name-key.pem" -out "$name.csr" 2>/dev/null
	if [ -n "$extensions" ]; then
		printf '%b' "$extensions" >"$name.ext"
		with=(-extfile "$name.ext")
	fi
	openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca-key.pem" -set_serial "0x$(openssl rand -hex 8)" \
		-days "$days" "${with[@]}" -out "$name.pem" 2>/dev/null
}

# make_tar NAME CA CERTIFICATE KEY: a `-` leaves the file out.
make_tar() {
	local name=$1 ca=$2 certificate=$3 key=$4 staging
	staging=$(mktemp -d)
	[ "$ca" = - ] || cp "$ca.pem" "$staging/ca-jenkins.pem"
	[ "$certificate" = - ] || cp "$certificate.pem" "$staging/cert-jenkins.pem"
	[ "$key" = - ] || cp "$key-key.pem" "$staging/key-jenkins.pem"
	# Plain names, as `tar -cf x.tar *.pem` makes them.
	(cd "$staging" && tar --owner=0 --group=0 -cf files.tar ./*.pem --transform 's,^\./,,')
	mv "$staging/files.tar" "$name.tar"
	if [ "$name" = client ]; then
		(cd "$staging" && mv ca-jenkins.pem ca.pem && mv cert-jenkins.pem cert.pem && mv key-jenkins.pem key.pem)
		tar --owner=0 --group=0 -C "$staging" -czf client-docker.tar.gz ca.pem cert.pem key.pem
	fi
	rm -rf "$staging"
}

make_certificates() {
	# Made once, and again when less than a week is left.
	if [ -s "$tls_directory/client-encrypted-key.tar" ] \
		&& openssl x509 -checkend 604800 -noout -in "$tls_directory/server.pem" >/dev/null; then return 0; fi
	say "making certificates"
	local client='basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n'
	(
		cd "$tls_directory"
		umask 077
		make_ca ca
		make_ca other-ca
		make_certificate server ca 365 \
			'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n'
		make_certificate client ca 365 "$client"
		make_certificate client-expired ca -1 "$client"
		make_certificate client-v1 ca 365 ''
		make_certificate client-other-ca other-ca 365 "$client"
		make_tar client ca client client
		make_tar client-expired ca client-expired client-expired
		make_tar client-v1 ca client-v1 client-v1
		make_tar client-no-key ca client -
		make_tar client-other-key ca client client-v1
		make_tar client-other-ca other-ca client-other-ca client-other-ca
		openssl rsa -in client-key.pem -aes128 -passout pass:secret -out client-encrypted-key.pem 2>/dev/null
		make_tar client-encrypted-key ca client client-encrypted
		rm -f ./*.csr ./*.ext
	)
}

up() {
	mkdir -p "$tls_directory"
	exec 9>"$lab_directory/lock"
	command -v flock >/dev/null && flock 9
	need_packages docker.io iproute2 iptables openssl
	make_certificates
	if ! tls_daemon_answers; then
		if port_is_taken "$tls_port"; then fail "port $tls_port is taken; set FASTBUILD_LAB_TLS_PORT"; fi
		say "starting a second dockerd with TLS on 127.0.0.1:$tls_port"
		make_bridge
		as_root mkdir -p "$tls_run_directory"
		# An empty daemon configuration: the machine's own belongs to the first daemon.
		echo '{}' >"$tls_directory/daemon.json"
		as_root env "PATH=$PATH" setsid nohup dockerd --config-file "$tls_directory/daemon.json" \
			--host "tcp://127.0.0.1:$tls_port" --host "unix://$tls_run_directory/docker.sock" \
			--tlsverify --tlscacert "$tls_directory/ca.pem" --tlscert "$tls_directory/server.pem" --tlskey "$tls_directory/server-key.pem" \
			--data-root "$tls_directory/data" --exec-root "$tls_run_directory/exec" --pidfile "$tls_pid_file" \
			--iptables=false --ip6tables=false --bridge "$bridge" >"$tls_directory/dockerd.log" 2>&1 </dev/null 9>&- &
		disown
		if ! wait_until 60 tls_daemon_answers; then
			tail -n 15 "$tls_directory/dockerd.log" >&2
			fail "the second dockerd did not answer within 60 s; its log is $tls_directory/dockerd.log"
		fi
	fi
	local image
	image=$(registry_address)/base/debian:12
	tls_docker image inspect "$image" >/dev/null 2>&1 || tls_docker pull --quiet "$image" >/dev/null \
		|| fail "the second daemon could not pull $image: does the lab run (scripts/lab.sh up)?"
	say "ready: daemon with TLS on 127.0.0.1:$tls_port"
}

case ${1:-} in
up) up ;;
down)
	[ "${FASTBUILD_KEEP_LAB:-}" = 1 ] && exit 0
	[ -e "$tls_pid_file" ] || exit 0
	stop_process "$tls_pid_file" dockerd
	remove_bridge
	;;
running) if process_alive "$tls_pid_file"; then echo tls-daemon; fi ;;
env)
	printf 'export FASTBUILD_LAB_TLS_HOST=127.0.0.1\nexport FASTBUILD_LAB_TLS_PORT=%q\nexport FASTBUILD_LAB_TLS_DIR=%q\n' "$tls_port" "$tls_directory"
	printf 'export FASTBUILD_LAB_TLS_DOCKER_SOCKET=%q\n' "unix://$tls_run_directory/docker.sock"
	;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
