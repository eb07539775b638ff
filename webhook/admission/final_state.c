#include "webhook/admission/final_state.h"

#include "common/names.h"

#include <stdlib.h>
#include <string.h>

/* Deeper than any field that the injection owns. */
#define POINTER_PARTS 16
#define POINTER_BYTES 512

struct pointer_parts {
    char text[POINTER_BYTES];
    struct json_path paths[POINTER_PARTS];
    size_t count;
};

static void unescape(char *part)
{
    char *to = part;
    for (const char *from = part; *from; from++) {
        if (*from == '~' && from[1]) {
            from++;
            *to++ = *from == '1' ? '/' : '~';
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* An RFC 6901 pointer of ours as a path, so that it is printed the way Kubernetes names fields. What does not
 * fit is left out at the end: the field's owner is named then. */
static const struct json_path *parse_pointer(const char *pointer, struct pointer_parts *parts)
{
    parts->count = 1;
    parts->paths[0] = (struct json_path){0};
    if (strlen(pointer) >= sizeof parts->text)
        return &parts->paths[0];
    memcpy(parts->text, pointer, strlen(pointer) + 1);
    char *rest = parts->text;
    char *part;
    strsep(&rest, "/");
    while ((part = strsep(&rest, "/")) && parts->count < POINTER_PARTS) {
        struct json_path *path = &parts->paths[parts->count];
        *path = (struct json_path){.parent = &parts->paths[parts->count - 1]};
        if (strcmp(part, "-") == 0)
            break;
        if (*part >= '0' && *part <= '9') {
            path->index = strtoul(part, NULL, 10);
        } else {
            unescape(part);
            path->key = part;
        }
        parts->count++;
    }
    return &parts->paths[parts->count - 1];
}

void final_state_append_field(const char *pointer, struct buffer *buffer)
{
    struct pointer_parts parts;
    json_path_append_field(parse_pointer(pointer, &parts), buffer);
}

bool final_state_deny(const struct injection_result *result, bool was_marked, struct error *error,
                      struct denial_list *denials)
{
    const struct json_path *metadata = JSON_MEMBER(JSON_ROOT, "metadata");
    if (!was_marked)
        return denial_list_add(denials, "InjectionMissing", JSON_MEMBER(metadata, "annotations"), error,
                               "the pod is labelled " LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE
                               " but was not supervised; the mutating webhook must be registered and see it");
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct injection_operation *operation = &result->operations[i];
        struct pointer_parts parts;
        if (!denial_list_add(denials, "InjectionAltered", parse_pointer(operation->path, &parts), error,
                             "was changed after the injection, which would %s it: %s", operation->verb,
                             operation->reason))
            return false;
    }
    return true;
}
