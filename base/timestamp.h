/* timestamp.h - points in time: unsigned nanoseconds since 1970 in UTC, and their text.
 *
 * The range is 0 to 2^32 - 1 seconds, because that is what NFSv3 can carry (RFC 1813, nfstime3).
 */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NANOSECONDS 1000000000ULL
#define TIMESTAMP_MAX (4294967295ULL * NANOSECONDS + (NANOSECONDS - 1))
#define TIMESTAMP_TEXT_SIZE 32 /* "2106-02-07T06:28:15.999999999Z" and NUL */

/* Now, from the system's clock. */
uint64_t timestamp_now(void);

/* RFC 3339 in UTC, with a fraction only where there is one: "2017-03-11T17:04:42Z". */
void timestamp_format(char out[TIMESTAMP_TEXT_SIZE], uint64_t ns);

/* The same, cut to seconds: a column of times. As NAMESPACE@TIME it means what it was cut from (a second's last
 * instant). */
void timestamp_format_seconds(char out[TIMESTAMP_TEXT_SIZE], uint64_t ns);

/* RFC 3339 or ISO 8601 basic offset ("2017-03-11T17:04:42+0000", "…Z", "….25+01:00"; a space may stand for the T).
 * False when the text is anything else; times out of range are clamped. */
bool timestamp_parse(uint64_t *ns, const char *text, size_t length);

/* A time that may stop early ("2017", "2017-03", "2017-03-11", "2017-03-11T17:04+01:00", a second without fraction):
 * its last instant. One with a fraction is taken as timestamp_parse() does. */
bool timestamp_parse_partial(uint64_t *ns, const char *text, size_t length);

/* Nanoseconds from the decimal text of epoch seconds ("1489251869.702927", "1.4e9"), truncated to 9 digits and
 * clamped to the range. False when the text is no finite number. No binary floating point is involved. */
bool timestamp_parse_seconds(uint64_t *ns, const char *text, size_t length);

#endif
