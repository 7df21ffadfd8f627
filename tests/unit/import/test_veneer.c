/* The veneer's parts: a journal laid over a tree, accounts of hostile passwd files, and facts of hostile values. */
#include "import/builder.h"
#include "import/veneer/accounts.h"
#include "import/veneer/numbered.h"
#include "import/veneer/veneer.h"

#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- Laying ------------------------------------------------------------------------------------------------------- */

#define CAPTURED 1000 /* ns: mtime of what stood there */
#define MADE 2000

static const struct {
    const char *path;
    uint32_t mode, flags;
} below[] = {
    {"/", S_IFDIR | 0755, 0},
    {"/absent", S_IFREG | 0600, ENTRY_ABSENT},
    {"/empty", S_IFREG | 0644, 0},
    {"/link", S_IFLNK | 0777, 0},
    {"/link-absent", S_IFLNK | 0777, ENTRY_ABSENT},
    {"/dir", S_IFDIR | 0700, 0},
    {"/dir/kept", S_IFREG | 0644, 0},
    {"/dir/null", S_IFCHR | 0666, 0},
};

/* What is laid, and what stands there then: 0 mode for nothing. */
static const struct {
    const char *path;
    uint32_t mode, expected;
    bool made;
    uint64_t mtime;
} laid[] = {
    {"/absent", S_IFREG | 0444, S_IFREG | 0600, true, CAPTURED}, /* filled: mode and time stay */
    {"/empty", S_IFREG | 0444, S_IFREG | 0644, false, CAPTURED},
    {"/empty/below", S_IFREG | 0444, 0, false, 0},
    {"/link", S_IFREG | 0444, S_IFLNK | 0777, false, CAPTURED},
    {"/link/below", S_IFREG | 0444, 0, false, 0},
    {"/link-absent", S_IFREG | 0444, S_IFLNK | 0777, false, CAPTURED},
    {"/dir", S_IFREG | 0444, S_IFDIR | 0700, false, CAPTURED},
    {"/dir/kept", S_IFDIR | 0555, S_IFREG | 0644, false, CAPTURED},
    {"/dir/null", S_IFCHR | 0444, S_IFCHR | 0666, false, CAPTURED},
    {"/dir/new", S_IFREG | 0444, S_IFREG | 0444, true, MADE},
    {"/proc/1", S_IFDIR | 0555, S_IFDIR | 0555, true, MADE},
    {"/proc/1/stat", S_IFREG | 0444, S_IFREG | 0444, true, MADE},
};

static int no_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                       struct error *e)
{
    (void)arg, (void)conflict, (void)size, (void)tag, (void)e;
    fail_msg("a conflict at %s", path);
    return 0;
}

static void write_below(struct node_ref *root, struct node_ref *links, struct store *store)
{
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");

    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        struct entry entry = {.mode = below[i].mode, .flags = below[i].flags, .mtime = CAPTURED};

        entry.target = S_ISLNK(entry.mode) && !entry.flags ? "dir" : NULL;
        entry.target_size = entry.target ? 3 : 0;
        ok(builder_add(builder, below[i].path, strlen(below[i].path), &entry, NULL, 0, &err));
    }
    ok(builder_settle(builder, no_conflict, NULL, &err));
    ok(builder_write(root, links, builder, store, &err));
    builder_free(builder);
}

static void write_journal(struct journal *journal)
{
    uint64_t at;

    for (size_t i = 0; i < sizeof laid / sizeof *laid; i++) {
        const struct journal_record record = {
            .path = laid[i].path,
            .path_size = (uint16_t)strlen(laid[i].path),
            .entry = {.mode = laid[i].mode, .mtime = MADE, .flags = ENTRY_MADE},
        };

        ok(journal_add(&at, journal, &record, &err));
    }
}

static void compare(struct store *store, struct tree tree)
{
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct tree_place place;

    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    for (size_t i = 0; i < sizeof laid / sizeof *laid; i++) {
        int rc = tree_walk(&place, reader, tree, laid[i].path, strlen(laid[i].path), &err);

        if (!laid[i].expected) {
            assert_true(rc == -ENOENT || rc == -ENOTDIR);
            continue;
        }
        ok(rc);
        if (place.entry->mode != laid[i].expected || place.entry->mtime != laid[i].mtime ||
            !(place.entry->flags & ENTRY_MADE) == laid[i].made)
            fail_msg("%s is %o, flags %u", laid[i].path, place.entry->mode, place.entry->flags);
        tree_reader_rest(reader);
    }
    tree_reader_free(reader);
    tree_cache_free(cache);
}

