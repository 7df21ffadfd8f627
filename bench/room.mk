# Programs of bench/run; `make bench` builds them. The load and the limit share no code with what they measure.
EXTRA_PROGRAMS = bench/limit bench/load bench/make_frame bench/make_store
bench_limit_SOURCES = bench/limit.c bench/rpc.h
bench_limit_LDADD =
bench_load_SOURCES = \
    bench/load.c \
    bench/pipeline.c bench/pipeline.h \
    bench/process.c bench/process.h \
    bench/rpc.h \
    bench/serial.c bench/serial.h \
    bench/tree.c bench/tree.h \
    bench/workloads.c bench/workloads.h
bench_load_LDADD =
bench_make_frame_LDADD =
bench_make_store_LDADD = $(confuse_LDADD)
EXTRA_DIST += bench/history bench/history.svg bench/import bench/run bench/make-tree bench/serving bench/growth bench/importing bench/servers.sh bench/report.py bench/verdicts \
    bench/RESULTS.md bench/results.svg
CLEANFILES += $(EXTRA_PROGRAMS)
.PHONY: bench
bench: confuse $(EXTRA_PROGRAMS)
