/*
 * What the doctor's tests share: a site of their own in test_dir(), with a home
 * and a PATH of its own, and the findings of one check.
 */
#ifndef TESTS_DOCTOR_KIT_H
#define TESTS_DOCTOR_KIT_H

#include "tests/test.h"

#include "doctor/intern.h"

/* An empty site: everything is below a folder that was not there before. */
TEST_HELPER void
kit_clean(void)
{
	char cmd[PATH_MAX * 2];
	const char *dir = test_path("site");

	(void)snprintf(cmd, sizeof cmd, "rm -rf '%s' && mkdir -p '%s/home/.ssh' "
	    "'%s/bin'", dir, dir, dir);
	assert_int_equal(system(cmd), 0);
	(void)unsetenv("PGPASSFILE");
	(void)setenv("HOME", test_path("site/home"), 1);
	(void)setenv("TZ", "UTC", 1);
}

/* Loads the text as that site's file. */
TEST_HELPER void
kit_site(struct doctor *d, const char *text)
{
	doctor_init(d, test_write("site/midwatch.cfg", text), NULL);
	if (d->site.doc.problems.n > 0)
		print_message("# %s\n", d->site.doc.problems.v[0].text);
}

#define KIT_GROUP "site = { name = \"t\"; state = \"state\"; "

TEST_HELPER void
kit_program(const char *name, const char *text)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "site/%s", name);
	assert_int_equal(chmod(test_write(path, text), 0755), 0);
}

/* Runs one check afresh; its findings are in d. */
TEST_HELPER void
kit_check(struct doctor *d, void (*check)(struct doctor *d))
{
	for (size_t i = 0; i < d->findings.n; i++) {
		free(d->findings.v[i].check);
		free(d->findings.v[i].seen);
		free(d->findings.v[i].todo);
	}
	d->findings.n = 0;
	check(d);
}

/* The finding in which this stands, NULL when there is none. */
TEST_HELPER const struct finding *
kit_found(const struct doctor *d, enum doctor_level level, const char *words)
{
	for (size_t i = 0; i < d->findings.n; i++)
		if (d->findings.v[i].level == level &&
		    (strstr(d->findings.v[i].seen, words) != NULL ||
		    strcmp(d->findings.v[i].check, words) == 0))
			return &d->findings.v[i];
	return NULL;
}

TEST_HELPER void
kit_print(const struct doctor *d)
{
	for (size_t i = 0; i < d->findings.n; i++)
		print_message("# %s %s: %s | %s\n",
		    doctor_level_name(d->findings.v[i].level),
		    d->findings.v[i].check, d->findings.v[i].seen,
		    d->findings.v[i].todo);
}

/* Fails when it is not there, or is no ok and does not say what to do. */
#define FOUND(d, level, words)						\
	do {								\
		const struct finding *f_ = kit_found(d, level, words);	\
		if (f_ == NULL)						\
			kit_print(d);					\
		assert_non_null(f_);					\
		assert_true((level) == DOCTOR_OK || f_->todo[0] != '\0'); \
	} while (0)

#endif
