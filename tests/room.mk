# Tests. Unit tests are cmocka programs named after the file they drive; a test that cannot run here exits 77 (skipped).
if HAVE_CMOCKA

unit_tests =
unit_tests += tests/unit/base/test_siphash
unit_tests += tests/unit/base/test_timestamp
unit_tests += tests/unit/import/test_builder
unit_tests += tests/unit/import/test_dialect
unit_tests += tests/unit/import/test_frame
unit_tests += tests/unit/import/test_golden
unit_tests += tests/unit/import/test_json
unit_tests += tests/unit/import/test_source
unit_tests += tests/unit/nfsd/test_handle
unit_tests += tests/unit/nfsd/test_permission
unit_tests += tests/unit/rpc/test_access
unit_tests += tests/unit/rpc/test_call
unit_tests += tests/unit/rpc/test_credential
unit_tests += tests/unit/rpc/test_datagram
unit_tests += tests/unit/rpc/test_record
unit_tests += tests/unit/rpc/test_rpcbind
unit_tests += tests/unit/rpc/test_server

e2e_tests =
e2e_tests += tests/e2e/test_files
e2e_tests += tests/e2e/test_listings
e2e_tests += tests/e2e/test_lifetimes
e2e_tests += tests/e2e/test_locks
e2e_tests += tests/e2e/test_mounting
if HAVE_LIBNFS
e2e_tests += tests/e2e/test_libnfs
endif

check_PROGRAMS += $(unit_tests) $(e2e_tests)
TESTS += $(unit_tests) $(e2e_tests)
endif

AM_TESTS_ENVIRONMENT = srcdir='$(srcdir)' CONFUSE='$(abs_top_builddir)/confuse'; export srcdir CONFUSE;

tests_unit_base_test_siphash_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_base_test_siphash_LDADD = libbase.a $(CMOCKA_LIBS)

tests_unit_base_test_timestamp_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_base_test_timestamp_LDADD = libbase.a $(CRYPTO_LIBS) $(CMOCKA_LIBS)

store_libs = libtree.a libdb.a libbase.a $(SQLITE_LIBS) $(ZSTD_LIBS) $(CRYPTO_LIBS)

tests_unit_import_test_builder_SOURCES = tests/unit/import/test_builder.c tests/unit/scratch.c tests/unit/scratch.h
tests_unit_import_test_builder_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_builder_LDADD = libimport.a $(store_libs) $(CMOCKA_LIBS)

tests_unit_import_test_json_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_json_LDADD = libimport.a libbase.a $(CMOCKA_LIBS)

tests_unit_import_test_source_SOURCES = tests/unit/import/test_source.c tests/unit/scratch.c tests/unit/scratch.h
tests_unit_import_test_source_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_source_LDADD = libimport.a $(store_libs) $(ZLIB_LIBS) $(CMOCKA_LIBS)

tests_unit_import_test_dialect_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_dialect_LDADD = libimport.a libbase.a $(CMOCKA_LIBS)

frame_harness = tests/unit/import/frame_harness.c tests/unit/import/frame_harness.h \
                tests/unit/scratch.c tests/unit/scratch.h
tests_unit_import_test_frame_SOURCES = tests/unit/import/test_frame.c $(frame_harness)
tests_unit_import_test_frame_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_frame_LDADD = libimport.a $(store_libs) $(ZLIB_LIBS) $(CMOCKA_LIBS)

