/* quote.c - quoting, one character of UTF-8 at a time. */
#include "base/quote.h"

#include <string.h>

/* Bytes of the valid UTF-8 character (RFC 3629) at p, or 0: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
static size_t character_size(const uint8_t *p, size_t left)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high;
        uint8_t size;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    if (*p < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (*p < forms[i].first_low || *p > forms[i].first_high)
            continue;
        if (left < forms[i].size || p[1] < forms[i].second_low || p[1] > forms[i].second_high)
            return 0;
        for (size_t k = 2; k < forms[i].size; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].size;
    }
    return 0;
}

void quote_json(struct buffer *out, const void *bytes, size_t size)
{
    const uint8_t *p = bytes, *end = p + size, *run = p; /* from run to p all is plain: most texts are one run */

    buffer_add_byte(out, '"');
    while (p < end) {
        size_t length = *p == '"' || *p == '\\' || *p < 0x20 ? 0 : character_size(p, (size_t)(end - p));

        if (length > 0) {
            p += length;
            continue;
        }
        buffer_add(out, run, (size_t)(p - run));
        if (*p >= 0x80)
            buffer_add_format(out, "\\udc%02x", *p);
        else if (*p < 0x20)
            buffer_add_format(out, "\\u%04x", *p);
        else
            buffer_add_format(out, "\\%c", *p);
        run = ++p;
    }
    buffer_add(out, run, (size_t)(p - run));
    buffer_add_byte(out, '"');
}

size_t quote_shown(const uint8_t *p, size_t left)
{
    static const struct {
        uint8_t size;
        uint8_t first[3], last[3];
    } hidden[] = {
        {1, {0x00}, {0x1f}},
        {1, {0x7f}, {0x7f}},
        {2, {0xc2, 0x80}, {0xc2, 0x9f}},             /* U+0080 to U+009F: control characters too */
        {2, {0xd8, 0x9c}, {0xd8, 0x9c}},             /* U+061C: direction, as all below (UAX #9) */
        {3, {0xe2, 0x80, 0x8e}, {0xe2, 0x80, 0x8f}}, /* U+200E, U+200F */
        {3, {0xe2, 0x80, 0xa8}, {0xe2, 0x80, 0xae}}, /* U+2028, U+2029: ends of lines; to U+202E */
        {3, {0xe2, 0x81, 0xa6}, {0xe2, 0x81, 0xa9}}, /* U+2066 to U+2069 */
    };
    size_t length = character_size(p, left);

    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (length == hidden[i].size && memcmp(p, hidden[i].first, length) >= 0 &&
            memcmp(p, hidden[i].last, length) <= 0)
            return 0;
    return length;
}

/* Of two or three bytes, as those are that are not shown. */
static unsigned code_point(const uint8_t *p, size_t length)
{
    return length == 1   ? *p
           : length == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
                         : (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

void quote_json_shown(struct buffer *out, const void *json, size_t size)
{
    const uint8_t *p = json, *end = p + size;

    while (p < end) {
        size_t left = (size_t)(end - p), shown = quote_shown(p, left), length = character_size(p, left);

        if (shown == 0 && length > 0 && *p != '\n')
            buffer_add_format(out, "\\u%04x", code_point(p, length));
        else
            buffer_add(out, p, length ? length : 1);
        p += length ? length : 1;
    }
}

void quote_text(struct buffer *out, const void *bytes, size_t size)
{
    const uint8_t *p = bytes, *end = p + size;

    while (p < end) {
        size_t length = quote_shown(p, (size_t)(end - p));

        if (length == 0)
            buffer_add_format(out, "\\x%02x", *p);
        else if (*p == '\\')
            buffer_add_text(out, "\\\\");
        else
            buffer_add(out, p, length);
        p += length ? length : 1;
    }
}
