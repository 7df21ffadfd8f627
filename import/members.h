/* members.h - where in a source the bytes of a named member are: a file of a directory, or a part of a tar, which is
 * read where it lies, since images are read from their top and layers that are in the store not at all.
 */
#ifndef IMPORT_MEMBERS_H
#define IMPORT_MEMBERS_H

#include "base/error.h"
#include "import/input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An image has some ten members a layer; a mirror of a registry may hold some thousand images. */
#define MEMBERS_MAX 65536
/* Bytes of a name that anything of an image goes by; the longest of the known ones is below 200. */
#define MEMBER_NAME_MAX 512
/* Links followed from one to the next. docker's archives have one; Linux follows 40. */
#define MEMBER_LINKS_MAX 40

struct members;

/* The files below a directory. Neither links nor anything but regular files are opened. */
int members_open_dir(struct members **members, const char *path, struct error *err);

/* The members of the uncompressed tar in an extent of a file, which is the members' from now on (also when this fails).
 * Headers are read, contents are not. `name` is for messages; it is copied. -EBADMSG: it is no tar, broken, or has too
 * many members. */
int members_open_tar(struct members **members, int fd, uint64_t offset, uint64_t size, const char *name,
                     struct error *err);

void members_close(struct members *members);

/* Count bytes that are read, for a limit of the caller's; returns how many there were so far, with these. */
uint64_t members_count_bytes(struct members *members, uint64_t bytes);

/* The source's name, for messages. */
const char *members_name(const struct members *members);

/* Part of a file; the fd is the caller's to close. */
struct extent {
    int fd;
    uint64_t offset, size;
};

/* Where the bytes of a member are: of the last one of that name, with the links of a tar followed inside of it. -ENOENT
 * (err not filled): there is none. -EBADMSG: it is no regular file, sparse, or links go nowhere. */
int members_find(struct extent *extent, const struct members *members, const char *name, struct error *err);

/* Is there such a member? */
bool members_have(const struct members *members, const char *name);

/* What is wrong with a member: "SOURCE: MEMBER: …", in one line whatever it is called. -EBADMSG. */
int members_refuse(struct error *err, const struct members *members, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An input on the bytes of a member, named "SOURCE: MEMBER". A missing one is an error (-EBADMSG). *size may be NULL.
 */
int members_input(struct input **input, uint64_t *size, const struct members *members, const char *name,
                  struct error *err);

/* "./a//b" is "a/b"; what is relative begins at the `base_size` first bytes of `base`, which is no more than a
 * directory. False: it is empty, too long, or climbs above the top. `out` has room for MEMBER_NAME_MAX + 1. */
bool member_name_read(char *out, const char *base, size_t base_size, const char *name);

#endif
