/* Headers of rpm packages, and the database that holds them: made, read, cut short; a log that is put into it. */
#include "import/rpmdb.h"

#include "base/bytes.h"
#include "import/rpm_header.h"
#include "import/wal.h"

#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MARK "unknown (a test)"

static struct error err;

static struct rpm_text text(const char *word)
{
    return (struct rpm_text){word, strlen(word)};
}

static void assert_text(struct rpm_text got, const char *expected)
{
    assert_int_equal(got.size, strlen(expected));
    assert_memory_equal(got.text, expected, got.size + 1);
}

/* --- Headers ------------------------------------------------------------------------------------------------------ */

static void what_was_put_in_is_read(void **state)
{
    const struct rpm_package full = {.name = text("bash"),
                                     .version = text("5.1.8"),
                                     .release = text("6.el9"),
                                     .architecture = text("x86_64"),
                                     .has_epoch = true,
                                     .has_size = true,
                                     .has_time = true,
                                     .epoch = 3,
                                     .size = 7738778,
                                     .time = 1700000000};
    struct rpm_package large = {.name = text("a"), .version = text("1"), .release = text("1"), .has_size = true};
    struct rpm_package got;
    struct buffer out = {0};
    (void)state;

    buffer_add_byte(&out, 'x'); /* wherever it begins, offsets are its own */
    rpm_header_add(&out, &full, MARK);
    assert_true(rpm_header_read(&got, out.bytes + 1, out.size - 1));
    assert_text(got.name, "bash");
    assert_text(got.version, "5.1.8");
    assert_text(got.release, "6.el9");
    assert_text(got.architecture, "x86_64");
    assert_true(got.has_epoch && got.has_size && got.has_time);
    assert_int_equal(got.epoch, 3);
    assert_int_equal(got.size, 7738778);
    assert_int_equal(got.time, 1700000000);
    assert_int_equal(rpm_header_size(out.bytes + 1, out.size), out.size - 1);
    assert_non_null(memmem(out.bytes, out.size, MARK, sizeof MARK));

    large.size = (uint64_t)UINT32_MAX + 1;
    buffer_clear(&out);
    rpm_header_add(&out, &large, MARK);
    assert_true(rpm_header_read(&got, out.bytes, out.size));
    assert_true(got.has_size && !got.has_epoch && !got.has_time);
    assert_int_equal(got.size, large.size);
    assert_null(got.architecture.text);
    buffer_free(&out);
}

/* Each cut and each changed byte of a header: nothing outside of it is read (a sanitizer tells). */
static void a_damaged_header_is_read_inside_of_it(void **state)
{
    const struct rpm_package package = {
        .name = text("n"), .version = text("1"), .release = text("2"), .has_size = true};
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct rpm_package got;
    struct buffer out = {0};
    (void)state;

    rpm_header_add(&out, &package, MARK);
    for (size_t size = 0; size < out.size; size++) {
        uint8_t *cut = test_malloc(size + 1);

        memcpy(cut, out.bytes, size);
        assert_false(rpm_header_read(&got, cut, size));
        test_free(cut);
    }
    for (size_t i = 0; i < out.size; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            uint8_t before = out.bytes[i];

            out.bytes[i] = values[v];
            if (rpm_header_read(&got, out.bytes, out.size))
                assert_true((const uint8_t *)got.name.text + got.name.size < out.bytes + out.size);
            out.bytes[i] = before;
        }
    }
    buffer_free(&out);
}

/* --- The database ------------------------------------------------------------------------------------------------- */

struct seen {
    unsigned count, stop_at;
    char names[256];
};

static int see(void *arg, const void *header, size_t size)
{
    struct seen *seen = arg;
    struct rpm_package package;

    assert_true(rpm_header_read(&package, header, size));
    strcat(strcat(seen->names, package.name.text), " ");
    return ++seen->count == seen->stop_at ? 7 : 0;
}

static void make(struct buffer *database, const char *const *names)
{
    struct buffer headers = {0};

    for (; *names; names++)
        rpm_header_add(&headers,
                       &(struct rpm_package){.name = text(*names), .version = text("1"), .release = text("1")}, MARK);
    assert_int_equal(rpmdb_make(database, &headers, &err), 0);
    buffer_free(&headers);
}

static const char *const names[] = {"bash", "glibc", "glibc", "zlib", NULL};
static const struct buffer no_log;

