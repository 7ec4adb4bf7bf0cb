#!/bin/sh
# A key with a passphrase: asked for once at a terminal, never shown, handed on by
# pipe; and a forwarded agent, which ends with its session.
. "$(dirname "$0")/../lib.sh"
. "$ROOT/tests/sshd.sh"

if ! sshd_start "$WORK/ssh"; then
	skip "a key's passphrase is asked for" "$WHY"
	finish
fi
WORD='Open-Sesame.4711'
unset SSH_AUTH_SOCK SSH_CONNECTION
TERM=dumb HOME=$WORK/home; export TERM HOME
mkdir home
ssh-keygen -q -p -P '' -N "$WORD" -f "$WORK/ssh/userkey" >/dev/null
key=$WORK/ssh/userkey

cat >midwatch.cfg <<END
site = { name = "prod"; state = "state"; runbook = "far"; };
places = ( $(sshd_place box "$WORK/ssh"), $(sshd_place twin "$WORK/ssh") );
stores = ( { name = "nas"; at = "box"; path = "$WORK"; } );
END
cat >far.cfg <<'END'
runbook = { name = "far"; title = "Far"; severity = "SEV-2"; say = "x";
  steps = (
    { id = "hello"; kind = "command"; at = "box"; title = "Say hello";
      command = "echo hello there"; exit_proves = true; },
    { id = "near"; kind = "command"; title = "Say hello here";
      command = "echo hello here"; exit_proves = true; },
    { id = "end"; kind = "manual"; title = "End"; say = "end"; }
  );
  resolve = ( "step end done" ); close = ( "followups assigned" ); };
END

# talk.py OUTPUT COMMAND...: runs it on a terminal of its own; each time it asks for
# a passphrase the next of OUTPUT.answers is typed, "^C" as that key, "-" as none.
# OUTPUT gets all that the terminal showed. Ends as the command did, or with 99 when
# the terminal was left without its echo.
cat >talk.py <<'END'
import os, pty, select, signal, sys, termios, time
out, argv = sys.argv[1], sys.argv[2:]
answers = [a for a in open(out + ".answers").read().rstrip("\n").split("|") if a]
master, slave = pty.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    import fcntl
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in 0, 1, 2:
        os.dup2(slave, fd)
    os.close(master); os.close(slave)
    os.execvp(argv[0], argv)
seen, asked, end, status = b"", 0, time.time() + 60, None
while time.time() < end:
    if select.select([master], [], [], 0.1)[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:
            break
    elif status is not None:
        break
    while seen.count(b"without this key): ") > asked:
        asked += 1
        time.sleep(0.05)
        assert not termios.tcgetattr(slave)[3] & termios.ECHO, "it echoes"
        a = answers.pop(0) if answers else "-"
        os.write(master, b"\x03" if a == "^C" else b"\n" if a == "-" else a.encode() + b"\n")
    if seen.endswith(b"[y/N] "):
        seen += b"<n>"
        os.write(master, b"n\n")
    if status is None:
        done, st = os.waitpid(pid, os.WNOHANG)
        if done:
            status = st
open(out, "wb").write(seen)
if status is None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    sys.exit(98)
if not termios.tcgetattr(slave)[3] & termios.ECHO:
    sys.exit(99)
sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
END
# talk ANSWERS COMMAND...: what was shown is in $SHOWN, the exit in $STATUS.
talk()
{
	printf '%s\n' "$1" >shown.answers; shift
	STATUS=0
	python3 talk.py shown "$@" </dev/null || STATUS=$?
	SHOWN=$(cat shown)
}
many() { printf '%s\n' "$1" | grep -c "$2"; }

# --- without a terminal --------------------------------------------------------------
run_ "$MIDWATCH" status
check "without a terminal nothing is asked" lacks "$OUT$ERR" "passphrase of"
check "and the place says what it lacks" contains "$OUT" "its key needs a passphrase: $key"
check "with the next step" contains "$OUT" "ssh-add $key"
check "and so does what would be read there" sh -c '! grep -q "the process that was looking ended" "$1"' - "$WORK/.out"

# --- at a terminal -------------------------------------------------------------------
talk "$WORD" "$MIDWATCH" status
check "at a terminal it is asked for, once for two places" [ "$(many "$SHOWN" 'passphrase of')" = 1 ]
check "by the key's name" contains "$SHOWN" "passphrase of $key "
check "and both are reached" [ "$(many "$SHOWN" 'place .*reached by ssh')" = 2 ]
check "so is the store there" lacks "$SHOWN" "needs a passphrase"
check "it is never shown" lacks "$SHOWN" "$WORD"
talk "wrong|wronger|$WORD" "$MIDWATCH" status
check "a wrong one is asked for again" [ "$(many "$SHOWN" 'that is not its passphrase')" = 2 ]
check "and the right one then counts" contains "$SHOWN" "reached by ssh"
talk "wrong|wronger|wrongest|$WORD" "$MIDWATCH" status
check "three wrong ones are enough" contains "$SHOWN" "that is not its passphrase; going on without this key"
check "and it goes on" contains "$SHOWN" "its key needs a passphrase"
talk "-" "$MIDWATCH" status
check "nothing typed skips the key" [ "$(many "$SHOWN" 'passphrase of')" = 1 ]
check "and says how to do without" contains "$SHOWN" "'ssh-add $key' gives it to your agent"
talk "^C" "$MIDWATCH" status
check "ctrl-C ends it, and the terminal echoes again" [ "$STATUS" = 130 ]
talk "$WORD" "$MIDWATCH" sets
check "sets asks as well" contains "$SHOWN" "passphrase of"
check "and reads the store" [ "$STATUS" = 0 ]
talk "" "$MIDWATCH" status --json
check "what is for programs asks nothing" lacks "$SHOWN" "passphrase of"

# --- a job ---------------------------------------------------------------------------
expect_exit 0 "an incident is open" "$MIDWATCH" incident open --title far
expect_exit 1 "without a terminal the step fails" "$MIDWATCH" run hello
check "and its output says why" sh -c 'cat state/jobs/*/output.log | grep -q "its key needs a passphrase"'
talk "$WORD" "$MIDWATCH" run hello
check "at a terminal its job has the passphrase" [ "$STATUS" = 0 ]
check "and did its work there" sh -c 'cat state/jobs/2/output.log | grep -q "hello there"'

# --- the feed ------------------------------------------------------------------------
# It goes on after whoever started it, and answers others with what it was told.
printf '%s\n' "$WORD" >fed.answers
python3 talk.py fed "$MIDWATCH" watch </dev/null &
talker=$!
n=0 found=''
while [ $n -lt 100 ]; do
	n=$((n + 1))
	run_ "$MIDWATCH" status
	case $OUT in *"reached by ssh"*) found=yes; break ;; esac
	sleep 0.1
