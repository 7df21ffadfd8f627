# Tests. Unit tests are cmocka programs named after the file they drive, end-to-end tests start real servers and real
# processes; a test that cannot run here exits 77 (skipped). A new one needs its name in a list below, nothing else.

AM_TESTS_ENVIRONMENT = srcdir='$(srcdir)' CONFUSE='$(abs_top_builddir)/confuse'; export srcdir CONFUSE;

# What tests share; and what every program is linked with that does not say otherwise.
check_LIBRARIES = libtesting.a librpctesting.a
libtesting_a_SOURCES = tests/e2e/cache_calls.c tests/e2e/cache_calls.h tests/e2e/capture.c tests/e2e/capture.h tests/e2e/client.c tests/e2e/client.h tests/e2e/fixture.c tests/e2e/fixture.h tests/e2e/nfs_calls.c tests/e2e/nfs_calls.h tests/e2e/process.c tests/e2e/process.h tests/unit/import/frame_harness.c tests/unit/import/frame_harness.h tests/unit/ok.h tests/unit/random.h tests/unit/scratch.c tests/unit/scratch.h
libtesting_a_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
librpctesting_a_SOURCES = tests/unit/rpc/echo_program.c tests/unit/rpc/echo_program.h tests/unit/rpc/harness.c tests/unit/rpc/harness.h tests/unit/rpc/transport.c tests/unit/rpc/transport.h
librpctesting_a_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
rpc_libs = librpctesting.a librpc.a libbase.a $(TIRPC_LIBS) $(CRYPTO_LIBS) $(CMOCKA_LIBS)
LDADD = libtesting.a $(confuse_LDADD) $(JANSSON_LIBS) $(CMOCKA_LIBS)

if HAVE_CMOCKA
unit_tests =
unit_tests += tests/unit/base/test_quote
unit_tests += tests/unit/base/test_siphash
unit_tests += tests/unit/base/test_timestamp
unit_tests += tests/unit/cli/test_run
tests_unit_cli_test_run_SOURCES = tests/unit/cli/test_run.c cli/address.c cli/nfs_mount.c cli/run_command.c cli/run_lend.c cli/run_pids.c cli/run_root.c cli/run_server.c cli/run_sockets.c cli/run_tools.c
unit_tests += tests/unit/cli/test_scan
tests_unit_cli_test_scan_SOURCES = tests/unit/cli/test_scan.c cli/scan_adapter.c cli/scan_items.c cli/scan_process.c cli/scan_verdict.c
unit_tests += tests/unit/cli/test_watch_queue
tests_unit_cli_test_watch_queue_SOURCES = tests/unit/cli/test_watch_queue.c cli/watch_queue.c
unit_tests += tests/unit/db/test_blob
unit_tests += tests/unit/db/test_blob_writer
unit_tests += tests/unit/db/test_check
unit_tests += tests/unit/db/test_chunk_list
unit_tests += tests/unit/db/test_collect
unit_tests += tests/unit/db/test_cut
unit_tests += tests/unit/db/test_feature_values
unit_tests += tests/unit/db/test_frame_store
unit_tests += tests/unit/db/test_history
unit_tests += tests/unit/db/test_image
unit_tests += tests/unit/db/test_policy
unit_tests += tests/unit/db/test_repair
unit_tests += tests/unit/db/test_namespace_prefix
unit_tests += tests/unit/db/test_schema_packed
unit_tests += tests/unit/db/test_snapshot
unit_tests += tests/unit/db/test_store
unit_tests += tests/unit/db/test_verdicts
unit_tests += tests/unit/import/test_builder
unit_tests += tests/unit/import/test_builder_over
unit_tests += tests/unit/import/test_builder_replay
unit_tests += tests/unit/import/test_dialect
unit_tests += tests/unit/import/test_dir
unit_tests += tests/unit/import/test_frame
unit_tests += tests/unit/import/test_golden
unit_tests += tests/unit/import/test_image_documents
unit_tests += tests/unit/import/test_image_memory
tests_unit_import_test_image_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
unit_tests += tests/unit/import/test_image_reference
unit_tests += tests/unit/import/test_image_select
unit_tests += tests/unit/import/test_join
unit_tests += tests/unit/import/test_json
unit_tests += tests/unit/import/test_live
unit_tests += tests/unit/import/test_live_parse
unit_tests += tests/unit/import/test_members
unit_tests += tests/unit/import/test_memory
# Memory ends when the test says so.
tests_unit_import_test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup
unit_tests += tests/unit/import/test_rpmdb
unit_tests += tests/unit/import/test_source
unit_tests += tests/unit/import/test_tar
unit_tests += tests/unit/import/test_veneer
unit_tests += tests/unit/import/test_xattrs
unit_tests += tests/unit/nfsd/test_budget
unit_tests += tests/unit/nfsd/test_handle
unit_tests += tests/unit/nfsd/test_mappings
unit_tests += tests/unit/nfsd/test_permission
unit_tests += tests/unit/rpc/test_access
unit_tests += tests/unit/rpc/test_call
tests_unit_rpc_test_call_LDADD = $(rpc_libs)
unit_tests += tests/unit/rpc/test_connection
tests_unit_rpc_test_connection_LDADD = $(rpc_libs)
# Time and send(2) are the test's to decide.
tests_unit_rpc_test_connection_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_milliseconds,--wrap=send,--wrap=sendmsg
unit_tests += tests/unit/rpc/test_credential
unit_tests += tests/unit/rpc/test_datagram
tests_unit_rpc_test_datagram_LDADD = $(rpc_libs)
unit_tests += tests/unit/rpc/test_record
unit_tests += tests/unit/rpc/test_rpcbind
tests_unit_rpc_test_rpcbind_LDADD = $(rpc_libs)
unit_tests += tests/unit/rpc/test_server
tests_unit_rpc_test_server_LDADD = $(rpc_libs)
unit_tests += tests/unit/tree/test_ahead
unit_tests += tests/unit/tree/test_cache
unit_tests += tests/unit/tree/test_diff
unit_tests += tests/unit/tree/test_features
unit_tests += tests/unit/tree/test_follow
unit_tests += tests/unit/tree/test_links
unit_tests += tests/unit/tree/test_manifest
unit_tests += tests/unit/tree/test_node

