/* One record in each dialect, and the keys that the json dialect drops. */
#include "import/dialect.h"

#include "base/quote.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;
static struct dialect *dialect;

/* Each record as "type|key|value canonical" on a line. */
static int show(void *arg, const struct record *record, struct error *e)
{
    struct buffer *out = arg;
    struct json_scratch scratch = {0};
    struct json json;

    buffer_add(out, record->type, record->type_size);
    buffer_add_byte(out, '|');
    quote_json(out, record->key, record->key_size);
    buffer_add_byte(out, '|');
    json_begin(&json, record->value.text, record->value.size);
    int rc = json_canonical(out, &json, record->enveloped ? record_envelope : NULL, &scratch);
    if (rc < 0)
        rc = record_broken(e, "value", &json);
    buffer_add_byte(out, '\n');
    json_scratch_free(&scratch);
    return rc;
}

static void expect(const char *line, const char *records)
{
    struct buffer out = {0};
    char *exact = malloc(strlen(line) + 1);

    memcpy(exact, line, strlen(line));
    if (dialect_read(dialect, exact, strlen(line), show, &out, &err) < 0)
        fail_msg("%s: %s", line, err.text);
    buffer_add_byte(&out, '\0');
    assert_string_equal((const char *)out.bytes, records);
    buffer_free(&out);
    free(exact);
}

static void expect_broken(const char *line, const char *why)
{
    struct buffer out = {0};

    assert_int_equal(dialect_read(dialect, line, strlen(line), show, &out, &err), RECORD_BROKEN);
    assert_string_equal(err.text, why);
    buffer_free(&out);
}

static void csv_rows(void **state)
{
    (void)state;
    expect("os\t\"linux\"\t{\"b\":1,\"a\":\"x\\ty\"}\n", "os|\"linux\"|{\"a\":\"x\\u0009y\",\"b\":1}\n");
    expect("os\t\"linux\"\t{\"a\":\t1}", "os|\"linux\"|{\"a\":1}\n");
    expect("x\t\"a\\u00e9\\u0000\"\t[]\n", "x|\"a\xc3\xa9\\u0000\"|[]\n");
    expect("x\t17\t{}\n", "x|\"17\"|{}\n");
    expect("os\t\"linux\"\t{}\r\n", "os|\"linux\"|{}\n");
    expect("x\t'\"it''s\"'\t'{\"a\":\"''\"}'\r\n", "x|\"it's\"|{\"a\":\"'\"}\n");
    expect("\n", "");
    expect(" \r\n", "");
}

static const char no_record[] =
    "not a record of a frame, expected is a line of type TAB \"key\" TAB {value}, or a JSON object";

static void rows_that_are_none(void **state)
{
    (void)state;
    expect_broken("hello", no_record);
    expect_broken("os\t\"linux\"", no_record);
    expect_broken("two words\t\"linux\"\t{}", no_record);
    expect_broken("\t\"linux\"\t{}", no_record);
    expect_broken("os\t'\"linux\"\t{}", no_record);
    expect_broken("os\t'\"linux\"'x\t{}", no_record);
    expect_broken("os\t\"linux\"\t'{}'x", no_record);
    expect_broken("os\t\"lin\t{}", "broken record, in its key: a string without its end (byte 4)");
    expect_broken("os\t\"linux\" x\t{}", "broken record, in its key: something follows the value (byte 8)");
    expect_broken("os\t\"linux\"\t{\"a\":}", "broken record, in its value: a value is expected (byte 5)");
    expect_broken("ns.cpu-0.idle 99.500000 1489251869",
                  "graphite metrics cannot be imported, they hold no features: emit the csv or json format");
}

static void json_objects(void **state)
{
    (void)state;
    expect("{\"namespace\":\"n\",\"timestamp\":\"t\"}",
           "metadata|\"metadata\"|{\"namespace\":\"n\",\"timestamp\":\"t\"}\n");
    expect("{\"path\":\"/a\",\"size\":1,\"feature_type\":\"file\",\"namespace\":\"n\"}",
           "file|\"/a\"|{\"path\":\"/a\",\"size\":1}\n");
    expect_broken("{\"feature_type\":1,\"a\":2}", "broken record, its feature_type is no string");
    expect_broken("{\"feature_type\":\"\",\"a\":2}", "broken record, its feature_type has not 1 to 255 bytes");
    expect_broken("{\"a\":{}}", "not a record of a frame, the object has neither a feature_type nor metadata");
    expect_broken("{\"a\":1", "broken record, in its object: an object without its end (byte 6)");
    expect_broken("{\"a\":1} x", "broken record, in its object: something follows the value (byte 8)");
}

