/* policy.h - which snapshots of a namespace are kept, by their times: restic's rules. Knows no store.
 *
 * Snapshots are taken newest first. A rule of a period (UTC) keeps the newest snapshot of each of the last N periods in
 * which there are any; `last` the last N; `within` all that are not older than that before the newest. What no rule
 * keeps goes, but for what is pinned or has a tag.
 */
#ifndef DB_POLICY_H
#define DB_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why one is kept: bits of 1 << rule. */
enum policy_rule {
    POLICY_LAST,
    POLICY_HOURLY,
    POLICY_DAILY,
    POLICY_WEEKLY, /* ISO 8601: from Monday */
    POLICY_MONTHLY,
    POLICY_YEARLY,
    POLICY_COUNTED, /* those above keep a number of snapshots */
    POLICY_WITHIN = POLICY_COUNTED,
    POLICY_PINNED,
    POLICY_TAGGED,
    POLICY_REVISION, /* its capture is kept: there is a newer revision of it */
    POLICY_RULES,
};

/* "last", "hourly", …: as --json has them. */
extern const char *const policy_names[POLICY_RULES];

struct policy_duration {
    unsigned years, months, days, hours;
};

struct policy {
    unsigned counts[POLICY_COUNTED]; /* 0: no such rule */
    bool has_within;
    struct policy_duration within;
};

struct policy_snapshot {
    uint64_t time; /* ns */
    size_t newer;  /* one more than the place in the list of a newer revision of its capture; 0: it is the newest */
    bool is_pinned, is_tagged;
    unsigned reasons; /* filled: 0, it goes */
};

/* Does it say anything? One that does not would let all go. */
bool policy_is_empty(const struct policy *policy);

/* Fill the reasons. Newest first. */
void policy_apply(struct policy_snapshot *snapshots, size_t count, const struct policy *policy);

/* "2y5m7d3h": years, months, days, hours, each at most once, in this order. False: it is none. */
bool policy_parse_duration(struct policy_duration *duration, const char *text);

/* Before so long: by the calendar (UTC); a day that a month has not is its last. 0 at the least. */
uint64_t policy_before(uint64_t time, const struct policy_duration *duration);

#endif
