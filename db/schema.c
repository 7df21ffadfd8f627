/* schema.c - one text per migration (and what SQL cannot do); its place in the table is the user_version that it leads
 * to.
 *
 * Text that a store was once made with is never changed: a change is a new step. What the columns mean in bytes and
 * digests stands in doc/FORMAT.md.
 */
#include "db/schema.h"

#include "base/digest.h"

#include <errno.h>
#include <stdio.h>

static const char INITIAL[] =
    /* Contents of files. */
    "CREATE TABLE blob ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL UNIQUE," /* SHA-256 of the raw bytes */
    "  size INTEGER NOT NULL,"       /* bytes */
    "  data BLOB"                    /* NULL: in blobs/ab/<hex> */
    ") STRICT;"
    /* Pieces of directories (kind 1), of groups of hard links (2), of sets of features (3). */
    "CREATE TABLE node ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL UNIQUE," /* SHA-256 of the canonical form */
    "  kind INTEGER NOT NULL,"
    "  level INTEGER NOT NULL,"   /* 0: a leaf, with items; else a list of nodes */
    "  count INTEGER NOT NULL,"   /* items in this node */
    "  entries INTEGER NOT NULL," /* items in all leaves below */
    "  dirs INTEGER NOT NULL,"    /* of these, directories */
    "  nodes INTEGER NOT NULL"    /* file-system nodes in all below, subdirectories included */
    ") STRICT;"
    /* The items. Their ids are node * 64 + position, so a node's items lie side by side, in order. */
    "CREATE TABLE child ("
    "  id INTEGER PRIMARY KEY,"
    "  first ANY NOT NULL," /* the first key below it */
    "  node INTEGER NOT NULL REFERENCES node"
    ") STRICT;"
    "CREATE TABLE entry ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  mode INTEGER NOT NULL," /* whole st_mode */
    "  uid INTEGER NOT NULL,"
    "  gid INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"  /* bytes */
    "  mtime INTEGER NOT NULL," /* ns since 1970 */
    "  major INTEGER NOT NULL,"
    "  minor INTEGER NOT NULL,"
    "  flags INTEGER NOT NULL," /* 1 lossy, 2 made, 4 absent */
    "  target TEXT,"            /* of a symbolic link */
    "  content INTEGER REFERENCES blob,"
    "  xattrs INTEGER REFERENCES blob,"
    "  subtree INTEGER REFERENCES node"
    ") STRICT;"
    "CREATE TABLE feature ("
    "  id INTEGER PRIMARY KEY,"
    "  type TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  value TEXT NOT NULL" /* canonical JSON */
    ") STRICT;"
    "CREATE TABLE link ("
    "  id INTEGER PRIMARY KEY,"
    "  count INTEGER NOT NULL,"
    "  paths BLOB NOT NULL" /* each ended by NUL */
    ") STRICT;"
    /* Frames as received. */
    "CREATE TABLE chunk ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL UNIQUE," /* SHA-256 of the raw bytes */
    "  size INTEGER NOT NULL,"       /* raw bytes */
    "  data BLOB NOT NULL"           /* zstd */
    ") STRICT;"
    "CREATE TABLE frame ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL UNIQUE,"
    "  size INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE frame_chunk ("
    "  frame INTEGER NOT NULL REFERENCES frame,"
    "  position INTEGER NOT NULL,"
    "  chunk INTEGER NOT NULL REFERENCES chunk,"
    "  PRIMARY KEY (frame, position)"
    ") STRICT, WITHOUT ROWID;"
    /* The mutable part: what is published. */
    "CREATE TABLE namespace ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL UNIQUE"
    ") STRICT;"
    "CREATE TABLE snapshot ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT," /* commit number */
    "  id BLOB NOT NULL UNIQUE,"
    "  namespace INTEGER NOT NULL REFERENCES namespace,"
    "  time INTEGER NOT NULL,"     /* ns: of the capture */
    "  imported INTEGER NOT NULL," /* ns: of the commit */
    "  format TEXT NOT NULL,"
    "  partial INTEGER NOT NULL," /* 1: its source was cut short */
    "  source BLOB,"              /* digest of the source's bytes */
    "  root INTEGER NOT NULL REFERENCES node,"
    "  links INTEGER NOT NULL REFERENCES node,"
    "  features INTEGER NOT NULL REFERENCES node,"
    "  frame INTEGER REFERENCES frame"
    ") STRICT;"
    "CREATE INDEX snapshot_history ON snapshot (namespace, time, number);"
    "CREATE TABLE directory ("
    "  path TEXT PRIMARY KEY," /* a virtual directory */
    "  mtime INTEGER NOT NULL" /* ns: a child was added or removed */
    ") STRICT;"
    "INSERT INTO directory VALUES ('/', unixepoch() * 1000000000), ('/snap', unixepoch() * 1000000000);"
    "CREATE TABLE secret ("
    "  name TEXT PRIMARY KEY,"
    "  value BLOB NOT NULL"
    ") STRICT;"
    "INSERT INTO secret VALUES ('handle', randomblob(16));";

