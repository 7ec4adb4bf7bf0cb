#!/bin/sh
# The console in a shell of tmux: started, worked, stopped and taken up with the
# shell's job control, resized, killed; the terminal is the shell's again after
# each.  Also a tmux within tmux.
. "$(dirname "$0")/../lib.sh"
at_exit end_feeds

expect_exit 0 "without a terminal it is a dialogue of lines" "$MIDWATCH"
check "and it says so" contains "$ERR" "the console needs a terminal"
expect_exit 2 "options of the console are checked" "$MIDWATCH" --mause
check "help is given without a terminal" contains "$("$MIDWATCH" help keys)" "save-everything"

if ! command -v tmux >/dev/null 2>&1; then
	skip "the console runs in tmux" "there is no tmux"
	finish
fi

cat >midwatch.cfg <<END
site = { name = "trade"; timezone = "UTC"; state = "state"; environment = "production"; };
databases = ( { name = "otc"; host = "127.0.0.1"; port = 1; } );
stores = ( { name = "nas"; path = "nas"; } );
backup = { to = ( "nas" ); };
END
mkdir nas

unset TMUX MIDWATCH_THEME SSH_CONNECTION
tm()
{
	tmux -f /dev/null -S "$WORK/tmux" "$@"
}
at_exit 'tm kill-server 2>/dev/null; sleep 0.2'

typed()	# KEYS...: as tmux names them
{
	tm send-keys -t one "$@"
}

screen()
{
	tm capture-pane -p -t one
}

# until_ WORDS / gone_ WORDS: on the screen, within 20 s
until_()
{
	i_=0
	while ! screen | grep -qF -- "$1"; do
		i_=$((i_ + 1))
		[ $i_ -lt 200 ] || { screen; return 1; }
		sleep 0.1
	done
}
gone_()
{
	i_=0
	while screen | grep -qF -- "$1"; do
		i_=$((i_ + 1))
		[ $i_ -lt 200 ] || { screen; return 1; }
		sleep 0.1
	done
}

# What the shell says of its terminal afterwards.
clean_()
{
	typed "clear; stty -a | tr -s ' \\n;' '\\n' | grep -xE -e '-?(icanon|echo|ixon|opost|isig)' | tr '\\n' ' '; echo .do''ne" Enter
	until_ ".done" && screen | grep -F "icanon" | grep -F " echo" | grep -F "ixon" |
		grep -F "opost" | grep -v -e "-icanon" -e "-echo" -e "-ixon" -e "-opost" -e "-isig" >/dev/null || {
		screen
		return 1
	}
	[ "$(tm display-message -p -t one '#{alternate_on}#{cursor_flag}#{mouse_any_flag}')" = 010 ]
}

start_()	# OPTIONS...: the console; its pid in $pid
{
	typed "clear; $MIDWATCH -c $WORK/midwatch.cfg $*" Enter
	until_ "NOW:" || return 1
	pid=$(tm list-panes -t one -F '#{pane_pid}' | xargs ps -o pid= --ppid | head -1 | tr -d ' ')
}

tm new-session -d -s one -x 80 -y 24 "env PS1='ready> ' LC_ALL=C.UTF-8 sh"
check "a shell is there" until_ "ready>"

check "the console opens" start_
check "it says in words that this is production" until_ "PROD"
typed '?'
check "help opens by a key" until_ "help: q closes"
typed q
check "and closes" gone_ "help: q closes"
typed C-s
typed i 'the fan' Enter
check "Ctrl-S does not freeze it" until_ "the words are kept"
typed C-z
check "Ctrl-Z gives the shell back" until_ "ready>"
check "with its terminal as it was" clean_
typed fg Enter
check "fg brings the console back" until_ "NOW:"
for size in 200x60 40x10 20x5 120x40 80x24; do
	tm resize-window -t one -x ${size%x*} -y ${size#*x}
	case $size in
	20x5) check "at $size it says how to leave" until_ "leaves" ;;
	*) check "at $size it says what to do now" until_ "NOW:" ;;
	esac
done
typed q
check "q ends it" until_ "ready>"
check "and the terminal is the shell's" clean_

for sig in TERM HUP INT SEGV ABRT KILL; do
	start_ || { not_ok "it starts before SIG$sig" "$(screen)"; continue; }
	kill -$sig "$pid"
	# after SIGKILL the shell may have been faster with its prompt than the
	# guard with the screen that it belongs on
	[ $sig != KILL ] || { gone_ "NOW:"; typed Enter; }
	check "after SIG$sig the shell is back" until_ "ready>"
	check "and SIG$sig leaves the terminal as it was" clean_
done

typed "clear; tmux -f /dev/null -S $WORK/inner new-session -x 80 -y 23 '$MIDWATCH -c $WORK/midwatch.cfg --ascii'" Enter
check "it runs in tmux within tmux" until_ "NOW:"
at_exit 'tmux -S "$WORK/inner" kill-server 2>/dev/null'
typed q
check "and leaves both" until_ "exited"

finish
