#include "common/json.h"

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

static void append_pointer_token(const char *key, struct buffer *buffer)
{
    const char *plain = key;
    const char *at = key;
    for (; *at; at++) {
        if (*at != '~' && *at != '/')
            continue;
        buffer_append(buffer, plain, (size_t) (at - plain));
        buffer_append_string(buffer, *at == '~' ? "~0" : "~1");
        plain = at + 1;
    }
    buffer_append(buffer, plain, (size_t) (at - plain));
}

void json_path_append_pointer(const struct json_path *path, struct buffer *buffer)
{
    if (!path->parent)
        return;
    json_path_append_pointer(path->parent, buffer);
    buffer_append_character(buffer, '/');
    if (path->key)
        append_pointer_token(path->key, buffer);
    else
        buffer_append_integer(buffer, (int64_t) path->index);
}
