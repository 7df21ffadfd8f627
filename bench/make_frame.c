/* make_frame.c - `make_frame BYTES [SEED]`: a frame of about that size on standard output, the same for the same seed.
 *
 * Its records have the shapes and lengths of a real crawl (257 bytes each on average, one file in 4 a link, names and
 * directories as a Debian system has them), with a few hundred packages and processes and some config contents.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;
static uint64_t written;

/* SplitMix64: reproducible everywhere. */
static uint64_t next(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

static unsigned below(unsigned limit)
{
    return (unsigned)(next() % limit);
}

#define emit(...) (written += (uint64_t)printf(__VA_ARGS__))

static const char *const TOPS[] = {"usr/lib/x86_64-linux-gnu",
                                   "usr/share/zoneinfo",
                                   "var/lib/dpkg/info",
                                   "usr/lib/python3/dist-packages",
                                   "etc",
                                   "usr/bin",
                                   "usr/share/locale",
                                   "opt/app"};
static const char *const ENDS[] = {".so.1", ".py", ".list", ".md5sums", ".conf", "", ".mo", ".pyc"};

static void emit_file(const char *path, const char *name, unsigned mode, const char *type, const char *target,
                      unsigned size)
{
    unsigned mtime = 1400000000 + below(200000000);

    emit("file\t\"%s\"\t{\"atime\":%u.%06u,\"ctime\":%u.%06u,\"gid\":0,\"linksto\":%s%s%s,\"mode\":%u,"
         "\"mtime\":%u.%u,\"name\":\"%s\",\"path\":\"%s\",\"size\":%u,\"type\":\"%s\",\"uid\":0}\n",
         path, mtime + 1000, below(1000000), mtime + 10, below(1000000), target ? "\"" : "", target ? target : "null",
         target ? "\"" : "", mode, mtime, below(1000000), name, path, size, type);
}

static void emit_head(void)
{
    emit("metadata\t\"metadata\"\t{\"system_type\":\"container\",\"timestamp\":\"2024-05-06T07:08:09+0000\","
         "\"namespace\":\"bench/frame\",\"features\":\"os,process,package,file,config\","
         "\"uuid\":\"00000000-0000-0000-0000-000000000000\"}\n");
    emit("config\t\"/etc/hostname\"\t{\"name\":\"hostname\",\"content\":\"bench\\n\",\"path\":\"/etc/hostname\"}\n");
    for (unsigned i = 0; i < 400; i++)
        emit("package\t\"lib%u\"\t{\"installed\":null,\"pkgarchitecture\":\"amd64\",\"pkgname\":\"lib%u\",\"pkgsize\":"
             "\"%u\","
             "\"pkgversion\":\"%u.%u-1\"}\n",
             i, i, below(9999), below(20), below(99));
    for (unsigned i = 0; i < 60; i++)
        emit("process\t\"worker/%u\"\t{\"cmd\":\"/usr/bin/worker --shard %u\",\"created\":1489251869.%u,\"cwd\":\"/\","
             "\"openfiles\":[],\"pid\":%u,\"pname\":\"worker\",\"ppid\":1,\"threads\":%u,\"user\":\"root\"}\n",
             i + 2, i, below(100), i + 2, 1 + below(30));
    emit_file("/", "", 16877, "dir", NULL, 4096);
}

/* A directory with 10 to 40 entries, as most are. */
static void emit_directory(unsigned number)
{
    unsigned kind = below(8), count = 10 + below(31);
    char directory[128], path[256], name[64], base[32];

    snprintf(base, sizeof base, "pkg-%u", number);
    snprintf(directory, sizeof directory, "/%s/%s", TOPS[kind], base);
    emit_file(directory, base, 16877, "dir", NULL, 4096);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s-%u-%04x%s", kind % 2 ? "module" : "lib", i, below(65536), ENDS[kind]);
        snprintf(path, sizeof path, "%s/%s", directory, name);
        if (below(4) == 0)
            emit_file(path, name, 41471, "link", "../../../lib/libreal-target.so", 30);
        else
            emit_file(path, name, 33188, "file", NULL, below(200000));
    }
}

int main(int argc, char **argv)
{
    uint64_t size = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    emit_head();
    for (unsigned number = 0; written < size; number++)
        emit_directory(number);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
