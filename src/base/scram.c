#include "base/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { KEY = 32, SALT_MAX = 64, ITERATIONS_MAX = 10000000, BASE64 = 96 };

static const char prefix[] = "SCRAM-SHA-256$";

static bool
broken(struct err *e)
{
	return err_set(e, ERR_FAILED, "OpenSSL refuses what a password needs");
}

bool
scram_password(char out[SCRAM_PASSWORD], struct err *e)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[SCRAM_CHARS];

	if (RAND_priv_bytes(bytes, sizeof bytes) != 1) {
		out[0] = '\0';
		return err_set(e, ERR_FAILED, "there is no randomness for a "
		    "password");
	}
	/* 64 divides 256, and 32 does: no letter is likelier than another */
	for (size_t i = 0; i < SCRAM_CHARS; i++)
		out[i] = i == 0 ? set[bytes[i] & 31] : set[bytes[i] & 63];
	out[SCRAM_CHARS] = '\0';
	OPENSSL_cleanse(bytes, sizeof bytes);
	return true;
}

static bool
hmac(const unsigned char *key, const char *text, unsigned char out[KEY])
{
	unsigned n = KEY;

	return HMAC(EVP_sha256(), key, KEY, (const unsigned char *)text,
	    strlen(text), out, &n) != NULL && n == KEY;
}

/* StoredKey and ServerKey. */
static bool
keys(const char *password, const void *salt, size_t n, int iterations,
    unsigned char stored[KEY], unsigned char server[KEY])
{
	unsigned char salted[KEY], client[KEY];
	unsigned size = KEY;
	bool ok = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt,
	    (int)n, iterations, EVP_sha256(), KEY, salted) == 1 &&
	    hmac(salted, "Client Key", client) &&
	    EVP_Digest(client, KEY, stored, &size, EVP_sha256(), NULL) == 1 &&
	    hmac(salted, "Server Key", server);

	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(client, sizeof client);
	return ok;
}

static void
base64(char *out, const unsigned char *p, size_t n)
{
	(void)EVP_EncodeBlock((unsigned char *)out, p, (int)n);
}

bool
scram_verifier_of(const char *password, const void *salt, size_t n,
    int iterations, char out[SCRAM_VERIFIER], struct err *e)
{
	unsigned char stored[KEY], server[KEY];
	char salt64[BASE64], stored64[BASE64], server64[BASE64];
	bool ok = n <= SALT_MAX / 2 && keys(password, salt, n, iterations,
	    stored, server);

	out[0] = '\0';
	if (!ok)
		return broken(e);
	base64(salt64, salt, n);
	base64(stored64, stored, KEY);
	base64(server64, server, KEY);
	(void)snprintf(out, SCRAM_VERIFIER, "%s%d:%s$%s:%s", prefix,
	    iterations, salt64, stored64, server64);
	OPENSSL_cleanse(stored, sizeof stored);
	OPENSSL_cleanse(server, sizeof server);
	return true;
}

bool
scram_verifier(const char *password, char out[SCRAM_VERIFIER], struct err *e)
{
	unsigned char salt[SCRAM_SALT];

	if (RAND_bytes(salt, sizeof salt) != 1)
		return broken(e);
	return scram_verifier_of(password, salt, sizeof salt, SCRAM_ITERATIONS,
	    out, e);
}

bool
scram_md5(const char *password, const char *role, char out[SCRAM_MD5],
    struct err *e)
{
	static const char hex[] = "0123456789abcdef";
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sum[16];
	unsigned n = sizeof sum;
	bool ok = c != NULL && EVP_DigestInit_ex(c, EVP_md5(), NULL) == 1 &&
	    EVP_DigestUpdate(c, password, strlen(password)) == 1 &&
	    EVP_DigestUpdate(c, role, strlen(role)) == 1 &&
	    EVP_DigestFinal_ex(c, sum, &n) == 1 && n == sizeof sum;

	EVP_MD_CTX_free(c);
	if (!ok) {
		out[0] = '\0';
		return broken(e);
	}
	memcpy(out, "md5", 3);
	for (size_t i = 0; i < sizeof sum; i++) {
		out[3 + 2 * i] = hex[sum[i] >> 4];
		out[4 + 2 * i] = hex[sum[i] & 15];
	}
	out[3 + 2 * sizeof sum] = '\0';
	return true;
}

/* ---- the other way round --------------------------------------------------------- */

enum scram_kind
scram_kind_of(const char *v)
{
	if (v == NULL || *v == '\0')
		return SCRAM_NONE;
	if (text_starts(v, prefix))
		return SCRAM_SHA256;
	return text_starts(v, "md5") && strlen(v) == SCRAM_MD5 - 1 ?
	    SCRAM_MD5_KIND : SCRAM_STRANGE;
}

/* Base64 up to `end`; bytes, or -1. */
static int
unbase64(const char **p, char end, unsigned char *out, size_t max)
{
	const char *stop = strchr(*p, end);
	size_t n = stop != NULL ? (size_t)(stop - *p) : 0;
	int got;

	if (n == 0 || n % 4 != 0 || n / 4 * 3 > max)
		return -1;
	got = EVP_DecodeBlock(out, (const unsigned char *)*p, (int)n);
	for (size_t k = n; got > 0 && k > n - 2 && (*p)[k - 1] == '='; k--)
		got--;
	*p = stop + (*stop != '\0');
	return got;
}

static enum scram_match
sha256_matches(const char *verifier, const char *password)
{
	unsigned char salt[SALT_MAX], want[KEY + 3], stored[KEY], server[KEY];
	const char *p = verifier + sizeof prefix - 1;
	char *end;
	long iterations = strtol(p, &end, 10);
	int n;

	if (end == p || *end != ':' || iterations < 1 ||
	    iterations > ITERATIONS_MAX)
		return SCRAM_UNKNOWN;
	p = end + 1;
	n = unbase64(&p, '$', salt, sizeof salt);
	if (n < 0 || unbase64(&p, ':', want, sizeof want) != KEY ||
	    !keys(password, salt, (size_t)n, (int)iterations, stored, server))
		return SCRAM_UNKNOWN;
	return CRYPTO_memcmp(stored, want, KEY) == 0 ? SCRAM_YES : SCRAM_NO;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7e || (unsigned char)*s < 0x20)
			return false;
	return true;
}

enum scram_match
scram_matches(const char *verifier, const char *role, const char *password)
{
	enum scram_match m = SCRAM_UNKNOWN;
	char md5[SCRAM_MD5];

	switch (scram_kind_of(verifier)) {
	case SCRAM_NONE:
		return SCRAM_NO;
	case SCRAM_SHA256:
		m = sha256_matches(verifier, password);
		/* the server's form of it may be another one */
		return m == SCRAM_NO && !is_ascii(password) ? SCRAM_UNKNOWN :
		    m;
	case SCRAM_MD5_KIND:
		if (scram_md5(password, role, md5, NULL))
			m = CRYPTO_memcmp(md5, verifier, SCRAM_MD5 - 1) == 0 ?
			    SCRAM_YES : SCRAM_NO;
		return m;
	case SCRAM_STRANGE:
		break;
	}
	return SCRAM_UNKNOWN;
}
