/* quote.c - quoting, one character of UTF-8 at a time. */
#include "base/quote.h"

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

void quote_text(struct buffer *out, const void *bytes, size_t size)
{
    const uint8_t *p = bytes, *end = p + size;

    while (p < end) {
        size_t length = character_size(p, (size_t)(end - p));
        /* U+0080 to U+009F are control characters too. */
        bool control = *p < 0x20 || *p == 0x7f || length == 0 || (*p == 0xc2 && p[1] < 0xa0);

        if (control)
            buffer_add_format(out, "\\x%02x", *p);
        else if (*p == '\\')
            buffer_add_text(out, "\\\\");
        else
            buffer_add(out, p, length);
        p += control || length == 0 ? 1 : length;
    }
}
