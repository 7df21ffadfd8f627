# Programs of bench/run; `make bench` builds them. They share no code with what they measure.
EXTRA_PROGRAMS = bench/make_frame bench/walk
bench_make_frame_LDADD =
bench_walk_LDADD =
EXTRA_DIST += bench/import bench/run
CLEANFILES += $(EXTRA_PROGRAMS)
.PHONY: bench
bench: confuse $(EXTRA_PROGRAMS)
