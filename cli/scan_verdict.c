/* scan_verdict.c - see scan_verdict.h. */
#include "cli/scan_verdict.h"

#include "base/jsonl.h"
#include "base/quote.h"
#include "base/timestamp.h"
#include "import/json.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <unistd.h>

#define HOST_SIZE 256
#define SIGNATURE "{\"hmac-sha256\":\""
#define SIGNATURE_END "\"}\n"
#define SIGNATURE_SIZE (sizeof SIGNATURE - 1 + DIGEST_HEX_SIZE - 1 + sizeof SIGNATURE_END - 1)

static const struct {
    enum scan_state state;
    const char *word;
} WORDS[] = {{SCAN_CLEAN, "clean"}, {SCAN_FOUND, "found"}, {SCAN_INVENTORY, "inventory"}};
#define WORD_COUNT (sizeof WORDS / sizeof *WORDS)

static const char *word_of(enum scan_state state)
{
    for (size_t i = 0; i < WORD_COUNT; i++)
        if (WORDS[i].state == state)
            return WORDS[i].word;
    return "unknown";
}

/* --- Signing ------------------------------------------------------------------------------------------------------ */

/* Over where it stands and what it says, so that none can be put in the place of another. */
static bool sign(struct digest *signature, const struct scan_scanner *scanner, const char *key, const char *name,
                 const void *document, size_t size)
{
    struct buffer text cleanup_buffer = {0};
    unsigned length = DIGEST_SIZE;

    buffer_add_format(&text, "confuse verdict 1\n%s\n%s\n", key, name);
    buffer_add(&text, document, size);
    return !text.failed && HMAC(EVP_sha256(), scanner->secret, (int)scanner->secret_size, text.bytes, text.size,
                                signature->bytes, &length);
}

static int add_signature(struct buffer *document, const struct scan_scanner *scanner, const char *name,
                         struct error *err)
{
    struct digest signature;
    char hex[DIGEST_HEX_SIZE];

    if (!sign(&signature, scanner, scanner->key, name, document->bytes, document->size))
        return error_system(err, ENOMEM, "cannot sign a verdict");
    hex_encode(hex, signature.bytes, DIGEST_SIZE);
    buffer_add_format(document, SIGNATURE "%s" SIGNATURE_END, hex);
    return 0;
}

