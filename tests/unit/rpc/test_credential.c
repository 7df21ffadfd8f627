/* test_credential.c - what of a credential is believed. */
#include "rpc/credential.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_what_is_believed(void **state)
{
    static const struct {
        unsigned options;
        uint16_t port;
        uint32_t uid, gid, group; /* as claimed */
        uint32_t seen_uid, seen_gid, seen_group;
        uint32_t group_count;
    } cases[] = {
        {0, 1023, 0, 0, 0, 0, 0, 0, 1},
        {0, 1024, 0, 0, 0, RPC_NOBODY, RPC_NOBODY, 0, 0}, /* root of anybody's making: no groups either */
        {0, 1024, 0, 100, 27, RPC_NOBODY, RPC_NOBODY, 0, 0},
        {0, 1024, 1000, 0, 0, 1000, RPC_NOBODY, RPC_NOBODY, 1},
        {0, 1024, 1000, 100, 27, 1000, 100, 27, 1},
        {ACCESS_INSECURE, 40000, 0, 0, 0, 0, 0, 0, 1},
        {ACCESS_ROOT_SQUASH, 800, 0, 0, 0, RPC_NOBODY, RPC_NOBODY, RPC_NOBODY, 1},
        {ACCESS_ROOT_SQUASH, 800, 0, 5, 27, RPC_NOBODY, 5, 27, 1},
        {ACCESS_ROOT_SQUASH, 800, 1000, 0, 27, 1000, RPC_NOBODY, 27, 1},
        {ACCESS_ROOT_SQUASH | ACCESS_INSECURE, 40000, 0, 0, 0, RPC_NOBODY, RPC_NOBODY, RPC_NOBODY, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(cases[i].port)};
        struct rpc_credential credential = {
            .uid = cases[i].uid, .gid = cases[i].gid, .group_count = 1, .groups = {cases[i].group}};

        credential_limit(&credential, cases[i].options, (struct sockaddr *)&peer);
        assert_int_equal(credential.uid, cases[i].seen_uid);
        assert_int_equal(credential.gid, cases[i].seen_gid);
        assert_int_equal(credential.group_count, cases[i].group_count);
        assert_int_equal(credential.groups[0], cases[i].seen_group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
