#include "probe/kernel_log.h"

#include <string.h>

#include "base/text.h"

enum { BOOT_MS = 120 * 1000 };

/* The first that a line holds says its kind, so that what a file system says
 * of an I/O error is the file system's. */
static const struct {
	const char *words;
	enum kernel_kind kind;
} news[] = {
	{ "EXT4-fs error", KERNEL_FS },
	{ "EXT3-fs error", KERNEL_FS },
	{ "EXT2-fs error", KERNEL_FS },
	{ "Remounting filesystem read-only", KERNEL_FS },
	{ "Aborting journal", KERNEL_FS },
	{ "Detected aborted journal", KERNEL_FS },
	{ "JBD2: Error", KERNEL_FS },
	{ "metadata I/O error", KERNEL_FS },
	{ "Log I/O Error", KERNEL_FS },
	{ "log I/O error", KERNEL_FS },
	{ "Metadata corruption detected", KERNEL_FS },
	{ "Corruption of in-memory data", KERNEL_FS },
	{ "Shutting down filesystem", KERNEL_FS },
	{ "Filesystem has been shut down", KERNEL_FS },
	{ "BTRFS error", KERNEL_FS },
	{ "BTRFS critical", KERNEL_FS },
	{ "forced readonly", KERNEL_FS },
	{ "[Hardware Error]", KERNEL_HARDWARE },
	{ "AER: Uncorrect", KERNEL_HARDWARE },
	{ "temperature above threshold", KERNEL_HARDWARE },
	{ "I/O error", KERNEL_IO },
	{ "critical medium error", KERNEL_IO },
	{ "critical target error", KERNEL_IO },
	{ "Medium Error", KERNEL_IO },
	{ "Unrecovered read error", KERNEL_IO },
	{ "lost async page write", KERNEL_IO },
	{ "lost page write", KERNEL_IO },
	{ "rejecting I/O to offline device", KERNEL_IO },
	{ "Device offlined", KERNEL_IO },
	{ "controller is down", KERNEL_IO },
	{ "timeout, aborting", KERNEL_IO },
	{ "failed command: READ", KERNEL_IO },
	{ "failed command: WRITE", KERNEL_IO },
	{ "Link is Down", KERNEL_LINK },
	{ "NETDEV WATCHDOG", KERNEL_LINK },
	{ "hard resetting link", KERNEL_LINK },
	{ "link is slow to respond", KERNEL_LINK },
	{ "COMRESET failed", KERNEL_LINK },
	{ "not responding, still trying", KERNEL_LINK },	/* NFS */
	{ "blocked for more than", KERNEL_STUCK },
	/* of the whole host; that of a container is told by its engine */
	{ "Out of memory: Kill", KERNEL_MEMORY },
};

void
kernel_log_words(struct buf *out)
{
	for (size_t i = 0; i < sizeof news / sizeof *news; i++) {
		buf_str(out, " -e ");
		text_shell(out, news[i].words);
	}
}

static bool
letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static bool
is_no_disk(const char *line)
{
	static const char *const names[] = { "loop", "fd", "sr", "ram",
		"zram" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);

		for (const char *s = line; (s = strstr(s, names[i])); s += n)
			if ((s == line || !letter(s[-1])) && s[n] >= '0' &&
			    s[n] <= '9')
				return true;
	}
	return false;
}

/* "[11872.632189] text", also of dmesg -r ("<6>[…") and of journalctl, which
 * puts the host and "kernel:" between them. */
int64_t
kernel_log_time(const char *line, const char **ret_text)
{
	const char *s = line, *end, *tag;
	char sec[16] = "";
	int64_t v = -1;
	size_t n;

	if (*s == '<' && (end = strchr(s, '>')) != NULL && end - s < 5)
		s = end + 1;
	*ret_text = s;
	if (*s != '[' || (end = strchr(s, ']')) == NULL)
		return -1;
	s += 1 + strspn(s + 1, " ");
	n = strcspn(s, ".]");
	if (n == 0 || n >= sizeof sec)
		return -1;
	memcpy(sec, s, n);
	if (!text_int(sec, 0, INT64_MAX / 1000, &v))
		return -1;
	s = end + 1 + strspn(end + 1, " ");
	tag = strstr(s, " kernel: ");
	if (tag != NULL && memchr(s, ' ', (size_t)(tag - s)) == NULL)
		s = tag + 9;
	*ret_text = s;
	return v;
}

bool
kernel_log_line(const char *line, int64_t uptime_ms, struct kernel_found *ret)
{
	int64_t at = kernel_log_time(line, &ret->text);

	ret->age_ms = -1;
	if (at >= 0 && uptime_ms > 0)
		ret->age_ms = uptime_ms > at * 1000 ? uptime_ms - at * 1000 : 0;
	for (size_t i = 0; i < sizeof news / sizeof *news; i++) {
		if (strstr(ret->text, news[i].words) == NULL)
			continue;
		ret->kind = news[i].kind;
		/* links are made while a machine starts */
		if (ret->kind == KERNEL_LINK && at >= 0 && at * 1000 < BOOT_MS)
			return false;
		return !is_no_disk(ret->text);
	}
	return false;
}
