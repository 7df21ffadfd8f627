/* members.h - going through canonical JSON (doc/FORMAT.md), as values of features are: members of an object, and what
 * differs between two values. Nothing is decoded. Anything else than canonical JSON gives some members or none. */
#ifndef TREE_MEMBERS_H
#define TREE_MEMBERS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Objects in one another that are compared member by member; what lies deeper is compared as a whole. */
#define MEMBERS_DEPTH_MAX 16

/* Texts as they stand there: strings with quotes and escapes. */
struct json_text {
    const char *text; /* NULL: there is none */
    size_t size;
};

bool json_text_equal(struct json_text a, struct json_text b);

struct member {
    struct json_text name; /* without its quotes */
    struct json_text value;
};

/* The member of an object at *at, and *at behind it; *at is the object's text at first. False: there is no more. */
bool member_next(struct member *member, const char **at, const char *end);

/* The value of an object's member; none, where it has none. */
struct json_text member_find(struct json_text object, const char *name);

/* What differs: where (a JSON Pointer, RFC 6901, whose names keep their escapes, so it can stand between quotes as it
 * is), and the two values, one of which may not be there. A visitor's non-zero value ends it. */
typedef int (*member_visit)(void *arg, struct json_text at, struct json_text a, struct json_text b);

/* Visit what differs between two values, by the order of the names' texts. */
int members_compare(struct json_text a, struct json_text b, member_visit visit, void *arg, struct error *err);

#endif
