/* history.h - the versions of one namespace: which one a time means, and what each is called among the others.
 *
 * A version's name is its time, "2017-03-11T17:04:42Z". Of several that have one time, the one that was published last
 * is called so; the others have the first digits of their ids behind it, "2017-03-11T17:04:42Z.0123abcd".
 */
#ifndef DB_HISTORY_H
#define DB_HISTORY_H

#include "base/timestamp.h"
#include "db/snapshot.h"

#define VERSION_ID_DIGITS 8
#define VERSION_NAME_SIZE (TIMESTAMP_TEXT_SIZE + 1 + VERSION_ID_DIGITS) /* with NUL */

struct version {
    int64_t number; /* the snapshot's … */
    uint8_t id[SNAPSHOT_ID_SIZE];
    uint64_t time; /* ns */
    bool current;  /* the newest of its time */
};

/* The last instant that a text means: "latest", or a time that may stop early. False: it is neither. */
bool history_time(uint64_t *time, const char *text, size_t size);

/* Does a name mean a version, or a time that one may have? Then nothing else in a history can be called so. */
bool history_is_name(const char *name, size_t size);

/* The id of a namespace's row. -ENOENT (err not filled): there is none. */
int history_namespace(int64_t *namespace, struct store *store, const char *name, size_t size, struct error *err);

/* The newest version of a namespace that is not after a time: by (time, commit number). -ENOENT (err not filled): there
 * is none. */
int history_newest(struct version *version, struct store *store, int64_t namespace, uint64_t time, struct error *err);

/* What a version is called. */
void version_name(char out[VERSION_NAME_SIZE], const struct version *version);

/* The version of a name as version_name() writes it. -ENOENT (err not filled): no version is called so. */
int history_find(struct version *version, struct store *store, int64_t namespace, const char *name, size_t size,
                 struct error *err);

/* Visit the versions of a namespace by commit number, those after `after`; a visitor's non-zero value ends the visit.
 */
int history_visit(struct store *store, int64_t namespace, int64_t after,
                  int (*visit)(void *arg, const struct version *version), void *arg, struct error *err);

#endif
