/* Texts of /proc, and what a container can put into them. */
#include "import/live_parse.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_span(const struct live_span *span, const char *text)
{
    assert_int_equal(span->size, strlen(text));
    assert_memory_equal(span->text, text, span->size);
}

static void a_name_may_hold_anything(void **state)
{
    static const struct {
        const char *text, *comm;
    } good[] = {
        {"7 (sh) S 1 7 7 0 -1 4194560 9 8 7 6 30 12 5 4 20 0 3 0 900 1 2\n", "sh"},
        {"7 (a) R 99 (b) S 1 7 7 0 -1 4194560 9 8 7 6 30 12 5 4 20 0 3 0 900 1 2\n", "a) R 99 (b"},
        {"7 ()) S 1 7 7 0 -1 4194560 9 8 7 6 30 12 5 4 20 0 3 0 900 1 2\n", ")"},
        {"7 () S 1 7 7 0 -1 4194560 9 8 7 6 30 12 5 4 20 0 3 0 900 1 2\n", ""},
        {"7 (\n\t\" \xff) S 1 7 7 0 -1 4194560 9 8 7 6 30 12 5 4 20 0 3 0 900 1 2\n", "\n\t\" \xff"},
    };
    static const char *const bad[] = {
        "",           "7",        "7 (sh",          "7 sh) S 1",
        "7 )sh( S 1", "7 (sh) S", "7 (sh) S 1 2 3", "7 (sh) S -1 7 7 0 -1 4194560 9 8 7 6 30 12 5 4 20 0 3 0 900"};
    struct live_stat stat;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(live_parse_stat(&stat, good[i].text, strlen(good[i].text)));
        assert_int_equal(stat.comm_size, strlen(good[i].comm));
        assert_memory_equal(stat.comm, good[i].comm, stat.comm_size);
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.fields[STAT_PPID], 1);
        assert_int_equal(stat.fields[STAT_TPGID], -1);
        assert_int_equal(stat.fields[STAT_UTIME] + stat.fields[STAT_STIME], 42);
        assert_int_equal(stat.fields[STAT_NICE], 0);
        assert_int_equal(stat.fields[STAT_THREADS], 3);
        assert_int_equal(stat.fields[STAT_START], 900);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(live_parse_stat(&stat, bad[i], strlen(bad[i])));
    static const char below[] = "7 (sh) S 1 7 7 -3 -1 4194560 9 8 7 6 30 12 -5 -4 -100 -20 3 0 900 1\n";
    assert_true(live_parse_stat(&stat, below, sizeof below - 1));
    assert_int_equal(stat.fields[STAT_TTY], -3);
    assert_int_equal(stat.fields[STAT_CSTIME], -4);
    assert_int_equal(stat.fields[STAT_PRIORITY], -100);
    assert_int_equal(stat.fields[STAT_NICE], -20);
}

static void numbers_are_those_of_each_namespace(void **state)
{
    static const char text[] = "Name:\tUid: 0\\nNSpid: 1\nUmask:\t0022\nUid:\t33\t0\t0\t0\nGid:\t1\t1\t1\t1\n"
                               "Groups:\t4 5 \nNSpid:\t4711\t12\t1\nNSpgid:\t4711\t0\t7\nNSsid:\t9\nVmRSS:\t 8 kB\n";
    static const char no_pids[] = "Name:\tx\nUid:\t1\t1\t1\t1\n", no_uid[] = "Name:\tx\nNSpid:\t1\n";
    struct live_status status;
    (void)state;

    assert_true(live_parse_status(&status, text, sizeof text - 1));
    assert_int_equal(status.uids[0], 33);
    assert_int_equal(status.gids[3], 1);
    assert_int_equal(status.depth, 3);
    assert_int_equal(status.pids[0], 4711);
    assert_int_equal(status.pids[2], 1);
    assert_int_equal(status.groups[0], 4711);
    assert_int_equal(status.groups[2], 7);
    assert_int_equal(status.sessions[1], 0); /* not told */
    assert_false(live_parse_status(&status, no_pids, sizeof no_pids - 1));
    assert_false(live_parse_status(&status, no_uid, sizeof no_uid - 1));
}

