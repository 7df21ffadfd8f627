/* test_scan.c - what scanners say, taken apart; verdicts as documents; commands that do not end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/scan_adapter.h"
#include "cli/scan_process.h"
#include "cli/scan_verdict.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 4

atomic_bool scan_interrupted;

/* --- Adapters ----------------------------------------------------------------------------------------------------- */

struct said {
    const char *adapter;
    int status;
    const char *output, *errors;
    const char *paths[FILES_MAX];
    const char *expected[FILES_MAX]; /* "": clean, NULL: no verdict, else findings */
};

static const struct said CASES[] = {
    {"clamscan", 1, "/a: X FOUND\n/b: OK\n/c: Empty file\n", "", {"/a", "/b", "/c"}, {"X\n", "", ""}},
    {"clamscan", 1, "/a: X FOUND\n/a: Y FOUND\n/b: OK\n", "", {"/a", "/b"}, {"X\nY\n", ""}},
    /* Nothing is said of one, or that it cannot be read. */
    {"clamscan", 0, "/a: OK\n", "", {"/a", "/b"}, {"", NULL}},
    {"clamscan", 2, "/a: OK\n/b: Access denied. ERROR\n", "", {"/a", "/b"}, {"", NULL}},
    /* It ended in another way, whatever it said before. */
    {"clamscan", -1, "/a: OK\n", "", {"/a"}, {NULL}},
    {"clamscan", 40, "/a: OK\n", "", {"/a"}, {NULL}},
    /* Names that go on as others begin; names that look like a verdict. */
    {"clamscan", 1, "/a: OK\n/a: X FOUND: OK\n", "", {"/a: X FOUND"}, {""}},
    {"clamscan", 0, "x/a: OK\n/ab: OK\n", "", {"/a"}, {NULL}},
    {"clamscan", 0, "/n\n/a: OK\n", "", {"/n\n/a"}, {""}},
    {"clamscan", 0, "", "", {"/a"}, {NULL}},
    {"yara", 0, "r1 /a\nr2 /a\nr1 /b\n", "", {"/a", "/b", "/c"}, {"r1\nr2\n", "r1\n", ""}},
    {"yara", 0, "r1 /a\n0x0:$s: r9 /b\n", "", {"/a", "/b"}, {"r1\n", ""}},
    {"yara", 0, "", "", {"/a"}, {""}},
    /* What is not understood says nothing of anybody. */
    {"yara", 0, "r1 /a\nwhat is this\n", "", {"/a", "/b"}, {NULL, NULL}},
    {"yara", 0, "r1 /c\n", "", {"/a"}, {NULL}},
    {"yara", 0, "", "error scanning /a: could not open file\n", {"/a", "/b"}, {NULL, NULL}},
    {"yara", 1, "r1 /a\n", "", {"/a"}, {NULL}},
    {"yara", 0, "r1 /n\n/a\n", "", {"/n\n/a"}, {"r1\n"}},
    {"exit", 0, "all is well\n", "", {"/a", "/b"}, {"", ""}},
    {"exit", 7, "bad thing\nmore\n", "", {"/a"}, {"bad thing\n"}},
    {"exit", 7, "", "", {"/a"}, {"exit status 7\n"}},
    {"exit", 7, "", "", {"/a", "/b"}, {NULL, NULL}},
    {"exit", 1, "", "", {"/a"}, {NULL}},
    {"exit", -1, "", "", {"/a"}, {NULL}},
};

static void check_judgement(const struct scan_judgement *file, const char *expected)
{
    if (!expected) {
        assert_int_equal(file->state, SCAN_UNKNOWN);
        return;
    }
    assert_int_equal(file->state, *expected ? SCAN_FOUND : SCAN_CLEAN);
    assert_int_equal(file->findings.size, strlen(expected));
    assert_memory_equal(file->findings.bytes, expected, *expected ? strlen(expected) : 0);
}

