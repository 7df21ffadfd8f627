/* buffer.c - growing byte strings; doubling keeps the cost of an append constant. */
#include "base/buffer.h"

#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_FIRST_ROOM = 256 };

void buffer_free(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}

uint8_t *buffer_reserve(struct buffer *b, size_t size)
{
    if (b->failed)
        return NULL;
    if (!b->bytes || b->room - b->size < size) {
        size_t room = b->room ? b->room : BUFFER_FIRST_ROOM;

        while (room - b->size < size)
            room *= 2;
        uint8_t *bytes = realloc(b->bytes, room);
        if (!bytes) {
            b->failed = true;
            return NULL;
        }
        b->bytes = bytes;
        b->room = room;
    }
    return b->bytes + b->size;
}

void buffer_add(struct buffer *b, const void *bytes, size_t size)
{
    uint8_t *to = size > 0 ? buffer_reserve(b, size) : NULL;

    if (to) {
        memcpy(to, bytes, size);
        b->size += size;
    }
}

void buffer_add_text(struct buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_add_format(struct buffer *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = (char *)buffer_reserve(b, (size_t)length + 1);
    if (!to)
        return;
    va_start(args, format);
    vsnprintf(to, (size_t)length + 1, format, args);
    va_end(args);
    b->size += (size_t)length;
}

void buffer_add_be16(struct buffer *b, uint16_t value)
{
    uint8_t be[2];

    put_be16(be, value);
    buffer_add(b, be, sizeof be);
}

void buffer_add_be32(struct buffer *b, uint32_t value)
{
    uint8_t be[4];

    put_be32(be, value);
    buffer_add(b, be, sizeof be);
}

void buffer_add_be64(struct buffer *b, uint64_t value)
{
    uint8_t be[8];

    put_be64(be, value);
    buffer_add(b, be, sizeof be);
}
