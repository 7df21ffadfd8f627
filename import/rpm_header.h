/* rpm_header.h - an installed package as rpm's database holds it: a header, which is numbers of tags and a store of
 * their data (rpm's doc/manual/hregions.md and format_header.md). Made from what is known of a package, read as what
 * somebody hostile may have written.
 */
#ifndef IMPORT_RPM_HEADER_H
#define IMPORT_RPM_HEADER_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPM_HEADER_MAX ((size_t)32 << 20) /* bytes of one; that of a kernel's modules has some 1 MiB */
#define RPM_TAGS_MAX 65535u               /* of one: rpm's own limit */

/* A text in a header, or to be put there: without NUL. NULL: it has none. */
struct rpm_text {
    const char *text;
    size_t size;
};

struct rpm_package {
    struct rpm_text name, version, release, architecture;
    bool has_epoch, has_size, has_time;
    uint32_t epoch;
    uint64_t size; /* bytes */
    uint32_t time; /* of the installation, s since 1970 */
};

/* Append the header of a package. `unknown` stands for what rpm insists on and is not in `package`: where its source
 * package is missing it takes the package for one itself. */
void rpm_header_add(struct buffer *out, const struct rpm_package *package, const char *unknown);

/* Texts lie in the header. False: it is none, or has no name. Of what is there twice the first one counts. */
bool rpm_header_read(struct rpm_package *package, const void *bytes, size_t size);

/* Bytes of the header that begins here; 0: none does, or it does not end within `size`. */
size_t rpm_header_size(const void *bytes, size_t size);

#endif