/* A chunk's position is where its first byte stands in the frame (it was its ordinal), so that a range is found. */
static const char FRAME_OFFSETS[] =
    "CREATE TABLE frame_chunk_2 ("
    "  frame INTEGER NOT NULL REFERENCES frame,"
    "  position INTEGER NOT NULL," /* bytes of the frame before this chunk */
    "  chunk INTEGER NOT NULL REFERENCES chunk,"
    "  PRIMARY KEY (frame, position)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO frame_chunk_2"
    "  SELECT f.frame, sum(c.size) OVER (PARTITION BY f.frame ORDER BY f.position) - c.size, f.chunk"
    "  FROM frame_chunk AS f JOIN chunk AS c ON c.id = f.chunk;"
    "DROP TABLE frame_chunk;"
    "ALTER TABLE frame_chunk_2 RENAME TO frame_chunk;";

/* Images: what they are made of, what they are called, and the frames that wait for them. */
static const char IMAGES[] =
    /* OCI layers by themselves. */
    "CREATE TABLE layer ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL UNIQUE," /* diffID */
    "  root INTEGER NOT NULL REFERENCES node,"
    "  links INTEGER NOT NULL REFERENCES node,"
    "  notes INTEGER NOT NULL REFERENCES node"
    ") STRICT;"
    /* Images after each of their layers. */
    "CREATE TABLE chain ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL UNIQUE," /* chainID */
    "  root INTEGER NOT NULL REFERENCES node,"
    "  links INTEGER NOT NULL REFERENCES node,"
    "  notes INTEGER NOT NULL REFERENCES node"
    ") STRICT;"
    "CREATE TABLE image ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  config BLOB NOT NULL UNIQUE," /* image id: digest of the config's bytes */
    "  config_blob INTEGER NOT NULL REFERENCES blob,"
    "  layers_blob INTEGER NOT NULL REFERENCES blob,"
    "  chain BLOB NOT NULL" /* chainID after its last layer */
    ") STRICT;"
    "ALTER TABLE snapshot ADD COLUMN image INTEGER REFERENCES image;" /* it is, or was joined with */
    "CREATE TABLE tag ("
    "  namespace INTEGER NOT NULL REFERENCES namespace,"
    "  name TEXT NOT NULL,"
    "  snapshot INTEGER NOT NULL REFERENCES snapshot,"
    "  PRIMARY KEY (namespace, name)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX tag_snapshot ON tag (snapshot);"
    "CREATE TABLE waiting ("
    "  snapshot INTEGER PRIMARY KEY REFERENCES snapshot,"
    "  wants TEXT NOT NULL" /* 'sha256:' and an image id, or an image reference */
    ") STRICT;"
    "CREATE INDEX waiting_wants ON waiting (wants, snapshot);"
    /* "/" has two more names now. Its time moves in the same way on every copy of a store. */
    "UPDATE directory SET mtime = mtime + 1 WHERE path = '/';"
    "INSERT INTO directory SELECT '/layer', mtime FROM directory WHERE path = '/';"
    "INSERT INTO directory SELECT '/chain', mtime FROM directory WHERE path = '/';";

