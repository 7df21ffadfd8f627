/* What policies keep: each rule alone and together, calendars, durations. */
#include "db/policy.h"

#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SNAPSHOTS_MAX 16

/* Newest first; behind the time "p" is pinned, "t" has a tag, "r" is an older revision of the one before. What is
 * expected: a letter a reason (below), "." none, one word a snapshot. */
static const struct {
    const char *name;
    struct policy policy;
    const char *snapshots[SNAPSHOTS_MAX];
    const char *expected;
} cases[] = {
    {"last",
     {.counts[POLICY_LAST] = 2},
     {"2020-01-03T00:00:00Z", "2020-01-02T00:00:00Z", "2020-01-01T00:00:00Z"},
     "l l ."},
    {"last, of fewer", {.counts[POLICY_LAST] = 9}, {"2020-01-03T00:00:00Z"}, "l"},
    {"hours",
     {.counts[POLICY_HOURLY] = 2},
     {"2020-01-01T12:59:59Z", "2020-01-01T12:00:00Z", "2020-01-01T11:59:59.999999999Z", "2020-01-01T10:00:00Z"},
     "h . h ."},
    {"empty hours do not count", {.counts[POLICY_HOURLY] = 2}, {"2020-01-01T12:00:00Z", "1999-01-01T12:00:00Z"}, "h h"},
    {"days",
     {.counts[POLICY_DAILY] = 2},
     {"2020-03-01T00:00:00Z", "2020-02-29T23:59:59Z", "2020-02-29T00:00:00Z", "2020-02-28T23:00:00Z"},
     "d d . ."},
    {"weeks begin with Monday",
     {.counts[POLICY_WEEKLY] = 3},
     {"2020-01-06T00:00:00Z", "2020-01-05T23:59:59Z", "2019-12-30T00:00:00Z", "2019-12-29T23:59:59Z"},
     "w w . w"},
    {"months",
     {.counts[POLICY_MONTHLY] = 2},
     {"2020-01-31T00:00:00Z", "2020-01-01T00:00:00Z", "2019-12-31T23:59:59Z", "2019-11-30T00:00:00Z"},
     "m . m ."},
    {"years",
     {.counts[POLICY_YEARLY] = 2},
     {"2020-01-31T00:00:00Z", "2019-12-31T23:59:59Z", "2019-01-01T00:00:00Z", "2018-12-31T00:00:00Z"},
     "y y . ."},
    {"within, from the newest on",
     {.has_within = true, .within = {.days = 1}},
     {"2020-01-02T12:00:00Z", "2020-01-01T12:00:00Z", "2020-01-01T11:59:59Z"},
     "i i ."},
    {"together",
     {.counts = {[POLICY_LAST] = 1, [POLICY_DAILY] = 2, [POLICY_MONTHLY] = 2}},
     {"2020-01-02T12:00:00Z", "2020-01-02T11:00:00Z", "2020-01-01T12:00:00Z", "2019-12-05T00:00:00Z",
      "2019-12-04T00:00:00Z"},
     "ldm . d m ."},
    {"pinned and tagged",
     {.counts[POLICY_LAST] = 1},
     {"2020-01-02T12:00:00Z", "2020-01-02T11:00:00Zp", "2020-01-01T12:00:00Zt", "2019-12-05T00:00:00Zpt",
      "2019-12-04T00:00:00Z"},
     "l p t pt ."},
    {"what is pinned uses up no rule",
     {.counts[POLICY_LAST] = 2},
     {"2020-01-02T12:00:00Z", "2020-01-02T11:00:00Z", "2020-01-01T12:00:00Zp"},
     "l l p"},
    {"revisions go with the newest",
     {.counts[POLICY_LAST] = 2},
     {"2020-01-03T00:00:00Z", "2020-01-03T00:00:00Zr", "2020-01-02T00:00:00Z", "2020-01-01T00:00:00Z",
      "2020-01-01T00:00:00Zr"},
     "l r l . ."},
    {"a pinned revision keeps itself",
     {.counts[POLICY_LAST] = 1},
     {"2020-01-03T00:00:00Z", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Zrp"},
     "l . p"},
    {"none", {.counts[POLICY_LAST] = 1}, {NULL}, ""},
};

static const char letters[POLICY_RULES] = "lhdwmyiptr";

static size_t read_snapshots(struct policy_snapshot out[SNAPSHOTS_MAX], const char *const *texts)
{
    size_t count = 0;

    for (; texts[count]; count++) {
        const char *z = strchr(texts[count], 'Z') + 1;
        char time[40];

        snprintf(time, sizeof time, "%.*s", (int)(z - texts[count]), texts[count]);
        out[count] = (struct policy_snapshot){
            .time = scratch_time(time),
            .newer = strchr(z, 'r') ? count : 0,
            .is_pinned = strchr(z, 'p'),
            .is_tagged = strchr(z, 't'),
            .reasons = ~0u,
        };
    }
    return count;
}

static void each_rule_keeps_what_it_should(void **state)
{
    (void)state;

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct policy_snapshot snapshots[SNAPSHOTS_MAX];
        size_t count = read_snapshots(snapshots, cases[c].snapshots);
        char text[200] = "", *end = text;

        policy_apply(snapshots, count, &cases[c].policy);
        for (size_t i = 0; i < count; i++) {
            if (i)
                *end++ = ' ';
            if (!snapshots[i].reasons)
                *end++ = '.';
            for (unsigned rule = 0; rule < POLICY_RULES; rule++)
                if (snapshots[i].reasons & 1u << rule)
                    *end++ = letters[rule];
        }
        *end = '\0';
        if (strcmp(text, cases[c].expected) != 0)
            fail_msg("%s: %s instead of %s", cases[c].name, text, cases[c].expected);
    }
}

