/*
 * Feeds a fuzz target with its corpus, without a fuzzer: what was found once
 * is tried again by every `make test`.  The program is called NAME_replay and
 * reads tests/corpus/NAME/ (or the files and directories it is given), from
 * the top of the source tree.  It prints TAP; the last file named before a
 * crash is the culprit.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int replay_path(const char *path);

static int
replay_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "re");
	uint8_t *data = malloc(
	    size); /* exact, so that a read beyond it shows */
	int ok = f && (data || !size) && fread(data, 1, size, f) == size;

	if (f)
		fclose(f);
	if (ok) {
		printf("# %s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
	} else {
		printf("# cannot read %s: %s\n", path, strerror(errno));
	}
	free(data);
	return ok ? 1 : -1;
}

static int
replay_dir(const char *path)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort), total = 0;
	char child[PATH_MAX];

	for (int i = 0; i < n; i++) {
		snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && total >= 0) {
			int one = replay_path(child);

			total = one < 0 ? -1 : total + one;
		}
		free(names[i]);
	}
	free(names);
	return n < 0 ? -1 : total;
}

/* How many inputs were played, or -1 when one could not be read. */
int
replay_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	return S_ISDIR(st.st_mode) ? replay_dir(path) :
				     replay_file(path, (size_t)st.st_size);
}

int
main(int argc, char **argv)
{
	const char *base = strrchr(argv[0], '/');
	char name[NAME_MAX], corpus[PATH_MAX];
	struct stat st;
	int n = 0;

	snprintf(name, sizeof(name), "%s", base ? base + 1 : argv[0]);
	if (strstr(name, "_replay"))
		*strstr(name, "_replay") = '\0';
	snprintf(corpus, sizeof(corpus), "tests/corpus/%s", name);

	printf("1..1\n# the empty input\n");
	fflush(stdout);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc && n >= 0; i++) {
		int one = replay_path(argv[i]);

		n = one < 0 ? -1 : n + one;
	}
	if (argc < 2 && stat(corpus, &st) == 0)
		n = replay_path(corpus);
	printf(
	    "%sok 1 - %s survives the empty input and the %d of its corpus\n",
	    n < 0 ? "not " : "", name, n < 0 ? 0 : n);
	return n < 0;
}
