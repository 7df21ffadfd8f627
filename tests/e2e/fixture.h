/* fixture.h - a store with a snapshot that has one of everything, and a real server on it in a process of its own. */
#ifndef TESTS_E2E_FIXTURE_H
#define TESTS_E2E_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FIXTURE_MANY 5000   /* files in "/many", "f00000" to "f04999" */
#define FIXTURE_BIG 300001  /* bytes of "/big", kept as a file; byte i is fixture_byte(i) */
#define FIXTURE_SMALL 60000 /* bytes of "/small", kept as a row; the same bytes */
#define FIXTURE_ABSENT 1234 /* size of "/absent" */
#define FIXTURE_USER 1000   /* uid and gid of "/home" */
#define FIXTURE_NODES 5033  /* all that is in the tree, its root included */
#define FIXTURE_MTIME 1700000000123456789ULL

static inline uint8_t fixture_byte(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* Make a store in a directory below the scratch directory (tests/unit/scratch.h); returns its path (static). */
const char *fixture_path(const char *name);

/* Publish a snapshot of everything into the store (made if it is not there); returns its id in hex (static). In
 * "/linked" the files "a", "b" and "sub/c" are one file, and so are the symbolic links "s" and "t"; "alone" has
 * the attributes and the content of "a". */
const char *fixture_publish(const char *store);

/* Publish `count` snapshots of an empty root, under names of their own. */
void fixture_publish_empty(const char *store, unsigned count);

#define FIXTURE_LAYERS 3
#define FIXTURE_CONFIG "{\"architecture\":\"amd64\",\"os\":\"linux\"}\n"
#define FIXTURE_LAYERS_JSON "[{\"diff_id\":1},{\"diff_id\":2},{\"diff_id\":3}]"
#define FIXTURE_TAG "1.0"

/* An image, in hex: what its layers, the chains after them and its config are named by, bottom first. */
struct fixture_image {
    char snapshot[33];
    char layer[FIXTURE_LAYERS][65], chain[FIXTURE_LAYERS][65];
};

/* A path of that image, and where it is: bits FIXTURE_IN_LAYER(i) and FIXTURE_IN_CHAIN(i). */
struct fixture_path {
    const char *path, *text; /* NULL: a directory */
    unsigned in;
};
#define FIXTURE_IN_LAYER(i) (1u << (i))
#define FIXTURE_IN_CHAIN(i) (8u << (i))
extern const struct fixture_path fixture_image_paths[]; /* ended by one without a path; "/bin/a" and "/bin/b" are one */

/* Publish the image "registry:5000/test/image:1.0" into the store (made if it is not there). */
void fixture_publish_image(struct fixture_image *image, const char *store);

/* Publish an image of `count` empty layers, which no other image has. */
void fixture_publish_layers(const char *store, unsigned count);

/* Take a snapshot out of the store, as forgetting it does. */
void fixture_forget(const char *store, const char *id);

/* Take all layers and chains out of the store. */
void fixture_forget_layers(const char *store);

/* Remove the files of all large contents. */
void fixture_lose_files(const char *store);

struct server {
    pid_t pid;
    uint16_t port; /* TCP and UDP */
};

/* Serve a store on a free port of 127.0.0.1. */
void server_start(struct server *server, const char *store);

/* What servers that are started from now on allow in "/cache"; NULL: the defaults. */
struct verdict_limits;
void server_limit_verdicts(const struct verdict_limits *limits);

/* The same with a rule of one's own for 127.0.0.0/8 ("insecure,blob,meta"; the other one is "insecure"), and with
 * rendered files bounded to some bytes. */
void server_start_with(struct server *server, const char *store, const char *options, uint64_t renderings_limit);

/* SIGKILL, in the midst of whatever it does. */
void server_kill(struct server *server);

/* SIGTERM; fails the test when the server does not leave with 0. */
void server_stop(struct server *server);

#endif
