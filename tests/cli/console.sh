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

unset TMUX XDG_RUNTIME_DIR MIDWATCH_THEME SSH_CONNECTION
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

# Nothing is slept for: every state is looked for until it is there, for 30 s.
within_()	# COMMAND...
{
	for turn_ in $(seq 300); do
		"$@" && return 0
		sleep 0.1
	done
	screen
	return 1
}
shown_()
{
	screen | grep -qF -- "$1"
}
until_()	# WORDS: on the screen
{
	within_ shown_ "$1"
}

# The terminal, as whoever looks at it from outside sees it: the shell's settings, as
# they were before, and the screen that is its own.
settings_()
{
	stty -a -F "$(tm display-message -p -t one '#{pane_tty}')" | grep -v rows
}
clean_now_()
{
	[ "$(settings_)" = "$before" ] &&
	    [ "$(tm display-message -p -t one '#{alternate_on}#{cursor_flag}#{mouse_any_flag}')" = 010 ]
}
clean_()
{
	within_ clean_now_
}

# A shell that works a command off: it may have printed its prompt before the
# screen was its own again, so another one is asked for.
answers_()
{
	turns_=$((turns_ + 1))
	typed "echo here\$((40000 + $turns_))" Enter
	for turn_ in $(seq 20); do
		shown_ "here$((40000 + turns_))" && return 0
		sleep 0.1
	done
	return 1
}
turns_=0
shell_()
{
	for again_ in $(seq 15); do
		answers_ && return 0
	done
	screen
	return 1
}

start_()	# OPTIONS...: the console; its pid in $pid
{
	typed "clear; $MIDWATCH -c $WORK/midwatch.cfg $*" Enter
	until_ "NOW:" || return 1
	pid=$(tm list-panes -t one -F '#{pane_pid}' | xargs ps -o pid= --ppid | head -1 | tr -d ' ')
}
gone_()	# PID
{
	! kill -0 "$1" 2>/dev/null
}

tm new-session -d -s one -x 80 -y 24 "env PS1='ready> ' LC_ALL=C.UTF-8 sh"
check "a shell is there" until_ "ready>"
before=$(settings_)

check "the console opens" start_
check "it says in words that this is production" until_ "PROD"
titled_() { title_=$(tm display-message -p -t one '#{pane_title}') && [ "$title_" = "midwatch trade" ]; }
check "the terminal's title says what it is" eval 'until_ "critical" && within_ titled_'
typed '?'
check "help opens by a key" until_ "help: q closes"
typed q
check "and closes" within_ eval '! shown_ "help: q closes"'
until_ "critical" >/dev/null
typed y
check "y copies, and says where to and that nobody confirms it" \
    until_ "sent to tmux's buffer (unconfirmed); also in"
in_buffer_() { tm show-buffer 2>/dev/null | grep -q " otc: "; }
check "it is in tmux's buffer" within_ in_buffer_
in_file_() { grep -q " otc: " "$HOME/.cache/midwatch/clip" && [ "$(stat -c %a "$HOME/.cache/midwatch/clip")" = 600 ]; }
check "and in a file of one's own" within_ in_file_
typed -
check "the picture may follow more slowly" until_ "every 1 s"
typed +
typed m
mouse_() { [ "$(tm display-message -p -t one '#{mouse_any_flag}')" = "$1" ]; }
check "the mouse is off until a key asks for it" within_ mouse_ 1
typed m
check "and off again" within_ mouse_ 0
typed C-s
typed i 'the fan' Enter
check "Ctrl-S does not freeze it" until_ "the words are kept"
typed C-z
check "Ctrl-Z gives the shell its terminal back" clean_
check "and the shell works" shell_
typed "fg" Enter
check "fg brings the console back" until_ "NOW:"
for size in 200x60 40x10 20x5 120x40 80x24; do
	tm resize-window -t one -x ${size%x*} -y ${size#*x}
	case $size in
	20x5) check "at $size it says how to leave" until_ "leaves" ;;
	*) check "at $size it says what to do now" until_ "NOW:" ;;
	esac
done
typed q
check "q ends it, and the terminal is the shell's" clean_
check "which works" shell_

typed "clear; TERM=xterm-kitty $MIDWATCH -c $WORK/midwatch.cfg" Enter
check "a terminal that nobody knows here is taken for its like, which is said" \
    until_ "terminal 'xterm-kitty' is not known here, taken for 'xterm"
typed q
check "and is left clean" clean_
check "for its shell" shell_

for sig in TERM HUP INT SEGV ABRT KILL; do
	start_ || { not_ok "it starts before SIG$sig" "$(screen)"; continue; }
	kill -$sig "$pid"
	check "SIG$sig ends it" within_ gone_ "$pid"
	check "and leaves the terminal as it was" clean_
	check "to a shell that works" shell_
done

typed "clear; tmux -f /dev/null -S $WORK/inner new-session -x 80 -y 23 '$MIDWATCH -c $WORK/midwatch.cfg --ascii'" Enter
check "it runs in tmux within tmux" until_ "NOW:"
at_exit 'tmux -S "$WORK/inner" kill-server 2>/dev/null'
typed q
check "and leaves both" until_ "exited"

finish
