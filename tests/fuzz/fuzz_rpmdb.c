/* fuzz_rpmdb.c - an rpm database of anybody's, and its log. The first four bytes are the size of the log (be32), which
 * stands at the end.
 *
 * What must hold: no fault; texts lie in their header; and what was read of a header is read of one that is made of it.
 */
#include "base/bytes.h"
#include "import/rpm_header.h"
#include "import/rpmdb.h"

#include <errno.h>
#include <stdlib.h>

#define FILE_MAX ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(struct rpm_text text, const uint8_t *header, size_t size)
{
    const uint8_t *at = (const uint8_t *)text.text;

    check(!text.text || (at >= header && at + text.size < header + size && !memchr(at, '\0', text.size)));
}

static bool same(struct rpm_text a, struct rpm_text b)
{
    return !a.text == !b.text && a.size == b.size && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

static int check_header(void *arg, const void *header, size_t size)
{
    struct rpm_package package, again;
    struct buffer made = {0};
    (void)arg;

    if (!rpm_header_read(&package, header, size))
        return 0;
    check_text(package.name, header, size);
    check_text(package.version, header, size);
    check_text(package.release, header, size);
    check_text(package.architecture, header, size);
    if (!package.version.text)
        return 0;
    rpm_header_add(&made, &package, "unknown");
    check(!made.failed && rpm_header_size(made.bytes, made.size) == made.size);
    check(rpm_header_read(&again, made.bytes, made.size));
    check(same(package.name, again.name) && same(package.version, again.version));
    check(same(package.release, again.release) && same(package.architecture, again.architecture));
    check(package.has_epoch == again.has_epoch && package.epoch == again.epoch);
    check(package.has_size == again.has_size && package.size == again.size);
    check(package.has_time == again.has_time && package.time == again.time);
    buffer_free(&made);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct buffer file = {0}, log = {0};

    if (size < 4)
        return 0;
    check_header(NULL, bytes + 4, size - 4);
    size_t of_log = get_be32(bytes) < size - 4 ? get_be32(bytes) : size - 4;
    buffer_add(&file, bytes + 4, size - 4 - of_log);
    buffer_add(&log, bytes + size - of_log, of_log);
    int rc = rpmdb_visit(&file, &log, FILE_MAX, check_header, NULL);
    check(rc == 0 || rc == -EBADMSG || rc == -EFBIG || rc == -ENOMEM); /* of damaged pages SQLite says that, too */
    buffer_free(&file);
    buffer_free(&log);
    return 0;
}
