/* system.c - os-release(5), hostname(5), /etc/debian_version. */
#include "import/veneer/render.h"

#include <ctype.h>
#include <string.h>

#define ID_MAX 64 /* bytes of an ID; real ones have some ten */

/* What os_version of Debian looks like; Ubuntu's file has the name of a Debian that no feature tells. */
static bool is_debian(struct fact name)
{
    return name.size == 6 && name.text && strncasecmp(name.text, "debian", 6) == 0;
}

static struct fact name_of_system(const struct veneer *v)
{
    struct fact name = facts_one(&v->facts, FACT_OS, OS_NAME);

    return name.text ? name : facts_one(&v->facts, FACT_OS, OS_DISTRO);
}

/* A value between double quotes, as os-release(5) wants what a shell might take for more than text. */
static void add_quoted(struct buffer *out, struct fact fact)
{
    for (size_t i = 0; i < fact.size; i++) {
        if (strchr("\"\\$`", fact.text[i]))
            buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)fact.text[i]);
    }
}

static void add_assignment(struct buffer *out, const char *name, struct fact first, struct fact second)
{
    buffer_add_format(out, "%s=\"", name);
    add_quoted(out, first);
    if (second.text) {
        buffer_add_byte(out, ' ');
        add_quoted(out, second);
    }
    buffer_add_text(out, "\"\n");
}

/* ID is lower-case letters, digits, '.', '_' and '-' only; a name that is more than that is no ID. */
static void add_id(struct buffer *out, struct fact name)
{
    char id[ID_MAX + 1];

    if (name.size > ID_MAX)
        return;
    for (size_t i = 0; i < name.size; i++) {
        id[i] = (char)tolower((unsigned char)name.text[i]);
        if (!isalnum((unsigned char)id[i]) && !strchr("._-", id[i]))
            return;
    }
    buffer_add_format(out, "ID=%.*s\n", (int)name.size, id);
}

static int render_os_release(struct veneer *v, struct fact name, struct fact version, struct error *err)
{
    if (!veneer_is_line(name))
        return 0;
    buffer_add_text(&v->text, "# Made by confuse from the captured os feature.\n");
    add_assignment(&v->text, "PRETTY_NAME", name, version);
    add_assignment(&v->text, "NAME", name, (struct fact){0});
    if (version.text)
        add_assignment(&v->text, "VERSION_ID", version, (struct fact){0});
    add_id(&v->text, name);
    return veneer_put(v, &(struct made){.path = "/etc/os-release", .mode = S_IFREG | 0644, .mtime = v->boot}, err);
}

/* Of the container, as docker was asked for it. */
int render_container_name(struct veneer *v, struct error *err)
{
    struct fact config = facts_one(&v->facts, FACT_INSPECT, INSPECT_CONFIG);
    struct json json;
    struct json_span value;
    struct json_string string;

    if (facts_count(&v->facts, FACT_INSPECT) != 1 || !config.text)
        return 0;
    json_begin(&json, config.text, config.size);
    if (json_next(&json) != JSON_OBJECT || json_find(&value, &json, "Hostname") != 1)
        return 0;
    json_begin(&json, value.text, value.size);
    if (json_next(&json) != JSON_STRING || json_read_string(&string, &json) < 0 || string.size == 0)
        return 0;
    json_decode(&v->text, &string, NULL);
    if (!veneer_is_line((struct fact){(const char *)v->text.bytes, v->text.size})) {
        buffer_clear(&v->text);
        return 0;
    }
    buffer_add_byte(&v->text, '\n');
    return veneer_put(v, &(struct made){.path = "/etc/hostname", .mode = S_IFREG | 0644, .mtime = v->boot}, err);
}

int render_system_files(struct veneer *v, struct error *err)
{
    struct fact name = name_of_system(v), version = facts_one(&v->facts, FACT_OS, OS_VERSION);

    if (!veneer_is_line(version))
        version = (struct fact){0};
    int rc = render_os_release(v, name, version, err);
    if (rc == 0 && is_debian(name) && version.text) {
        buffer_add(&v->text, version.text, version.size);
        buffer_add_byte(&v->text, '\n');
        rc =
            veneer_put(v, &(struct made){.path = "/etc/debian_version", .mode = S_IFREG | 0644, .mtime = v->boot}, err);
    }
    return rc;
}