static void the_same_headers_are_the_same_database(void **state)
{
    struct buffer one = {0}, other = {0};
    struct seen seen = {0}, stopped = {.stop_at = 2};
    (void)state;

    make(&one, names);
    make(&other, names);
    assert_int_equal(one.size, other.size);
    assert_memory_equal(one.bytes, other.bytes, one.size);
    assert_memory_equal(one.bytes + 18, "\1\1", 2);             /* not in WAL mode */
    assert_memory_equal(one.bytes + 24, "\0\0\0\0", 4);         /* no change counter … */
    assert_memory_equal(one.bytes + 92, "\0\0\0\0\0\0\0\0", 8); /* … and no version of SQLite */
    assert_int_equal(rpmdb_visit(&one, &no_log, one.size, see, &seen), 0);
    assert_string_equal(seen.names, "bash glibc glibc zlib ");
    assert_int_equal(rpmdb_visit(&one, &no_log, one.size, see, &stopped), 7);
    assert_string_equal(stopped.names, "bash glibc ");
    buffer_free(&one);
    buffer_free(&other);
}

static void read_whole(struct buffer *out, const char *path)
{
    FILE *file = fopen(path, "r");
    size_t got = 1;

    buffer_clear(out);
    assert_non_null(file);
    while (got > 0) {
        got = fread(buffer_reserve(out, 4096), 1, 4096, file);
        buffer_took(out, got);
    }
    fclose(file);
}

