/* Times as frames write them, to the nanosecond, and what the outside may send instead. */
#include "base/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void seconds_are_exact(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"0", 0},
        {"1489251869.702927", 1489251869702927000},
        {"1795279315.3210626", 1795279315321062600},
        {"1489251869.55", 1489251869550000000},
        {"1488843448.0", 1488843448000000000},
        {"1.4e9", 1400000000000000000},
        {"14E+8", 1400000000000000000},
        {"0.0000000019", 1},
        {"00012.5", 12500000000},
        {"5e-9", 5},
        {"0.05", 50000000},
        {"-3.5", 0},
        {"-0", 0},
        {"4294967295.999999999", TIMESTAMP_MAX},
        {"4294967296", TIMESTAMP_MAX},
        {"9999999999999999999999", TIMESTAMP_MAX},
        {"1e400", TIMESTAMP_MAX},
        {"1e-400", 0},
        {"0e99999999999", 0},
    };
    static const char *const bad[] = {"", "-", ".", "e5", "NaN", "Infinity", "1e", "1.2.3", "12x", " 1"};
    uint64_t ns;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(timestamp_parse_seconds(&ns, good[i].text, strlen(good[i].text)));
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(timestamp_parse_seconds(&ns, bad[i], strlen(bad[i])));
}

static void dates_are_read_and_written(void **state)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"2017-03-11T17:04:42+0000", "2017-03-11T17:04:42Z"},
        {"2017-03-11T17:04:42Z", "2017-03-11T17:04:42Z"},
        {"2017-03-11 17:04:42.25-01:30", "2017-03-11T18:34:42.25Z"},
        {"2017-03-11T00:04:42+0100", "2017-03-10T23:04:42Z"},
        {"2016-02-29T23:59:60Z", "2016-03-01T00:00:00Z"},
        {"1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
    };
    static const char *const bad[] = {"",
                                      "2017",
                                      "2017-03-11",
                                      "2017-13-11T17:04:42Z",
                                      "2017-02-29T17:04:42Z",
                                      "2017-03-11T17:04:42Q",
                                      "2017-03-11T17:04:42+00",
                                      "2017-03-11T17:04:42Zx"};
    char text[TIMESTAMP_TEXT_SIZE];
    uint64_t ns;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(timestamp_parse(&ns, good[i].in, strlen(good[i].in)));
        timestamp_format(text, ns);
        assert_string_equal(text, good[i].out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(timestamp_parse(&ns, bad[i], strlen(bad[i])));
}

static void partial_times_are_their_last_instants(void **state)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"2017", "2017-12-31T23:59:59.999999999Z"},
        {"2016-02", "2016-02-29T23:59:59.999999999Z"},
        {"2016-12Z", "2016-12-31T23:59:59.999999999Z"},
        {"2017-03-11", "2017-03-11T23:59:59.999999999Z"},
        {"2017-03-11t17", "2017-03-11T17:59:59.999999999Z"},
        {"2017-03-11 17:04", "2017-03-11T17:04:59.999999999Z"},
        {"2017-03-11T17:04+01:00", "2017-03-11T16:04:59.999999999Z"},
        {"2017-03-11T17-0130", "2017-03-11T19:29:59.999999999Z"},
        {"2017-03-11T17:04:42Z", "2017-03-11T17:04:42.999999999Z"},
        {"2017-03-11T17:04:42+00:00", "2017-03-11T17:04:42.999999999Z"},
        {"2017-03-11T00:04:42.5+01:00", "2017-03-10T23:04:42.5Z"},
        {"2017-03-11T17:04:42.25", "2017-03-11T17:04:42.25Z"},
        {"0000", "1970-01-01T00:00:00Z"},
        {"9999", "2106-02-07T06:28:15.999999999Z"},
    };
    static const char *const bad[] = {"",
                                      "201",
                                      "20170",
                                      "2017-3",
                                      "2017-13",
                                      "2017-02-29",
                                      "2017-0100",
                                      "2017+01:00",
                                      "2017-03-11+0100",
                                      "2017-03-11T24",
                                      "2017-03-1",
                                      "2017-03-11T17:",
                                      "2017-03-11TZ",
                                      "2017ZZ",
                                      "10.0.2.15"};
    char text[TIMESTAMP_TEXT_SIZE];
    uint64_t ns;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!timestamp_parse_partial(&ns, good[i].in, strlen(good[i].in)))
            fail_msg("%s is no time", good[i].in);
        timestamp_format(text, ns);
        assert_string_equal(text, good[i].out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (timestamp_parse_partial(&ns, bad[i], strlen(bad[i])))
            fail_msg("%s is a time", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_exact),
        cmocka_unit_test(dates_are_read_and_written),
        cmocka_unit_test(partial_times_are_their_last_instants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
