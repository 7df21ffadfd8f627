/* test_access.c - rules of addresses. */
#include "rpc/access.h"
#include "rpc/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(843)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(2049)};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&address, &v4, sizeof v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&address, &v6, sizeof v6);
    }
    return address;
}

/* The options, or -1. */
static int find(const struct access_list *list, const char *text)
{
    struct sockaddr_storage address = address_of(text);
    unsigned options = 0;

    return access_list_find(&options, list, (struct sockaddr *)&address) ? (int)options : -1;
}

static struct access_list *list_of(const char *const *rules)
{
    struct access_list *list = access_list_new();
    struct error err;

    for (; *rules; rules++)
        assert_int_equal(access_list_add(list, *rules, &err), 0);
    return list;
}

static void test_longest_prefix(void **state)
{
    static const char *const rules[] = {"10.0.0.0/8,root_squash", "10.1.0.0/16,insecure", "10.1.2.3",
                                        "10.1.2.0/23,insecure,root_squash", NULL};
    struct access_list *list = list_of(rules);

    (void)state;
    assert_int_equal(find(list, "10.255.255.255"), ACCESS_ROOT_SQUASH);
    assert_int_equal(find(list, "10.1.255.1"), ACCESS_INSECURE);
    assert_int_equal(find(list, "10.1.3.255"), ACCESS_INSECURE | ACCESS_ROOT_SQUASH);
    assert_int_equal(find(list, "10.1.2.3"), 0);
    assert_int_equal(find(list, "11.0.0.0"), -1);
    assert_int_equal(find(list, "::1"), -1);
    assert_int_equal(find(list, "::ffff:10.1.2.3"), 0);
    assert_int_equal(access_list_size(list), 4);
    assert_string_equal(access_list_cidr(list, 2), "10.1.2.3/32");
    access_list_free(list);
}

static void test_families(void **state)
{
    static const char *const all_v6[] = {"::/0", NULL}, *const all_v4[] = {"0.0.0.0/0", NULL};
    static const char *const mapped[] = {"::ffff:10.0.0.0/104,insecure", "2001:db8::/33", "fe80::1", NULL};
    struct access_list *list = list_of(all_v6);

    (void)state;
    assert_int_equal(find(list, "2001:db8::1"), 0);
    assert_int_equal(find(list, "10.0.0.1"), -1);
    assert_int_equal(find(list, "::ffff:10.0.0.1"), -1);
    access_list_free(list);
    list = list_of(all_v4);
    assert_int_equal(find(list, "255.255.255.255"), 0);
    assert_int_equal(find(list, "::"), -1);
    access_list_free(list);
    list = list_of(mapped);
    assert_string_equal(access_list_cidr(list, 0), "10.0.0.0/8");
    assert_int_equal(find(list, "10.9.8.7"), ACCESS_INSECURE);
    assert_int_equal(find(list, "2001:db8:7fff::1"), 0);
    assert_int_equal(find(list, "2001:db8:8000::1"), -1);
    assert_int_equal(find(list, "fe80::2"), -1);
    access_list_free(list);
}

static void test_host_bits_and_repeats(void **state)
{
    static const char *const rules[] = {"10.0.0.7/8", "10.0.0.0/8,insecure", NULL};
    struct access_list *list = list_of(rules);

    (void)state;
    assert_int_equal(access_list_size(list), 1);
    assert_int_equal(find(list, "10.3.4.5"), ACCESS_INSECURE);
    access_list_free(list);
}

/* A program's options are known where it gave a table of them, and nowhere else. */
static void test_own_options(void **state)
{
    static const struct access_option own[] = {{"one", ACCESS_OWN}, {"two", ACCESS_OWN << 1}, {NULL, 0}};
    struct access_list *list = access_list_new();
    struct error err;

    (void)state;
    assert_int_equal(access_list_add(list, "10.0.0.0/8,one", &err), -EINVAL);
    access_list_take_options(list, own);
    assert_int_equal(access_list_add(list, "10.0.0.0/8,one", &err), 0);
    assert_int_equal(access_list_add(list, "10.1.0.0/16,two,insecure,one", &err), 0);
    assert_int_equal(access_list_add(list, "10.2.0.0/16,three", &err), -EINVAL);
    assert_int_equal(find(list, "10.9.0.1"), ACCESS_OWN);
    assert_int_equal(find(list, "10.1.0.1"), ACCESS_OWN << 1 | ACCESS_OWN | ACCESS_INSECURE);
    assert_int_equal(access_list_options(list, 0), ACCESS_OWN);
    access_list_free(list);
}

static void test_bad_rules(void **state)
{
    static const char *const bad[] = {
        "",       "host.example", "10.0.0/8",      "10.0.0.0/33",  "10.0.0.0/",    "10.0.0.0/-1", "10.0.0.0/ 8",
        "::/129", "10.0.0.0/8,",  "10.0.0.0/8,ro", "10.0.0.0/08x", "1.2.3.4/9999", ",insecure",   "10.0.0.0 /8",
        NULL};
    struct access_list *list = access_list_new();
    struct error err;

    (void)state;
    for (const char *const *rule = bad; *rule; rule++)
        assert_int_equal(access_list_add(list, *rule, &err), -EINVAL);
    assert_int_equal(access_list_size(list), 0);
    for (int i = 0; i <= ACCESS_RULES_MAX; i++) {
        char rule[32];

        snprintf(rule, sizeof rule, "10.0.%d.%d", i / 256, i % 256);
        assert_int_equal(access_list_add(list, rule, &err), i < ACCESS_RULES_MAX ? 0 : -EINVAL);
    }
    access_list_free(list);
}

static void test_file(void **state)
{
    char path[] = "/tmp/test_access.XXXXXX";
    int fd = mkstemp(path);
    struct access_list *list = access_list_new();
    struct error err;

    (void)state;
    assert_true(dprintf(fd, "# who may\n\n  127.0.0.1,insecure\t# us\r\n2001:db8::/32") > 0);
    assert_int_equal(access_list_read(list, path, &err), 0);
    assert_int_equal(access_list_size(list), 2);
    assert_int_equal(find(list, "127.0.0.1"), ACCESS_INSECURE);
    assert_true(dprintf(fd, "\n10.0.0.0/8,rw\n") > 0);
    assert_int_equal(access_list_read(list, path, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":5: "));
    close(fd);
    unlink(path);
    assert_int_equal(access_list_read(list, path, &err), -ENOENT);
    access_list_free(list);
}

static void test_peer_text(void **state)
{
    static const struct {
        const char *address, *text;
    } peers[] = {{"10.0.0.7", "10.0.0.7:843"}, {"::1", "[::1]:2049"}, {"::ffff:10.0.0.7", "10.0.0.7:2049"}};
    char text[RPC_PEER_TEXT_SIZE];
    struct sockaddr other = {.sa_family = AF_UNSPEC};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_storage address = address_of(peers[i].address);

        rpc_peer_format(text, (struct sockaddr *)&address);
        assert_string_equal(text, peers[i].text);
    }
    rpc_peer_format(text, &other);
    assert_string_equal(text, "local");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_prefix),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_host_bits_and_repeats),
        cmocka_unit_test(test_own_options),
        cmocka_unit_test(test_bad_rules),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_peer_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
