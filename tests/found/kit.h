/*
 * A machine of files alone: a root to look at, and a home.
 */
#ifndef TESTS_FOUND_KIT_H
#define TESTS_FOUND_KIT_H

#include "tests/test.h"

#include "base/file.h"
#include "found/draft.h"

TEST_HELPER const char *
kit_root(void)
{
	static char root[PATH_MAX];

	if (root[0] == '\0') {
		(void)snprintf(root, sizeof root, "%s", test_path("root"));
		assert_int_equal(mkdir(root, 0755), 0);
		(void)setenv("HOME", test_dir(), 1);
	}
	return root;
}

/* A file below the root, with the folders that it needs. */
TEST_HELPER void
kit_file(const char *path, const char *text)
{
	char *full = xprintf("%s%s", kit_root(), path), *slash;
	struct err e = ERR_INIT;

	slash = strrchr(full, '/');
	*slash = '\0';
	assert_true(file_mkdirs(full, 0755, &e));
	*slash = '/';
	(void)test_write(full, text);
	free(full);
}

TEST_HELPER void
kit_executable(const char *path)
{
	char *full = xprintf("%s%s", kit_root(), path);

	assert_int_equal(chmod(full, 0755), 0);
	free(full);
}

TEST_HELPER void
kit_folder(const char *path)
{
	char *full = xprintf("%s%s", kit_root(), path);
	struct err e = ERR_INIT;

	assert_true(file_mkdirs(full, 0755, &e));
	free(full);
}

TEST_HELPER void
kit_clear(void)
{
	struct err e = ERR_INIT;

	(void)file_remove_tree(kit_root(), &e);
	(void)mkdir(kit_root(), 0755);
}

/* The only thing of that kind whose field holds the text, NULL: none. */
#define KIT_FIND(f, k, field, text)					\
	kit_find_((f), (k), offsetof(struct found_thing, field), (text))
TEST_HELPER const struct found_thing *
kit_find_(const struct found *f, enum found_kind kind, size_t off,
    const char *text)
{
	const struct found_thing *ret = NULL;

	for (size_t i = 0; i < f->things.n; i++) {
		const char *s;

		memcpy(&s, (const char *)&f->things.v[i] + off, sizeof s);
		if (f->things.v[i].kind == kind && s != NULL &&
		    strcmp(s, text) == 0) {
			assert_null(ret);
			ret = &f->things.v[i];
		}
	}
	return ret;
}

#endif