/* `rest` is what stands behind the document's first line. */
static bool is_signed(const struct scan_scanner *scanner, const char *key, const char *name, const char *line,
                      size_t size, const char *rest, size_t rest_size)
{
    struct digest given, right;

    if (rest_size != SIGNATURE_SIZE || memcmp(rest, SIGNATURE, sizeof SIGNATURE - 1) != 0 ||
        !hex_decode(given.bytes, DIGEST_SIZE, rest + sizeof SIGNATURE - 1, DIGEST_HEX_SIZE - 1) ||
        memcmp(rest + SIGNATURE_SIZE - (sizeof SIGNATURE_END - 1), SIGNATURE_END, sizeof SIGNATURE_END - 1) != 0)
        return false;
    return sign(&right, scanner, key, name, line, size) && CRYPTO_memcmp(given.bytes, right.bytes, DIGEST_SIZE) == 0;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static void add_findings(struct buffer *line, const struct buffer *findings)
{
    struct buffer array cleanup_buffer = {0};
    const char *at = findings->size ? (const char *)findings->bytes : "", *end = at + findings->size, *stop;

    buffer_add_byte(&array, '[');
    for (; at < end && (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1) {
        if (array.size > 1)
            buffer_add_byte(&array, ',');
        quote_json(&array, at, (size_t)(stop - at));
    }
    buffer_add_byte(&array, ']');
    line->failed |= array.failed;
    jsonl_raw(line, "findings", array.bytes, array.size);
}

int scan_verdict_write(struct buffer *document, const struct scan_scanner *scanner, const char *name,
                       const struct scan_judgement *judgement, const struct scan_process *process, struct error *err)
{
    bool inventory = judgement->state == SCAN_INVENTORY;
    size_t size = judgement->output.size, kept = inventory || size < SCAN_OUTPUT_KEPT ? size : SCAN_OUTPUT_KEPT;
    char host[HOST_SIZE] = "";

    gethostname(host, sizeof host - 1);
    jsonl_begin(document);
    jsonl_string(document, "verdict", word_of(judgement->state));
    if (!inventory)
        add_findings(document, &judgement->findings);
    jsonl_number(document, "exit", (uint64_t)process->status);
    jsonl_text(document, "output", size ? (const char *)judgement->output.bytes : "", kept);
    jsonl_bool(document, "truncated", kept < size || (process->truncated && !inventory));
    jsonl_time(document, "time", timestamp_now());
    jsonl_number(document, "milliseconds", process->milliseconds);
    jsonl_string(document, "host", host);
    jsonl_end(document);
    int result = scanner->secret_size ? add_signature(document, scanner, name, err) : 0;
    if (document->failed)
        return error_system(err, ENOMEM, "cannot write a verdict");
    if (result == 0 && document->size > SCAN_DOCUMENT_MAX)
        return error_refused(err, EFBIG, "what the command said is larger than %u bytes as JSON", SCAN_DOCUMENT_MAX);
    return result;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int member(struct json *value, const char *line, size_t size, const char *name)
{
    struct json json;
    struct json_span span;

    json_begin(&json, line, size);
    int found = json_find(&span, &json, name);
    if (found == 1)
        json_begin(value, span.text, span.size);
    return found;
}

static bool read_state(enum scan_state *state, const char *line, size_t size)
{
    struct json json;
    struct json_string word;

    if (member(&json, line, size, "verdict") != 1 || json_next(&json) != JSON_STRING ||
        json_read_string(&word, &json) < 0)
        return false;
    for (size_t i = 0; i < WORD_COUNT; i++)
        if (json_string_is(&word, WORDS[i].word)) {
            *state = WORDS[i].state;
            return true;
        }
    return false;
}

/* Short and few, whoever wrote them. */
static bool read_findings(struct buffer *text, const char *line, size_t size)
{
    struct buffer one cleanup_buffer = {0};
    struct json json;
    struct json_string string;
    int more = 0;

    if (member(&json, line, size, "findings") != 1 || json_next(&json) != JSON_ARRAY || json_enter_array(&json) < 0)
        return false;
    for (size_t i = 0; i < SCAN_FINDINGS_MAX && (more = json_element(&json)) == 1; i++) {
        if (json_next(&json) != JSON_STRING || json_read_string(&string, &json) < 0)
            return false;
        buffer_clear(&one);
        json_decode(&one, &string, NULL);
        scan_finding_add(text, one.bytes, one.size);
    }
    return more >= 0 && !text->failed;
}

static bool read_output(struct buffer *text, const char *line, size_t size)
{
    struct json json;
    struct json_string string;

    if (member(&json, line, size, "output") != 1 || json_next(&json) != JSON_STRING ||
        json_read_string(&string, &json) < 0)
        return false;
    json_decode(text, &string, NULL);
    return !text->failed;
}

bool scan_verdict_read(enum scan_state *state, struct buffer *text, const struct scan_scanner *scanner, const char *key,
                       const char *name, const struct buffer *document)
{
    const char *line = (const char *)document->bytes;
    const char *end = document->size ? memchr(line, '\n', document->size) : NULL;

    if (!end)
        return false;
    size_t size = (size_t)(end + 1 - line);
    if (scanner->secret_size && !is_signed(scanner, key, name, line, size, end + 1, document->size - size))
        return false;
    if (!read_state(state, line, size - 1))
        return false;
    return *state == SCAN_INVENTORY ? read_output(text, line, size - 1) : read_findings(text, line, size - 1);
}
