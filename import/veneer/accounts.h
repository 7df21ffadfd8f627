/* accounts.h - names of users to ids, by a captured passwd(5). */
#ifndef IMPORT_VENEER_ACCOUNTS_H
#define IMPORT_VENEER_ACCOUNTS_H

#include "base/buffer.h"
#include "import/veneer/facts.h"

#define ACCOUNTS_MAX 4096u           /* of one passwd; the rest is unknown */
#define ACCOUNTS_SIZE_MAX (1u << 20) /* bytes of it */
#define ACCOUNT_UNKNOWN 65534u       /* as FILE_ID_UNKNOWN */

struct accounts {
    struct buffer text, list;
};

struct account {
    uint32_t uid, gid;
};

/* `text` is taken over. */
void accounts_read(struct accounts *accounts, struct buffer *text);
void accounts_free(struct accounts *accounts);

/* Of a name, or a number in decimal; unknown ids where neither is known. The first line of a name counts. */
struct account accounts_find(const struct accounts *accounts, struct fact user);

#endif
