#include "site/schema.h"
void
site_check(struct site *s)
{
	(void)s;
}
