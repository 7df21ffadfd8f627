/* chunk_list.c - see chunk_list.h. */
#include "db/chunk_list.h"

#include "base/varint.h"

#include <errno.h>

void chunk_list_pack(struct buffer *out, const struct chunk_ref *chunks, size_t count)
{
    int64_t previous = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t step;

        (void)__builtin_sub_overflow(chunks[i].id, previous, &step); /* of ids that no row has: refused when read */
        buffer_add_varint(out, varint_zigzag(step));
        buffer_add_varint(out, chunks[i].size);
        previous = chunks[i].id;
    }
}

void chunk_list_begin(struct chunk_list *list, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;

    *list = (struct chunk_list){.at = from, .end = size ? from + size : from, .left = CHUNK_LIST_MAX};
}

int chunk_list_next(struct chunk_ref *chunk, struct chunk_list *list)
{
    uint64_t step, size;

    if (list->at == list->end)
        return 0;
    if (list->left == 0 || !varint_take(&step, &list->at, list->end) || !varint_take(&size, &list->at, list->end))
        return -EBADMSG;
    if (__builtin_add_overflow(list->id, varint_unzigzag(step), &list->id) || list->id <= 0 || size == 0 ||
        size > CHUNK_SIZE_MAX)
        return -EBADMSG;
    *chunk = (struct chunk_ref){list->id, (uint32_t)size};
    list->left--;
    return 1;
}
