/* accounts.c - see accounts.h. Lines that passwd(5) has no meaning for are passed over. */
#include "import/veneer/accounts.h"

#include "import/file_record.h"

#include <string.h>

struct line {
    uint32_t at, size; /* of the name */
    struct account account;
};

void accounts_free(struct accounts *accounts)
{
    buffer_free(&accounts->text);
    buffer_free(&accounts->list);
}

/* The field behind a colon, as an id. */
static bool take_id(uint32_t *id, const char **at, const char *end)
{
    const char *colon = memchr(*at, ':', (size_t)(end - *at));
    const char *stop = colon ? colon : end;
    uint64_t number;

    if (!file_number_parse(&number, *at, (size_t)(stop - *at)) || number > UINT32_MAX)
        return false;
    *id = (uint32_t)number;
    *at = colon ? colon + 1 : end;
    return true;
}

static void take_line(struct accounts *accounts, const char *text, const char *at, const char *end)
{
    const char *name_end = memchr(at, ':', (size_t)(end - at));
    struct line line = {.at = (uint32_t)(at - text)};

    if (!name_end)
        return;
    line.size = (uint32_t)(name_end - at);
    at = memchr(name_end + 1, ':', (size_t)(end - name_end - 1));
    if (!at)
        return;
    at++;
    if (take_id(&line.account.uid, &at, end) && take_id(&line.account.gid, &at, end))
        buffer_add(&accounts->list, &line, sizeof line);
}

void accounts_read(struct accounts *accounts, struct buffer *text)
{
    accounts->text = *text;
    *text = (struct buffer){0};
    const char *begin = (const char *)accounts->text.bytes, *end = begin ? begin + accounts->text.size : NULL;

    for (const char *at = begin; at < end && accounts->list.size < ACCOUNTS_MAX * sizeof(struct line);) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        take_line(accounts, begin, at, newline ? newline : end);
        at = newline ? newline + 1 : end;
    }
}

struct account accounts_find(const struct accounts *accounts, struct fact user)
{
    const struct line *lines = (const struct line *)(const void *)accounts->list.bytes;
    uint64_t number;

    for (size_t i = 0; i < accounts->list.size / sizeof *lines && user.text; i++)
        if (lines[i].size == user.size && memcmp(accounts->text.bytes + lines[i].at, user.text, user.size) == 0)
            return lines[i].account;
    if (fact_number(&number, user) && number < UINT32_MAX)
        return (struct account){(uint32_t)number, ACCOUNT_UNKNOWN};
    return (struct account){ACCOUNT_UNKNOWN, ACCOUNT_UNKNOWN};
}
