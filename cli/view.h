/* view.h - what the commands that look at one snapshot share: the store, a reader, the snapshot, and SNAP:PATH. */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "base/buffer.h"
#include "cli/command.h"
#include "db/snapshot.h"
#include "tree/walk.h"

#include <limits.h>

struct view {
    struct store *store;
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct snapshot snapshot;
    char path[PATH_MAX]; /* of SNAP:PATH, "/" where there was none */
};

/* "SNAP:PATH" into its parts: the last ":/" starts the path, since what stands before may hold colons. */
int view_split(char *snap, size_t room, struct view *view, const char *argument, struct error *err);

/* Open the store, without a snapshot as yet. */
int view_open_store(struct view *view, const struct invocation *invocation, struct error *err);

/* Open the store and find the snapshot that the one argument names. */
int view_open(struct view *view, const struct invocation *invocation, int argc, char **argv, struct error *err);
void view_close(struct view *view);
#define cleanup_view __attribute__((cleanup(view_close)))

/* The file at view->path, links followed; view->path becomes where it is. Error: what is wrong with the path. */
int view_find(struct tree_place *place, struct view *view, struct error *err);

/* The members that tell which snapshot it is, for --json; its tags are among them, and the image that it has. */
int view_snapshot_members(struct buffer *line, struct store *store, const struct snapshot *snapshot, struct error *err);

/* "tag: 1.25, tag: latest", or nothing. */
int view_tags(struct buffer *text, struct store *store, const struct snapshot *snapshot, struct error *err);

/* A sink that writes JSON to standard output. */
int view_print(void *arg, const void *bytes, size_t size);

#endif
