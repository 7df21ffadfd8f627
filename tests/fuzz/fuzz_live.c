/* fuzz_live.c - any bytes as any text of /proc: what processes put into their names, mounts and sockets comes there.
 *
 * What must hold: no fault; what a parser takes lies within the line that it was given; numbers are within their
 * limits; unescaping makes nothing longer.
 */
#include "import/live_parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_within(const struct live_span *span, const struct live_span *line)
{
    check(span->text >= line->text && span->size <= line->size && span->text + span->size <= line->text + line->size);
}

/* --- A line ------------------------------------------------------------------------------------------------------- */

static void parse_words(const struct live_span *line)
{
    struct live_span rest = *line, word;
    uint64_t number;

    while (live_next_word(&word, &rest)) {
        check(word.size > 0);
        check_within(&word, line);
        if (live_number(&number, &word))
            check(word.text[0] >= '0' && word.text[0] <= '9');
    }
    check(rest.size == 0);
}

static void parse_mount(const struct live_span *line)
{
    struct live_mount mount;
    struct buffer out = {0};

    if (!live_parse_mount(&mount, line->text, line->size))
        return;
    const struct live_span *const spans[] = {&mount.point, &mount.options, &mount.type, &mount.source,
                                             &mount.super_options};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        check_within(spans[i], line);
        check(spans[i]->size > 0);
        buffer_clear(&out);
        live_unescape(&out, spans[i]);
        check(out.size <= spans[i]->size);
    }
    buffer_clear(&out);
    live_mount_options(&out, &mount);
    check(out.size >= 2 && out.size <= 2 + mount.options.size + mount.super_options.size);
    buffer_free(&out);
}

static void parse_line(const struct live_span *line)
{
    struct live_socket socket;
    struct live_map map;
    struct live_interface interface;
    struct live_disk disk;
    struct live_cpu cpu;

    parse_words(line);
    parse_mount(line);
    if (live_parse_socket(&socket, line->text, line->size))
        check(socket.local_port <= 0xffff && socket.remote_port <= 0xffff && socket.state <= 0xff);
    if (live_parse_map(&map, line->text, line->size))
        check(map.head.text == line->text && map.head.size + map.path.size == line->size &&
              map.path.text == line->text + map.head.size);
    if (live_parse_interface(&interface, line->text, line->size))
        check_within(&interface.name, line);
    if (live_parse_disk(&disk, line->text, line->size))
        check_within(&disk.name, line);
    live_parse_cpu(&cpu, line->text, line->size);
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static void parse_text(const char *text, size_t size)
{
    const struct live_span all = {text, size};
    struct live_stat stat;
    struct live_status status;
    struct live_span span;
    uint64_t number;

    if (live_parse_stat(&stat, text, size))
        check(stat.comm_size <= LIVE_COMM_MAX && stat.fields[STAT_PPID] >= 0 && stat.fields[STAT_START] >= 0);
    if (live_parse_status(&status, text, size))
        check(status.depth > 0 && status.depth <= LIVE_DEPTH_MAX);
    if (live_find_container_id(&span, text, size)) {
        check_within(&span, &all);
        check(span.size == LIVE_CONTAINER_ID_SIZE);
    }
    if (live_find_assignment(&span, "ID", text, size))
        check_within(&span, &all);
    live_find_number(&number, "MemTotal:", text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size ? size : 1); /* of its own, so that a byte beyond it is seen */
    struct live_span line;
    size_t lines = 0;

    check(text != NULL);
    if (size)
        memcpy(text, bytes, size);
    parse_text(text, size);
    for (size_t at = 0; live_next_line(&line, &at, text, size); lines++)
        parse_line(&line);
    check(lines <= size);
    free(text);
    return 0;
}
