#include "ui/role.h"

#define ROLE_ROW_(id, word, parent, attrs, mark, ascii)			\
	{ word, ROLE_##parent, attrs, mark, ascii },

const struct role_row roles[ROLE_COUNT] = { ROLE_LIST(ROLE_ROW_) };
