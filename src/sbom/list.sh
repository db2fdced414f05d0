# Prints what is installed in this image as records: mark, key, values, separated by tabs. It must run where there is
# hardly anything: a POSIX shell, perhaps no coreutils. The package managers' own files are read where they are text;
# nothing of the image is started but rpm, sed and find.
mark=@MARK@
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
LC_ALL=C
export PATH LC_ALL
cd / 2>/dev/null
tab=$(printf '\t')

put() { printf '%s\t%s\t%s\n' "$mark" "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }

# fields KIND FILE: the lines of a file that name a package, its version, architecture and state, in their order.
fields() {
	[ -f "$2" ] && [ -r "$2" ] || return 0
	if has sed; then
		sed -n -e "s/^Package: */$mark$tab$1$tab""name$tab/p" -e "s/^P:/$mark$tab$1$tab""name$tab/p" \
			-e "s/^Status: */$mark$tab$1$tab""state$tab/p" \
			-e "s/^Version: */$mark$tab$1$tab""version$tab/p" -e "s/^V:/$mark$tab$1$tab""version$tab/p" \
			-e "s/^Architecture: */$mark$tab$1$tab""architecture$tab/p" -e "s/^A:/$mark$tab$1$tab""architecture$tab/p" "$2"
		return 0
	fi
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		Package:* | P:*) put "$1" "name$tab${line#*:}" ;;
		Status:*) put "$1" "state$tab${line#*:}" ;;
		Version:* | V:*) put "$1" "version$tab${line#*:}" ;;
		Architecture:* | A:*) put "$1" "architecture$tab${line#*:}" ;;
		esac
	done <"$2"
}

# below DIRECTORY: what `find` would print, for images that have none.
below() {
	for entry in "$1"/* "$1"/.[!.]*; do
		case $entry in
		/proc | /sys | /dev) ;;
		*.dist-info | *.egg-info | */EGG-INFO | */conda-meta) [ -e "$entry" ] && printf '%s\n' "$entry" ;;
		*) [ -d "$entry" ] && [ ! -L "$entry" ] && below "$entry" ;;
		esac
	done
}

places() {
	if has find; then
		find / \( -path /proc -o -path /sys -o -path /dev \) -prune -o \( -name '*.dist-info' -o -name '*.egg-info' \
			-o -name EGG-INFO -o -name conda-meta \) -print 2>/dev/null
	else
		below ''
	fi
}

# metadata PLACE FILE: name and version of a Python distribution.
metadata() {
	name=
	version=
	count=0
	if [ -f "$2" ] && [ -r "$2" ]; then
		while IFS= read -r line; do
			count=$((count + 1))
			case $line in
			Name:*) name=${line#Name:} ;;
			Version:*) version=${line#Version:} ;;
			'') break ;;
			esac
			[ -n "$name" ] && [ -n "$version" ] && break
			[ "$count" -lt 100 ] || break
		done <"$2"
	fi
	put python "$1$tab$name$tab$version"
}

put begin 1
count=0
if [ -r /etc/os-release ]; then release=/etc/os-release; else release=/usr/lib/os-release; fi
if [ -f "$release" ] && [ -r "$release" ]; then
	while IFS= read -r line || [ -n "$line" ]; do
		count=$((count + 1))
		[ "$count" -le 100 ] || break
		put os "$line"
	done <"$release"
fi

for file in /var/lib/dpkg/status /var/lib/dpkg/status.d/*; do
	fields dpkg "$file"
done
fields apk /lib/apk/db/installed
fields apk /usr/lib/apk/db/installed
if has rpm && rpm -qa --qf "$mark\trpm\t%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n" 2>/dev/null </dev/null; then
	:
else
	for file in /var/lib/rpm/Packages /var/lib/rpm/Packages.db /var/lib/rpm/rpmdb.sqlite /usr/lib/sysimage/rpm/Packages.db \
		/usr/lib/sysimage/rpm/rpmdb.sqlite; do
		[ -s "$file" ] && put unread rpm && break
	done
fi

places | while IFS= read -r place; do
	case $place in
	*/conda-meta)
		[ -d "$place" ] || continue
		put environment "${place%/conda-meta}"
		for file in "$place"/*.json; do
			[ -f "$file" ] && put conda "${place%/conda-meta}$tab${file##*/}"
		done
		;;
	*.dist-info) [ -d "$place" ] && metadata "$place" "$place/METADATA" ;;
	*) if [ -d "$place" ]; then metadata "$place" "$place/PKG-INFO"; else metadata "$place" "$place"; fi ;;
	esac
done
put end 1
