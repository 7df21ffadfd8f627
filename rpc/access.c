/* access.c - rules of addresses; the longest matching prefix decides.
 *
 * All addresses are held as 16 bytes (IPv4 as ::ffff:a.b.c.d), so that one comparison serves both families. A rule of
 * one family never matches an address of the other: "::/0" does not open IPv4.
 */
#include "rpc/access.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "rpc/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#define CIDR_TEXT_SIZE (INET6_ADDRSTRLEN + 4) /* "/128" */

struct rule {
    uint8_t address[16]; /* bits after the prefix are 0 */
    unsigned prefix;     /* bits, of 128 */
    bool v4;
    unsigned options;
    char cidr[CIDR_TEXT_SIZE];
};

struct access_list {
    atomic_uint users;
    size_t size, room;
    struct rule *rules;
    const struct access_option *own; /* the programs' options; NULL: none */
};

static const struct access_option options[] = {
    {"insecure", ACCESS_INSECURE},
    {"root_squash", ACCESS_ROOT_SQUASH},
    {NULL, 0},
};

struct access_list *access_list_new(void)
{
    struct access_list *list = calloc(1, sizeof *list);

    if (list)
        atomic_init(&list->users, 1);
    return list;
}

void access_list_take_options(struct access_list *list, const struct access_option *own)
{
    list->own = own;
}

struct access_list *access_list_use(struct access_list *list)
{
    atomic_fetch_add(&list->users, 1);
    return list;
}

void access_list_free(struct access_list *list)
{
    if (!list || atomic_fetch_sub(&list->users, 1) > 1)
        return;
    free(list->rules);
    free(list);
}

/* Do the first `prefix` bits agree? */
static bool prefix_equal(const uint8_t a[16], const uint8_t b[16], unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static void clear_after_prefix(uint8_t address[16], unsigned prefix)
{
    for (unsigned bit = prefix; bit < 128; bit++)
        address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* A number without sign or space, at most `max`. */
static bool parse_prefix(unsigned *prefix, const char *text, unsigned max)
{
    unsigned value = 0;

    if (*text == '\0' || strlen(text) > 3)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    *prefix = value;
    return value <= max;
}

/* "address" or "address/prefix" (changed in place). */
static int parse_cidr(struct rule *rule, char *text, struct error *err)
{
    char *slash = strchr(text, '/');
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool is_v4, mapped;

    if (slash)
        *slash = '\0';
    is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return error_usage(err, "\"%s\" is no IPv4 or IPv6 address, with a prefix or without, such as 10.0.0.0/8",
                           text);
    peer_address(rule->address, &mapped, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
    unsigned width = is_v4 ? 32 : 128, prefix = width;
    if (slash && !parse_prefix(&prefix, slash + 1, width))
        return error_usage(err, "\"/%s\" is no prefix length of 0 to %u", slash + 1, width);
    rule->prefix = prefix + (128 - width);
    rule->v4 = mapped && rule->prefix >= 96;
    clear_after_prefix(rule->address, rule->prefix);
    inet_ntop(rule->v4 ? AF_INET : AF_INET6, rule->v4 ? rule->address + 12 : rule->address, rule->cidr,
              INET6_ADDRSTRLEN);
    snprintf(rule->cidr + strlen(rule->cidr), 5, "/%u", rule->v4 ? rule->prefix - 96 : rule->prefix);
    return 0;
}

/* The bit of an option, or 0. */
static unsigned find_option(const struct access_option *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table->bit;
    return 0;
}

static void add_names(struct buffer *names, const struct access_option *table)
{
    for (; table && table->name; table++)
        buffer_add_format(names, "%s%s", names->size ? ", " : "", table->name);
}

static int parse_option(struct rule *rule, const struct access_list *list, const char *name, struct error *err)
{
    unsigned bit = find_option(options, name) | find_option(list->own, name);

    rule->options |= bit;
    if (bit)
        return 0;
    struct buffer names cleanup_buffer = {0};
    add_names(&names, options);
    add_names(&names, list->own);
    return error_usage(err, "\"%s\" is no option of a rule; there are %.*s", name, (int)names.size,
                       (const char *)names.bytes);
}

/* A rule for the same addresses replaces the earlier one. */
static int insert(struct access_list *list, const struct rule *rule, struct error *err)
{
    for (size_t i = 0; i < list->size; i++) {
        if (strcmp(list->rules[i].cidr, rule->cidr) == 0) {
            list->rules[i] = *rule;
            return 0;
        }
    }
    if (list->size == ACCESS_RULES_MAX)
        return error_usage(err, "more than %d rules", ACCESS_RULES_MAX);
    if (list->size == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        struct rule *rules = reallocarray(list->rules, room, sizeof *rules);

        if (!rules)
            return error_system(err, ENOMEM, "access rule");
        list->rules = rules;
        list->room = room;
    }
    list->rules[list->size++] = *rule;
    return 0;
}

int access_list_add(struct access_list *list, const char *text, struct error *err)
{
    cleanup_free char *copy = strdup(text);
    struct rule rule = {0};
    char *rest = copy;

    if (!copy)
        return error_system(err, ENOMEM, "access rule");
    int r = parse_cidr(&rule, strsep(&rest, ","), err);
    while (r == 0 && rest)
        r = parse_option(&rule, list, strsep(&rest, ","), err);
    return r == 0 ? insert(list, &rule, err) : r;
}

/* The rule in a line without its comment and the white space around it. */
static char *strip(char *line)
{
    static const char space[] = " \t\r\n";

    line[strcspn(line, "#")] = '\0';
    line += strspn(line, space);
    size_t length = strlen(line);
    while (length && strchr(space, line[length - 1]))
        line[--length] = '\0';
    return line;
}

int access_list_read(struct access_list *list, const char *path, struct error *err)
{
    cleanup_fclose FILE *file = fopen(path, "re");
    cleanup_free char *line = NULL;
    size_t room = 0;
    struct error inner;

    if (!file)
        return error_system(err, errno, "%s", path);
    for (unsigned number = 1; getline(&line, &room, file) >= 0; number++) {
        char *rule = strip(line);

        if (*rule && access_list_add(list, rule, &inner) < 0)
            return error_usage(err, "%s:%u: %s", path, number, inner.text);
    }
    if (ferror(file))
        return error_system(err, EIO, "%s", path);
    return 0;
}

bool access_list_find(unsigned *found, const struct access_list *list, const struct sockaddr *address)
{
    const struct rule *best = NULL;
    uint8_t bytes[16];
    bool v4;

    if (!peer_address(bytes, &v4, address))
        return false;
    for (size_t i = 0; i < list->size; i++) {
        const struct rule *rule = &list->rules[i];

        if (rule->v4 == v4 && (!best || rule->prefix > best->prefix) &&
            prefix_equal(rule->address, bytes, rule->prefix))
            best = rule;
    }
    if (best)
        *found = best->options;
    return best != NULL;
}

size_t access_list_size(const struct access_list *list)
{
    return list->size;
}

const char *access_list_cidr(const struct access_list *list, size_t i)
{
    return list->rules[i].cidr;
}

unsigned access_list_options(const struct access_list *list, size_t i)
{
    return list->rules[i].options;
}
