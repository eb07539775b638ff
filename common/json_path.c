#include "common/json.h"

#include <string.h>

static bool is_identifier(const char *key)
{
    if (!*key)
        return false;
    for (const char *at = key; *at; at++) {
        bool is_word = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                       (*at >= '0' && *at <= '9') || *at == '_' || *at == '-';
        if (!is_word)
            return false;
    }
    return true;
}

void json_path_append_field(const struct json_path *path, struct buffer *buffer)
{
    if (!path->parent)
        return;
    size_t before = buffer->length;
    json_path_append_field(path->parent, buffer);
    bool is_first = buffer->length == before && !path->parent->parent;
    if (!path->key)
        buffer_append_format(buffer, "[%zu]", path->index);
    else if (is_identifier(path->key))
        buffer_append_format(buffer, "%s%s", is_first ? "" : ".", path->key);
    else
        buffer_append_format(buffer, "[%s]", path->key);
}

void json_path_append_pointer(const struct json_path *path, struct buffer *buffer)
{
    if (!path->parent)
        return;
    json_path_append_pointer(path->parent, buffer);
    if (!path->key) {
        buffer_append_format(buffer, "/%zu", path->index);
        return;
    }
    buffer_append_character(buffer, '/');
    const char *at = path->key;
    while (*at) {
        size_t plain = strcspn(at, "~/");
        buffer_append(buffer, at, plain);
        at += plain;
        if (*at)
            buffer_append_string(buffer, *at++ == '~' ? "~0" : "~1");
    }
}
