# Consoles in a tmux of our own, for tests/cli/console*.sh (after tests/lib.sh):
#
#	screen_have || { skip "..." "$WHY"; finish; }
#	screen_start one 80x24 "$MIDWATCH -c site.cfg"
#	check "it shows it" screen_shows one "customers: fine"
#	keys one s Enter
#	screen_pid one		the process in it; screen_end one
#
# Nothing is slept for: a text is looked for until it is there, for 30 s at most.

SCREENS=$WORK/tmux

screen_have()
{
	WHY="tmux is not installed"
	command -v tmux >/dev/null
}

tmux_() { tmux -S "$SCREENS" "$@"; }

# screen_start NAME WxH COMMAND: the command becomes the process of the screen.
screen_start()
{
	[ -e "$SCREENS" ] || at_exit "tmux -S '$SCREENS' kill-server 2>/dev/null"
	env -u TMUX LANG=C.UTF-8 tmux -S "$SCREENS" -f /dev/null new-session -d -s "$1" \
	    -x "${2%x*}" -y "${2#*x}" -c "$WORK" "exec $3" \; set -t "$1" remain-on-exit on
}

keys()
{
	name_=$1
	shift
	tmux_ send-keys -t "$name_" "$@"
}

typed()
{
	tmux_ send-keys -t "$1" -l "$2"
}

screen() { tmux_ capture-pane -p -t "$1"; }

# screen_shows NAME TEXT: shows the screen when the text does not come.
screen_shows()
{
	for turn_ in $(seq 300); do
		case $(screen "$1") in *"$2"*) return 0 ;; esac
		sleep 0.1
	done
	screen "$1"
	return 1
}

# until_ COMMAND...: succeeds within 30 s.
until_()
{
	for turn_ in $(seq 150); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	return 1
}

screen_pid() { tmux_ display-message -p -t "$1" '#{pane_pid}'; }
screen_dead() { [ "$(tmux_ display-message -p -t "$1" '#{pane_dead}')" = 1 ]; }
screen_end() { tmux_ kill-session -t "$1" 2>/dev/null; }

# screen_kill NAME SIGNAL: its process is gone when this returns.
screen_kill()
{
	kill "-$2" "$(screen_pid "$1")" && until_ screen_dead "$1"
	ended_=$?
	screen_end "$1"
	return $ended_
}

# gate_shut TABLE, gate_open: whoever dumps the table waits in between.
gate_shut()
{
	PGAPPNAME=gate psql_ "$WORK/pg" -d otc \
	    -c "BEGIN; LOCK TABLE $1; SELECT pg_sleep(600)" >/dev/null 2>&1 &
	until_ gate_holds_ "$1"
}
gate_holds_()
{
	[ "$(psql_ "$WORK/pg" -d otc -c "SELECT count(*) FROM pg_locks WHERE
	    relation = '$1'::regclass AND mode = 'AccessExclusiveLock' AND granted")" = 1 ]
}
gate_open()
{
	psql_ "$WORK/pg" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE application_name = 'gate'" >/dev/null
}