/* From things to where they stand (db/occurrence.h). Most entries of frames have no content, and few are directories.
 */
static const char OCCURRENCES[] = "CREATE INDEX entry_content ON entry (content) WHERE content IS NOT NULL;"
                                  "CREATE INDEX entry_subtree ON entry (subtree) WHERE subtree IS NOT NULL;"
                                  "CREATE INDEX child_node ON child (node);"
                                  "CREATE INDEX feature_package ON feature (key) WHERE type GLOB '*package';"
                                  "CREATE INDEX snapshot_root ON snapshot (root);"
                                  "CREATE INDEX snapshot_features ON snapshot (features);";

/* "/" has one more name, "diff". */
static const char DIFFS[] = "UPDATE directory SET mtime = mtime + 1 WHERE path = '/';";

/* Namespaces as directories. A prefix is shown as long as a snapshot stands at or below it, and moves when a version of
 * its own, or a prefix right below it, comes or goes. Triggers see to both: whoever forgets snapshots need not know. */
#define NOW_NS "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000" /* exact to a millisecond */
static const char PREFIXES[] =
    "CREATE TABLE prefix ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id BLOB NOT NULL UNIQUE," /* the first 16 bytes of the SHA-256 of its components, '/' between them */
    "  parent BLOB NOT NULL,"    /* the id of the one that it stands in; empty: none */
    "  name TEXT NOT NULL,"      /* its last component */
    "  namespace INTEGER UNIQUE REFERENCES namespace," /* NULL: only longer names are there */
    "  held INTEGER NOT NULL DEFAULT 0,"               /* snapshots at or below it */
    "  mtime INTEGER NOT NULL DEFAULT 0,"              /* ns */
    "  UNIQUE (parent, name)"
    ") STRICT;"
    "CREATE INDEX prefix_shown ON prefix (parent, number) WHERE held > 0;"
    "CREATE INDEX snapshot_namespace ON snapshot (namespace, number);"
    "WITH RECURSIVE named (namespace, text) AS (SELECT id, CAST(name || '/' AS BLOB) FROM namespace),"
    /* A component: where it begins, and the '/' behind it. */
    " piece (namespace, text, start, stop) AS ("
    "  SELECT namespace, text, 1, instr(text, x'2f') FROM named UNION ALL"
    "  SELECT namespace, text, stop + 1, stop + instr(substr(text, stop + 1), x'2f') FROM piece"
    "  WHERE stop < length(text))"
    " INSERT INTO prefix (id, parent, name, namespace)"
    "  SELECT sha256_16(substr(text, 1, stop - 1)) AS id,"
    "   CASE start WHEN 1 THEN x'' ELSE sha256_16(substr(text, 1, start - 2)) END,"
    "   CAST(substr(text, start, stop - start) AS TEXT), max(iif(stop = length(text), namespace, NULL))"
    "  FROM piece GROUP BY id ORDER BY min(namespace), min(stop);"
    "WITH RECURSIVE up (id, parent, held) AS ("
    "  SELECT id, parent, (SELECT count(*) FROM snapshot AS s WHERE s.namespace = prefix.namespace)"
    "   FROM prefix WHERE namespace IS NOT NULL UNION ALL"
    "  SELECT p.id, p.parent, up.held FROM up JOIN prefix AS p ON p.id = up.parent)"
    " UPDATE prefix SET held = total.held, mtime = (SELECT mtime FROM directory WHERE path = '/snap')"
    "  FROM (SELECT id, sum(held) AS held FROM up GROUP BY id) AS total WHERE total.id = prefix.id;"
    "CREATE TRIGGER snapshot_comes AFTER INSERT ON snapshot BEGIN"
    "  UPDATE prefix SET held = held + 1 WHERE id IN (WITH RECURSIVE up (id, parent) AS ("
    "    SELECT id, parent FROM prefix WHERE namespace = new.namespace UNION ALL"
    "    SELECT p.id, p.parent FROM up JOIN prefix AS p ON p.id = up.parent) SELECT id FROM up);"
    "  UPDATE prefix SET mtime = max(mtime + 1, " NOW_NS ") WHERE namespace = new.namespace;"
    "END;"
    "CREATE TRIGGER snapshot_goes AFTER DELETE ON snapshot BEGIN"
    "  UPDATE prefix SET held = held - 1 WHERE id IN (WITH RECURSIVE up (id, parent) AS ("
    "    SELECT id, parent FROM prefix WHERE namespace = old.namespace UNION ALL"
    "    SELECT p.id, p.parent FROM up JOIN prefix AS p ON p.id = up.parent) SELECT id FROM up);"
    "  UPDATE prefix SET mtime = max(mtime + 1, " NOW_NS ") WHERE namespace = old.namespace;"
    "END;"
    "CREATE TRIGGER prefix_shows AFTER UPDATE OF held ON prefix WHEN (old.held = 0) <> (new.held = 0) BEGIN"
    "  UPDATE prefix SET mtime = max(mtime + 1, " NOW_NS ") WHERE id = new.parent;"
    "  UPDATE directory SET mtime = max(mtime + 1, " NOW_NS ") WHERE path = '/at' AND new.parent = x'';"
    "END;"
    "CREATE TRIGGER namespace_goes BEFORE DELETE ON namespace BEGIN"
    "  DELETE FROM prefix WHERE held = 0 AND id IN (WITH RECURSIVE up (id, parent) AS ("
    "    SELECT id, parent FROM prefix WHERE namespace = old.id UNION ALL"
    "    SELECT p.id, p.parent FROM up JOIN prefix AS p ON p.id = up.parent) SELECT id FROM up);"
    "  UPDATE prefix SET namespace = NULL WHERE namespace = old.id;"
    "END;"
    /* "/" has one more name now. */
    "UPDATE directory SET mtime = mtime + 1 WHERE path = '/';"
    "INSERT INTO directory SELECT '/at', mtime FROM directory WHERE path = '/';";

