/* files.c - a worker's open blob files. */
#include "nfsd/files.h"

#include <stddef.h>
#include <unistd.h>

static size_t slot_of(int64_t blob)
{
    return (uint64_t)blob % OPEN_FILES;
}

static void slot_close(struct open_file *slot)
{
    if (slot->blob)
        close(slot->fd);
    slot->blob = 0;
}

const struct open_file *files_find(const struct open_files *files, int64_t blob)
{
    const struct open_file *slot = &files->slots[slot_of(blob)];

    return blob != 0 && slot->blob == blob ? slot : NULL;
}

const struct open_file *files_keep(struct open_files *files, int64_t blob, uint64_t size, int fd)
{
    struct open_file *slot = &files->slots[slot_of(blob)];

    slot_close(slot);
    *slot = (struct open_file){.blob = blob, .size = size, .fd = fd};
    return slot;
}

void files_close(struct open_files *files)
{
    for (size_t i = 0; i < OPEN_FILES; i++)
        slot_close(&files->slots[i]);
}
