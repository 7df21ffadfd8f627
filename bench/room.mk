# Programs of bench/run; `make bench` builds them. They share no code with what they measure.
EXTRA_PROGRAMS = bench/make_frame bench/walk
EXTRA_DIST += bench/run
CLEANFILES += $(EXTRA_PROGRAMS)
.PHONY: bench
bench: confuse $(EXTRA_PROGRAMS)
