/* ok.h - a test's error, and calls that must not fail: ok(store_open(…, &err)). */
#ifndef TESTS_UNIT_OK_H
#define TESTS_UNIT_OK_H

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct error err;

static inline void ok(int result)
{
    if (result < 0)
        fail_msg("%d: %s", result, err.text);
}

#endif
