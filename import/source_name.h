/* source_name.h - what a history is called where the source says nothing: by the file's or the directory's own name. */
#ifndef IMPORT_SOURCE_NAME_H
#define IMPORT_SOURCE_NAME_H

#include "import/input.h"

/* The name of a file without .tar and the like. The caller frees it. Standard input has none, which is an error; `what`
 * ("a tar") is for its text. */
int source_name_of_file(char **namespace, const struct input *input, const char *what, struct error *err);

/* The last component of a directory's real name. The caller frees it. */
int source_name_of_dir(char **namespace, const char *path, struct error *err);

#endif