done
check "the feed reaches what it was told the passphrase for" [ -n "$found" ]
feed=$(pgrep -o -f -- "--serve --config $WORK/midwatch.cfg") || feed=''
all="$feed $(for p in $feed; do pgrep -P "$p"; done)"
check "by a descriptor's number alone" sh -c 'tr "\0" " " <"/proc/${1%% *}/cmdline" | grep -q -- "--secrets-fd [0-9]"' - "$feed"
# Not ours to read, or gone since: nothing of it is known.
cat >leak.py <<'END'
import glob, sys
word = open(sys.argv[1], "rb").read().strip()
for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
    try:
        if word in open(path, "rb").read():
            sys.exit(path)
    except OSError:
        pass
END
check "no process has it among its words or in its environment" python3 leak.py fed.answers
check "nor a file of the state" sh -c '! grep -rqF "$1" state home' - "$WORD"
# Root's processes show it by their pages; a sanitizer makes locking do nothing.
lo=' lo'
! grep -q __asan_init "$MIDWATCH" || lo=''
for p in $all; do
	[ -e "/proc/$p" ] || continue
	if [ "$(id -u)" = 0 ]; then
		kept=$(grep '^VmFlags:.* wr .* dd' "/proc/$p/smaps" | grep -e "$lo")
	else
		kept=$(find "/proc/$p/environ" -user root 2>/dev/null)
	fi
	[ -n "$kept" ] || bare="${bare-} $p"
done
check "the feed and its children cannot be dumped" [ -z "${bare-}" ]
talk "$WORD" "$MIDWATCH" status
check "who asks a feed that was told is not asked" lacks "$SHOWN" "passphrase of"
for p in $(pgrep -P $talker); do kill "$p"; done
wait $talker
for p in $feed; do kill "$p"; done

# --- agents --------------------------------------------------------------------------
cat >askpass <<END
#!/bin/sh
echo '$WORD'
END
chmod 700 askpass
eval "$(ssh-agent -s)" >/dev/null
at_exit "kill $SSH_AGENT_PID"
SSH_ASKPASS=$WORK/askpass SSH_ASKPASS_REQUIRE=force ssh-add "$key" 2>/dev/null
rm askpass
talk "" "$MIDWATCH" status
check "a key that the agent holds is not asked for" lacks "$SHOWN" "passphrase of"
check "and opens the place" contains "$SHOWN" "reached by ssh"

sed "s|identity = \"[^\"]*\"; ||" midwatch.cfg >agent.cfg
in_session()
{
	ssh -F none -A -o BatchMode=yes -o UserKnownHostsFile="$WORK/ssh/known_hosts" \
	    -p "$SSHD_PORT" "$SSHD_USER@127.0.0.1" "cd $WORK && HOME=$WORK/home; export HOME; $*"
}
expect_exit 3 "a job that only a forwarded agent lets in is refused" in_session "$MIDWATCH" -c agent.cfg run hello --again
check "with the reason" contains "$ERR" "the only key that 'box' lets in is in the agent of your SSH session"
check "and the next step" contains "$ERR" "--anyway"
expect_exit 0 "unless somebody takes that upon them" in_session "$MIDWATCH" -c agent.cfg run hello --again --anyway
expect_exit 0 "a step of this host asks nothing" in_session "$MIDWATCH" -c agent.cfg run near
expect_exit 0 "an agent of this host stays" "$MIDWATCH" -c agent.cfg run hello --again
SSH_CONNECTION='127.0.0.1 1 127.0.0.1 2'; export SSH_CONNECTION
expect_exit 0 "also in a session" "$MIDWATCH" -c agent.cfg run hello --again

# --- an ssh that hangs before anything is asked ---------------------------------------
unset SSH_CONNECTION
mkdir bin
printf '#!/bin/sh\nexec sleep 60\n' >bin/ssh
chmod 755 bin/ssh
sed "s|places = (|places = ( { name = \"three\"; ssh = \"root@127.0.0.1\"; port = 1; }, { name = \"four\"; ssh = \"root@127.0.0.1\"; port = 1; },|" midwatch.cfg >hang.cfg
before=$(date +%s)
talk "" env PATH="$WORK/bin:$PATH" "$MIDWATCH" -c hang.cfg --state hang status --timeout 2s
check "what ssh does not say in time is not waited for at a terminal" \
	test $(($(date +%s) - before)) -lt 8
check "and the answer comes" contains "$SHOWN" "work jobs"
finish
