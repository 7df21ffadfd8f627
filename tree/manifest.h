/* manifest.h - the manifest of a snapshot: one JSON object a line for every path (what it is, its digest, how its
 * content is known), then one for everything that the import noted.
 *
 *     {"path":"/etc/passwd","type":"file","mode":"0644","uid":0,"gid":0,"size":1214,"mtime":"…","known":"captured","sha256":"…"}
 *     {"path":"/etc/x","note":{"held":36,"size":37,"what":"lossy"}}
 *
 * "nlink" comes before "known" where a file has several names; a directory is no such file.
 */
#ifndef TREE_MANIFEST_H
#define TREE_MANIFEST_H

#include "base/buffer.h"
#include "db/snapshot.h"
#include "tree/walk.h"

/* "file", "dir", "link", "char", "block", "pipe", "socket". */
const char *manifest_type(uint32_t mode);

/* What an entry is, into an object that was begun: "type" to "minor". */
void manifest_attributes(struct buffer *line, const struct entry *entry);

/* The members of an entry's line, as in the manifest, into an object that was begun; `known` as known_of() has it. */
int manifest_members(struct buffer *line, struct tree_reader *reader, const struct tree_step *step, const char *known,
                     struct error *err);

/* The whole manifest; `sink` gets it line by line. */
int manifest_write(struct tree_reader *reader, const struct snapshot *snapshot,
                   int (*sink)(void *arg, const void *bytes, size_t size), void *arg, struct error *err);

#endif