static void keys_are_made_again(void **state)
{
    static const struct {
        const char *fields, *key;
    } cases[] = {
        {"\"a\":1,\"feature_type\":\"os\"", "linux"},
        {"\"path\":\"/etc/x\",\"feature_type\":\"config\"", "/etc/x"},
        {"\"pkgname\":\"bash\",\"feature_type\":\"package\"", "bash"},
        {"\"pkgname\":\"six\",\"feature_type\":\"python-package\"", "six"},
        {"\"pname\":\"sh\",\"pid\":17,\"feature_type\":\"process\"", "sh/17"},
        {"\"pname\":\"sh\",\"pid\":\"17\",\"feature_type\":\"metric\"", "sh/17"},
        {"\"pid\":17,\"localipaddr\":\"::1\",\"localport\":null,\"feature_type\":\"connection\"", "17/::1/None"},
        {"\"mountpt\":\"/\",\"feature_type\":\"disk\"", "/"},
        {"\"cpu_idle\":1,\"feature_type\":\"cpu\"", "cpu-0"},
        {"\"cpu_idle\":1,\"feature_type\":\"cpu\"", "cpu-1"},
        {"\"memory_used\":1,\"feature_type\":\"memory\"", "memory"},
        {"\"shortterm\":1,\"feature_type\":\"load\"", "load"},
        {"\"Id\":\"abc\",\"feature_type\":\"dockerinspect\"", "abc"},
        {"\"lines\":[],\"path\":\"/proc/version\",\"feature_type\":\"proc\"", "/proc/version"},
        {"\"path\":\"/a.jar\",\"feature_type\":\"jar\"", "/a.jar"},
        {"\"if_octets_tx\":1,\"feature_type\":\"interface\"", ""},
        {"\"x\":1,\"feature_type\":\"what\"", ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[300];
        struct record record;

        snprintf(line, sizeof line, "{%s,\"namespace\":\"n\"}", cases[i].fields);
        assert_int_equal(dialect_read_again(&record, dialect, line, strlen(line), &err), 0);
        assert_int_equal(record.key_size, strlen(cases[i].key));
        assert_memory_equal(record.key, cases[i].key, record.key_size);
    }
}

static void fluentd_objects(void **state)
{
    (void)state;
    expect("{\"feature_type\":\"os\",\"feature_key\":\"linux\",\"feature_val\":{\"a\":1},\"uuid\":\"x\"}",
           "os|\"linux\"|{\"a\":1}\n");
    expect("{\"feature_type\":\"x\",\"feature_key\":17,\"feature_val\":{}}", "x|\"17\"|{}\n");
}

static void logstash_objects(void **state)
{
    struct record record;
    static const char member[] = "\"/b\\u0041\": {\"size\":1}";
    (void)state;

    expect("{\"os\":{\"linux\":{\"a\":1}},\"file\":{\"/b\":{},\"/a\":{\"x\":1},\"/"
           "a\":{\"x\":2}},\"metadata\":{\"namespace\":\"n\"}}",
           "metadata|\"metadata\"|{\"namespace\":\"n\"}\n"
           "file|\"/a\"|{\"x\":2}\n"
           "file|\"/b\"|{}\n"
           "os|\"linux\"|{\"a\":1}\n");
    expect("{\"os\":{\"linux\":{\"a\":1}},\"metadata\":{},\"os\":{\"linux\":{\"b\":1}}}",
           "metadata|\"metadata\"|{}\nos|\"linux\"|{\"b\":1}\n");
    expect_broken("{\"metadata\":{},\"x\":1}", "broken record, in its object: an object is expected (byte 19)");
    expect_broken("{\"metadata\":{},\"\":{}}", "broken record, a type of 0 bytes");
    assert_int_equal(dialect_read_again(&record, dialect, member, strlen(member), &err), 0);
    assert_int_equal(record.key_size, 3);
    assert_memory_equal(record.key, "/bA", 3);
    assert_int_equal(record.value.size, strlen("{\"size\":1}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_rows),        cmocka_unit_test(rows_that_are_none),
        cmocka_unit_test(json_objects),    cmocka_unit_test(keys_are_made_again),
        cmocka_unit_test(fluentd_objects), cmocka_unit_test(logstash_objects),
    };

    dialect = dialect_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dialect_free(dialect);
    return failed;
}