static void adapters_are_strict(void **state)
{
    static struct scan_judgement files[FILES_MAX];

    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        struct scan_process process = {.status = CASES[c].status};
        size_t count = 0;

        memset(files, 0, sizeof files);
        for (; count < FILES_MAX && CASES[c].paths[count]; count++)
            strcpy(files[count].path, CASES[c].paths[count]);
        buffer_add_text(&process.output, CASES[c].output);
        buffer_add_text(&process.errors, CASES[c].errors);
        scan_adapter_find(CASES[c].adapter)->judge(files, count, &process, 7);
        for (size_t i = 0; i < count; i++) {
            check_judgement(&files[i], CASES[c].expected[i]);
            buffer_free(&files[i].findings);
            buffer_free(&files[i].output);
        }
        scan_process_free(&process);
    }
}

static void adapters_go_by_programs(void **state)
{
    (void)state;
    assert_ptr_equal(scan_adapter_for("/usr/bin/clamscan"), scan_adapter_find("clamscan"));
    assert_ptr_equal(scan_adapter_for("yara"), scan_adapter_find("yara"));
    assert_ptr_equal(scan_adapter_for("/x/clamscan.sh"), scan_adapter_find("exit"));
    assert_null(scan_adapter_find("avg"));
    assert_true(scan_adapter_plain("/blob/caf\xc3\xa9 x"));
    assert_false(scan_adapter_plain("/a: OK"));
    assert_false(scan_adapter_plain("/a\nb"));
}

static void findings_are_bounded(void **state)
{
    static struct scan_judgement file;
    struct scan_process process = {.status = 0};

    (void)state;
    strcpy(file.path, "/a");
    for (int i = 0; i < 1000; i++)
        buffer_add_format(&process.output, "r%0500d /a\n", i);
    scan_adapter_find("yara")->judge(&file, 1, &process, 1);
    assert_int_equal(file.state, SCAN_FOUND);
    assert_true(file.findings.size <= SCAN_FINDINGS_MAX * (SCAN_FINDING_SIZE_MAX + 1));
    buffer_free(&file.findings);
    buffer_free(&file.output);
    scan_process_free(&process);
}

/* --- Verdicts ----------------------------------------------------------------------------------------------------- */

static void verdicts_come_back(void **state)
{
    static struct scan_scanner scanner = {.key = "x-1", .secret = "0123456789abcdef", .secret_size = 16};
    static struct scan_judgement file = {.state = SCAN_FOUND};
    struct buffer document cleanup_buffer = {0}, text cleanup_buffer = {0};
    struct scan_process process = {.status = 1};
    struct error err;
    enum scan_state found;

    (void)state;
    scan_finding_add(&file.findings, "a\0b\nc\xff", 6);
    for (int i = 0; i < 5000; i++)
        buffer_add_byte(&file.output, 'o');
    assert_int_equal(scan_verdict_write(&document, &scanner, "entry", &file, &process, &err), 0);
    assert_true(document.size < 6000);
    assert_true(scan_verdict_read(&found, &text, &scanner, "x-1", "entry", &document));
    assert_int_equal(found, SCAN_FOUND);
    assert_int_equal(text.size, 7);
    assert_memory_equal(text.bytes, "a?b?c\xff\n", 7);

    /* Not at another place, and not with any bit of it changed. */
    buffer_clear(&text);
    assert_false(scan_verdict_read(&found, &text, &scanner, "x-1", "other", &document));
    assert_false(scan_verdict_read(&found, &text, &scanner, "x-2", "entry", &document));
    for (size_t i = 0; i < document.size; i++) {
        document.bytes[i] ^= 1;
        assert_false(scan_verdict_read(&found, &text, &scanner, "x-1", "entry", &document));
        document.bytes[i] ^= 1;
    }
    for (size_t size = document.size; size-- > 0;) {
        struct buffer part = {.bytes = document.bytes, .size = size};
        assert_false(scan_verdict_read(&found, &text, &scanner, "x-1", "entry", &part));
    }
    buffer_free(&file.findings);
    buffer_free(&file.output);
}

static void large_inventories_are_refused(void **state)
{
    static struct scan_scanner scanner = {.key = "x-1"};
    static struct scan_judgement file = {.state = SCAN_INVENTORY};
    struct buffer document cleanup_buffer = {0};
    struct scan_process process = {0};
    struct error err;

    (void)state;
    for (unsigned i = 0; i < SCAN_DOCUMENT_MAX; i++)
        buffer_add_byte(&file.output, 'o');
    assert_int_equal(scan_verdict_write(&document, &scanner, "entry", &file, &process, &err), -EFBIG);
    buffer_free(&file.output);
}