static void durations_are_calendars(void **state)
{
    static const struct {
        const char *from, *duration, *to;
    } some[] = {
        {"2020-03-31T10:00:00.5Z", "1m", "2020-02-29T10:00:00.5Z"},
        {"2021-03-31T10:00:00Z", "1m", "2021-02-28T10:00:00Z"},
        {"2020-01-15T00:00:00Z", "1m", "2019-12-15T00:00:00Z"},
        {"2020-02-29T00:00:00Z", "1y", "2019-02-28T00:00:00Z"},
        {"2020-03-01T00:00:00Z", "1y2m3d4h", "2018-12-28T20:00:00Z"},
        {"2020-01-01T00:00:00Z", "0h", "2020-01-01T00:00:00Z"},
        {"2020-01-01T00:00:00Z", "50y", "1970-01-01T00:00:00Z"},
        {"2020-01-01T00:00:00Z", "51y", "1970-01-01T00:00:00Z"},
        {"1970-01-02T00:00:00Z", "3d", "1970-01-01T00:00:00Z"},
    };
    static const char *const wrong[] = {"",    "1",   "d",   "1x",     "1d1y", "1d1d",
                                        "-1d", "1 d", "+1d", "10000d", "1dx",  "99999999999999999999d"};
    struct policy_duration duration;
    (void)state;

    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        assert_true(policy_parse_duration(&duration, some[i].duration));
        assert_int_equal(policy_before(scratch_time(some[i].from), &duration), scratch_time(some[i].to));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (policy_parse_duration(&duration, wrong[i]))
            fail_msg("\"%s\" was taken", wrong[i]);
}

static void an_empty_policy_is_told(void **state)
{
    struct policy policy = {0};
    (void)state;

    assert_true(policy_is_empty(&policy));
    policy.has_within = true;
    assert_false(policy_is_empty(&policy));
    policy = (struct policy){.counts[POLICY_YEARLY] = 1};
    assert_false(policy_is_empty(&policy));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_keeps_what_it_should),
        cmocka_unit_test(durations_are_calendars),
        cmocka_unit_test(an_empty_policy_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
