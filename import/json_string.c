/* json_string.c - strings of JSON into bytes; the way back is base/quote.h. */
#include "import/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where code points are surrogates, and which of them stand for a byte that was no UTF-8 (PEP 383). */
enum {
    HIGH_FIRST = 0xd800,
    LOW_FIRST = 0xdc00,
    LOW_LAST = 0xdfff,
    ESCAPED_BYTE_FIRST = 0xdc80,
    ESCAPED_BYTE_LAST = 0xdcff,
};

static unsigned hex4(const char *p)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)p[i];

        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* UTF-8 of a code point, surrogates as any other. */
static void add_code_point(struct buffer *out, unsigned c)
{
    if (c < 0x80) {
        buffer_add_byte(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buffer_add_byte(out, (uint8_t)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buffer_add_byte(out, (uint8_t)(0xe0 | c >> 12));
        } else {
            buffer_add_byte(out, (uint8_t)(0xf0 | c >> 18));
            buffer_add_byte(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        }
        buffer_add_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    buffer_add_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
}

static bool is_low(unsigned c)
{
    return c >= LOW_FIRST && c <= LOW_LAST;
}

/* At \uXXXX; returns behind it (or behind the pair that it begins). */
static const char *decode_unicode(struct buffer *out, const char *p, const char *end, bool *lone)
{
    unsigned c = hex4(p + 2);

    p += 6;
    if (c < HIGH_FIRST || c > LOW_LAST) {
        add_code_point(out, c);
    } else if (c < LOW_FIRST && end - p >= 6 && p[0] == '\\' && p[1] == 'u' && is_low(hex4(p + 2))) {
        add_code_point(out, 0x10000 + ((c - HIGH_FIRST) << 10) + (hex4(p + 2) - LOW_FIRST));
        p += 6;
    } else if (c >= ESCAPED_BYTE_FIRST && c <= ESCAPED_BYTE_LAST) {
        buffer_add_byte(out, (uint8_t)(c - LOW_FIRST));
    } else {
        add_code_point(out, c);
        if (lone)
            *lone = true;
    }
    return p;
}

void json_decode(struct buffer *out, const struct json_string *string, bool *lone)
{
    static const char escapes[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *p = string->text, *end = p + string->size;

    if (!string->escaped) {
        buffer_add(out, p, string->size);
        return;
    }
    while (p < end) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));

        buffer_add(out, p, (size_t)((stop ? stop : end) - p));
        if (!stop)
            break;
        p = stop;
        if (p[1] == 'u') {
            p = decode_unicode(out, p, end, lone);
            continue;
        }
        const char *escape = strchr(escapes, p[1]);
        buffer_add_byte(out, (uint8_t)(escape ? meanings[escape - escapes] : p[1]));
        p += 2;
    }
}

bool json_string_is(const struct json_string *string, const char *text)
{
    size_t size = strlen(text);

    if (!string->escaped)
        return string->size == size && memcmp(string->text, text, size) == 0;
    /* Six bytes of escape give at least one byte, and no byte gives more than one: no memory is asked for. */
    uint8_t room[6 * JSON_NAME_MAX];
    struct buffer bytes = {.bytes = room, .room = sizeof room};
    if (size > JSON_NAME_MAX || string->size > 6 * size)
        return false;
    json_decode(&bytes, string, NULL);
    return bytes.size == size && memcmp(bytes.bytes, text, size) == 0;
}