/* --- Distinct contents -------------------------------------------------------------------------------------------- */

static struct scan_file numbered(unsigned number, const char *path, uint32_t mode)
{
    struct scan_file file = {.path = path, .path_size = strlen(path), .mode = S_IFREG | mode};

    memcpy(file.content.bytes, &number, sizeof number);
    return file;
}

static size_t distinct(const char *kind_name)
{
    const struct scan_kind *kind = scan_kind_find(kind_name);
    struct scan_items items;
    struct error err;

    assert_int_equal(scan_items_init(&items, &err), 0);
    for (unsigned i = 0; i < 10000; i++) {
        const struct scan_file files[] = {numbered(i, "/a/x", 0644), numbered(i, "/b/x", 0644),
                                          numbered(i, "/a/y", 0644), numbered(i, "/b/y", 04755)};
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(scan_items_add(&items, kind, &files[k], 0, &err), 0);
        assert_true(digest_equal(&scan_items_find(&items, kind, &files[3])->content, &files[3].content));
    }
    const struct scan_file stranger = numbered(10000, "/a/x", 0644);
    assert_null(scan_items_find(&items, kind, &stranger));
    size_t count = items.count;
    scan_items_free(&items);
    return count;
}

static void contents_are_distinct(void **state)
{
    (void)state;
    assert_int_equal(distinct("content"), 10000);
    assert_int_equal(distinct("content+name"), 20000);
    assert_int_equal(distinct("content+mode+owner+name"), 30000);
    assert_null(scan_kind_find("name"));
}

/* --- Commands ----------------------------------------------------------------------------------------------------- */

static int run(struct scan_process *process, const char *script, struct error *err)
{
    char shell[] = "sh", option[] = "-c", text[512];
    char *arguments[] = {shell, option, text, NULL};

    strcpy(text, script);
    process->arguments = arguments;
    if (!process->timeout)
        process->timeout = 20;
    int result = scan_process_run(process, err);
    process->arguments = NULL;
    return result;
}

static void commands_are_run(void **state)
{
    struct scan_process process = {.input = "from here", .input_size = 9};
    struct error err;

    (void)state;
    assert_int_equal(run(&process, "cat; echo no >&2; exit 5", &err), 0);
    assert_int_equal(process.status, 5);
    assert_int_equal(process.output.size, 9);
    assert_memory_equal(process.output.bytes, "from here", 9);
    assert_memory_equal(process.errors.bytes, "no\n", 3);
    scan_process_free(&process);
}

static void commands_are_bounded(void **state)
{
    struct scan_process flood = {0}, hang = {.timeout = 1}, missing = {.timeout = 1};
    char no[] = "/no/such/program", *arguments[] = {no, NULL};
    struct error err;

    (void)state;
    assert_int_equal(run(&flood, "head -c 5000000 /dev/zero", &err), 0);
    assert_int_equal(flood.status, 0);
    assert_true(flood.truncated);
    assert_int_equal(flood.output.size, SCAN_OUTPUT_MAX);
    /* A child that holds the pipe is not waited for. */
    assert_int_equal(run(&hang, "sleep 1000 & exec sleep 1000", &err), 0);
    assert_int_equal(hang.status, -1);
    assert_non_null(strstr(hang.why, "within 1 s"));
    missing.arguments = arguments;
    assert_int_equal(scan_process_run(&missing, &err), -ENOENT);
    scan_process_free(&flood);
    scan_process_free(&hang);
    scan_process_free(&missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_are_strict),
        cmocka_unit_test(adapters_go_by_programs),
        cmocka_unit_test(findings_are_bounded),
        cmocka_unit_test(verdicts_come_back),
        cmocka_unit_test(large_inventories_are_refused),
        cmocka_unit_test(contents_are_distinct),
        cmocka_unit_test(commands_are_run),
        cmocka_unit_test(commands_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
