# Tests. Unit tests are cmocka programs named after the file they drive; a test that cannot run here exits 77 (skipped).
if HAVE_CMOCKA

unit_tests =
unit_tests += tests/unit/base/test_timestamp

check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

AM_TESTS_ENVIRONMENT = srcdir='$(srcdir)' CONFUSE='$(abs_top_builddir)/confuse'; export srcdir CONFUSE;

tests_unit_base_test_timestamp_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_base_test_timestamp_LDADD = libbase.a $(CRYPTO_LIBS) $(CMOCKA_LIBS)

# A real client in a virtual machine: run by scripts/test, not by make check, since it downloads a kernel.
EXTRA_DIST += tests/kernel/run tests/kernel/image tests/kernel/init tests/kernel/guest.sh tests/kernel/frame.sh
EXTRA_DIST += tests/fresh tests/under-valgrind scripts/packages scripts/quickstart scripts/test samples/web-1.frame