/* Files of watched directories that need no second look (db/watched.h). */
static const char WATCHED[] =
    "CREATE TABLE watched ("
    "  directory TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  size INTEGER NOT NULL," /* bytes, and two more things that tell whether it is still the same file */
    "  inode INTEGER NOT NULL,"
    "  mtime INTEGER NOT NULL,"    /* ns */
    "  rejected INTEGER NOT NULL," /* 1: it was bad */
    "  PRIMARY KEY (directory, name)"
    ") STRICT, WITHOUT ROWID;";

/* Letting go: who refers to what (gc asks before it drops anything; some of that the step before has), and what a live
 * import has in its hands. */
static const char KEEPING[] =
    "CREATE INDEX entry_xattrs ON entry (xattrs) WHERE xattrs IS NOT NULL;"
    "CREATE INDEX frame_chunk_chunk ON frame_chunk (chunk);"
    "CREATE INDEX snapshot_links ON snapshot (links);"
    "CREATE INDEX snapshot_frame ON snapshot (frame) WHERE frame IS NOT NULL;"
    "CREATE INDEX snapshot_image ON snapshot (image) WHERE image IS NOT NULL;"
    "CREATE INDEX layer_root ON layer (root);"
    "CREATE INDEX layer_links ON layer (links);"
    "CREATE INDEX layer_notes ON layer (notes);"
    "CREATE INDEX chain_root ON chain (root);"
    "CREATE INDEX chain_links ON chain (links);"
    "CREATE INDEX chain_notes ON chain (notes);"
    "CREATE INDEX image_config_blob ON image (config_blob);"
    "CREATE INDEX image_layers_blob ON image (layers_blob);"
    "CREATE INDEX image_chain ON image (chain);"
    /* What a chain is made of. Those that were here are told by layers.json, but for one too large to be a row: then it
     * is not known, and no layer and no chain goes. */
    "ALTER TABLE chain ADD COLUMN below INTEGER REFERENCES chain;" /* NULL: it is of one layer */
    "ALTER TABLE chain ADD COLUMN layer INTEGER REFERENCES layer;" /* its last one; NULL: not known */
    "WITH chains AS MATERIALIZED (SELECT number, 'sha256:' || lower(hex(digest)) AS name FROM chain),"
    " layers AS MATERIALIZED (SELECT number, 'sha256:' || lower(hex(digest)) AS name FROM layer),"
    " parts AS MATERIALIZED (SELECT i.number AS image, j.key AS position, j.value ->> 'chain_id' AS chain,"
    "  j.value ->> 'diff_id' AS layer FROM image AS i JOIN blob AS b ON b.id = i.layers_blob AND b.data IS NOT NULL"
    "  JOIN json_each(CASE WHEN json_valid(CAST(b.data AS TEXT)) THEN CAST(b.data AS TEXT) ELSE '[]' END) AS j"
    "  WHERE j.type = 'object'),"
    " known AS (SELECT c.number AS chain, y.number AS layer, d.number AS below FROM parts AS p"
    "  JOIN chains AS c ON c.name = p.chain JOIN layers AS y ON y.name = p.layer"
    "  LEFT JOIN parts AS q ON q.image = p.image AND q.position = p.position - 1"
    "  LEFT JOIN chains AS d ON d.name = q.chain)"
    " UPDATE chain SET layer = known.layer, below = known.below FROM known WHERE known.chain = chain.number;"
    "CREATE INDEX chain_below ON chain (below);"
    "CREATE INDEX chain_layer ON chain (layer);"
    "ALTER TABLE snapshot ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;" /* 1: no policy forgets it */
    /* Connections that may hold ids which nothing refers to yet. */
    "CREATE TABLE lease ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* of the byte of the file `leases` that its owner has locked */
    "  epoch INTEGER NOT NULL,"               /* of the newest collection when it began */
    "  renewed INTEGER NOT NULL"              /* ns on the monotonic clock */
    ") STRICT;"
    /* Runs of gc: the newest one. */
    "CREATE TABLE collection ("
    "  epoch INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  ended INTEGER NOT NULL" /* 0: it sweeps, or was killed */
    ") STRICT;"
    /* What that one must leave: found by imports that began after it, or forgotten since. */
    "CREATE TABLE seen ("
    "  kind INTEGER NOT NULL," /* enum object_kind */
    "  id INTEGER NOT NULL,"
    "  PRIMARY KEY (kind, id)"
    ") STRICT, WITHOUT ROWID;"
    /* Contents that were found damaged: who reads one is told so, who puts it heals it. */
    "CREATE TABLE lost ("
    "  blob INTEGER PRIMARY KEY REFERENCES blob"
    ") STRICT;";

