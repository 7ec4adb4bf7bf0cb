#!/bin/sh
# How far a backup is: a bar on a terminal, plain lines anywhere else.
. "$(dirname "$0")/../lib.sh"

cat >midwatch.cfg <<END
site = { name = "prod"; timezone = "UTC"; state = "state"; };
components = ( { name = "slow"; command = "for i in 1 2 3 4 5 6; do head -c 3000000 /dev/zero; sleep 0.7; done"; } );
stores = ( { name = "local"; path = "local"; } );
backup = { to = ( "local" ); min_free = "1MB"; };
END
# Its standard error is a terminal of so many columns; what came is printed.
on_terminal()	# COLUMNS COMMAND...
{
	python3 - "$@" <<'END'
import fcntl, os, pty, select, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
out = b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    out += got
os.waitpid(pid, 0)
sys.stdout.write(out.decode().replace("\r", "\n").replace("\x1b[K", ""))
END
}
expect_exit 0 "a backup that nobody looks at" "$MIDWATCH" backup slow
check "writes nothing over" sh -c '! grep -q "$(printf "\r")" "$1"' sh "$WORK/.err"
run_ on_terminal 80 "$MIDWATCH" backup slow
check "on a terminal there is a bar with its share" [ "$(printf '%s\n' "$OUT" | grep -cE '^\[#+\.*\] +[0-9]+ %  slow: ')" -ge 3 ]
check "that grows" [ "$(printf '%s\n' "$OUT" | sed -n 's/^\[#*\.*\] *\([0-9]*\) %  slow.*/\1/p' | sort -nu | wc -l)" -ge 3 ]
check "with bytes, rate and what is to come" sh -c 'printf "%s" "$1" | grep -qE " MB of about 17.2 MB, [0-9.]+ [KM]?B/s.* left"' sh "$OUT"
check "and it is gone at the end" contains "$(printf '%s\n' "$OUT" | tail -n 2)" "[OK] Backup saved"
run_ on_terminal 40 "$MIDWATCH" backup slow
check "on a narrow one no line is too long" [ "$(printf '%s\n' "$OUT" | grep '%  slow' | awk '{ print length($0) }' | sort -n | tail -n 1)" -le 39 ]
run_ on_terminal 80 "$MIDWATCH" backup slow --plain
check "--plain has none" sh -c '! printf "%s" "$1" | grep -q "\[#"' sh "$OUT"
finish
