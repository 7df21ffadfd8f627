/* json_lines KEY...: standard input is one JSON object a line, each with these members. Prints how many; else says what
 * is wrong and exits with 1. */
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(unsigned long line, const char *why, const char *text)
{
    fprintf(stderr, "line %lu: %s: %s\n", line, why, text);
    return 1;
}

static int check(unsigned long number, const char *line, size_t size, int count, char **keys)
{
    json_error_t error;

    if (line[size - 1] != '\n')
        return fail(number, "no newline at its end", line);
    json_t *value = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!value)
        return fail(number, error.text, line);
    if (!json_is_object(value))
        return fail(number, "no object", line);
    for (int i = 0; i < count; i++)
        if (!json_object_get(value, keys[i]))
            return fail(number, keys[i], line);
    json_decref(value);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long number = 0;
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int result = 0;

    while (result == 0 && (size = getline(&line, &room, stdin)) > 0)
        result = check(++number, line, (size_t)size, argc - 1, argv + 1);
    free(line);
    if (result == 0)
        printf("%lu\n", number);
    return result;
}
