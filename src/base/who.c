#include "base/who.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static struct who self;
static int known;

static void
copy(char *out, size_t size, const char *from)
{
	text_clean_into(out, size, from != NULL ? from : "");
}

const struct who *
who_am_i(void)
{
	char host[80] = "";
	const struct passwd *pw;

	if (known)
		return &self;
	pw = getpwuid(geteuid());
	if (pw != NULL)
		copy(self.login, sizeof self.login, pw->pw_name);
	else
		(void)snprintf(self.login, sizeof self.login, "uid%lu",
		    (unsigned long)geteuid());
	if (geteuid() == 0)	/* anybody can set a variable; root's is sudo's */
		copy(self.sudo, sizeof self.sudo, getenv("SUDO_USER"));
	copy(self.ssh, sizeof self.ssh, getenv("SSH_CONNECTION"));
	self.ssh[strcspn(self.ssh, " ")] = '\0';
	(void)gethostname(host, sizeof host - 1);
	copy(self.host, sizeof self.host, host);
	memcpy(self.by, self.sudo[0] ? self.sudo : self.login, sizeof self.by);
	known = 1;
	return &self;
}

void
who_fake(const struct who *w)
{
	self = *w;
	known = 1;
}