static void sockets_have_addresses_and_inodes(void **state)
{
    static const struct {
        const char *line, *local, *remote;
        unsigned local_port, remote_port, state;
        uint64_t inode;
    } good[] = {
        {"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 100",
         "127.0.0.1", "0.0.0.0", 8080, 0, 10, 12345},
        {"  10: 0200A8C0:0016 0300A8C0:C001 01 00000000:00000000 02:000A7B4C 00000000     0        0 9 4 0 20",
         "192.168.0.2", "192.168.0.3", 22, 49153, 1, 9},
        {"   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A "
         "00000000:00000000 00:00000000 00000000     0        0 77 1 0 100",
         "::1", "::", 80, 0, 10, 77},
        {"   2: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:0051 06 "
         "00000000:00000000 00:00000000 00000000     0        0 0 1 0",
         "::ffff:127.0.0.1", "::ffff:127.0.0.1", 80, 81, 6, 0},
    };
    static const char *const bad[] = {
        "",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0",
        "   0: 0100007F1F90 00000000:0000 0A 0:0 00:0 0 1000 0 12345",
        "   0: 0100007F:1F9 00000000:0000 0A 0:0 00:0 0 1000 0 12345",
        "   0: 010000XF:1F90 00000000:0000 0A 0:0 00:0 0 1000 0 12345",
        "   0: 0100007F:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 1000 0 12345",
        "   0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 1000 0 99999999999999999999999",
    };
    struct live_socket socket;
    char text[INET6_ADDRSTRLEN];
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(live_parse_socket(&socket, good[i].line, strlen(good[i].line)));
        assert_string_equal(inet_ntop(socket.family, socket.local, text, sizeof text), good[i].local);
        assert_string_equal(inet_ntop(socket.family, socket.remote, text, sizeof text), good[i].remote);
        assert_int_equal(socket.local_port, good[i].local_port);
        assert_int_equal(socket.remote_port, good[i].remote_port);
        assert_int_equal(socket.state, good[i].state);
        assert_int_equal(socket.inode, good[i].inode);
        assert_int_equal(socket.uid, i == 0 ? 1000 : 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(live_parse_socket(&socket, bad[i], strlen(bad[i])));
}

static void mounts_are_escaped(void **state)
{
    static const char line[] = "36 35 98:0 /a\\040b /mnt\\040x\\011y\\012z\\134w ro,noatime shared:1 master:2 - ext4 "
                               "/dev/sd\\040a rw,errors=continue";
    static const char *const bad[] = {"", "36 35", "x 35 98:0 / / rw - ext4 a rw", "36 35 98:0 / / rw ext4 a rw",
                                      "36 35 98:0 / / rw - ext4 a"};
    struct live_mount mount;
    struct buffer out = {0};
    (void)state;

    assert_true(live_parse_mount(&mount, line, sizeof line - 1));
    assert_int_equal(mount.id, 36);
    assert_span(&mount.type, "ext4");
    live_unescape(&out, &mount.point);
    assert_int_equal(out.size, strlen("/mnt x\ty\nz\\w"));
    assert_memory_equal(out.bytes, "/mnt x\ty\nz\\w", out.size);
    buffer_clear(&out);
    live_mount_options(&out, &mount);
    assert_int_equal(out.size, strlen("ro,noatime,errors=continue"));
    assert_memory_equal(out.bytes, "ro,noatime,errors=continue", out.size);
    buffer_clear(&out);
    live_unescape(&out, &(struct live_span){"a\\04", 4});
    assert_int_equal(out.size, 4);
    buffer_clear(&out);
    live_unescape(&out, &(struct live_span){"\\999\\", 5});
    assert_memory_equal(out.bytes, "\\999\\", 5);
    buffer_free(&out);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(live_parse_mount(&mount, bad[i], strlen(bad[i])));
}

static void a_mapping_ends_with_its_path(void **state)
{
    static const struct {
        const char *line, *head, *path;
    } good[] = {
        {"1000-2000 r-xp 0002f000 fe:00 247101                     /usr/a b (deleted)",
         "1000-2000 r-xp 0002f000 fe:00 247101                     ", "/usr/a b (deleted)"},
        {"1000-2000 rw-p 00000000 00:00 0                          [stack]",
         "1000-2000 rw-p 00000000 00:00 0                          ", "[stack]"},
        {"1000-2000 rw-p 00000000 00:00 0 ", "1000-2000 rw-p 00000000 00:00 0 ", ""},
        {"1000-2000 rw-p 00000000 00:00 0", "1000-2000 rw-p 00000000 00:00 0", ""},
    };
    struct live_map map;
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(live_parse_map(&map, good[i].line, strlen(good[i].line)));
        assert_span(&map.head, good[i].head);
        assert_span(&map.path, good[i].path);
    }
    assert_false(live_parse_map(&map, "1000-2000 rw-p 00000000 00:00", 29));
    assert_false(live_parse_map(&map, "", 0));
}

