/* snapshot_row.h - inside db: snapshots as statements give them, for all that look some up. */
#ifndef DB_SNAPSHOT_ROW_H
#define DB_SNAPSHOT_ROW_H

#include "db/snapshot.h"
#include "db/sql.h"

/* SELECT_SNAPSHOTS " WHERE …": a statement whose rows the functions below take. `s` is the snapshot, `n` its namespace.
 */
#define SELECT_SNAPSHOTS                                                                                               \
    "SELECT s.number, s.id, n.name, s.time, s.imported, s.format, s.partial, s.source, s.root, s.links, s.features,"   \
    " s.frame, s.image, s.pinned, " SQL_NODE("r") ", " SQL_NODE("l") ", " SQL_NODE(                                    \
        "f") " FROM snapshot AS s JOIN namespace AS n ON n.id = s.namespace JOIN node AS r ON r.id = s.root"           \
             " JOIN node AS l ON l.id = s.links JOIN node AS f ON f.id = s.features"

/* Step: 1 with *snapshot filled, 0 when there is no more, or an error. Texts are the statement's until it is stepped or
 * reset. */
int snapshot_next_row(struct snapshot *snapshot, struct store *store, sqlite3_stmt *rows, struct error *err);

/* One row, whose texts stay with the store until the next look-up. -ENOENT: there is none (err not filled). */
int snapshot_keep_row(struct snapshot *snapshot, struct store *store, sqlite3_stmt *rows, struct error *err);

/* Visit the rows; a visitor's non-zero value ends the visit. */
int snapshot_visit_rows(struct store *store, sqlite3_stmt *rows, int (*visit)(void *, const struct snapshot *),
                        void *arg, struct error *err);

#endif