/* What a frame of a container that changed little adds: lists of chunks and values of features are packed, a row for
 * many (db/chunk_list.h, db/feature_values.h), and the indexes by digest hold its first 8 bytes. Which chunks are held
 * gc finds out from the lists. */
static const char PACKED[] = "CREATE TABLE frame_chunks ("
                             "  frame INTEGER NOT NULL REFERENCES frame,"
                             "  position INTEGER NOT NULL," /* bytes of the frame before these chunks */
                             "  chunks BLOB NOT NULL,"
                             "  PRIMARY KEY (frame, position)"
                             ") STRICT, WITHOUT ROWID;"
                             "CREATE TABLE feature_values ("
                             "  node INTEGER PRIMARY KEY REFERENCES node," /* a leaf of features */
                             "  data BLOB NOT NULL"
                             ") STRICT;";
static const char UNPACKED_GOES[] =
    "DROP TABLE frame_chunk;"
    "ALTER TABLE feature DROP COLUMN value;"
    "CREATE TABLE node_9 ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  level INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  entries INTEGER NOT NULL,"
    "  dirs INTEGER NOT NULL,"
    "  nodes INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE chunk_9 ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  digest BLOB NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  data BLOB NOT NULL"
    ") STRICT;"
    "INSERT INTO node_9 SELECT id, digest, kind, level, count, entries, dirs, nodes FROM node ORDER BY id;"
    "INSERT INTO chunk_9 SELECT id, digest, size, data FROM chunk ORDER BY id;"
    /* Numbers of what gc dropped never come again. */
    "DELETE FROM sqlite_sequence WHERE name IN ('node_9', 'chunk_9');"
    "INSERT INTO sqlite_sequence SELECT name || '_9', seq FROM sqlite_sequence WHERE name IN ('node', 'chunk');"
    "DROP TABLE node;"
    "DROP TABLE chunk;"
    "ALTER TABLE node_9 RENAME TO node;"
    "ALTER TABLE chunk_9 RENAME TO chunk;"
    "CREATE INDEX node_digest ON node (substr(digest, 1, 8));"
    "CREATE INDEX chunk_digest ON chunk (substr(digest, 1, 8));"
    "CREATE INDEX snapshot_source ON snapshot (substr(source, 1, 8)) WHERE source IS NOT NULL;";

