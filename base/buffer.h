/* buffer.h - a byte string that grows at its end. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty buffer. A buffer whose allocation failed says so in `failed` and takes nothing more, so that a
 * row of appends needs one check at its end. */
struct buffer {
    uint8_t *bytes;
    size_t size, room;
    bool failed;
};

void buffer_free(struct buffer *b);
#define cleanup_buffer __attribute__((cleanup(buffer_free)))

/* Room for `size` more bytes; returns where they go, or NULL. The buffer's size grows by buffer_took(). */
uint8_t *buffer_reserve(struct buffer *b, size_t size);

static inline void buffer_took(struct buffer *b, size_t size)
{
    b->size += size;
}

void buffer_add(struct buffer *b, const void *bytes, size_t size);
void buffer_add_text(struct buffer *b, const char *text);
void buffer_add_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_add_be16(struct buffer *b, uint16_t value);
void buffer_add_be32(struct buffer *b, uint32_t value);
void buffer_add_be64(struct buffer *b, uint64_t value);

static inline void buffer_clear(struct buffer *b)
{
    b->size = 0;
    b->failed = false;
}

static inline void buffer_add_byte(struct buffer *b, uint8_t byte)
{
    if (b->size < b->room)
        b->bytes[b->size++] = byte;
    else
        buffer_add(b, &byte, 1);
}

#endif
