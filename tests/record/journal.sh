# What tests/cli/journal_*.sh share, beside tests/lib.sh: the programs, how much
# of the big numbers is done, and what "nothing is lost" means.

BIN=${MIDWATCH%/*}/tests
APPENDER=$BIN/record_appender
VERIFY=$ROOT/tests/verify.py

soak() { [ -n "${MIDWATCH_SOAK-}" ]; }

# amount FEW MANY: FEW in `make test`, MANY in `make soak`.
amount()
{
	if soak; then echo "$2"; else echo "$1"; fi
}

# Acknowledgements live on a file system of their own, in memory.
MEMORY=$(mktemp -d /dev/shm/journal.XXXXXX) || exit 99
at_exit 'rm -rf "$MEMORY" /dev/shm/midwatch-journal-test.*'

# good JOURNAL [ACKS...]: both readers find it whole, and every acknowledged event
# in it. SECOND names the second journal when there is one.
good()
{
	"$APPENDER" check "$@" >"$WORK/.good" || return 1
	said=$("$VERIFY" "$1" ${SECOND:+"$SECOND"}) || return 1
	[ "$said" = "$(sed -n 2p "$WORK/.good")" ] ||
		{ echo "the readers differ: $said, $(sed -n 2p "$WORK/.good")"; return 1; }
}

# second_of JOURNAL: the path that it names as its second.
second_of()
{
	sed -n 's/.*"kind":"journal.second".*"path":"\([^"]*\)".*/\1/p' "$1" | tail -n 1
}