static void counters_are_in_order(void **state)
{
    static const char eth[] = "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
    static const char packed[] = "lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
    static const char heading[] = " face |bytes    packets errs drop fifo frame compressed multicast|bytes";
    static const char cpu_line[] = "cpu3 1 2 3 4 5 6 7 8 9 10", all[] = "cpu  1 2 3 4 5 6 7 8 9 10";
    static const char disk[] = "   8       0 sda 1 2 3 4 5 6 7 8 9";
    struct live_interface interface;
    struct live_disk device;
    struct live_cpu cpu;
    (void)state;

    assert_true(live_parse_interface(&interface, eth, sizeof eth - 1));
    assert_span(&interface.name, "eth0");
    assert_int_equal(interface.counters[RX_BYTES], 1);
    assert_int_equal(interface.counters[RX_ERRORS], 3);
    assert_int_equal(interface.counters[TX_BYTES], 9);
    assert_int_equal(interface.counters[TX_ERRORS], 11);
    assert_true(live_parse_interface(&interface, packed, sizeof packed - 1));
    assert_span(&interface.name, "lo");
    assert_false(live_parse_interface(&interface, heading, sizeof heading - 1));
    assert_false(live_parse_interface(&interface, eth, sizeof eth - 4));
    assert_true(live_parse_cpu(&cpu, cpu_line, sizeof cpu_line - 1));
    assert_int_equal(cpu.number, 3);
    assert_int_equal(cpu.times[CPU_STEAL], 8);
    assert_false(live_parse_cpu(&cpu, all, sizeof all - 1));
    assert_true(live_parse_disk(&device, disk, sizeof disk - 1));
    assert_span(&device.name, "sda");
    assert_int_equal(device.counters[DISK_READS], 1);
    assert_int_equal(device.counters[DISK_SECTORS_READ], 3);
    assert_int_equal(device.counters[DISK_WRITES], 5);
    assert_int_equal(device.counters[DISK_SECTORS_WRITTEN], 7);
    assert_false(live_parse_disk(&device, disk, sizeof disk - 8));
    assert_false(live_parse_disk(&device, disk + 5, sizeof disk - 6));
}

static void values_are_found(void **state)
{
    static const char os[] = "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\nQUOTE='x y'\nHALF=\"a\nEMPTY=";
    static const char memory[] = "MemTotal:       24695 kB\nMemFree:  1 kB\n";
    struct live_span value;
    uint64_t number;
    (void)state;

    assert_true(live_find_assignment(&value, "ID", os, sizeof os - 1));
    assert_span(&value, "debian");
    assert_true(live_find_assignment(&value, "VERSION_ID", os, sizeof os - 1));
    assert_span(&value, "12");
    assert_true(live_find_assignment(&value, "QUOTE", os, sizeof os - 1));
    assert_span(&value, "x y");
    assert_true(live_find_assignment(&value, "HALF", os, sizeof os - 1));
    assert_span(&value, "\"a");
    assert_true(live_find_assignment(&value, "EMPTY", os, sizeof os - 1));
    assert_span(&value, "");
    assert_false(live_find_assignment(&value, "VERSION", os, sizeof os - 1));
    assert_true(live_find_number(&number, "MemTotal:", memory, sizeof memory - 1));
    assert_int_equal(number, 24695);
    assert_false(live_find_number(&number, "Cached:", memory, sizeof memory - 1));
    assert_false(live_number(&number, &(struct live_span){"18446744073709551616", 20}));
    assert_true(live_number(&number, &(struct live_span){"18446744073709551615", 20}));
    assert_false(live_number(&number, &(struct live_span){"", 0}));
}

static void container_ids_have_64_digits(void **state)
{
    char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char text[512];
    struct live_span found;
    (void)state;

    snprintf(text, sizeof text, "1:name=systemd:/\n0::/system.slice/docker-%s.scope\n", id);
    assert_true(live_find_container_id(&found, text, strlen(text)));
    assert_span(&found, id);
    snprintf(text, sizeof text, "0::/kubepods/pod5/%s", id);
    assert_true(live_find_container_id(&found, text, strlen(text)));
    assert_span(&found, id);
    snprintf(text, sizeof text, "0::/x/%s0\n", id);
    assert_false(live_find_container_id(&found, text, strlen(text)));
    assert_false(live_find_container_id(&found, "0::/\n", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_hold_anything),
        cmocka_unit_test(numbers_are_those_of_each_namespace),
        cmocka_unit_test(sockets_have_addresses_and_inodes),
        cmocka_unit_test(mounts_are_escaped),
        cmocka_unit_test(a_mapping_ends_with_its_path),
        cmocka_unit_test(counters_are_in_order),
        cmocka_unit_test(values_are_found),
        cmocka_unit_test(container_ids_have_64_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
