/* members_tar.h - the table of a tar's members: private to members.c. */
#ifndef IMPORT_MEMBERS_TAR_H
#define IMPORT_MEMBERS_TAR_H

#include "base/error.h"

#include <stdint.h>

struct tar_table;

/* Read the headers of the tar in an extent of a file (the fd is borrowed); contents are skipped, not read. */
int tar_table_read(struct tar_table **table, int fd, uint64_t offset, uint64_t size, const char *name,
                   struct error *err);
void tar_table_free(struct tar_table *table);

/* Where the bytes of a member are, links followed. -ENOENT: there is no such member; -EBADMSG: *why says what is wrong
 * with it. */
int tar_table_find(uint64_t *offset, uint64_t *size, const char **why, const struct tar_table *table, const char *name);

#endif
