/* access.h - who may talk to the server, by address.
 *
 * A rule is "CIDR[,option]…". The longest matching prefix decides; an address that no rule matches may not connect.
 * IPv4-mapped IPv6 addresses match IPv4 rules. The options "insecure" and "root_squash" are the transport's; what
 * others there are is the programs' business.
 */
#ifndef RPC_ACCESS_H
#define RPC_ACCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Options of a rule, as bits. */
#define ACCESS_INSECURE 1u    /* uid 0 is believed from ports >= 1024 too (NAT, qemu, user-space clients) */
#define ACCESS_ROOT_SQUASH 2u /* uid 0 is nobody */

#define ACCESS_OWN 256u /* the first of 24 bits for options of the programs' own */

struct access_option {
    const char *name;
    unsigned bit;
};

/* Rules of one list. It is searched to its end: some dozens are the most anybody writes. */
#define ACCESS_RULES_MAX 1024

struct access_list;

/* NULL when memory is out. */
struct access_list *access_list_new(void);

/* Take options of the programs' own in the rules that are added from now on: a table (borrowed), ended by no name. */
void access_list_take_options(struct access_list *list, const struct access_option *options);

/* Another user of the same list; each calls access_list_free(), and the last one frees it. Thread-safe. */
struct access_list *access_list_use(struct access_list *list);
void access_list_free(struct access_list *list);

/* Add one rule. Error: -EINVAL with what is wrong with the text. */
int access_list_add(struct access_list *list, const char *rule, struct error *err);

/* Add the rules of a file: one a line, '#' starts a comment. Errors name file and line. */
int access_list_read(struct access_list *list, const char *path, struct error *err);

/* The options of the rule that decides for this address; false when it may not talk to us. */
bool access_list_find(unsigned *options, const struct access_list *list, const struct sockaddr *address);

size_t access_list_size(const struct access_list *list);

/* The CIDR text of rule i (without its options), for showing. Borrowed. */
const char *access_list_cidr(const struct access_list *list, size_t i);

/* The options of rule i. */
unsigned access_list_options(const struct access_list *list, size_t i);

#endif