static const struct {
    const char *sql;
    int (*convert)(sqlite3 *db, struct error *err); /* then this, and the rest; NULL: there is none */
    const char *rest;
} MIGRATIONS[] = {
    {.sql = INITIAL},     {.sql = FRAME_OFFSETS}, {.sql = IMAGES},
    {.sql = OCCURRENCES}, {.sql = DIFFS},         {.sql = PREFIXES},
    {.sql = WATCHED},     {.sql = KEEPING},       {.sql = PACKED, .convert = schema_to_packed, .rest = UNPACKED_GOES},
};

int schema_version_newest(void)
{
    return sizeof MIGRATIONS / sizeof *MIGRATIONS;
}

static int run(sqlite3 *db, const char *sql, struct error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return error_system(err, EIO, "cannot set up the store's tables: %s", sqlite3_errmsg(db));
    return 0;
}

static int run_step(sqlite3 *db, int version, struct error *err)
{
    int result = run(db, MIGRATIONS[version].sql, err);

    if (result < 0 || !MIGRATIONS[version].convert)
        return result;
    result = MIGRATIONS[version].convert(db, err);
    return result < 0 ? result : run(db, MIGRATIONS[version].rest, err);
}

/* sha256_16(BLOB): the first 16 bytes of its SHA-256. A step that fills a table may need it. */
static void sha256_16(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct sha256 *sha = sqlite3_user_data(context);
    const void *bytes = sqlite3_value_blob(values[0]);
    struct digest digest;

    (void)count;
    sha256_of(&digest, sha, bytes ? bytes : "", (size_t)sqlite3_value_bytes(values[0]));
    sqlite3_result_blob(context, digest.bytes, 16, SQLITE_TRANSIENT);
}

static void free_sha256(void *sha)
{
    sha256_free(sha);
}

int schema_migrate(sqlite3 *db, int from, struct error *err)
{
    struct sha256 *sha = sha256_new();

    if (!sha)
        return error_system(err, ENOMEM, "cannot set up the store's tables");
    if (sqlite3_create_function_v2(db, "sha256_16", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, sha, sha256_16, NULL, NULL,
                                   free_sha256) != SQLITE_OK)
        return error_system(err, EIO, "cannot set up the store's tables: %s", sqlite3_errmsg(db));
    for (int version = from; version < schema_version_newest(); version++) {
        char stamp[80];

        snprintf(stamp, sizeof stamp, "PRAGMA user_version = %d; PRAGMA application_id = %d;", version + 1,
                 SCHEMA_APPLICATION_ID);
        int result = run(db, "BEGIN IMMEDIATE", err);
        if (result == 0)
            result = run_step(db, version, err);
        if (result == 0)
            result = run(db, stamp, err);
        if (result == 0)
            result = run(db, "COMMIT", err);
        if (result < 0) {
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return result;
        }
    }
    return 0;
}
