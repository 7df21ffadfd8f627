/* timestamp.c - time and its text, exact to the nanosecond. */
#include "base/timestamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t timestamp_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

void timestamp_format(char out[TIMESTAMP_TEXT_SIZE], uint64_t ns)
{
    time_t seconds = (time_t)(ns / NANOSECONDS);
    unsigned fraction = (unsigned)(ns % NANOSECONDS);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    size_t used = strftime(out, TIMESTAMP_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (fraction) {
        used += (size_t)snprintf(out + used, TIMESTAMP_TEXT_SIZE - used, ".%09u", fraction);
        while (out[used - 1] == '0')
            used--;
    }
    memcpy(out + used, "Z", 2);
}

void timestamp_format_seconds(char out[TIMESTAMP_TEXT_SIZE], uint64_t ns)
{
    timestamp_format(out, ns / NANOSECONDS * NANOSECONDS);
}

/* A cursor over text; every reader below moves it only when it found what it wants. */
struct cursor {
    const char *at, *end;
};

static bool read_digits(unsigned *value, struct cursor *c, int count)
{
    if (c->end - c->at < count)
        return false;
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (c->at[i] < '0' || c->at[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(c->at[i] - '0');
    }
    c->at += count;
    return true;
}

static bool read_one_of(struct cursor *c, const char *set)
{
    if (c->at == c->end || *c->at == '\0' || !strchr(set, *c->at))
        return false;
    c->at++;
    return true;
}

/* Digits after a decimal point, as nanoseconds; what is finer is cut off. */
static unsigned read_fraction(struct cursor *c)
{
    unsigned ns = 0, unit = (unsigned)NANOSECONDS / 10;

    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, unit /= 10)
        ns += (unsigned)(*c->at - '0') * unit;
    return ns;
}

/* "Z", "+0100", "+01:00" or nothing (UTC), as seconds to subtract. */
static bool read_offset(int *offset, struct cursor *c)
{
    unsigned hours, minutes;

    *offset = 0;
    if (c->at == c->end || read_one_of(c, "Zz"))
        return c->at == c->end;
    bool west = *c->at == '-';
    if (!read_one_of(c, "+-") || !read_digits(&hours, c, 2))
        return false;
    read_one_of(c, ":");
    if (!read_digits(&minutes, c, 2) || hours > 23 || minutes > 59)
        return false;
    *offset = (int)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return c->at == c->end;
}

static uint64_t clamp(int64_t seconds, unsigned fraction)
{
    if (seconds < 0)
        return 0;
    if ((uint64_t)seconds > TIMESTAMP_MAX / NANOSECONDS)
        return TIMESTAMP_MAX;
    return (uint64_t)seconds * NANOSECONDS + fraction;
}

/* "2017-03-11T17:04:42" */
static bool read_calendar(struct tm *tm, struct cursor *c)
{
    unsigned year, month, day, hour, minute, second;

    if (!read_digits(&year, c, 4) || !read_one_of(c, "-") || !read_digits(&month, c, 2) || !read_one_of(c, "-") ||
        !read_digits(&day, c, 2) || !read_one_of(c, "Tt ") || !read_digits(&hour, c, 2) || !read_one_of(c, ":") ||
        !read_digits(&minute, c, 2) || !read_one_of(c, ":") || !read_digits(&second, c, 2))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    *tm = (struct tm){.tm_year = (int)year - 1900,
                      .tm_mon = (int)month - 1,
                      .tm_mday = (int)day,
                      .tm_hour = (int)hour,
                      .tm_min = (int)minute,
                      .tm_sec = (int)second};
    /* timegm() would make 3 March of 31 February. */
    struct tm noon = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday, .tm_hour = 12};
    timegm(&noon);
    return noon.tm_mday == tm->tm_mday;
}

