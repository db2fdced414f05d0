# Prints what is in this image as records: mark, key, value, separated by tabs. It must run where there is hardly
# anything: a POSIX shell, no ps, no grep, perhaps no coreutils. Nothing of the image is started but tools asked for
# their version.
mark=@MARK@
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PATH=$PATH:/usr/local/dros/python/bin:/opt/conda/bin:/usr/local/dros/conda/bin
LC_ALL=C
export PATH LC_ALL
cd / 2>/dev/null

put() { printf '%s\t%s\t%s\n' "$mark" "$1" "$2"; }

# first PREFIX COMMAND…: the first line of its output that begins so.
first() {
	prefix=$1
	shift
	"$@" 2>&1 </dev/null | while IFS= read -r line; do
		case $line in "$prefix"*)
			printf '%s\n' "$line"
			break
			;;
		esac
	done
}

# lines KEY FILE: at most 300 lines of a file.
lines() {
	[ -f "$2" ] && [ -r "$2" ] || return 0
	count=0
	while IFS= read -r line || [ -n "$line" ]; do
		count=$((count + 1))
		[ "$count" -le 300 ] || break
		put "$1" "$line"
	done <"$2"
}

# addresses TOOL FILE…: lines with an address, comments left out.
addresses() {
	tool=$1
	shift
	for file in "$@"; do
		[ -f "$file" ] && [ -r "$file" ] || continue
		count=0
		while IFS= read -r line || [ -n "$line" ]; do
			count=$((count + 1))
			[ "$count" -le 500 ] || break
			case $line in
			'#'* | ';'*) ;;
			*://*) put "address.$tool" "$line" ;;
			esac
		done <"$file"
	done
}

python_code='
import os, sys
def put(key, value):
    sys.stdout.write("\t".join((sys.argv[1], "python." + key, sys.argv[2], str(value))) + "\n")
put("version", sys.version.split()[0])
try:
    import sysconfig
    if os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")):
        put("managed", 1)
except Exception:
    pass
try:
    import pip
    put("pip", pip.__version__)
    put("pip_from", os.path.dirname(os.path.abspath(pip.__file__)))
except Exception:
    pass
try:
    import ssl
    put("openssl", ssl.OPENSSL_VERSION)
except Exception:
    pass
for directory in sys.path:
    try:
        for name in os.listdir(directory or "."):
            if name.startswith("jupyterlab-") and name.endswith((".dist-info", ".egg-info")):
                put("jupyterlab", name.split("-")[1].replace(".dist", "").replace(".egg", ""))
    except Exception:
        pass
'
asked=' '

# ask INTERPRETER: facts about a Python, once.
ask() {
	case $asked in *" $1 "*) return 0 ;; esac
	asked="$asked$1 "
	"$1" -c "$python_code" "$mark" "$1" </dev/null 2>/dev/null
}

# interpreter SCRIPT: the Python in its first line, where it names one.
interpreter() {
	IFS= read -r line <"$1" 2>/dev/null || return 0
	case $line in '#!'*python*)
		line=${line#'#!'}
		line=${line# }
		set -- $line
		case $1 in /*/env) command -v "$2" ;; /*) [ -x "$1" ] && printf '%s\n' "$1" ;; esac
		;;
	esac
}

put begin 1
if command -v uname >/dev/null 2>&1; then
	put kernel "$(uname -a)"
	put architecture "$(uname -m)"
fi
if [ -r /etc/os-release ]; then lines os-release /etc/os-release; else lines os-release /usr/lib/os-release; fi
lines redhat-release /etc/redhat-release
glibc=$(first 'glibc ' getconf GNU_LIBC_VERSION)
[ -n "$glibc" ] || glibc=$(first 'ldd ' ldd --version)
put glibc "$glibc"
[ -x /bin/bash ] && put bash 1
for file in /etc/apt/sources.list.d/*.sources; do [ -e "$file" ] && put deb822 1; done
[ -x @START_SCRIPT@ ] && put start_script 1
for tool in setpriv runuser su; do
	command -v "$tool" >/dev/null 2>&1 && put switch_user "$tool"
done

for tool in apt-get yum dnf microdnf apk zypper pacman; do
	command -v "$tool" >/dev/null 2>&1 && put package_tool "$tool"
done
if command -v apt-get >/dev/null 2>&1; then
	put package_version.apt "$(first 'apt ' apt-get --version)"
fi
for tool in yum dnf; do
	command -v "$tool" >/dev/null 2>&1 || continue
	version=
	if command -v rpm >/dev/null 2>&1; then
		version=$(rpm -q --qf '%{VERSION}\n' "$tool" 2>/dev/null </dev/null) || version=
	fi
	[ -n "$version" ] || version=$(first '' "$tool" --version)
	put "package_version.$tool" "$version"
done
addresses apt /etc/apt/sources.list /etc/apt/sources.list.d/*
addresses yum /etc/yum.repos.d/*.repo
addresses pip /etc/pip.conf /root/.pip/pip.conf /root/.config/pip/pip.conf "${HOME:-/root}/.pip/pip.conf" \
	"${HOME:-/root}/.config/pip/pip.conf" "${PIP_CONFIG_FILE:-/}" /opt/conda/pip.conf /usr/local/dros/conda/pip.conf
[ -n "${PIP_INDEX_URL:-}" ] && put address.pip "$PIP_INDEX_URL"

for name in python python2 python3; do
	path=$(command -v "$name" 2>/dev/null) || continue
	case $path in /*) ;; *) continue ;; esac
	put "command.$name" "$path"
	ask "$path"
done
for name in pip pip2 pip3 jupyter-lab; do
	path=$(command -v "$name" 2>/dev/null) || continue
	case $path in /*) ;; *) continue ;; esac
	put "command.$name" "$path"
	python=$(interpreter "$path")
	if [ -n "$python" ]; then
		put "interpreter.$name" "$python"
		ask "$python"
	elif [ "$name" = jupyter-lab ]; then
		put jupyter_version "$(first '' "$path" --version)"
	else
		put "version.$name" "$(first 'pip ' "$path" --version)"
	fi
done

conda=$(command -v conda 2>/dev/null) || conda=
case $conda in
/*) ;;
*)
	conda=
	for prefix in "${CONDA_DIR:-/opt/conda}" /opt/miniconda3 /opt/anaconda3 /root/miniconda3 /root/anaconda3 \
		/usr/local/miniconda3 /usr/local/anaconda3; do
		[ -z "$conda" ] && [ -x "$prefix/bin/conda" ] && conda=$prefix/bin/conda
	done
	;;
esac
if [ -n "$conda" ]; then
	put command.conda "$conda"
	prefix=${conda%/bin/conda}
	prefix=${prefix%/condabin/conda}
	version=
	for file in "$prefix"/conda-meta/conda-[0-9]*.json; do
		[ -e "$file" ] || continue
		file=${file##*/conda-}
		version="conda ${file%%-*}"
	done
	[ -n "$version" ] || version=$(first 'conda ' "$conda" --version)
	put conda_version "$version"
	put conda_environment base
	for directory in "$prefix"/envs/*/; do
		[ -d "$directory" ] || continue
		directory=${directory%/}
		put conda_environment "${directory##*/}"
	done
	addresses conda /root/.condarc "${HOME:-/root}/.condarc" "$prefix/.condarc" /etc/conda/.condarc
fi

sshd=$(command -v sshd 2>/dev/null) || sshd=
case $sshd in /*)
	put command.sshd "$sshd"
	put sshd_version "$(first 'OpenSSH' "$sshd" -V)"
	;;
esac
put end 1
