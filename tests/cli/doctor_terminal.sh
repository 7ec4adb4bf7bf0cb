#!/bin/sh
# `midwatch doctor --terminal`: what the terminal says it is and what the console
# would make of it, without a single byte that asks the terminal anything.
. "$(dirname "$0")/../lib.sh"
unset TMUX STY SSH_CONNECTION NO_COLOR MIDWATCH_THEME MIDWATCH_CONFIG LC_ALL LC_CTYPE
HOME=$WORK/home LANG=C.UTF-8
export HOME LANG
mkdir -p "$HOME/.config/midwatch"

cat >on.py <<'END'
# on.py WxH COMMAND...: the command on a terminal of that size; what it printed.
import fcntl, os, struct, sys, termios
w, h = map(int, sys.argv[1].split("x"))
master, slave = os.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", h, w, 0, 0))
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(slave)
while True:
    try:
        got = os.read(master, 65536)
    except OSError:
        break
    if not got:
        break
    sys.stdout.buffer.write(got.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
tell() { size=$1; shift; run_ python3 on.py "$size" env "$@" "$MIDWATCH" doctor --terminal; }
says() { contains "$OUT" "$1"; }

tell 80x24 TERM=xterm-256color
check "a terminal that is known is no trouble" [ "$STATUS" = 0 ]
check "and where its description lies is said" says "TERM: 'xterm-256color', described in /"
check "its colours" says "colours: the terminal has 256, 256 are used"
check "the characters" says "characters: UTF-8: the locale is 'C.UTF-8' (LANG)"
check "its size, and the panes that it has room for" says "size: 80x24: all panes"
check "the theme" says "theme: 'any'"
check "nothing is wrong with it" says ", 0 warnings, 0 errors"
check "no byte but text reaches the terminal" sh -c '! LC_ALL=C tr -d "\n" <"$1/.out" | grep -q "[[:cntrl:]]"' - "$WORK"

tell 80x24 TERM=xterm-of-tomorrow
check "an unknown TERM is said" says "warning  TERM: 'xterm-of-tomorrow' is not known here, taken for 'xterm-256color'"
check "with all that was looked for" says "(looked for: xterm-of-tomorrow, xterm-256color)"
tell 80x24 TERM=beehive4000
check "one that is like nothing is a vt100" says "taken for 'vt100'"
check "which has no colours" says "the terminal has 0, none is used"
tell 80x24 TERM="$(printf 'xterm-\033]0;x\007')"
check "a hostile TERM is only shown" sh -c '! LC_ALL=C tr -d "\n" <"$1/.out" | grep -q "[[:cntrl:]]"' - "$WORK"
tell 80x24 TERM=dumb
check "a terminal that cannot be painted on gets lines" says "console: a dialogue of lines"
tell 80x24 TERM=vt100 LANG=C
check "without UTF-8 it is ASCII" says "characters: ASCII: the locale is 'C'"
tell 80x24 TERM=linux LANG=tlh_TLH.UTF-8
check "a locale that is not installed is said" says "characters: ASCII: the locale 'tlh_TLH.UTF-8' (LANG) is not installed"
tell 80x24 TERM=xterm NO_COLOR=1
check "NO_COLOR is heeded" says "none is used (NO_COLOR)"
tell 0x0 TERM=xterm
check "no size counts as 80x24" says "0x0 counts as 80x24"
tell 30x5 TERM=xterm
check "a window that is too small is said, with what is needed" says "40x10 is the least"
tell 80x24 TERM=screen-256color STY=1.x
check "screen is seen" says "multiplexer: inside screen"
tell 80x24 TERM=xterm STY=1.x
check "and a TERM that is not its own" says "inside screen, yet TERM is 'xterm'"
tell 80x24 TERM=xterm MIDWATCH_THEME=nowhere
check "a theme that is not there is said" says "there is no theme 'nowhere'"
echo 'keys = { nott = "x"; };' >"$HOME/.config/midwatch/keys.cfg"
tell 80x24 TERM=xterm
check "mistakes in keys.cfg are said with their line" says "keys.cfg:1: "
rm "$HOME/.config/midwatch/keys.cfg"

if command -v tmux >/dev/null 2>&1; then
	at_exit "tmux -S '$WORK/tmux' kill-server 2>/dev/null"
	tmux -S "$WORK/tmux" -f /dev/null new-session -d -x 120 -y 40 \; set-option -sg escape-time 500 \
		\; send-keys "$MIDWATCH doctor --terminal >$WORK/inside; echo done >$WORK/ended" Enter
	for turn in $(seq 200); do
		[ ! -e ended ] || break
		sleep 0.1
	done
	check "inside tmux it says so" grep -q "ok *multiplexer: inside tmux" inside
	check "and how long tmux holds Esc back" grep -q "tmux: holds Esc back for 500 ms" inside
else
	skip "tmux is asked what it does" "there is no tmux"
fi

expect_exit 0 "without a terminal it tells the same" "$MIDWATCH" doctor --terminal
check "and that there is none" says "the console needs a terminal"
expect_exit 0 "as JSON too" "$MIDWATCH" doctor --terminal --json
check "which is valid" sh -c 'python3 -m json.tool <"$1/.out" >/dev/null' - "$WORK"
finish
