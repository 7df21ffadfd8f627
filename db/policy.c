/* policy.c - see policy.h. */
#include "db/policy.h"

#include "base/timestamp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR 3600u /* seconds */
#define DAY (24 * HOUR)
#define DURATION_NUMBER_MAX 9999u

const char *const policy_names[POLICY_RULES] = {
    [POLICY_LAST] = "last",         [POLICY_HOURLY] = "hourly",   [POLICY_DAILY] = "daily",
    [POLICY_WEEKLY] = "weekly",     [POLICY_MONTHLY] = "monthly", [POLICY_YEARLY] = "yearly",
    [POLICY_WITHIN] = "within",     [POLICY_PINNED] = "pinned",   [POLICY_TAGGED] = "tagged",
    [POLICY_REVISION] = "revision",
};

/* --- Periods ------------------------------------------------------------------------------------------------------ */

static struct tm calendar(uint64_t time)
{
    time_t seconds = (time_t)(time / NANOSECONDS);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    return tm;
}

/* 1970 began with a Thursday. */
static uint64_t week_of(uint64_t time)
{
    return (time / NANOSECONDS / DAY + 3) / 7;
}

static uint64_t month_of(uint64_t time)
{
    struct tm tm = calendar(time);

    return (uint64_t)tm.tm_year * 12 + (uint64_t)tm.tm_mon;
}

static uint64_t year_of(uint64_t time)
{
    return (uint64_t)calendar(time).tm_year;
}

static uint64_t hour_of(uint64_t time)
{
    return time / NANOSECONDS / HOUR;
}

static uint64_t day_of(uint64_t time)
{
    return time / NANOSECONDS / DAY;
}

/* Which period of its rule a time is in; NULL: each snapshot is one. */
static uint64_t (*const periods[POLICY_COUNTED])(uint64_t time) = {
    [POLICY_HOURLY] = hour_of,   [POLICY_DAILY] = day_of,   [POLICY_WEEKLY] = week_of,
    [POLICY_MONTHLY] = month_of, [POLICY_YEARLY] = year_of,
};

/* --- Durations ---------------------------------------------------------------------------------------------------- */

bool policy_parse_duration(struct policy_duration *duration, const char *text)
{
    static const char units[] = "ymdh";
    unsigned *const fields[] = {&duration->years, &duration->months, &duration->days, &duration->hours};
    size_t next = 0;

    *duration = (struct policy_duration){0};
    if (!*text)
        return false;
    while (*text) {
        char *end;
        unsigned long number = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : DURATION_NUMBER_MAX + 1;

        if (number > DURATION_NUMBER_MAX || !*end)
            return false;
        const char *unit = strchr(units + next, *end);
        if (!unit)
            return false;
        *fields[unit - units] = (unsigned)number;
        next = (size_t)(unit - units) + 1;
        text = end + 1;
    }
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month] + (month == 1 && is_leap);
}

uint64_t policy_before(uint64_t time, const struct policy_duration *duration)
{
    struct tm tm = calendar(time);
    int months = (tm.tm_year + 1900) * 12 + tm.tm_mon - (int)(duration->years * 12 + duration->months);

    if (months < 1970 * 12)
        return 0;
    int year = months / 12, month = months % 12, last = days_of_month(year, month);
    tm.tm_year = year - 1900;
    tm.tm_mon = month;
    if (tm.tm_mday > last)
        tm.tm_mday = last;
    uint64_t seconds = (uint64_t)timegm(&tm), back = (uint64_t)duration->days * DAY + (uint64_t)duration->hours * HOUR;
    return seconds < back ? 0 : (seconds - back) * NANOSECONDS + time % NANOSECONDS;
}

/* --- Applying ----------------------------------------------------------------------------------------------------- */

bool policy_is_empty(const struct policy *policy)
{
    for (size_t rule = 0; rule < POLICY_COUNTED; rule++)
        if (policy->counts[rule])
            return false;
    return !policy->has_within;
}

/* What a rule has left to keep, and the period that it kept one of last. */
struct counting {
    unsigned left;
    bool any;
    uint64_t last;
};

static bool keeps(struct counting *counting, enum policy_rule rule, uint64_t time)
{
    uint64_t period = periods[rule] ? periods[rule](time) : 0;

    if (counting->left == 0 || (periods[rule] && counting->any && counting->last == period))
        return false;
    counting->left--;
    counting->any = true;
    counting->last = period;
    return true;
}

static unsigned own_reasons(const struct policy_snapshot *s)
{
    return (s->is_pinned ? 1u << POLICY_PINNED : 0) | (s->is_tagged ? 1u << POLICY_TAGGED : 0);
}

void policy_apply(struct policy_snapshot *snapshots, size_t count, const struct policy *policy)
{
    struct counting counting[POLICY_COUNTED] = {0};
    uint64_t oldest = count && policy->has_within ? policy_before(snapshots[0].time, &policy->within) : 0;

    for (size_t rule = 0; rule < POLICY_COUNTED; rule++)
        counting[rule].left = policy->counts[rule];
    for (size_t i = 0; i < count; i++) {
        struct policy_snapshot *s = &snapshots[i];

        s->reasons = own_reasons(s);
        if (s->newer) {
            s->reasons |= snapshots[s->newer - 1].reasons ? 1u << POLICY_REVISION : 0;
            continue;
        }
        for (enum policy_rule rule = 0; rule < POLICY_COUNTED; rule++)
            if (keeps(&counting[rule], rule, s->time))
                s->reasons |= 1u << rule;
        if (policy->has_within && s->time >= oldest)
            s->reasons |= 1u << POLICY_WITHIN;
    }
}
