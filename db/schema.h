/* schema.h - the tables of confuse.db, and how older stores become newer ones. */
#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>

/* PRAGMA application_id of a store: "cfse". */
#define SCHEMA_APPLICATION_ID 0x63667365

/* The user_version that this program writes; a store with a higher one is refused. */
int schema_version_newest(void);

/* Bring the database from user_version `from` to the newest, one transaction a step. */
int schema_migrate(sqlite3 *db, int from, struct error *err);

/* A step that SQL alone cannot do, inside its transaction: fill frame_chunks and feature_values from frame_chunk and
 * feature.value. */
int schema_to_packed(sqlite3 *db, struct error *err);

#endif
