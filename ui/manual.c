#include "ui/manual.h"

#include "ui/talk.h"

const char *
manual_rung(enum rung r)
{
	static const char *const words[] = {
		[RUNG_RUN] = "nothing: it runs",
		[RUNG_UNDO] = "nothing: it runs, and says how it is undone",
		[RUNG_ASK] = "a dialogue, in which cancel is chosen",
		[RUNG_TYPE] = "the name of what it is about, typed",
	};

	return words[r];
}

static void
key_of(enum request r, char out[24])
{
	struct keys k;

	keys_init(&k);
	keys_name(&k, r, out);
}

void
manual_buttons(struct buf *out)
{
	struct button_about b;

	buf_str(out, "| key | button | what it does | how it is undone | what "
	    "it asks for |\n| --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; picture_button_about(i, &b); i++) {
		char key[24];

		key_of(b.request, key);
		buf_printf(out, "| `%s` | %s | %s | %s | %s |\n", key,
		    requests[b.request].label, b.effect, b.undo,
		    manual_rung(b.rung));
	}
}

void
manual_console(struct buf *out)
{
	struct button_about b;

	buf_str(out, ".SH CONSOLE\n"
	    "Without a verb\n.B midwatch\nopens the console: the open incident, "
	    "or the watch. From the top: who and where we are, who is hurt, the "
	    "one thing to do now, the buttons; then the live picture, the "
	    "runbook, a job's output, the record and the people. Nothing is "
	    "run by Enter. Jobs go on when the console ends.\n"
	    ".PP\nOptions:\n.BR \\-\\-read\\-only ,\n.B \\-\\-low\n(a slow "
	    "line),\n.BR \\-\\-theme\\ NAME ,\n.BR \\-\\-ascii ,\n"
	    ".BR \\-\\-no\\-color ,\n.BR \\-\\-mouse ,\n.BR \\-\\-no\\-bell ,\n"
	    ".B \\-\\-plain\n(a dialogue of lines).\n"
	    ".B midwatch doctor \\-\\-terminal\nsays what becomes of the "
	    "terminal at hand. Pictures of the screens are in\n"
	    ".I share/doc/midwatch\nbelow the prefix.\n.PP\nThe buttons, each with what it asks for "
	    "before it does anything:\n");
	for (size_t i = 0; picture_button_about(i, &b); i++) {
		char key[24];

		key_of(b.request, key);
		buf_str(out, ".TP\n.B ");
		keys_man_text(out, key);
		buf_str(out, "\n.I ");
		keys_man_text(out, requests[b.request].label);
		buf_str(out, ":\n");
		keys_man_text(out, b.effect);
		buf_str(out, ". Undone: ");
		keys_man_text(out, b.undo);
		buf_str(out, ". Asks for: ");
		keys_man_text(out, manual_rung(b.rung));
		buf_str(out, ".\n");
	}
}
