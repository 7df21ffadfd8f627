/* live_parse.c - see live_parse.h. */
#include "import/live_parse.h"

#include <string.h>
#include <sys/socket.h>

/* --- Lines, words, numbers ---------------------------------------------------------------------------------------- */

bool live_next_line(struct live_span *line, size_t *at, const char *text, size_t size)
{
    if (*at >= size)
        return false;
    const char *start = text + *at, *end = memchr(start, '\n', size - *at);

    line->text = start;
    line->size = end ? (size_t)(end - start) : size - *at;
    *at += line->size + 1;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool live_next_word(struct live_span *word, struct live_span *rest)
{
    while (rest->size && is_blank(*rest->text))
        rest->text++, rest->size--;
    *word = (struct live_span){rest->text, 0};
    while (rest->size && !is_blank(*rest->text))
        rest->text++, rest->size--, word->size++;
    return word->size > 0;
}

bool live_number(uint64_t *value, const struct live_span *span)
{
    uint64_t number = 0;

    for (size_t i = 0; i < span->size; i++) {
        unsigned digit = (unsigned char)span->text[i] - (unsigned)'0';

        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *value = number;
    return span->size > 0;
}

static bool next_number(uint64_t *value, struct live_span *rest)
{
    struct live_span word;

    return live_next_word(&word, rest) && live_number(value, &word);
}

static bool starts_with(const struct live_span *span, const char *text)
{
    size_t size = strlen(text);

    return span->size >= size && memcmp(span->text, text, size) == 0;
}

static struct live_span behind(const struct live_span *span, size_t size)
{
    return (struct live_span){span->text + size, span->size - size};
}

bool live_find_number(uint64_t *value, const char *name, const char *text, size_t size)
{
    struct live_span line;

    for (size_t at = 0; live_next_line(&line, &at, text, size);)
        if (starts_with(&line, name)) {
            struct live_span rest = behind(&line, strlen(name));
            return next_number(value, &rest);
        }
    return false;
}

bool live_find_assignment(struct live_span *value, const char *name, const char *text, size_t size)
{
    struct live_span line;
    size_t length = strlen(name);

    for (size_t at = 0; live_next_line(&line, &at, text, size);) {
        if (!starts_with(&line, name) || line.size == length || line.text[length] != '=')
            continue;
        *value = behind(&line, length + 1);
        bool quoted = value->size > 1 && (value->text[0] == '"' || value->text[0] == '\'') &&
                      value->text[value->size - 1] == value->text[0];
        if (quoted)
            *value = (struct live_span){value->text + 1, value->size - 2};
        return true;
    }
    return false;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool live_find_container_id(struct live_span *id, const char *text, size_t size)
{
    size_t run = 0;

    for (size_t i = 0; i <= size; i++) {
        if (i < size && hex_digit(text[i]) >= 0) {
            run++;
            continue;
        }
        if (run == LIVE_CONTAINER_ID_SIZE) {
            *id = (struct live_span){text + i - run, run};
            return true;
        }
        run = 0;
    }
    return false;
}

/* --- Processes ---------------------------------------------------------------------------------------------------- */

static bool next_signed(int64_t *value, struct live_span *rest)
{
    struct live_span word;
    uint64_t number;

    if (!live_next_word(&word, rest))
        return false;
    bool negative = word.text[0] == '-';
    if (negative)
        word = behind(&word, 1);
    if (!live_number(&number, &word) || number > INT64_MAX)
        return false;
    *value = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

bool live_parse_stat(struct live_stat *stat, const char *text, size_t size)
{
    static const bool is_signed[LIVE_STAT_FIELDS] = {
        [STAT_TTY] = true,    [STAT_TPGID] = true,    [STAT_CUTIME] = true,
        [STAT_CSTIME] = true, [STAT_PRIORITY] = true, [STAT_NICE] = true,
    };
    const char *open = memchr(text, '(', size), *close = memrchr(text, ')', size);
    struct live_span word;

    if (!open || !close || close < open)
        return false;
    struct live_span rest = {close + 1, (size_t)(text + size - close) - 1};
    if (!live_next_word(&word, &rest))
        return false;
    stat->state = word.text[0];
    for (size_t i = 0; i < LIVE_STAT_FIELDS; i++)
        if (!next_signed(&stat->fields[i], &rest) || (stat->fields[i] < 0 && !is_signed[i]))
            return false;
    stat->comm_size = (size_t)(close - open) - 1;
    if (stat->comm_size > LIVE_COMM_MAX)
        stat->comm_size = LIVE_COMM_MAX;
    memcpy(stat->comm, open + 1, stat->comm_size);
    return true;
}

/* How many numbers there are, up to `max`. */
static size_t numbers(uint64_t *values, size_t max, struct live_span rest)
{
    size_t count = 0;

    while (count < max && next_number(&values[count], &rest))
        count++;
    return count;
}

bool live_parse_status(struct live_status *status, const char *text, size_t size)
{
    struct list {
        const char *name;
        uint64_t *values;
        size_t max, count;
    } lists[] = {
        {"NSpid:", status->pids, LIVE_DEPTH_MAX, 0},     {"Uid:", status->uids, LIVE_ID_KINDS, 0},
        {"Gid:", status->gids, LIVE_ID_KINDS, 0},        {"NSpgid:", status->groups, LIVE_DEPTH_MAX, 0},
        {"NSsid:", status->sessions, LIVE_DEPTH_MAX, 0},
    };
    struct live_span line;

    *status = (struct live_status){0};
    for (size_t at = 0; live_next_line(&line, &at, text, size);)
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
            if (starts_with(&line, lists[i].name))
                lists[i].count = numbers(lists[i].values, lists[i].max, behind(&line, strlen(lists[i].name)));
    status->depth = lists[0].count;
    return status->depth > 0 && lists[1].count == LIVE_ID_KINDS && lists[2].count == LIVE_ID_KINDS;
}

/* --- Sockets ------------------------------------------------------------------------------------------------------ */

static bool hex_number(unsigned *value, const char *text, size_t size)
{
    *value = 0;
    for (size_t i = 0; i < size; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        *value = *value << 4 | (unsigned)digit;
    }
    return size > 0;
}

/* "0100007F:1F90": words of 32 bits as this machine has them in memory, each printed as a number, and the port. */
static bool address(uint8_t bytes[16], unsigned *port, size_t *size, const struct live_span *word)
{
    const char *colon = memchr(word->text, ':', word->size);
    size_t digits = colon ? (size_t)(colon - word->text) : 0;

    if (digits != 8 && digits != 32)
        return false;
    for (size_t i = 0; i < digits / 8; i++) {
        unsigned value;
        if (!hex_number(&value, word->text + 8 * i, 8))
            return false;
        memcpy(bytes + 4 * i, &value, sizeof value);
    }
    *size = digits / 2;
    return word->size - digits - 1 == 4 && hex_number(port, colon + 1, 4);
}

bool live_parse_socket(struct live_socket *socket, const char *line, size_t size)
{
    enum { LOCAL = 1, REMOTE, STATE, UID = 7, INODE = 9, WORDS };
    struct live_span words[WORDS], rest = {line, size};
    size_t local, remote;

    for (size_t i = 0; i < WORDS; i++)
        if (!live_next_word(&words[i], &rest))
            return false;
    if (!address(socket->local, &socket->local_port, &local, &words[LOCAL]) ||
        !address(socket->remote, &socket->remote_port, &remote, &words[REMOTE]) || local != remote)
        return false;
    socket->family = local == 4 ? AF_INET : AF_INET6;
    return words[STATE].size == 2 && hex_number(&socket->state, words[STATE].text, 2) &&
           live_number(&socket->uid, &words[UID]) && live_number(&socket->inode, &words[INODE]);
}

/* --- Memory ------------------------------------------------------------------------------------------------------- */

bool live_parse_map(struct live_map *map, const char *line, size_t size)
{
    struct live_span rest = {line, size}, word;

    for (int skipped = 0; skipped < 5; skipped++) /* addresses, permissions, offset, device, inode */
        if (!live_next_word(&word, &rest))
            return false;
    while (rest.size && is_blank(*rest.text))
        rest = behind(&rest, 1);
    *map = (struct live_map){{line, size - rest.size}, rest};
    return true;
}

/* --- Mounts ------------------------------------------------------------------------------------------------------- */

bool live_parse_mount(struct live_mount *mount, const char *line, size_t size)
{
    struct live_span rest = {line, size}, word;

    *mount = (struct live_mount){0};
    if (!next_number(&mount->id, &rest))
        return false;
    for (int skipped = 0; skipped < 3; skipped++) /* the parent, the device, the root within its file system */
        if (!live_next_word(&word, &rest))
            return false;
    if (!live_next_word(&mount->point, &rest) || !live_next_word(&mount->options, &rest))
        return false;
    do { /* fields that tell of propagation, any number of them */
        if (!live_next_word(&word, &rest))
            return false;
    } while (word.size != 1 || word.text[0] != '-');
    return live_next_word(&mount->type, &rest) && live_next_word(&mount->source, &rest) &&
           live_next_word(&mount->super_options, &rest);
}

void live_unescape(struct buffer *out, const struct live_span *field)
{
    const char *p = field->text, *end = p + field->size;

    while (p < end) {
        bool escaped = *p == '\\' && end - p >= 4 && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                       p[3] >= '0' && p[3] <= '7';

        buffer_add_byte(out, escaped ? (uint8_t)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')) : (uint8_t)*p);
        p += escaped ? 4 : 1;
    }
}

void live_mount_options(struct buffer *out, const struct live_mount *mount)
{
    const struct live_span *const both[] = {&mount->options, &mount->super_options};
    bool read_only = starts_with(both[0], "ro") || starts_with(both[1], "ro");

    buffer_add_text(out, read_only ? "ro" : "rw");
    for (size_t i = 0; i < 2; i++) {
        const char *comma = memchr(both[i]->text, ',', both[i]->size);
        if (!comma)
            continue;
        struct live_span rest = behind(both[i], (size_t)(comma - both[i]->text));
        live_unescape(out, &rest);
    }
}

/* --- Counters ----------------------------------------------------------------------------------------------------- */

bool live_parse_interface(struct live_interface *interface, const char *line, size_t size)
{
    struct live_span rest = {line, size};
    const char *colon = memchr(line, ':', size);

    if (!colon)
        return false;
    struct live_span name = {line, (size_t)(colon - line)};
    if (!live_next_word(&interface->name, &name))
        return false;
    rest = behind(&rest, (size_t)(colon - line) + 1);
    for (size_t i = 0; i < LIVE_COUNTERS; i++)
        if (!next_number(&interface->counters[i], &rest))
            return false;
    return true;
}

bool live_parse_disk(struct live_disk *disk, const char *line, size_t size)
{
    struct live_span rest = {line, size};
    uint64_t device;

    if (!next_number(&device, &rest) || !next_number(&device, &rest) || !live_next_word(&disk->name, &rest))
        return false;
    return numbers(disk->counters, LIVE_DISK_COUNTERS, rest) == LIVE_DISK_COUNTERS;
}

bool live_parse_cpu(struct live_cpu *cpu, const char *line, size_t size)
{
    struct live_span rest = {line, size}, name;

    if (!live_next_word(&name, &rest) || !starts_with(&name, "cpu"))
        return false;
    struct live_span number = behind(&name, 3);
    if (!live_number(&cpu->number, &number))
        return false;
    for (size_t i = 0; i < LIVE_CPU_TIMES; i++)
        if (!next_number(&cpu->times[i], &rest))
            return false;
    return true;
}
