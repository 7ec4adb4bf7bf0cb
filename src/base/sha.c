#include "base/sha.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/io.h"

static void
hex(const unsigned char d[SHA_BYTES], char out[SHA_HEX])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA_BYTES; i++) {
		out[2 * i] = digit[d[i] >> 4];
		out[2 * i + 1] = digit[d[i] & 15];
	}
	out[SHA_HEX - 1] = '\0';
}

void
sha_init(struct sha *s)
{
	s->ctx = EVP_MD_CTX_new();
	if (s->ctx == NULL || EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) != 1)
		die("SHA-256 is not available");
}

void
sha_add(struct sha *s, const void *p, size_t n)
{
	if (EVP_DigestUpdate(s->ctx, p, n) != 1)
		die("SHA-256 failed");
}

void
sha_hex(struct sha *s, char out[SHA_HEX])
{
	unsigned char d[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(s->ctx, d, NULL) != 1)
		die("SHA-256 failed");
	hex(d, out);
	sha_release(s);
}

void
sha_release(struct sha *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
}

void
sha_of(const void *p, size_t n, char out[SHA_HEX])
{
	unsigned char d[SHA_BYTES];

	if (SHA256(p, n, d) == NULL)
		die("SHA-256 failed");
	hex(d, out);
}

bool
sha_of_file(const char *path, char out[SHA_HEX], int64_t *ret_size,
    struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct buf b = BUF_INIT;
	struct sha s = { 0 };
	int64_t size = 0;
	ssize_t r;

	if (fd < 0)
		return err_sys(e, "cannot open '%s'", path);
	sha_init(&s);
	while ((r = io_read_some(fd, &b, 256 * 1024)) > 0) {
		sha_add(&s, b.p, b.n);
		size += (int64_t)b.n;
		buf_clear(&b);
	}
	if (r < 0)
		err_sys(e, "cannot read '%s'", path);
	sha_hex(&s, out);
	if (ret_size != NULL)
		*ret_size = size;
	buf_release(&b);
	io_close(&fd);
	return r == 0;
}

const char *
sha_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}
