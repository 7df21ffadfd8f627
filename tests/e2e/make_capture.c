/* make_capture NAMESPACE VERSION FILES CONTENTS LARGE_EACH: a frame on standard output, for the tests that are scripts.
 */
#include "tests/e2e/capture.h"

#include <stdlib.h>

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    const struct capture capture = {argv[1], number(argv[2]), number(argv[3]), number(argv[4]), number(argv[5])};
    capture_write(stdout, &capture);
    return fclose(stdout) == 0 ? 0 : 1;
}
