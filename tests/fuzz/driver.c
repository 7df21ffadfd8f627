/* driver.c - runs a fuzz target on files instead of a fuzzer's guesses: every corpus is an ordinary test.
 *
 *     fuzz_call_corpus FILE-OR-DIRECTORY…
 *
 * Exit status: 0 when all ran, 2 when there was nothing to run or it could not be read; a target that fails aborts.
 */
#include "base/buffer.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int read_file(struct buffer *content, const char *path)
{
    cleanup_fclose FILE *file = fopen(path, "re");
    size_t n;

    if (!file)
        return -errno;
    do {
        uint8_t *to = buffer_reserve(content, 65536);

        if (!to)
            return -ENOMEM;
        n = fread(to, 1, 65536, file);
        buffer_took(content, n);
    } while (n);
    return ferror(file) ? -EIO : 0;
}

static int run_file(const char *path)
{
    cleanup_buffer struct buffer content = {0};
    int r = read_file(&content, path);

    if (r < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(-r));
        return r;
    }
    fprintf(stderr, "%s\n", path); /* before, so that the last line names what a crash is about */
    LLVMFuzzerTestOneInput(content.bytes, content.size);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int r = 0;
    FTS *walk = argc > 1 ? fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;

    for (FTSENT *entry; walk && r == 0 && (entry = fts_read(walk));) {
        if (entry->fts_info == FTS_F) {
            r = run_file(entry->fts_accpath);
            count++;
        }
    }
    if (walk)
        fts_close(walk);
    if (count == 0)
        fprintf(stderr, "%s: nothing to run in %s\n", argv[0], argc > 1 ? argv[1] : "no directory");
    return r < 0 || count == 0 ? 2 : 0;
}
