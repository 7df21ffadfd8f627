/* How a client finds its way in: portmap, MOUNT of every version by TCP and UDP, and stepping down from version 4. */
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MNT = 1, DUMP, UMNT, UMNTALL, EXPORT, EXPORTALL, PATHCONF2 };
enum { TCP = 6, UDP = 17 };

static struct server server;
static struct client tcp, udp;
static char store[256], id[33], snapshot[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(store, sizeof store, "%s", fixture_path("mounting"));
    snprintf(id, sizeof id, "%s", fixture_publish(store));
    snprintf(snapshot, sizeof snapshot, "/snap/%s", id);
    server_start(&server, store);
    client_connect(&tcp, server.port, true);
    client_connect(&udp, server.port, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    client_close(&tcp);
    client_close(&udp);
    server_stop(&server);
    scratch_remove();
    return 0;
}

static void paths_lead_to_directories(void **state)
{
    static const struct {
        const char *below; /* of the snapshot */
        uint32_t status;
    } cases[] = {
        {"", OK},
        {"/", OK},
        {"//etc///", OK},
        {"/etc/../etc/.", OK},
        {"/..", OK}, /* the root again */
        {"/etc/passwd", NOTDIR},
        {"/etc/passwd/x", NOTDIR},
        {"/link", NOTDIR},
        {"/link/x", NOTDIR},
        {"/absent", NOTDIR},
        {"/none", NOENT},
        {"x", NOENT},
    };
    char path[1100];
    struct fh fh, root;
    (void)state;

    assert_int_equal(call_mount(&root, &tcp, snapshot), OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "%s%s", snapshot, cases[i].below);
        assert_int_equal(call_mount(&fh, &tcp, path), cases[i].status);
        assert_int_equal(call_mount(&fh, &udp, path), cases[i].status);
    }
    snprintf(path, sizeof path, "//snap/%s/etc", id);
    assert_int_equal(call_mount(&fh, &tcp, path), OK);
    struct fh walked = call_walk(&tcp, &root, "etc");
    assert_memory_equal(&fh, &walked, sizeof fh);
}

static void paths_that_are_none(void **state)
{
    char path[2100];
    struct fh fh;
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    (void)state;

    assert_int_equal(call_mount(&fh, &tcp, ""), NOENT);
    assert_int_equal(call_mount(&fh, &tcp, "snap"), NOENT);
    assert_int_equal(call_mount(&fh, &tcp, "/snap/"), OK);
    assert_int_equal(call_mount(&fh, &tcp, "/other"), NOENT);
    snprintf(path, sizeof path, "/snap/%.8s", id); /* prefixes are for the command line */
    assert_int_equal(call_mount(&fh, &tcp, path), NOENT);
    memset(path, '/', sizeof path);
    path[1024] = '\0';
    assert_int_equal(call_mount(&fh, &tcp, path), OK);
    path[1024] = '/';
    path[1025] = '\0';
    assert_int_equal(call_mount(&fh, &tcp, path), NAMETOOLONG);
    snprintf(path, sizeof path, "%s/", snapshot);
    memset(path + strlen(path), 'n', 256);
    path[strlen(snapshot) + 1 + 256] = '\0';
    assert_int_equal(call_mount(&fh, &tcp, path), NAMETOOLONG);
    add_opaque(&args, "/snap\0/x", 8);
    assert_int_equal(client_call(&tcp, MOUNT_PROGRAM, 3, MNT, &args), CLIENT_SUCCESS);
    assert_int_equal(client_u32(&tcp), INVAL);
    buffer_clear(&args);
    add_opaque(&args, memset(path, 'x', sizeof path), sizeof path);
    assert_int_equal(client_call(&tcp, MOUNT_PROGRAM, 3, MNT, &args), CLIENT_GARBAGE);
}

