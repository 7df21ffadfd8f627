/* The cursor, strings and canonical texts: what a crawler may write, and what nobody may. */
#include "import/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_scratch scratch;

static int canonical(struct buffer *out, struct json *json, const char *text, size_t size)
{
    buffer_clear(out);
    json_begin(json, text, size);
    int rc = json_canonical(out, json, NULL, &scratch);
    return rc < 0 ? rc : json_finish(json);
}

static void expect_canonical(const char *text, size_t size, const char *expected)
{
    struct buffer out = {0};
    struct json json;

    /* From memory without anything behind it, so that a sanitizer sees a read too far. */
    char *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    if (canonical(&out, &json, exact, size) < 0)
        fail_msg("%s: %s at %zu", text, json.why, json_offset(&json));
    buffer_add_byte(&out, '\0');
    assert_string_equal((const char *)out.bytes, expected);
    free(exact);

    /* A canonical text is its own canonical text. */
    struct buffer again = {0};
    assert_int_equal(canonical(&again, &json, expected, strlen(expected)), 0);
    assert_int_equal(again.size, strlen(expected));
    assert_memory_equal(again.bytes, expected, again.size);
    buffer_free(&again);
    buffer_free(&out);
}

static void values_have_one_text(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {" { } ", "{}"},
        {"[ ]", "[]"},
        {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"},
        {"{\"\":1,\"\":2}", "{\"\":2}"},
        {"{\"ab\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"ab\":1}"},
        {"{\"x\":{\"b\":[{\"d\":1,\"c\":2}],\"a\":0},\"a\":[1 , 2]}",
         "{\"a\":[1,2],\"x\":{\"a\":0,\"b\":[{\"c\":2,\"d\":1}]}}"},
        {"[1.0,1.00,1e5,-0,12345678901234567890123,0.1E-2]", "[1.0,1.00,1e5,-0,12345678901234567890123,0.1E-2]"},
        {"[NaN,Infinity,-Infinity,null,true,false]", "[null,null,null,null,true,false]"},
        {"\"\\u00e9 \\/ \\n \\u0000 \\\" \\\\ \x7f\"", "\"\xc3\xa9 / \\u000a \\u0000 \\\" \\\\ \x7f\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\udcff\\udce9\"", "\"\\udcff\\udce9\""},
        {"\"\\udcc3\\udca9\"", "\"\xc3\xa9\""},
        {"\"\\ud800\"", "\"\\udced\\udca0\\udc80\""},
        {"\"\\ud83d\\u0041\"", "\"\\udced\\udca0\\udcbd"
                               "A\""},
        {"\"\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\"",
         "\"\\udcff\\udcc0\\udc80\\udced\\udca0\\udc80\\udcf4\\udc90\\udc80\\udc80\""},
        {"\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\xe0\xa0\x80\"", "\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\xe0\xa0\x80\""},
        {"\"\xe2\x82\"", "\"\\udce2\\udc82\""},
        {"17", "17"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_canonical(cases[i].text, strlen(cases[i].text), cases[i].expected);
}

static void broken_texts_are_told_where(void **state)
{
    static const struct {
        const char *text, *why;
        size_t offset;
    } cases[] = {
        {"", "a value is expected", 0},
        {"  ", "a value is expected", 2},
        {"{", "an object without its end", 1},
        {"{\"a\"", "a colon is expected", 4},
        {"{\"a\":", "a value is expected", 5},
        {"{\"a\":1", "an object without its end", 6},
        {"{\"a\":1,", "a string is expected", 7},
        {"{\"a\":1,}", "a string is expected", 7},
        {"{\"a\" 1}", "a colon is expected", 5},
        {"{a:1}", "a string is expected", 1},
        {"{\"a\":1 \"b\":2}", "a comma or the object's end is expected", 7},
        {"[1,]", "a value is expected", 3},
        {"[1 2]", "a comma or the array's end is expected", 3},
        {"[", "an array without its end", 1},
        {"\"abc", "a string without its end", 4},
        {"\"ab\\", "a string without its end", 3},
        {"\"ab\\u12", "a string without its end", 3},
        {"\"ab\\u12g4\"", "an unknown escape in a string", 3},
        {"\"\\x41\"", "an unknown escape in a string", 1},
        {"\"a\nb\"", "a control character in a string", 2},
        {"01", "a number that is none", 2},
        {"1.", "a number that is none", 2},
        {"1e", "a number that is none", 2},
        {"-", "a number that is none", 1},
        {".5", "a value is expected", 0},
        {"nul", "a value is expected", 0},
        {"nullx", "something follows the value", 4},
        {"{} {}", "something follows the value", 3},
    };
    struct buffer out = {0};
    struct json json;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(canonical(&out, &json, cases[i].text, strlen(cases[i].text)), -EBADMSG);
        assert_string_equal(json.why, cases[i].why);
        assert_int_equal(json_offset(&json), cases[i].offset);
        json_begin(&json, cases[i].text, strlen(cases[i].text));
        assert_true(json_skip(NULL, &json) < 0 || json_finish(&json) < 0);
        assert_int_equal(json_offset(&json), cases[i].offset);
    }
    buffer_free(&out);
}

static void depth_is_bounded(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 3];
    struct buffer out = {0};
    struct json json;
    (void)state;

    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(canonical(&out, &json, text, 2 * JSON_DEPTH_MAX), 0);
    json_begin(&json, text, 2 * JSON_DEPTH_MAX);
    assert_int_equal(json_skip(NULL, &json), 0);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(canonical(&out, &json, text, 2 * JSON_DEPTH_MAX + 2), -EBADMSG);
    assert_string_equal(json.why, "nested deeper than 128");
    json_begin(&json, text, 2 * JSON_DEPTH_MAX + 2);
    assert_int_equal(json_skip(NULL, &json), -EBADMSG);
    buffer_free(&out);
}

