/* complete.h - frames that came before their image. What completes one is another revision of its capture; the old id
 * stays valid. */
#ifndef IMPORT_COMPLETE_H
#define IMPORT_COMPLETE_H

#include "import/import.h"

/* Join every frame that waits for an image of this name (join.h), if the image is here, and tell of the revisions that
 * are new. Each is published by itself, so whoever is killed meanwhile, or meets an error, leaves the others waiting,
 * and the next call goes on. */
int complete_waiting(const struct import_options *options, const char *name, struct error *err);

#endif
