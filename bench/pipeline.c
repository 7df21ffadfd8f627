/* pipeline.c - the event loop of the load. */
#include "bench/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CALL_MAX = 512,  /* bytes of a call with its mark */
    DEPTH_MAX = 256, /* calls in flight on one connection: the low bits of an xid are its slot */
    INPUT_SIZE = 2 * RECORD_MAX,
    EVENTS_MAX = 256,
    LATENCY_STEPS = 4096, /* classes of latencies: 32 to each power of two */
};

struct slot {
    struct about about;
    uint64_t sent_ns;
    uint32_t xid;
    bool busy;
};

struct link {
    int fd;
    bool silent;
    uint32_t xid;
    size_t start, filled; /* what is not yet looked at in `in` */
    unsigned busy;
    uint8_t *in, *out, *out_end;
    struct slot slots[];
};

struct pipeline {
    struct pipeline_options options;
    int epoll;
    struct link **links;
    unsigned count;
    const struct traffic *traffic;
    struct pipeline_result result;
    uint64_t now, ends;
    bool over;
    uint64_t *latencies;
};

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- Latencies ---------------------------------------------------------------------------------------------------- */

/* 32 classes to a power of two: a class is known to 3 %. */
static unsigned class_of(uint64_t ns)
{
    unsigned power = 0;

    while (ns >> power > 63)
        power++;
    unsigned class = power * 32 + (unsigned)(ns >> power);
    return class < LATENCY_STEPS ? class : LATENCY_STEPS - 1;
}

static uint64_t latency_of(unsigned class)
{
    return class < 64 ? class : (uint64_t)(class % 32 + 32) << (class / 32 - 1);
}

static uint64_t percentile(const struct pipeline *pipeline, uint64_t hundredths)
{
    uint64_t passed = 0;

    for (unsigned i = 0; i < LATENCY_STEPS; i++) {
        passed += pipeline->latencies[i];
        if (passed && passed * 100 >= pipeline->result.calls * hundredths)
            return latency_of(i);
    }
    return 0;
}

/* --- Calls and replies -------------------------------------------------------------------------------------------- */

static bool make_call(struct pipeline *pipeline, struct link *link, unsigned i)
{
    const struct traffic *traffic = pipeline->traffic;
    struct slot *slot = &link->slots[i];

    if (pipeline->over)
        return false;
    slot->xid = (link->xid += DEPTH_MAX) | i;
    uint8_t *begin = link->out_end;
    uint32_t procedure = slot->about.follows ? traffic->then : traffic->procedure;
    uint8_t *p = traffic->make(put_call(begin + 4, slot->xid, NFS_PROGRAM, procedure), &slot->about, traffic->arg);
    if (!p) {
        pipeline->over = true;
        return false;
    }
    put32(begin, LAST_FRAGMENT | (uint32_t)(p - begin - 4));
    link->out_end = p;
    slot->sent_ns = pipeline->now;
    slot->busy = true;
    link->busy++;
    return true;
}

static void send_calls(struct link *link)
{
    size_t size = (size_t)(link->out_end - link->out);

    link->out_end = link->out;
    if (size == 0)
        return;
    ssize_t n = send(link->fd, link->out, size, link->silent ? MSG_DONTWAIT | MSG_NOSIGNAL : 0);
    if (n != (ssize_t)size && !link->silent)
        die("cannot send: %s", strerror(errno));
}

static void take_reply(struct pipeline *pipeline, struct link *link, const uint8_t *reply, size_t size)
{
    unsigned i = size < REPLY_HEAD ? DEPTH_MAX : get32(reply) % DEPTH_MAX;
    struct slot *slot = &link->slots[i];

    if (i >= pipeline->options.depth || !slot->busy || slot->xid != get32(reply))
        die("a reply to no call");
    if (get32(reply + 4) != 1 || get32(reply + 8) != 0 || get32(reply + 16) != 0 || get32(reply + 20) != 0)
        die("a call was not accepted");
    pipeline->result.data +=
        pipeline->traffic->check(reply + REPLY_HEAD, size - REPLY_HEAD, &slot->about, pipeline->traffic->arg);
    pipeline->result.calls++;
    if (pipeline->latencies)
        pipeline->latencies[class_of(pipeline->now - slot->sent_ns)]++;
    slot->about.follows = pipeline->traffic->then && !slot->about.follows;
    slot->busy = false;
    link->busy--;
    make_call(pipeline, link, i);
}