static void what_stands_wins_over_what_is_made(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct journal *journal = journal_new("/tmp");
    struct node_ref root, links, again;
    (void)state;

    assert_non_null(journal);
    write_below(&root, &links, store);
    write_journal(journal);
    ok(veneer_lay(&root, &links, journal, store, &err));
    compare(store, tree_of(&root, &links));
    again = root;
    ok(veneer_lay(&again, &links, journal, store, &err));
    assert_true(digest_equal(&again.digest, &root.digest));
    journal_free(journal);
    store_close(store);
}

/* --- Accounts ----------------------------------------------------------------------------------------------------- */

static struct fact text(const char *bytes)
{
    return (struct fact){bytes, strlen(bytes)};
}

static void assert_account(const struct accounts *accounts, const char *user, uint32_t uid, uint32_t gid)
{
    struct account account = accounts_find(accounts, text(user));

    if (account.uid != uid || account.gid != gid)
        fail_msg("%s is %u:%u", user, account.uid, account.gid);
}

static void names_become_ids(void **state)
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\nroot:x:7:7::\n\n:::\nno-ids:x\nno-group:x:5\n"
                                 "big:x:4294967296:1:\nnegative:x:-1:1:\n:x:8:9:\nlast:x:10:20";
    struct buffer bytes = {0};
    struct accounts accounts = {0}, none = {0};
    (void)state;

    buffer_add(&bytes, passwd, sizeof passwd - 1);
    accounts_read(&accounts, &bytes);
    accounts_read(&none, &bytes);
    assert_account(&accounts, "root", 0, 0);
    assert_account(&accounts, "last", 10, 20);
    assert_account(&accounts, "", 8, 9);
    assert_account(&accounts, "1000", 1000, ACCOUNT_UNKNOWN);
    assert_account(&none, "root", ACCOUNT_UNKNOWN, ACCOUNT_UNKNOWN);
    static const char *const unknown[] = {"no-ids", "no-group", "big", "negative", "x", "-1", "4294967296"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_account(&accounts, unknown[i], ACCOUNT_UNKNOWN, ACCOUNT_UNKNOWN);
    assert_int_equal(accounts_find(&accounts, (struct fact){0}).uid, ACCOUNT_UNKNOWN);
    accounts_free(&accounts);
    accounts_free(&none);
}

/* --- Facts -------------------------------------------------------------------------------------------------------- */

static void add(struct record_set *set, const char *type, const char *key, const char *value)
{
    const struct feature feature = {
        .type = type,
        .type_size = (uint32_t)strlen(type),
        .key = key,
        .key_size = (uint32_t)strlen(key),
        .value = value,
        .value_size = (uint32_t)strlen(value),
    };

    ok(record_set_add(set, &feature, &err));
}

static int count_strings(void *arg, const char *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)arg += 1 + size;
    return 0;
}

static void facts_are_told_or_not(void **state)
{
    struct record_set set = {.values = spool_new("/tmp")};
    struct facts facts = {0};
    struct numbering pids = {0};
    uint64_t number;
    double real;
    size_t count = 0;
    (void)state;

    add(&set, "process", "b/2", "{\"created\":null,\"openfiles\":[\"a\",1,\"\\u0000bc\",[\"d\"]],\"pid\":\"2\"}");
    add(&set, "process", "a/2", "{\"cmd\":\"\",\"pid\":2.9}");
    add(&set, "process", "c", "[1]");
    add(&set, "process", "d", "{\"pid\":-1}");
    add(&set, "load", "load", "{\"longterm\":\"x\",\"midterm\":1.5,\"shortterm\":1e999}");
    add(&set, "unheard-of", "x", "{\"pid\":1}");
    ok(facts_gather(&facts, &set, &err));
    assert_int_equal(facts_count(&facts, FACT_PROCESS), 3);
    assert_int_equal(facts.left[FACT_PROCESS].records, 1);
    assert_true(fact_is(facts_get(&facts, FACT_PROCESS, 0, FACT_KEY), "a/2"));
    assert_true(fact_is(facts_get(&facts, FACT_PROCESS, 0, PROCESS_COMMAND), ""));
    assert_null(facts_get(&facts, FACT_PROCESS, 1, PROCESS_CREATED).text);
    assert_null(facts_get(&facts, FACT_PROCESS, 1, PROCESS_COMMAND).text);
    assert_int_equal(fact_visit_list(facts_get(&facts, FACT_PROCESS, 1, PROCESS_FILES), count_strings, &count), 0);
    assert_int_equal(count, 2 + 4);
    assert_false(fact_real(&real, facts_one(&facts, FACT_LOAD, LOAD_SHORT)));
    assert_true(fact_real(&real, facts_one(&facts, FACT_LOAD, LOAD_MIDDLE)));
    assert_false(fact_real(&real, facts_one(&facts, FACT_LOAD, LOAD_LONG)));
    assert_false(fact_number(&number, facts_one(&facts, FACT_MEMORY, MEMORY_FREE)));
    ok(numbering_make(&pids, &facts, FACT_PROCESS, PROCESS_PID, 100, &err));
    assert_non_null(numbering_find(&count, &pids, 2));
    assert_int_equal(count, 2);
    assert_null(numbering_find(&count, &pids, 1));
    assert_int_equal(pids.without, 1);
    numbering_free(&pids);
    facts_free(&facts);
    record_set_free(&set);
    spool_free(set.values);
}