static void decode(struct buffer *out, bool *lone, const char *text)
{
    struct json json;
    struct json_string string;

    buffer_clear(out);
    *lone = false;
    json_begin(&json, text, strlen(text));
    assert_int_equal(json_read_string(&string, &json), 0);
    json_decode(out, &string, lone);
}

static void strings_become_bytes(void **state)
{
    static const struct {
        const char *text, *bytes;
        size_t size;
        bool lone;
    } cases[] = {
        {"\"\"", "", 0, false},
        {"\"plain text, longer than eight bytes\"", "plain text, longer than eight bytes", 35, false},
        {"\"\\b\\f\\n\\r\\t\\/\\\\\\\"\"", "\b\f\n\r\t/\\\"", 8, false},
        {"\"a\\u0000b\"", "a\0b", 3, false},
        {"\"\\u00E9\\u20ac\"", "\xc3\xa9\xe2\x82\xac", 5, false},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4, false},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4, false},
        {"\"\\udc80\\udcff\"", "\x80\xff", 2, false},
        {"\"\\udc7f\"", "\xed\xb1\xbf", 3, true},
        {"\"\\ud800x\"", "\xed\xa0\x80x", 4, true},
        {"\"\\ud800\\ud800\\udc00\"", "\xed\xa0\x80\xf0\x90\x80\x80", 7, true},
        {"\"\xff\xfe\"", "\xff\xfe", 2, false},
    };
    struct buffer out = {0};
    bool lone;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decode(&out, &lone, cases[i].text);
        assert_int_equal(out.size, cases[i].size);
        if (out.size)
            assert_memory_equal(out.bytes, cases[i].bytes, out.size);
        assert_int_equal(lone, cases[i].lone);
    }
    buffer_free(&out);
}

static void members_are_found_and_left_out(void **state)
{
    static const char text[] = "{\"a\":1,\"b\":{\"a\":5},\"a\":[2],\"\\u0063\":3}";
    static const char *const leave_out[] = {"c", "a", NULL};
    struct buffer out = {0};
    struct json json;
    struct json_span value;
    (void)state;

    json_begin(&json, text, strlen(text));
    assert_int_equal(json_find(&value, &json, "a"), 1);
    assert_int_equal(value.size, 3);
    assert_memory_equal(value.text, "[2]", 3);
    json_begin(&json, text, strlen(text));
    assert_int_equal(json_find(&value, &json, "c"), 1);
    json_begin(&json, text, strlen(text));
    assert_int_equal(json_find(&value, &json, "d"), 0);
    json_begin(&json, "[]", 2);
    assert_int_equal(json_find(&value, &json, "d"), -EBADMSG);
    json_begin(&json, text, strlen(text));
    assert_int_equal(json_canonical(&out, &json, leave_out, &scratch), 0);
    assert_int_equal(out.size, strlen("{\"b\":{\"a\":5}}"));
    assert_memory_equal(out.bytes, "{\"b\":{\"a\":5}}", out.size);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_one_text),
        cmocka_unit_test(broken_texts_are_told_where),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(strings_become_bytes),
        cmocka_unit_test(members_are_found_and_left_out),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    json_scratch_free(&scratch);
    return failed;
}