tests_unit_import_test_golden_SOURCES = tests/unit/import/test_golden.c $(frame_harness)
tests_unit_import_test_golden_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_import_test_golden_LDADD = libimport.a $(store_libs) $(ZLIB_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/golden/frame tests/should-fail/frame

tests_unit_nfsd_test_handle_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_nfsd_test_handle_LDADD = libnfsd.a libbase.a $(CMOCKA_LIBS)

tests_unit_nfsd_test_permission_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_nfsd_test_permission_LDADD = libnfsd.a $(store_libs) $(CMOCKA_LIBS)

rpc_harness = tests/unit/rpc/harness.c tests/unit/rpc/harness.h tests/unit/rpc/echo_program.c tests/unit/rpc/echo_program.h
rpc_test_libs = librpc.a libbase.a $(TIRPC_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)

tests_unit_rpc_test_access_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_access_LDADD = $(rpc_test_libs)

tests_unit_rpc_test_call_SOURCES = tests/unit/rpc/test_call.c $(rpc_harness)
tests_unit_rpc_test_call_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_call_LDADD = $(rpc_test_libs)

tests_unit_rpc_test_credential_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_credential_LDADD = $(rpc_test_libs)

tests_unit_rpc_test_datagram_SOURCES = tests/unit/rpc/test_datagram.c $(rpc_harness)
tests_unit_rpc_test_datagram_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_datagram_LDADD = $(rpc_test_libs)

tests_unit_rpc_test_record_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_record_LDADD = $(rpc_test_libs)

tests_unit_rpc_test_rpcbind_SOURCES = tests/unit/rpc/test_rpcbind.c $(rpc_harness)
tests_unit_rpc_test_rpcbind_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_rpcbind_LDADD = $(rpc_test_libs)

tests_unit_rpc_test_server_SOURCES = tests/unit/rpc/test_server.c $(rpc_harness)
tests_unit_rpc_test_server_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rpc_test_server_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_milliseconds,--wrap=send
tests_unit_rpc_test_server_LDADD = $(rpc_test_libs)

# Fuzz targets. With gcc each runs on its corpus (tests/fuzz/driver.c); --enable-fuzzers builds the fuzzers themselves.
fuzz_corpora = tests/fuzz/fuzz_call_corpus tests/fuzz/fuzz_record_corpus
if HAVE_CMOCKA
fuzz_corpora += tests/fuzz/fuzz_programs_corpus
endif
fuzz_corpora = tests/fuzz/fuzz_call_corpus tests/fuzz/fuzz_frame_corpus tests/fuzz/fuzz_record_corpus
fuzz_call_sources = tests/fuzz/fuzz_call.c tests/unit/rpc/echo_program.c tests/unit/rpc/echo_program.h
fuzz_libs = librpc.a libbase.a $(TIRPC_LIBS) $(CRYPTO_LIBS)

check_PROGRAMS += $(fuzz_corpora)
TESTS += tests/fuzz/corpora.sh
dist_check_SCRIPTS += tests/fuzz/corpora.sh
EXTRA_DIST += tests/fuzz/corpus
tests_fuzz_fuzz_call_corpus_SOURCES = tests/fuzz/driver.c $(fuzz_call_sources)
tests_fuzz_fuzz_call_corpus_LDADD = $(fuzz_libs)
fuzz_frame_libs = libimport.a $(store_libs) $(ZLIB_LIBS)
tests_fuzz_fuzz_frame_corpus_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_frame.c
tests_fuzz_fuzz_frame_corpus_LDADD = $(fuzz_frame_libs)
tests_fuzz_fuzz_record_corpus_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_record.c
tests_fuzz_fuzz_record_corpus_LDADD = $(fuzz_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_call tests/fuzz/fuzz_frame tests/fuzz/fuzz_record
tests_fuzz_fuzz_call_SOURCES = $(fuzz_call_sources)
tests_fuzz_fuzz_call_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_call_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c
tests_fuzz_fuzz_frame_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_frame_LDADD = $(fuzz_frame_libs)
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c
tests_fuzz_fuzz_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_record_LDADD = $(fuzz_libs)
endif

# All programs of the server, on the fixture that the end-to-end tests use.
fuzz_programs_sources = tests/fuzz/fuzz_programs.c $(e2e_server)
fuzz_programs_libs = $(e2e_libs)
tests_fuzz_fuzz_programs_corpus_SOURCES = tests/fuzz/driver.c $(fuzz_programs_sources)
tests_fuzz_fuzz_programs_corpus_LDADD = $(fuzz_programs_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_programs
tests_fuzz_fuzz_programs_SOURCES = $(fuzz_programs_sources)
tests_fuzz_fuzz_programs_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_programs_LDADD = $(fuzz_programs_libs)
endif

# End to end: a real server in a process of its own.
serve_libs = libnfsd.a libmountd.a libnfsd.a libxdr.a librpc.a $(store_libs) $(TIRPC_LIBS)
e2e_server = tests/e2e/fixture.c tests/e2e/fixture.h tests/unit/scratch.c tests/unit/scratch.h
e2e_fixture = $(e2e_server) tests/e2e/client.c tests/e2e/client.h tests/e2e/nfs_calls.c tests/e2e/nfs_calls.h
e2e_libs = libimport.a $(serve_libs) $(CMOCKA_LIBS)

tests_e2e_test_files_SOURCES = tests/e2e/test_files.c $(e2e_fixture)
tests_e2e_test_files_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_e2e_test_files_LDADD = $(e2e_libs)

tests_e2e_test_listings_SOURCES = tests/e2e/test_listings.c $(e2e_fixture)
tests_e2e_test_listings_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_e2e_test_listings_LDADD = $(e2e_libs)

tests_e2e_test_lifetimes_SOURCES = tests/e2e/test_lifetimes.c $(e2e_fixture)
tests_e2e_test_lifetimes_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_e2e_test_lifetimes_LDADD = $(e2e_libs)

tests_e2e_test_locks_SOURCES = tests/e2e/test_locks.c $(e2e_fixture)
tests_e2e_test_locks_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_e2e_test_locks_LDADD = $(e2e_libs)

tests_e2e_test_mounting_SOURCES = tests/e2e/test_mounting.c $(e2e_fixture)
tests_e2e_test_mounting_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_e2e_test_mounting_LDADD = $(e2e_libs)

tests_e2e_test_libnfs_SOURCES = tests/e2e/test_libnfs.c $(e2e_server)
tests_e2e_test_libnfs_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) $(NFS_CFLAGS)
tests_e2e_test_libnfs_LDADD = $(e2e_libs) $(NFS_LIBS)
# A real client in a virtual machine: run by scripts/test, not by make check, since it downloads a kernel.
EXTRA_DIST += tests/kernel/run tests/kernel/image tests/kernel/init tests/kernel/guest.sh tests/kernel/frame.sh
EXTRA_DIST += tests/fresh tests/under-valgrind scripts/packages scripts/quickstart scripts/test samples/web-1.frame

# The whole program, as scripts and accidents meet it.
e2e_process = tests/e2e/process.c tests/e2e/process.h tests/e2e/capture.c tests/e2e/capture.h
e2e_programs = tests/e2e/test_kill
check_PROGRAMS += $(e2e_programs)
TESTS += $(e2e_programs)
tests_e2e_test_kill_SOURCES = tests/e2e/test_kill.c $(e2e_process)
tests_e2e_test_kill_LDADD =

# The store and the trees in it.
if HAVE_CMOCKA
store_tests = tests/unit/db/test_blob tests/unit/db/test_cut tests/unit/db/test_frame_store tests/unit/db/test_snapshot
store_tests += tests/unit/db/test_check tests/unit/db/test_store
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
endif
scratch = tests/unit/scratch.c tests/unit/scratch.h
tests_unit_db_test_blob_SOURCES = tests/unit/db/test_blob.c $(scratch)
tests_unit_db_test_blob_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_db_test_blob_LDADD = $(store_libs) $(CMOCKA_LIBS)
tests_unit_db_test_cut_SOURCES = tests/unit/db/test_cut.c $(scratch)
tests_unit_db_test_cut_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_db_test_cut_LDADD = $(store_libs) $(CMOCKA_LIBS)
tests_unit_db_test_frame_store_SOURCES = tests/unit/db/test_frame_store.c $(scratch)
tests_unit_db_test_frame_store_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_db_test_frame_store_LDADD = $(store_libs) $(CMOCKA_LIBS)
tests_unit_db_test_snapshot_SOURCES = tests/unit/db/test_snapshot.c $(scratch)
tests_unit_db_test_snapshot_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_db_test_snapshot_LDADD = $(store_libs) $(CMOCKA_LIBS)
tests_unit_db_test_check_SOURCES = tests/unit/db/test_check.c $(scratch)
tests_unit_db_test_check_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_db_test_check_LDADD = libimport.a $(store_libs) $(CMOCKA_LIBS)
tests_unit_db_test_store_SOURCES = tests/unit/db/test_store.c $(scratch)
tests_unit_db_test_store_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_db_test_store_LDADD = $(store_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/e2e/json_lines tests/e2e/make_capture
tests_e2e_json_lines_LDADD = $(JANSSON_LIBS)
tests_e2e_make_capture_SOURCES = tests/e2e/make_capture.c tests/e2e/capture.c tests/e2e/capture.h
tests_e2e_make_capture_LDADD =
e2e_scripts = tests/e2e/bad_input.sh tests/e2e/commands.sh tests/e2e/durable.sh
dist_check_SCRIPTS += $(e2e_scripts)
TESTS += $(e2e_scripts)