static void mounting_is_no_way_around_modes(void **state)
{
    char path[128];
    struct fh fh;
    (void)state;

    snprintf(path, sizeof path, "%s/home/.", snapshot);
    assert_int_equal(call_mount(&fh, &tcp, path), OK);
    tcp.uid = tcp.gid = 7;
    assert_int_equal(call_mount(&fh, &tcp, path), ACCES);
    path[strlen(path) - 2] = '\0'; /* its own handle is no secret */
    assert_int_equal(call_mount(&fh, &tcp, path), OK);
    tcp.uid = tcp.gid = 0;
}

static void old_versions_mount_too(void **state)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct client *clients[] = {&tcp, &udp};
    struct fh root;
    (void)state;

    assert_int_equal(call_mount(&root, &tcp, snapshot), OK);
    assert_int_equal(root.size, 32);
    add_text(&args, snapshot);
    for (uint32_t version = 1; version <= 2; version++)
        for (int i = 0; i < 2; i++) {
            assert_int_equal(client_call(clients[i], MOUNT_PROGRAM, version, MNT, &args), CLIENT_SUCCESS);
            assert_int_equal(client_u32(clients[i]), OK);
            assert_memory_equal(client_bytes(clients[i], 32), root.bytes, 32);
            client_done(clients[i]);
        }
    assert_int_equal(client_call(&tcp, MOUNT_PROGRAM, 2, PATHCONF2, &args), CLIENT_SUCCESS);
    assert_int_equal(client_u32(&tcp), 32000);
    client_bytes(&tcp, 8);
    assert_int_equal(client_u32(&tcp), 255);
    client_bytes(&tcp, 4 * 6);
    client_done(&tcp);
    assert_int_equal(client_call(&tcp, MOUNT_PROGRAM, 1, PATHCONF2, &args), CLIENT_PROC_UNAVAIL);
    buffer_clear(&args);
    add_text(&args, "/none");
    assert_int_equal(client_call(&tcp, MOUNT_PROGRAM, 1, MNT, &args), CLIENT_SUCCESS);
    assert_int_equal(client_u32(&tcp), NOENT);
    client_done(&tcp);
}

static void expect_exports(struct client *client, uint32_t version, uint32_t procedure)
{
    static const char *const paths[] = {"/", "/snap", "/at", "/layer", "/chain"};
    uint32_t size;

    assert_int_equal(client_call(client, MOUNT_PROGRAM, version, procedure, NULL), CLIENT_SUCCESS);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(client_u32(client), 1);
        const uint8_t *path = client_opaque(&size, client);
        assert_int_equal(size, strlen(paths[i]));
        assert_memory_equal(path, paths[i], size);
        assert_int_equal(client_u32(client), 1);
        const uint8_t *group = client_opaque(&size, client);
        assert_int_equal(size, 11);
        assert_memory_equal(group, "127.0.0.0/8", 11);
        assert_int_equal(client_u32(client), 0);
    }
    assert_int_equal(client_u32(client), 0);
    client_done(client);
}

static void the_rest_of_mount_answers(void **state)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct client *clients[] = {&tcp, &udp};
    (void)state;

    add_text(&args, snapshot);
    for (uint32_t version = 1; version <= 3; version++)
        for (int i = 0; i < 2; i++) {
            assert_int_equal(client_call(clients[i], MOUNT_PROGRAM, version, 0, NULL), CLIENT_SUCCESS);
            client_done(clients[i]);
            assert_int_equal(client_call(clients[i], MOUNT_PROGRAM, version, UMNT, &args), CLIENT_SUCCESS);
            client_done(clients[i]);
            assert_int_equal(client_call(clients[i], MOUNT_PROGRAM, version, UMNTALL, NULL), CLIENT_SUCCESS);
            client_done(clients[i]);
            assert_int_equal(client_call(clients[i], MOUNT_PROGRAM, version, DUMP, NULL), CLIENT_SUCCESS);
            assert_int_equal(client_u32(clients[i]), 0);
            client_done(clients[i]);
            expect_exports(clients[i], version, EXPORT);
            if (version < 3)
                expect_exports(clients[i], version, EXPORTALL);
        }
    assert_int_equal(client_call(&tcp, MOUNT_PROGRAM, 3, EXPORTALL, NULL), CLIENT_PROC_UNAVAIL);
}

