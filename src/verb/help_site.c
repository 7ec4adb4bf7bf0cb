/* The keys of the site file, as its schema has them. */
#include "base/conf.h"
#include "site/schema.h"
#include "verb/verbs.h"

enum { KEY_COLUMNS = 24 };

static const char *
kind_of(const struct conf_row *row)
{
	switch (row->type) {
	case CONF_NAME:
		return "name";
	case CONF_PATH:
		return "path";
	case CONF_SIZE:
		return "size";
	case CONF_MS:
		return "duration";
	case CONF_CLOCK:
		return "time";
	case CONF_INT:
		return "number";
	case CONF_BOOL:
		return "true|false";
	case CONF_STRS:
		return "( text, ... )";
	case CONF_CMD:
		return "command";
	case CONF_STR:
	case CONF_WORD:
	case CONF_ARGS:
	case CONF_GROUP:
	case CONF_GROUPS:
	default:
		return "text";
	}
}

static void
put_key(struct buf *out, const struct conf_row *row, int depth)
{
	buf_printf(out, "%*s%-*s", 2 * depth, "", KEY_COLUMNS - 2 * depth,
	    row->key);
	if (row->words != NULL)
		for (size_t i = 0; row->words[i] != NULL; i++)
			buf_printf(out, "%s%s", i > 0 ? "|" : " ",
			    row->words[i]);
	else
		buf_printf(out, " %s", kind_of(row));
	if (row->required)
		buf_str(out, ", has to be there");
	else if (row->otherwise != NULL)
		buf_printf(out, ", else %s", row->otherwise);
	if (row->help != NULL)
		buf_printf(out, ": %s", row->help);
	buf_ch(out, '\n');
}

static void
put_group(struct buf *out, const struct conf_schema *schema, int depth)
{
	for (size_t i = 0; i < schema->n; i++) {
		const struct conf_row *row = &schema->rows[i];

		if (row->sub == NULL) {
			put_key(out, row, depth);
			continue;
		}
		if (depth == 0 && i > 0)
			buf_ch(out, '\n');
		buf_printf(out, "%*s%s = %s%s%s\n", 2 * depth, "", row->key,
		    row->type == CONF_GROUPS ? "( { ... }, ... );" :
		    "{ ... };", row->help != NULL ? "   # " : "",
		    row->help != NULL ? row->help : "");
		put_group(out, row->sub, depth + 1);
	}
}

void
help_site(struct buf *out)
{
	put_group(out, &site_schema, 0);
	buf_str(out, "\nA command is \"a string for /bin/sh -c\" or ( "
	    "\"a\", \"list\" ). Sizes are \"600MB\", durations \"90m\", "
	    "times \"02:00\".\nOccasions (comms.contacts.on):");
	for (size_t i = 0; i < SITE_TRIGGER_COUNT; i++)
		buf_printf(out, " %s", site_triggers[i]);
	buf_str(out, ".\n");
}
