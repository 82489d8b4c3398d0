# SPDX-License-Identifier: GPL-2.0
# Private apt configurations, sourced by scripts/setup and scripts/fetch-kernel.
#
# Package lists and sources live under build/apt, so that neither the host's sources nor its lists
# change. The mirror is always the one the host itself is configured for.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
APT_ROOT=${CLOISTER_BUILD:-$TOP/build}/apt

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

debian_codename()
{
	# shellcheck disable=SC1091
	(. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

# Files of the host's apt configuration, the most likely place of Debian's own entry first.
host_source_files()
{
	local f

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources \
		 /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list; do
		if [ -s "$f" ]; then
			echo "$f"
		fi
	done
}

# write_suite SUITE DIR: writes into DIR a copy of the host's entry for its own Debian release, with
# SUITE in the place of the release. Options of the entry (keyring, validity checks) are kept.
write_suite()
{
	local suite=$1 dir=$2 codename file text

	codename=$(debian_codename)
	while read -r file; do
		case $file in
		*.sources)
			text=$(awk -v want="$codename" -v suite="$suite" '
			function flush_stanza(	i) {
				if (!done && is_deb && is_main && is_release && !disabled) {
					for (i = 1; i <= n; i++)
						print line[i]
					done = 1
				}
				n = is_deb = is_main = is_release = disabled = 0
			}
			function has(word,	i) {
				for (i = 2; i <= NF; i++)
					if ($i == word)
						return 1
				return 0
			}
			/^#/ { next }
			/^[ \t]*$/ { flush_stanza(); next }
			tolower($1) == "enabled:" { disabled = has("no") }
			tolower($1) == "types:" { is_deb = has("deb"); $0 = "Types: deb" }
			tolower($1) == "components:" { is_main = has("main"); $0 = "Components: main" }
			tolower($1) == "suites:" {
				is_release = has(want) || has("stable") || has("oldstable")
				$0 = "Suites: " suite
			}
			{ line[++n] = $0 }
			END { flush_stanza() }' "$file")
			if [ -n "$text" ]; then
				echo "$text" >"$dir/$suite.sources"
				return 0
			fi
			;;
		*)
			# deb [option=value ...] URI suite component...
			text=$(awk -v want="$codename" -v suite="$suite" '
			$1 != "deb" { next }
			{
				at = 2
				options = ""
				if ($2 ~ /^\[/) {
					while ($at !~ /\]$/ && at < NF)
						options = options $(at++) " "
					options = options $(at++) " "
				}
				if ($(at + 1) != want && $(at + 1) != "stable" && $(at + 1) != "oldstable")
					next
				for (i = at + 2; i <= NF; i++)
					if ($i == "main") {
						print "deb " options $at " " suite " main"
						exit
					}
			}' "$file")
			if [ -n "$text" ]; then
				echo "$text" >"$dir/$suite.list"
				return 0
			fi
			;;
		esac
	done < <(host_source_files)
	die "no apt source for Debian '$codename' found in /etc/apt; cannot derive '$suite' from it"
}

# private_apt NAME: prepares build/apt/NAME and sets the array APT_OPTIONS for apt-get and apt-cache.
# Sources go to build/apt/NAME/sources.d.
private_apt()
{
	local dir=$APT_ROOT/$1

	rm -rf "$dir/sources.d"
	mkdir -p "$dir/sources.d" "$dir/lists/partial"
	APT_OPTIONS=(
		-o Dir::Etc::SourceList=/dev/null
		-o Dir::Etc::SourceParts="$dir/sources.d"
		-o Dir::State::Lists="$dir/lists"
		# No binary caches: the default ones describe the host's own lists.
		-o Dir::Cache::pkgcache=
		-o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none
		-o Acquire::Retries=3
		# The download user _apt may not be able to reach the work tree.
		-o APT::Sandbox::User=
		-o APT::Get::List-Cleanup=true
	)
}

# foreign_apt NAME SUITE: as private_apt, with package lists of a suite for DEB_ARCH and nothing of the
# host's own: not its installed packages, pins or architecture. Programs that run here while something
# is being built are of the host's architecture, HOST_ARCH.
foreign_apt()
{
	local name=$1 suite=$2

	private_apt "$name"
	: >"$APT_ROOT/$name/status"
	APT_OPTIONS+=(
		-o Dir::State::status="$APT_ROOT/$name/status"
		-o Dir::Etc::Preferences=/dev/null
		-o Dir::Etc::PreferencesParts=/dev/null
		-o APT::Architecture="$DEB_ARCH"
		-o APT::Architectures::=
		-o APT::Architectures::="$DEB_ARCH"
		-o APT::Architectures::="$HOST_ARCH"
	)
	write_suite "$suite" "$APT_ROOT/$name/sources.d"
	say "reading package lists of $suite for $DEB_ARCH"
	quietly "$APT_ROOT/$name/update.log" apt-get "${APT_OPTIONS[@]}" update
}

# quietly LOG COMMAND...: keeps the output of a long command in LOG, shows its end if it fails.
quietly()
{
	local log=$1

	shift
	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		die "'$1' failed, see $log"
	fi
}
