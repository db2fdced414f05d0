#!/bin/sh
# debian.dress.sh ROOT CA_BUNDLE MIRROR: a Debian that reaches the mirror and trusts what this machine trusts.
set -eu
root=${1%/} bundle=$2 mirror=$3

# In /usr/local too, or a later `ca-certificates` package would write the machine's CAs away; pip brings its own CAs
# unless told otherwise.
mkdir -p "$root/etc/ssl/certs" "$root/usr/local/share/ca-certificates" "$root/etc/apt/apt.conf.d"
cp "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
cp "$bundle" "$root/usr/local/share/ca-certificates/machine-bundle.crt"
chmod 0644 "$root/etc/ssl/certs/ca-certificates.crt" "$root/usr/local/share/ca-certificates/machine-bundle.crt"
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"

rm -f "$root"/etc/apt/sources.list.d/*
printf 'deb %s bookworm main\n' "$mirror" >"$root/etc/apt/sources.list"

# As in the official image: no archives in a layer, nothing starts on installation.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
END
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*
# Docker mounts its own over these while a container runs.
if [ -n "$root" ]; then rm -f "$root/etc/resolv.conf" "$root/etc/hostname"; fi
