/* export_oci.h - a snapshot as an OCI image layout, in a tar: one layer, and the config of its image, if it has one. */
#ifndef CLI_EXPORT_OCI_H
#define CLI_EXPORT_OCI_H

#include "cli/export_tar.h"

/* Write it to a descriptor. The layer has to be known before it is written, so it lies in a file without a name, in
 * $TMPDIR or /var/tmp, meanwhile. */
int export_oci(struct export_count *count, struct view *view, const struct export_options *options, int fd,
               struct error *err);

#endif
