#include "driver/sandboxes/state.h"

#include "common/json.h"
#include "common/names.h"
#include "common/syntax.h"
#include "kubernetes/resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void state_copy_text(char *field, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size) {
        length = size - 1;
        /* Not in the middle of a UTF-8 sequence: continuation bytes look like 10xxxxxx. */
        while (length > 0 && ((unsigned char) text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(field, text, length);
    field[length] = '\0';
}

static bool copy_label(const cJSON *labels, const char *key, bool (*is_valid)(const char *), char *field,
                       size_t size)
{
    const cJSON *label = json_member(labels, key);
    if (!cJSON_IsString(label) || !is_valid(label->valuestring))
        return false;
    state_copy_text(field, size, label->valuestring);
    return true;
}

bool state_read_identity(const cJSON *object, struct sandbox_state *state)
{
    *state = (struct sandbox_state){0};
    const cJSON *labels = json_member(json_member(object, "metadata"), "labels");
    const char *namespace_name = kubernetes_object_namespace(object);
    if (!namespace_name ||
        !copy_label(labels, LABEL_SANDBOX_ID, syntax_is_dns_label, state->id, sizeof state->id) ||
        !copy_label(labels, LABEL_SANDBOX_NAME, name_is_sandbox, state->name, sizeof state->name) ||
        !copy_label(labels, LABEL_SANDBOX_WORKSPACE, name_is_sandbox, state->workspace,
                    sizeof state->workspace))
        return false;
    state_copy_text(state->namespace_name, sizeof state->namespace_name, namespace_name);
    return true;
}

uint64_t state_read_version(const cJSON *object)
{
    const char *text = kubernetes_object_resource_version(object);
    if (!text)
        return 0;
    errno = 0;
    char *end;
    unsigned long long version = strtoull(text, &end, 10);
    return errno || *end || end == text ? 0 : version;
}
