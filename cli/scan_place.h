/* scan_place.h - where snapshots, contents and verdicts are: in a directory at which a server's `/` is mounted, at a
 * server, or in a store on this machine. One struct of functions each.
 *
 * A place belongs to one thread.
 */
#ifndef CLI_SCAN_PLACE_H
#define CLI_SCAN_PLACE_H

#include "cli/scan.h"

#include <limits.h>

struct scan_where {
    char *directory;     /* of the mount, or of the store */
    const char *private; /* a directory of our own (cli/scan_private.h) */
    const char *key;     /* of the scanner */
    const struct scan_kind *kind;
};

typedef int (*scan_visit)(void *arg, const struct scan_file *file);

struct scan_way {
    /* `*place` is to be closed in any case. */
    int (*open)(struct scan_place **place, const struct scan_where *where, struct error *err);
    void (*close)(struct scan_place *place);

    /* The full id of SNAP. */
    int (*resolve)(char id[SNAPSHOT_ID_HEX_SIZE], struct scan_place *place, const char *snap, struct error *err);

    /* The regular files of a snapshot in the order of its walk. */
    int (*visit)(struct scan_place *place, const char *id, scan_visit visit, void *arg, struct error *err);

    /* A file with the item's content and, where these count, its name, mode and owner; then let it go. */
    int (*content)(char path[PATH_MAX], struct scan_place *place, const struct scan_item *item, const char *id,
                   struct error *err);
    void (*release)(struct scan_place *place, const char *path);

    /* A file of the cache. -ENOENT: there is none (err is not filled). */
    int (*fetch)(struct buffer *out, struct scan_place *place, const char *key, const char *name, struct error *err);

    /* Claim entries of the scanner key, each alone: won[i] tells. The claim's text says who has it. */
    int (*claim)(bool *won, struct scan_place *place, const char (*names)[SCAN_NAME_SIZE], size_t count,
                 const char *text, struct error *err);

    /* Renew a claim, or say of it what became of it. */
    int (*hold)(struct scan_place *place, const char *name, const char *text, struct error *err);

    /* Publish documents, durably. */
    int (*publish)(struct scan_place *place, const char (*names)[SCAN_NAME_SIZE], const struct buffer *documents,
                   size_t count, struct error *err);
};

extern const struct scan_way scan_way_mount, scan_way_store;

#define SCAN_DOCUMENT_MAX (1u << 20) /* bytes: what the cache takes */
#define SCAN_CLAIM ".claim"

/* Mount a server's `/` at a directory, in a mount namespace of this process's own. */
int scan_server_mount(const char *server, const char *at, struct error *err);

#endif
