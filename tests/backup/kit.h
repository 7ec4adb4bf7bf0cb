/*
 * For the tests of sets: stores made by make_set.sh in this program's own
 * directory, and the same store over a private sshd.
 */
#ifndef TESTS_BACKUP_KIT_H
#define TESTS_BACKUP_KIT_H

#include "backup/sets.h"
#include "tests/place/kit.h"

/* make_set.sh with these words; "$1" in them is the test's directory. */
TEST_HELPER void
kit_set(const char *words)
{
	char script[1024];

	snprintf(script, sizeof script, "sh tests/backup/make_set.sh %s",
	    words);
	assert_true(kit_sh(script));
}

/* The store directory of that name, emptied. */
TEST_HELPER const char *
kit_store(const char *name)
{
	char script[256];

	snprintf(script, sizeof script, "rm -rf \"$1/%s\" && mkdir \"$1/%s\"",
	    name, name);
	assert_true(kit_sh(script));
	return test_path(name);
}

/* It must be there. */
TEST_HELPER const struct set *
kit_find(const struct sets *s, const char *path)
{
	static const struct set none;

	for (size_t i = 0; i < s->v.n; i++)
		if (strcmp(s->v.v[i]->path, path) == 0)
			return s->v.v[i];
	fail_msg("there is no set '%s'", path);
	return &none;
}

TEST_HELPER struct set_copy
kit_copy(const struct sets *s, const char *path, const char *part)
{
	return set_copy_of(kit_find(s, path), &part, 1);
}

/* The truth of a component, as a word; "" when the set does not have it. */
TEST_HELPER const char *
kit_truth(const struct sets *s, const char *path, const char *part)
{
	struct set_copy c = kit_copy(s, path, part);

	return c.set != NULL ? proven_name(c.truth->proven) : "";
}

#endif
