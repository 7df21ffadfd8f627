/* Bytes of anybody as text that is shown: what commands a terminal, or turns text around, is told, never sent. */
#include "base/error.h"
#include "base/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *bytes, *text, *json, *message;
} shown[] = {
    {"plain \xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", "plain \xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80",
     "\"plain \xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"", "plain \xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80"},
    {"a\033[1m\n", "a\\x1b[1m\\x0a", "\"a\\u001b[1m\\u000a\"", "a?[1m?"},
    {"\x7f", "\\x7f", "\"\\u007f\"", "?"},
    {"\xc2\x9b\xc2\xa0", "\\xc2\\x9b\xc2\xa0", "\"\\u009b\xc2\xa0\"", "??\xc2\xa0"},
    {"x\xe2\x80\xae"
     "fdp",
     "x\\xe2\\x80\\xae"
     "fdp",
     "\"x\\u202efdp\"", "x???fdp"},
    {"\xe2\x80\xad\xe2\x80\xaf", "\\xe2\\x80\\xad\xe2\x80\xaf", "\"\\u202d\xe2\x80\xaf\"", "???\xe2\x80\xaf"},
    {"\xe2\x81\xa9\xe2\x80\x8d", "\\xe2\\x81\\xa9\xe2\x80\x8d", "\"\\u2069\xe2\x80\x8d\"", "???\xe2\x80\x8d"},
    {"\xd8\x9c", "\\xd8\\x9c", "\"\\u061c\"", "??"},
    {"\xff\xe2\x80", "\\xff\\xe2\\x80", "\"\\udcff\\udce2\\udc80\"", "???"},
    {"\\", "\\\\", "\"\\\\\"", "\\"},
};

static void assert_bytes(const struct buffer *got, const char *expected)
{
    assert_int_equal(got->size, strlen(expected));
    assert_memory_equal(got->bytes, expected, got->size);
}

static void nothing_is_obeyed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct buffer text cleanup_buffer = {0}, json cleanup_buffer = {0}, line cleanup_buffer = {0};
        struct error err;

        quote_text(&text, shown[i].bytes, strlen(shown[i].bytes));
        assert_bytes(&text, shown[i].text);
        quote_json(&json, shown[i].bytes, strlen(shown[i].bytes));
        quote_json_shown(&line, json.bytes, json.size);
        assert_bytes(&line, shown[i].json);
        error_input(&err, "%s", shown[i].bytes);
        assert_string_equal(err.text, shown[i].message);
    }
}

static void lines_stay_lines(void **state)
{
    static const char lines[] = "{\"a\":1}\n{\"b\":\"\x7f\"}\n";
    struct buffer out cleanup_buffer = {0};
    (void)state;

    quote_json_shown(&out, lines, sizeof lines - 1);
    assert_bytes(&out, "{\"a\":1}\n{\"b\":\"\\u007f\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_obeyed),
        cmocka_unit_test(lines_stay_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
