# shellcheck shell=bash
# A bridge with a way out, for a daemon that is started beside another one: `bridge` names it, `bridge_subnet` has the
# first three numbers of its network.

# With --iptables=false the daemon sets up no way out, so the lab does: three rules of its own.
bridge_firewall() {
	local verb=$1
	as_root iptables -t nat "$verb" POSTROUTING -s "$bridge_subnet.0/24" ! -o "$bridge" -j MASQUERADE
	as_root iptables "$verb" FORWARD -i "$bridge" -j ACCEPT
	as_root iptables "$verb" FORWARD -o "$bridge" -j ACCEPT
}

make_bridge() {
	ip link show "$bridge" >/dev/null 2>&1 && return 0
	as_root ip link add "$bridge" type bridge
	as_root ip address add "$bridge_subnet.1/24" dev "$bridge"
	as_root ip link set "$bridge" up
	as_root sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	bridge_firewall -I || say "no firewall rules could be set: builds there have no network"
}

remove_bridge() {
	ip link show "$bridge" >/dev/null 2>&1 || return 0
	bridge_firewall -D 2>/dev/null || true
	as_root ip link delete "$bridge"
}
