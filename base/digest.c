/* digest.c - SHA-256 by OpenSSL, which uses the processor's SHA instructions where there are any.
 *
 * The algorithm is fetched once per object: an implicit fetch per message costs ten times what a short message does
 * (0.09 us against some 1 us for 16 bytes, measured with OpenSSL 3.0). And only when there is something to hash: the
 * first fetch reads libcrypto's configuration and sets up its providers, which takes most of what there is to do before
 * a command that only reads has its first row.
 */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD *algorithm;
    EVP_MD_CTX *context; /* NULL: nothing was hashed yet */
};

/* libcrypto fails here only when memory is out or the library is broken; neither can be handled by going on. */
static void must(int ok)
{
    if (ok != 1)
        abort();
}

struct sha256 *sha256_new(void)
{
    return calloc(1, sizeof(struct sha256));
}

static void begin(struct sha256 *sha)
{
    sha->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha->context = EVP_MD_CTX_new();
    must(sha->algorithm && sha->context && EVP_DigestInit_ex2(sha->context, sha->algorithm, NULL) == 1);
}

void sha256_free(struct sha256 *sha)
{
    if (!sha)
        return;
    EVP_MD_CTX_free(sha->context);
    EVP_MD_free(sha->algorithm);
    free(sha);
}

void sha256_add(struct sha256 *sha, const void *bytes, size_t size)
{
    if (!sha->context)
        begin(sha);
    must(EVP_DigestUpdate(sha->context, bytes, size));
}

void sha256_final(struct digest *out, struct sha256 *sha)
{
    if (!sha->context)
        begin(sha); /* of no bytes */
    must(EVP_DigestFinal_ex(sha->context, out->bytes, NULL));
    must(EVP_DigestInit_ex2(sha->context, NULL, NULL));
}

void sha256_of(struct digest *out, struct sha256 *sha, const void *bytes, size_t size)
{
    sha256_add(sha, bytes, size);
    sha256_final(out, sha);
}

void hex_encode(char *out, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = bytes;

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(void *out, size_t size, const char *text, size_t length)
{
    uint8_t *b = out;

    if (length != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