static void take_replies(struct pipeline *pipeline, struct link *link)
{
    for (;;) {
        size_t here = link->filled - link->start;
        const uint8_t *p = link->in + link->start;
        uint32_t mark = here < 4 ? 0 : get32(p), size = mark & ~LAST_FRAGMENT;

        if (here < 4)
            break;
        if (!(mark & LAST_FRAGMENT) || size > RECORD_MAX)
            die("a reply of %u bytes, or in pieces", size);
        if (here < 4 + (size_t)size)
            break;
        take_reply(pipeline, link, p + 4, size);
        link->start += 4 + (size_t)size;
    }
    if (link->start == link->filled) {
        link->start = link->filled = 0;
    } else if (link->start > INPUT_SIZE / 2) {
        memmove(link->in, link->in + link->start, link->filled - link->start);
        link->filled -= link->start;
        link->start = 0;
    }
}

static void work(struct pipeline *pipeline, struct link *link)
{
    ssize_t n = recv(link->fd, link->in + link->filled, INPUT_SIZE - link->filled, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        die("the connection ended");
    pipeline->now = now_ns();
    pipeline->over = pipeline->over || pipeline->now >= pipeline->ends;
    link->filled += n > 0 ? (size_t)n : 0;
    take_replies(pipeline, link);
    send_calls(link);
}

/* --- The whole ---------------------------------------------------------------------------------------------------- */

static struct link *open_link(struct pipeline *pipeline, bool silent)
{
    unsigned depth = pipeline->options.depth;
    struct link *link = calloc(1, sizeof *link + depth * sizeof link->slots[0]);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};

    if (!link)
        die("out of memory");
    link->fd = connect_to(pipeline->options.port);
    link->silent = silent;
    link->in = malloc(INPUT_SIZE);
    link->out = link->out_end = malloc((size_t)depth * CALL_MAX);
    if (!link->in || !link->out)
        die("out of memory");
    if (!silent && epoll_ctl(pipeline->epoll, EPOLL_CTL_ADD, link->fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
    return link;
}

struct pipeline *pipeline_open(const struct pipeline_options *options)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    unsigned count = options->connections + options->silent;

    if (options->depth > DEPTH_MAX)
        die("at most %d calls in flight", DEPTH_MAX);
    if (pipeline && options->latencies)
        pipeline->latencies = calloc(LATENCY_STEPS, sizeof *pipeline->latencies);
    if (pipeline)
        pipeline->links = calloc(count, sizeof *pipeline->links);
    if (!pipeline || !pipeline->links)
        die("out of memory");
    pipeline->options = *options;
    pipeline->epoll = epoll_create1(0);
    for (unsigned i = 0; i < count; i++)
        pipeline->links[i] = open_link(pipeline, i >= options->connections);
    pipeline->count = count;
    return pipeline;
}

void pipeline_close(struct pipeline *pipeline)
{
    for (unsigned i = 0; i < pipeline->count; i++) {
        close(pipeline->links[i]->fd);
        free(pipeline->links[i]->in);
        free(pipeline->links[i]->out);
        free(pipeline->links[i]);
    }
    close(pipeline->epoll);
    free(pipeline->latencies);
    free(pipeline->links);
    free(pipeline);
}

static bool any_busy(const struct pipeline *pipeline)
{
    for (unsigned i = 0; i < pipeline->options.connections; i++)
        if (pipeline->links[i]->busy)
            return true;
    return false;
}

/* A silent one asks once for as much as it may have in flight. */
static void begin(struct pipeline *pipeline)
{
    for (unsigned i = pipeline->count; i-- > 0;) {
        struct link *link = pipeline->links[i];

        for (unsigned j = 0; j < pipeline->options.depth; j++)
            make_call(pipeline, link, j);
        send_calls(link);
    }
}

struct pipeline_result pipeline_run(struct pipeline *pipeline, const struct traffic *traffic)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t began = now_ns();

    pipeline->traffic = traffic;
    pipeline->result = (struct pipeline_result){0};
    pipeline->over = false;
    pipeline->now = began;
    pipeline->ends = began + (uint64_t)(pipeline->options.seconds * 1e9);
    if (pipeline->latencies)
        memset(pipeline->latencies, 0, LATENCY_STEPS * sizeof *pipeline->latencies);
    begin(pipeline);
    if (pipeline->options.connections == 0)
        usleep((useconds_t)(pipeline->options.seconds * 1e6));
    pipeline->over = pipeline->over || pipeline->options.connections == 0;
    while (!pipeline->over || any_busy(pipeline)) {
        int n = epoll_wait(pipeline->epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++)
            work(pipeline, events[i].data.ptr);
    }
    pipeline->result.wall_ns = now_ns() - began;
    if (pipeline->latencies) {
        pipeline->result.p50_ns = percentile(pipeline, 50);
        pipeline->result.p99_ns = percentile(pipeline, 99);
        pipeline->result.max_ns = percentile(pipeline, 100);
    }
    return pipeline->result;
}