bool timestamp_parse(uint64_t *ns, const char *text, size_t length)
{
    struct cursor c = {text, text + length};
    unsigned fraction = 0;
    int offset;
    struct tm tm;

    if (!read_calendar(&tm, &c))
        return false;
    if (read_one_of(&c, "."))
        fraction = read_fraction(&c);
    if (!read_offset(&offset, &c))
        return false;
    *ns = clamp((int64_t)timegm(&tm) - offset, fraction);
    return true;
}

/* How much text there is when it stops behind year, month, … second. */
enum { STOPS = 6, STOP_HOUR = 3 };
static const size_t stops[STOPS] = {4, 7, 10, 13, 16, 19};

/* Which of them a text has, with nothing but an offset behind it ("Z" only behind a date); -1: none. */
static int find_stop(int *offset, const char *text, size_t length)
{
    for (int step = STOPS - 1; step >= 0; step--) {
        size_t size = stops[step];

        if (size > length || (step < STOP_HOUR && length - size > 1))
            continue;
        struct cursor zone = {text + size, text + length};
        if (read_offset(offset, &zone))
            return step;
    }
    return -1;
}

bool timestamp_parse_partial(uint64_t *ns, const char *text, size_t length)
{
    static const char first[] = "0000-01-01T00:00:00";
    char full[sizeof first];
    struct cursor c = {full, full + sizeof full - 1};
    int offset, step = find_stop(&offset, text, length);
    struct tm tm;

    if (step < 0)
        return timestamp_parse(ns, text, length);
    memcpy(full, first, sizeof full);
    memcpy(full, text, stops[step]);
    if (!read_calendar(&tm, &c))
        return false;
    int *const fields[STOPS] = {&tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec};
    ++*fields[step];
    *ns = clamp((int64_t)timegm(&tm) - offset - 1, NANOSECONDS - 1);
    return true;
}

/* The exponent after 'e'. No text has as many digits as the bound, so it changes no number. */
static bool read_exponent(int *exponent, struct cursor *c)
{
    bool negative = c->at < c->end && *c->at == '-';
    int value = 0;

    read_one_of(c, "+-");
    const char *first = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (value < 100000000)
            value = value * 10 + (*c->at - '0');
    *exponent = negative ? -value : value;
    return c->at > first;
}

bool timestamp_parse_seconds(uint64_t *ns, const char *text, size_t length)
{
    struct cursor c = {text, text + length};
    bool negative = read_one_of(&c, "-"), seen = false, nonzero = false;
    const char *digits = c.at, *point = NULL;
    int exponent = 0;

    for (; c.at < c.end; c.at++) {
        if (*c.at >= '0' && *c.at <= '9') {
            seen = true;
            nonzero |= *c.at != '0';
        } else if (*c.at == '.' && !point) {
            point = c.at;
        } else {
            break;
        }
    }
    const char *end = c.at;
    if (!seen || (read_one_of(&c, "eE") && !read_exponent(&exponent, &c)) || c.at != c.end)
        return false;

    /* Digit i of the number stands for 10^power; nanoseconds are the digits from 10^9 (times a thousand million) down
     * to 10^-9. Ten digits before the point are enough for 2^32 seconds. */
    long power = (long)((point ? point : end) - digits) + exponent - 1;
    uint64_t value = 0;

    if (nonzero)
        while (digits < end && (*digits == '0' || *digits == '.'))
            power -= *digits++ == '0';
    if (power > 9)
        value = UINT64_MAX;
    for (; value != UINT64_MAX && digits < end && power >= -9; digits++) {
        if (*digits == '.')
            continue;
        uint64_t unit = NANOSECONDS;
        for (long i = power; i < 0; i++)
            unit /= 10;
        for (long i = power; i > 0; i--)
            unit *= 10;
        value += (uint64_t)(*digits - '0') * unit;
        power--;
    }
    if (negative || !nonzero)
        value = 0;
    *ns = value > TIMESTAMP_MAX ? TIMESTAMP_MAX : value;
    return true;
}
