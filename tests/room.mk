# Tests. Unit tests are cmocka programs named after the file they drive; a test that cannot run here exits 77 (skipped).
if HAVE_CMOCKA

unit_tests =
unit_tests += tests/unit/base/test_timestamp
unit_tests += tests/unit/import/test_builder
unit_tests += tests/unit/rpc/test_call

check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

AM_TESTS_ENVIRONMENT = srcdir='$(srcdir)' CONFUSE='$(abs_top_builddir)/confuse'; export srcdir CONFUSE;

tests_unit_base_test_timestamp_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_base_test_timestamp_LDADD = libbase.a $(CRYPTO_LIBS) $(CMOCKA_LIBS)

store_libs = libtree.a libdb.a libbase.a $(SQLITE_LIBS) $(ZSTD_LIBS) $(CRYPTO_LIBS)

tests_unit_import_test_builder_SOURCES = tests/unit/import/test_builder.c tests/unit/scratch.c tests/unit/scratch.h
tests_unit_import_test_builder_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_builder_LDADD = libimport.a $(store_libs) $(CMOCKA_LIBS)
rpc_harness = tests/unit/rpc/harness.c tests/unit/rpc/harness.h tests/unit/rpc/echo_program.c tests/unit/rpc/echo_program.h
rpc_test_libs = librpc.a libbase.a $(TIRPC_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

tests_unit_rpc_test_call_SOURCES = tests/unit/rpc/test_call.c $(rpc_harness)
tests_unit_rpc_test_call_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_call_LDADD = $(rpc_test_libs)