e2e_tests =
e2e_tests += tests/e2e/test_at
e2e_tests += tests/e2e/test_cache
e2e_tests += tests/e2e/test_cache_drafts
e2e_tests += tests/e2e/test_cache_full
e2e_tests += tests/e2e/test_crowd
e2e_tests += tests/e2e/test_diffs
e2e_tests += tests/e2e/test_files
e2e_tests += tests/e2e/test_images
e2e_tests += tests/e2e/test_keep
e2e_tests += tests/e2e/test_kill
e2e_tests += tests/e2e/test_lifetimes
e2e_tests += tests/e2e/test_links
e2e_tests += tests/e2e/test_listings
e2e_tests += tests/e2e/test_locks
e2e_tests += tests/e2e/test_meta
e2e_tests += tests/e2e/test_mounting
e2e_tests += tests/e2e/test_same_replies
e2e_tests += tests/e2e/test_serve

if HAVE_LIBNFS
e2e_tests += tests/e2e/test_claims
tests_e2e_test_claims_SOURCES = tests/e2e/test_claims.c tests/e2e/racer.c tests/e2e/racer.h
tests_e2e_test_claims_LDADD = $(LDADD) $(NFS_LIBS)
e2e_tests += tests/e2e/test_libnfs
tests_e2e_test_libnfs_LDADD = $(LDADD) $(NFS_LIBS)
e2e_tests += tests/e2e/test_real_frame
tests_e2e_test_real_frame_LDADD = $(LDADD) $(NFS_LIBS) -lm
endif

check_PROGRAMS += $(unit_tests) $(e2e_tests)
TESTS += $(unit_tests) $(e2e_tests)

# The same from scripts, and what they need: a frame of any size, a strict reader of JSON lines.
e2e_scripts =
e2e_scripts += tests/e2e/bad_input.sh
e2e_scripts += tests/e2e/commands.sh
e2e_scripts += tests/e2e/damaged.sh
e2e_scripts += tests/e2e/diff.sh
e2e_scripts += tests/e2e/dir.sh
e2e_scripts += tests/e2e/durable.sh
e2e_scripts += tests/e2e/export.sh
e2e_scripts += tests/e2e/find.sh
e2e_scripts += tests/e2e/images.sh
e2e_scripts += tests/e2e/join.sh
e2e_scripts += tests/e2e/keep.sh
e2e_scripts += tests/e2e/kill_images.sh
e2e_scripts += tests/e2e/live.sh
e2e_scripts += tests/e2e/manual.sh
e2e_scripts += tests/e2e/merge.sh
e2e_scripts += tests/e2e/oci.sh
e2e_scripts += tests/e2e/packages.sh
e2e_scripts += tests/e2e/progress.sh
e2e_scripts += tests/e2e/scan.sh
e2e_scripts += tests/e2e/tar.sh
e2e_scripts += tests/e2e/veneer.sh
e2e_scripts += tests/e2e/watch.sh
check_PROGRAMS += tests/e2e/compare_tree tests/e2e/json_lines tests/e2e/make_capture tests/e2e/make_verdicts
dist_check_SCRIPTS += $(e2e_scripts)
TESTS += $(e2e_scripts)