static int join_members(void *arg, struct fact name, struct fact value)
{
    struct buffer *out = arg;

    buffer_add(out, name.text, name.size);
    buffer_add_text(out, value.text ? "=" : "?");
    buffer_add(out, value.text, value.size);
    buffer_add_byte(out, ' ');
    return 0;
}

static void assert_members(const char *json, const char *expected)
{
    struct buffer out = {0};

    assert_int_equal(fact_visit_members(text(json), join_members, &out), 0);
    assert_int_equal(out.size, strlen(expected));
    assert_memory_equal(out.size ? (const char *)out.bytes : "", expected, out.size);
    buffer_free(&out);
}

static void members_and_numbers_are_read(void **state)
{
    static const char *const none[] = {"",        "[1,2]",     "[1,2,3,4]", "[1,2,-3]", "[1,2,\"3\"]",
                                       "[1,2,x]", "{\"a\":1}", "[1,[2],3]"};
    uint64_t numbers[3];
    (void)state;

    assert_members("{\"3\":\"/a\",\"n\":7,\"l\":[1],\"none\":null,\"\":\"\"}", "3=/a n=7 l=[1] none? = ");
    assert_members("[\"a\"]", "");
    assert_members("{\"a\":1", "a=1 ");
    assert_members("", "");
    assert_true(fact_numbers(numbers, 3, text("[1,0,9223372036854775807]")));
    assert_true(numbers[0] == 1 && numbers[1] == 0 && numbers[2] == INT64_MAX);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (fact_numbers(numbers, 3, text(none[i])))
            fail_msg("%s is three numbers", none[i]);
}

/* A field that the record can do without is left out alone; what the record before had is held once. */
static void fields_have_limits(void **state)
{
    struct record_set set = {.values = spool_new("/tmp")};
    struct facts facts = {0};
    struct buffer value = {0};
    (void)state;

    buffer_add_text(&value, "{\"pid\":1,\"environ\":[\"");
    for (size_t i = 0; i <= FACT_TEXT_MAX; i++)
        buffer_add_byte(&value, 'x');
    buffer_add_text(&value, "\"],\"limits\":[\"all the same\"]}");
    buffer_add_byte(&value, 0);
    add(&set, "process", "a/1", (const char *)value.bytes);
    add(&set, "process", "b/2", "{\"limits\":[\"all the same\"],\"pid\":2}");
    add(&set, "process", "c/3", "{\"limits\":[\"all the sane\"],\"pid\":3}");
    ok(facts_gather(&facts, &set, &err));
    assert_int_equal(facts_count(&facts, FACT_PROCESS), 3);
    assert_int_equal(facts.left[FACT_PROCESS].records, 0);
    assert_int_equal(facts.left[FACT_PROCESS].fields, 1);
    assert_null(facts_get(&facts, FACT_PROCESS, 0, PROCESS_ENVIRONMENT).text);
    assert_ptr_equal(facts_get(&facts, FACT_PROCESS, 0, PROCESS_LIMITS).text,
                     facts_get(&facts, FACT_PROCESS, 1, PROCESS_LIMITS).text);
    assert_true(fact_is(facts_get(&facts, FACT_PROCESS, 2, PROCESS_LIMITS), "[\"all the sane\"]"));
    buffer_free(&value);
    facts_free(&facts);
    record_set_free(&set);
    spool_free(set.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_wins_over_what_is_made),
        cmocka_unit_test(names_become_ids),
        cmocka_unit_test(facts_are_told_or_not),
        cmocka_unit_test(members_and_numbers_are_read),
        cmocka_unit_test(fields_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
