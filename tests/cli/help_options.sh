#!/bin/bash
# Every option that a verb takes is explained where people look: by 'midwatch help
# VERB' and in the manual; and the keys of the site file by 'midwatch help site'.
. "$(dirname "$0")/../lib.sh"

"$MIDWATCH" help --completion >words
"$MIDWATCH" help --man >page
verbs=$(sed -n 's/^\t\([a-z-]*\)) COMPREPLY.*/\1/p' words)
options_of()	# VERB
{
	sed -n "s/^\t$1) COMPREPLY=(.(compgen -W \"\\([^\"]*\\) .all.*/\\1/p" words | tr ' ' '\n' | grep '^--' | sort -u
}

said='' unsaid='' unknown=''
for verb in $verbs; do
	"$MIDWATCH" help "$verb" >one
	sed -n 's/^  \(--[a-z-]*\).*/\1/p' one | sort -u >explained
	options_of "$verb" >taken
	said="$said$(cat explained)"
	unsaid="$unsaid$(comm -23 taken explained | sed "s/^/ $verb /")"
	unknown="$unknown$(comm -13 taken explained | sed "s/^/ $verb /")"
done
check "verbs have options" [ -n "$said" ]
check "each is explained by help VERB" [ -z "$unsaid" ]
check "and nothing is that does not exist" [ -z "$unknown" ]
check "they stand in the manual, too" grep -q '^\.B \\-\\-untried' page
check "and so do the keys of the site file" grep -q 'store_patience *duration, else 2m' page
expect_exit 0 "which have a page of their own" "$MIDWATCH" help site
check "with what each means" contains "$OUT" "how long a store may say nothing before it is given up"
check "what it is without one" contains "$OUT" "nightly sets to keep"
check "and the occasions" contains "$OUT" "emergency-backup-failed"
expect_exit 0 "what a runbook can do has one as well" "$MIDWATCH" help actions
check "by action" contains "$OUT" "validate { set"
finish
