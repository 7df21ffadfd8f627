/* keep.h - what is kept by name, and letting snapshots go. gc (collect.h) then drops what only they referred to. */
#ifndef DB_KEEP_H
#define DB_KEEP_H

#include "db/snapshot.h"

/* Forget snapshots by their numbers, with their tags, durably: *forgotten of them were there. Left are those that are
 * pinned, and unless `tagged` those with a tag. */
int snapshots_forget(size_t *forgotten, struct store *store, const int64_t *numbers, size_t count, bool tagged,
                     struct error *err);

/* A tag of the snapshot's namespace moves to it, or is made; durable. -EBADMSG: it can be none, or the snapshot is not
 * there any more. */
int snapshot_tag(struct store *store, const struct snapshot *snapshot, const char *tag, struct error *err);

/* Away with NAMESPACE:TAG; the snapshot stays. -EBADMSG: there is none. */
int snapshot_untag(struct store *store, const char *name, struct error *err);

/* No policy forgets what is pinned, and nobody by name. -EBADMSG: it is not there any more. */
int snapshot_pin(struct store *store, const struct snapshot *snapshot, bool pinned, struct error *err);

#endif
