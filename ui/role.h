/*
 * role: what a cell of the screen means. Panes paint roles, a theme says how a
 * role looks, and mono is the base design: without any colour every role is
 * told from every other by its word, its mark or its attributes.
 *
 *	X(ID, word in a theme, parent, attributes in mono, mark UTF-8, ASCII)
 *
 * The mark stands in front of what has that role ("" where text speaks for
 * itself). Marks are one column in UTF-8 and of no ambiguous width, and one to
 * three columns in ASCII.
 */
#ifndef UI_ROLE_H
#define UI_ROLE_H

enum { ATTR_BOLD = 1, ATTR_UNDER = 2, ATTR_REVERSE = 4, ATTR_DIM = 8 };

#define ROLE_LIST(X)							\
	X(TEXT, "text", TEXT, 0, "", "")				\
	X(DIM, "dim", TEXT, ATTR_DIM, "", "")				\
	X(STRONG, "strong", TEXT, ATTR_BOLD, "", "")			\
	X(TITLE, "title", STRONG, ATTR_BOLD, "=", "=")			\
	X(BORDER, "border", DIM, 0, "|", "|")				\
	X(BORDER_FOCUS, "border-focus", BORDER, ATTR_BOLD, "#", "#")	\
	X(KEY, "key", STRONG, ATTR_REVERSE, "", "")			\
	X(KEY_LABEL, "key-label", TEXT, 0, ":", ":")			\
	X(SELECT, "select", TEXT, ATTR_REVERSE, ">", ">")		\
	X(SELECT_OFF, "select-unfocused", SELECT, ATTR_UNDER, "", "")	\
	X(INPUT, "input", TEXT, ATTR_UNDER, "_", "_")			\
	X(BUTTON, "button", TEXT, 0, "[", "[")				\
	X(BUTTON_FOCUS, "button-focus", SELECT, ATTR_REVERSE | ATTR_BOLD, "[", "[") \
	X(BUTTON_DANGER, "button-danger", BUTTON, ATTR_BOLD | ATTR_UNDER, "[", "[") \
	X(STEP_TODO, "step-todo", TEXT, 0, ".", "[ ]")			\
	X(STEP_CURRENT, "step-current", STRONG, ATTR_BOLD, ">", "[.]")	\
	X(STEP_RUNNING, "step-running", TEXT, ATTR_REVERSE, "\u25ba", "[>]") \
	X(STEP_DONE, "step-done", TEXT, 0, "\u2713", "[x]")		\
	X(STEP_OVERRIDDEN, "step-overridden", TEXT, ATTR_UNDER, "-", "[o]") \
	X(STEP_FAILED, "step-failed", TEXT, ATTR_REVERSE | ATTR_BOLD, "\u2717", "[!]") \
	X(STEP_DEFERRED, "step-deferred", DIM, ATTR_DIM, "~", "[~]")	\
	X(WARNING, "warning", STRONG, ATTR_REVERSE | ATTR_BOLD, "!", "!!") \
	X(CAUTION, "caution", STRONG, ATTR_BOLD | ATTR_UNDER, "\u25ba", "! ") \
	X(ADVISORY, "advisory", TEXT, 0, "i", "i ")			\
	X(ENV_PROD, "env-production", STRONG, ATTR_REVERSE | ATTR_BOLD, "#", "#") \
	X(ENV_OTHER, "env-other", STRONG, ATTR_BOLD, ":", ":")

#define ROLE_ENUM_(id, word, parent, attrs, mark, ascii) ROLE_##id,
enum role { ROLE_LIST(ROLE_ENUM_) ROLE_COUNT };
#undef ROLE_ENUM_

struct role_row {
	const char *word;
	enum role parent;
	unsigned attrs;
	const char *mark, *ascii;
};

extern const struct role_row roles[ROLE_COUNT];

#endif