static void expect_mismatch(uint32_t program, uint32_t version, uint32_t low, uint32_t high)
{
    assert_int_equal(client_call(&tcp, program, version, 0, NULL), CLIENT_PROG_MISMATCH);
    assert_int_equal(client_u32(&tcp), low);
    assert_int_equal(client_u32(&tcp), high);
    client_done(&tcp);
}

static void clients_step_down(void **state)
{
    (void)state;

    expect_mismatch(NFS_PROGRAM, 4, 3, 3);
    expect_mismatch(NFS_PROGRAM, 2, 3, 3);
    expect_mismatch(MOUNT_PROGRAM, 4, 1, 3);
    expect_mismatch(NLM_PROGRAM, 3, 4, 4);
    expect_mismatch(PORTMAP_PROGRAM, 1, 2, 4);
    expect_mismatch(NFSACL_PROGRAM, 2, 3, 3);
    assert_int_equal(client_call(&tcp, NFSACL_PROGRAM, 3, 0, NULL), CLIENT_SUCCESS);
    assert_int_equal(client_call(&udp, NFSACL_PROGRAM, 3, 0, NULL), CLIENT_PROG_UNAVAIL);
    assert_int_equal(client_call(&tcp, NFS_PROGRAM, 3, 0, NULL), CLIENT_SUCCESS);
    assert_int_equal(client_call(&tcp, NFS_PROGRAM, 3, 22, NULL), CLIENT_PROC_UNAVAIL);
    assert_int_equal(client_call(&udp, NFS_PROGRAM, 3, 0, NULL), CLIENT_PROG_UNAVAIL);
    assert_int_equal(client_call(&udp, NLM_PROGRAM, 4, 0, NULL), CLIENT_SUCCESS);
}

static const struct {
    uint32_t program, version;
    bool datagrams;
} served[] = {
    {NFS_PROGRAM, 3, false},    {NFSACL_PROGRAM, 3, false}, {MOUNT_PROGRAM, 1, true},   {MOUNT_PROGRAM, 2, true},
    {MOUNT_PROGRAM, 3, true},   {NLM_PROGRAM, 4, true},     {PORTMAP_PROGRAM, 2, true}, {PORTMAP_PROGRAM, 3, true},
    {PORTMAP_PROGRAM, 4, true}, {NFS_PROGRAM, 4, false},    {MOUNT_PROGRAM, 4, false}, /* from here on: not served */
};
enum { SERVED = 9, BY_TCP_ONLY = 2, ASKED = sizeof served / sizeof *served };

static uint32_t getport(struct client *client, uint32_t program, uint32_t version, uint32_t protocol)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    buffer_add_be32(&args, program);
    buffer_add_be32(&args, version);
    buffer_add_be32(&args, protocol);
    buffer_add_be32(&args, 0);
    assert_int_equal(client_call(client, PORTMAP_PROGRAM, 2, 3, &args), CLIENT_SUCCESS);
    uint32_t port = client_u32(client);
    client_done(client);
    return port;
}

static void portmap_2_tells_ports(void **state)
{
    (void)state;

    for (size_t i = 0; i < ASKED; i++) {
        uint32_t program = served[i].program, version = served[i].version;

        assert_int_equal(getport(&udp, program, version, TCP), i < SERVED ? server.port : 0);
        assert_int_equal(getport(&tcp, program, version, TCP), i < SERVED ? server.port : 0);
        assert_int_equal(getport(&udp, program, version, UDP), i < SERVED && served[i].datagrams ? server.port : 0);
        assert_int_equal(getport(&tcp, program, version, 132), 0);
    }
    assert_int_equal(client_call(&udp, PORTMAP_PROGRAM, 2, 0, NULL), CLIENT_SUCCESS);
    client_done(&udp);
    /* CALLIT, and registrations by anybody. */
    assert_int_equal(client_call(&tcp, PORTMAP_PROGRAM, 2, 5, NULL), CLIENT_PROC_UNAVAIL);
    for (uint32_t procedure = 1; procedure <= 2; procedure++) {
        assert_int_equal(client_call(&tcp, PORTMAP_PROGRAM, 2, procedure, NULL), CLIENT_SUCCESS);
        assert_int_equal(client_u32(&tcp), 0);
    }
}

