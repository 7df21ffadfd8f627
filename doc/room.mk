dist_man_MANS += doc/confuse.1 doc/confuse-capture.1 doc/confuse-find.1 doc/confuse-import.1 doc/confuse-run.1 doc/confuse-scan.1 doc/confuse-serve.8
EXTRA_DIST += doc/ARCHITECTURE.md doc/CLIENTS.md doc/FORMAT.md doc/PERFORMANCE.md doc/VENEER.md