static void sql(sqlite3 *database, const char *statement)
{
    if (sqlite3_exec(database, statement, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", statement, sqlite3_errmsg(database));
}

/* What a connection has committed and not put into the file; what it has not committed is not there. */
static void what_the_log_committed_is_there(void **state)
{
    struct buffer file = {0}, log = {0}, damaged = {0};
    struct seen seen = {0}, before = {0}, without = {0};
    sqlite3 *writer;
    FILE *out;
    (void)state;

    assert_int_equal(chdir(scratch_make()), 0);
    make(&file, names);
    out = fopen("db", "w");
    assert_non_null(out);
    assert_int_equal(fwrite(file.bytes, 1, file.size, out), file.size);
    fclose(out);
    assert_int_equal(sqlite3_open("db", &writer), SQLITE_OK);
    sql(writer, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=5");
    sql(writer, "DELETE FROM Packages WHERE hnum = 1");
    read_whole(&damaged, "db-wal");
    sql(writer, "CREATE TABLE filler (x); INSERT INTO Packages SELECT 9, blob FROM Packages WHERE hnum = 4");
    sql(writer, "BEGIN; DELETE FROM Packages; INSERT INTO filler VALUES (zeroblob(100000))"); /* spills into the log */
    read_whole(&log, "db-wal");
    read_whole(&file, "db");
    assert_int_equal(file.bytes[18], 2);
    assert_true(log.size > damaged.size + 50000);

    assert_int_equal(rpmdb_visit(&file, &log, 4u << 20, see, &seen), 0);
    assert_string_equal(seen.names, "glibc glibc zlib zlib ");
    read_whole(&file, "db");
    log.bytes[damaged.size + 30] ^= 1; /* the first frame of the second transaction */
    assert_int_equal(rpmdb_visit(&file, &log, 4u << 20, see, &before), 0);
    assert_string_equal(before.names, "glibc glibc zlib ");
    read_whole(&file, "db");
    log.bytes[16] ^= 1; /* another database's, or an older log */
    assert_int_equal(rpmdb_visit(&file, &log, 4u << 20, see, &without), 0);
    assert_string_equal(without.names, "bash glibc glibc zlib ");
    log.bytes[16] ^= 1;
    log.bytes[damaged.size + 30] ^= 1;
    read_whole(&file, "db");
    assert_int_equal(wal_apply(&file, &log, file.size), -EFBIG);

    sqlite3_close(writer);
    buffer_free(&file);
    buffer_free(&log);
    buffer_free(&damaged);
}

/* A schema of anybody's: what is no table of blobs gives nothing, and ends. */
static void a_strange_schema_gives_nothing(void **state)
{
    static const struct {
        const char *statements;
        int result;
    } schemas[] = {
        {"CREATE TABLE t (x)", -EBADMSG},
        {"CREATE TABLE Packages (hnum, b)", -EBADMSG},
        {"CREATE TABLE Packages (hnum, blob); INSERT INTO Packages VALUES (1, 'text'), (2, 3), (3, NULL), (4, x'')", 0},
        {"CREATE TABLE t (x); CREATE VIEW Packages AS WITH RECURSIVE r (blob) AS (SELECT x'00' UNION ALL SELECT blob"
         " FROM r) SELECT blob FROM r",
         -EBADMSG},
        {"CREATE TABLE Packages (n, blob AS (zeroblob(n))); INSERT INTO Packages (n) VALUES (100)", -EBADMSG},
        {"CREATE VIRTUAL TABLE Packages USING fts5(blob); INSERT INTO Packages VALUES ('x')", -EBADMSG},
    };
    (void)state;

    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        struct seen seen = {0};
        struct buffer file = {0};
        sqlite3 *database;
        sqlite3_int64 size;

        assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
        sql(database, schemas[i].statements);
        unsigned char *bytes = sqlite3_serialize(database, "main", &size, 0);
        buffer_add(&file, bytes, (size_t)size);
        assert_int_equal(rpmdb_visit(&file, &no_log, file.size, see, &seen), schemas[i].result);
        assert_int_equal(seen.count, 0);
        sqlite3_free(bytes);
        sqlite3_close(database);
        buffer_free(&file);
    }
}

static void what_is_no_database_is_said_to_be_none(void **state)
{
    struct buffer file = {0};
    struct seen seen = {0};
    (void)state;

    assert_int_equal(rpmdb_visit(&file, &no_log, 1, see, &seen), -EBADMSG);
    make(&file, names);
    file.size = 3000; /* pages that the tables lie in are missing */
    assert_int_equal(rpmdb_visit(&file, &no_log, file.size, see, &seen), -EBADMSG);
    file.size = 99;
    assert_int_equal(rpmdb_visit(&file, &no_log, file.size, see, &seen), -EBADMSG);
    buffer_free(&file);
}

static int count(void *arg, const void *header, size_t size)
{
    struct seen *seen = arg;
    (void)header, (void)size;
    seen->count++;
    return 0;
}

/* Rows of one leaf that all lead to the same pages: a file of some kilobytes says that it holds as many gigabytes as
 * one likes. What is told of is not more than the file has. */
static void rows_that_share_their_pages_are_no_more_than_the_file(void **state)
{
    enum { PAGE = 512, KEPT = 39, LOCAL = KEPT + 508 * 40, RECORD = 5, PAYLOAD_SIZE = 3, ROWS = 8 };
    char name[LOCAL];
    const struct rpm_package package = {.name = {name, 1}, .version = text("1"), .release = text("1")};
    struct rpm_package large = package;
    struct buffer header = {0}, file = {0};
    struct seen seen = {0};
    sqlite3_stmt *add;
    sqlite3 *database;
    sqlite3_int64 size;
    (void)state;

    memset(name, 'n', sizeof name);
    rpm_header_add(&header, &package, MARK);
    large.name.size += LOCAL - RECORD - header.size; /* of its record, as little as possible is in the leaf */
    buffer_clear(&header);
    rpm_header_add(&header, &large, MARK);
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database,
                                  "PRAGMA page_size=512; CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "INSERT INTO Packages VALUES (1, ?1)", -1, &add, NULL), SQLITE_OK);
    sqlite3_bind_blob64(add, 1, header.bytes, header.size, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(add), SQLITE_DONE);
    sqlite3_finalize(add);
    unsigned char *bytes = sqlite3_serialize(database, "main", &size, 0), *leaf = bytes + PAGE;
    size_t at = (size_t)leaf[5] << 8 | leaf[6], cell = PAGE - at;
    assert_int_equal(cell, PAYLOAD_SIZE + 1 + KEPT + 4);
    for (unsigned char row = 2; row <= ROWS; row++) {
        memcpy(leaf + at - cell, leaf + at, cell);
        at -= cell;
        leaf[at + PAYLOAD_SIZE] = row;
        leaf[8 + 2 * (row - 1)] = (unsigned char)(at >> 8);
        leaf[9 + 2 * (row - 1)] = (unsigned char)at;
    }
    leaf[4] = ROWS;
    leaf[5] = (unsigned char)(at >> 8);
    leaf[6] = (unsigned char)at;
    buffer_add(&file, bytes, (size_t)size);
    assert_int_equal(rpmdb_visit(&file, &no_log, file.size, count, &seen), -EBADMSG);
    assert_int_equal(seen.count, 1);
    sqlite3_free(bytes);
    sqlite3_close(database);
    buffer_free(&file);
    buffer_free(&header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_is_read),
        cmocka_unit_test(a_damaged_header_is_read_inside_of_it),
        cmocka_unit_test(the_same_headers_are_the_same_database),
        cmocka_unit_test(what_the_log_committed_is_there),
        cmocka_unit_test(a_strange_schema_gives_nothing),
        cmocka_unit_test(what_is_no_database_is_said_to_be_none),
        cmocka_unit_test(rows_that_share_their_pages_are_no_more_than_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