static void expect_address(struct client *client, uint32_t rpcb, size_t i, const char *netid, const char *known_as,
                           const char *expected)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    char address[64] = "";
    uint32_t size;

    buffer_add_be32(&args, served[i].program);
    buffer_add_be32(&args, served[i].version);
    add_text(&args, netid);
    add_text(&args, known_as);
    add_text(&args, "");
    assert_int_equal(client_call(client, PORTMAP_PROGRAM, rpcb, 3, &args), CLIENT_SUCCESS);
    if (expected)
        snprintf(address, sizeof address, "%s.%u.%u", expected, server.port >> 8, server.port & 255u);
    const uint8_t *text = client_opaque(&size, client);
    assert_int_equal(size, strlen(address));
    assert_memory_equal(text, address, size);
    client_done(client);
}

static void portmap_3_and_4_tell_addresses(void **state)
{
    struct client *clients[] = {&tcp, &udp};
    (void)state;

    for (uint32_t version = 3; version <= 4; version++)
        for (int c = 0; c < 2; c++)
            for (size_t i = 0; i < ASKED; i++) {
                bool by_tcp = i < SERVED, by_udp = by_tcp && served[i].datagrams;

                expect_address(clients[c], version, i, "tcp", "127.0.0.1.0.111", by_tcp ? "127.0.0.1" : NULL);
                expect_address(clients[c], version, i, "udp", "127.0.0.1.0.111", by_udp ? "127.0.0.1" : NULL);
                expect_address(clients[c], version, i, "tcp6", "::1.0.111", by_tcp ? "::1" : NULL);
                expect_address(clients[c], version, i, "udp6", "", by_udp ? "::" : NULL);
                expect_address(clients[c], version, i, "tcp", "", by_tcp ? "0.0.0.0" : NULL);
                expect_address(clients[c], version, i, "tcp", ".1", by_tcp ? "0.0.0.0" : NULL);
                expect_address(clients[c], version, i, "sctp", "", NULL);
            }
    static const uint32_t none[] = {5, 6, 7, 8, 10, 11, 12, 13};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(client_call(&tcp, PORTMAP_PROGRAM, 4, none[i], NULL), CLIENT_PROC_UNAVAIL);
}

static void portmap_lists_what_is_served(void **state)
{
    unsigned tcps = 0, udps = 0, rows = 0;
    uint32_t size;
    (void)state;

    assert_int_equal(client_call(&tcp, PORTMAP_PROGRAM, 2, 4, NULL), CLIENT_SUCCESS);
    while (client_u32(&tcp)) {
        client_u64(&tcp);
        uint32_t protocol = client_u32(&tcp);
        tcps += protocol == TCP;
        udps += protocol == UDP;
        assert_int_equal(client_u32(&tcp), server.port);
    }
    client_done(&tcp);
    assert_int_equal(tcps, SERVED);
    assert_int_equal(udps, SERVED - BY_TCP_ONLY);
    assert_int_equal(client_call(&tcp, PORTMAP_PROGRAM, 4, 4, NULL), CLIENT_SUCCESS);
    for (; client_u32(&tcp); rows++) {
        client_u64(&tcp);
        for (int i = 0; i < 3; i++)
            client_opaque(&size, &tcp);
    }
    client_done(&tcp);
    assert_int_equal(rows, 2 * (SERVED + SERVED - BY_TCP_ONLY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_directories),       cmocka_unit_test(paths_that_are_none),
        cmocka_unit_test(mounting_is_no_way_around_modes), cmocka_unit_test(old_versions_mount_too),
        cmocka_unit_test(the_rest_of_mount_answers),       cmocka_unit_test(clients_step_down),
        cmocka_unit_test(portmap_2_tells_ports),           cmocka_unit_test(portmap_3_and_4_tell_addresses),
        cmocka_unit_test(portmap_lists_what_is_served),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