# Fuzz targets: with any compiler each runs on its corpus (tests/fuzz/driver.c); --enable-fuzzers builds the fuzzers too.
check_PROGRAMS += tests/fuzz/fuzz_call_corpus
check_PROGRAMS += tests/fuzz/fuzz_frame_corpus
check_PROGRAMS += tests/fuzz/fuzz_layer_corpus
check_PROGRAMS += tests/fuzz/fuzz_live_corpus
check_PROGRAMS += tests/fuzz/fuzz_programs_corpus
check_PROGRAMS += tests/fuzz/fuzz_record_corpus
check_PROGRAMS += tests/fuzz/fuzz_rpmdb_corpus
tests_fuzz_fuzz_call_corpus_SOURCES = tests/fuzz/fuzz_call.c tests/fuzz/driver.c
tests_fuzz_fuzz_call_corpus_LDADD = $(rpc_libs)
tests_fuzz_fuzz_frame_corpus_SOURCES = tests/fuzz/fuzz_frame.c tests/fuzz/driver.c
tests_fuzz_fuzz_layer_corpus_SOURCES = tests/fuzz/fuzz_layer.c tests/fuzz/driver.c
tests_fuzz_fuzz_live_corpus_SOURCES = tests/fuzz/fuzz_live.c tests/fuzz/driver.c
tests_fuzz_fuzz_programs_corpus_SOURCES = tests/fuzz/fuzz_programs.c tests/fuzz/driver.c
tests_fuzz_fuzz_record_corpus_SOURCES = tests/fuzz/fuzz_record.c tests/fuzz/driver.c
tests_fuzz_fuzz_rpmdb_corpus_SOURCES = tests/fuzz/fuzz_rpmdb.c tests/fuzz/driver.c
TESTS += tests/fuzz/corpora.sh
dist_check_SCRIPTS += tests/fuzz/corpora.sh

if FUZZERS
check_PROGRAMS += tests/fuzz/fuzz_call
check_PROGRAMS += tests/fuzz/fuzz_frame
check_PROGRAMS += tests/fuzz/fuzz_layer
check_PROGRAMS += tests/fuzz/fuzz_live
check_PROGRAMS += tests/fuzz/fuzz_programs
check_PROGRAMS += tests/fuzz/fuzz_record
check_PROGRAMS += tests/fuzz/fuzz_rpmdb
tests_fuzz_fuzz_call_LDADD = $(rpc_libs)
tests_fuzz_fuzz_call_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_frame_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_layer_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_live_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_programs_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_rpmdb_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
endif
endif

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/layers.py tests/golden/frame tests/should-fail/frame tests/should-fail/tar
EXTRA_DIST += tests/e2e/base_images.py
EXTRA_DIST += tests/e2e/checks.py
EXTRA_DIST += tests/e2e/damaged.py
EXTRA_DIST += tests/e2e/diff.py
EXTRA_DIST += tests/e2e/export.py
EXTRA_DIST += tests/e2e/feature_values.py
EXTRA_DIST += tests/e2e/find.py
EXTRA_DIST += tests/e2e/images.py
EXTRA_DIST += tests/e2e/join.py
EXTRA_DIST += tests/e2e/live.py
EXTRA_DIST += tests/e2e/live_inside.py
EXTRA_DIST += tests/e2e/make_images.py
EXTRA_DIST += tests/e2e/make_tree.py
EXTRA_DIST += tests/e2e/merge_model.py
EXTRA_DIST += tests/e2e/oci_layout.py
EXTRA_DIST += tests/e2e/on_terminal.py
EXTRA_DIST += tests/e2e/packages.py
EXTRA_DIST += tests/e2e/scan.py
EXTRA_DIST += tests/e2e/served.py
EXTRA_DIST += tests/e2e/tree_oracle.py
EXTRA_DIST += tests/e2e/umoci_oracle.py
EXTRA_DIST += tests/e2e/veneer.py
EXTRA_DIST += tests/e2e/watch.py

# The format once more, from its document alone.
TESTS += tests/golden/images.sh tests/golden/joins.sh tests/golden/second.sh
dist_check_SCRIPTS += tests/golden/images.sh tests/golden/joins.sh tests/golden/second.sh

# What features become.
TESTS += tests/golden/veneers.sh
dist_check_SCRIPTS += tests/golden/veneers.sh
EXTRA_DIST += tests/golden/veneer tests/golden/veneers.py
EXTRA_DIST += tests/golden/image tests/golden/join tests/golden/images.py tests/golden/second.py tests/golden/random_frames.py
# A real client in a virtual machine, and a bare Debian: run by scripts/test and by hand, since they download packages.
EXTRA_DIST += tests/kernel/checks.sh tests/kernel/chroot.sh tests/kernel/claims.py tests/kernel/claims.sh tests/kernel/each.sh tests/kernel/frame.sh tests/kernel/guest.sh tests/kernel/image tests/kernel/init tests/kernel/original.py tests/kernel/run tests/kernel/run.sh tests/kernel/scan.sh tests/kernel/scanners.py tests/kernel/scanners.sh tests/kernel/tools.py tests/kernel/tools.sh tests/kernel/tools_frame.py tests/kernel/tools_rows.py tests/kernel/tools_told.py
EXTRA_DIST += tests/debian/image tests/debian/install tests/debian/root tests/debian/run tests/debian/scanners tests/debian/tools
EXTRA_DIST += tests/fresh tests/under-valgrind tests/valgrind.supp scripts/packages scripts/quickstart scripts/test samples/web-1.frame
