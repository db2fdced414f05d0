# Installs a whole list of packages with apt over what an earlier step installed of it, when that leaves what apt would
# install on the base alone: the same packages in the same versions, none more. Otherwise it ends before or after with a
# line that asks for one full step. Arguments: the base's dpkg status, a cache directory, the packages.
set -eu
status=$1
cache=$2
shift 2
LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

full() {
	echo "@MARK@$1"
	exit 86
}

apt() {
	apt-get @OPTIONS@ "$@"
}

# installed STATUS: name:architecture version, of all that is installed, sorted.
installed() {
	awk '
		function out() { if (name != "" && state ~ / installed$/) print name ":" architecture " " version; name = "" }
		/^Package: / { name = $2; state = "" }
		/^Status: / { state = $0 }
		/^Architecture: / { architecture = $2 }
		/^Version: / { version = $2 }
		/^$/ { out() }
		END { out() }
	' "$1" | sort
}

mkdir -p "$cache/archives/partial" "$cache/lists/partial"
apt @UPDATE@
apt -o Dir::State::status="$status" -s install -y --no-install-recommends @DOWNGRADES@ "$@" >"$work/plan" ||
	full 'apt finds no way to install the list on the base'
if grep -q '^Remv ' "$work/plan"; then full 'packages of the base would be removed'; fi
installed "$status" >"$work/base"
sed -n 's/^Inst \([^ :]*\)[^ ]* .*(\([^ ]*\) .*\[\([^]]*\)\]).*$/\1:\3 \2/p' "$work/plan" | sort >"$work/new"
awk 'NR == FNR { version[$1] = $2; next } { if (!($1 in version)) version[$1] = $2 }
	END { for (name in version) print name " " version[name] }' "$work/new" "$work/base" | sort >"$work/expected"
cut -d ' ' -f 1 "$work/expected" >"$work/names"
leftover=$(installed /var/lib/dpkg/status | cut -d ' ' -f 1 | grep -vxFf "$work/names" | head -n 1) || :
if [ -n "$leftover" ]; then full "$leftover would be left over"; fi
apt install -y --no-install-recommends @DOWNGRADES@ "$@"
installed /var/lib/dpkg/status >"$work/result"
if ! cmp -s "$work/result" "$work/expected"; then
	full "the versions would differ: $(diff "$work/result" "$work/expected" | sed -n 's/^[<>] //p' | head -n 3 | tr '\n' ',')"
fi
