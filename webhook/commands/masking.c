#include "webhook/commands/masking.h"

#include "common/buffer.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/admission/admission.h"

#include <string.h>

#define MASKED_NAME "OPENSHELL_USER_ENVIRONMENT"

static bool is_masked(const cJSON *variable)
{
    const cJSON *name = json_member(variable, "name");
    return cJSON_IsString(name) && strcmp(name->valuestring, MASKED_NAME) == 0 &&
           cJSON_IsString(json_member(variable, "value"));
}

/* The names that the value, an object of strings as JSON, holds; of anything else nothing is shown. */
static void append_names(const char *value, struct buffer *buffer)
{
    const struct json_limits limits = {.bytes = ADMISSION_BODY_BYTES, .depth = ADMISSION_DEPTH};
    struct error ignored;
    _cleanup_(cJSON_Deletep) cJSON *variables = NULL;
    if (json_parse(value, strlen(value), &limits, &ignored, &variables) && cJSON_IsObject(variables)) {
        const cJSON *variable;
        cJSON_ArrayForEach(variable, variables)
        {
            buffer_append_format(buffer, "%s%s", buffer->length ? ", " : "", variable->string);
        }
    }
    buffer_append_string(buffer, buffer->length ? " (values not shown)" : "(not shown)");
}

static bool mask(cJSON *variable, struct error *error)
{
    _cleanup_(buffer_done) struct buffer names = BUFFER_INIT(ADMISSION_BODY_BYTES);
    cJSON *value = json_member(variable, "value");
    append_names(value->valuestring, &names);
    if (!buffer_check(&names, error))
        return false;
    return cJSON_SetValuestring(value, buffer_string(&names)) || error_set_no_memory(error);
}

/* Recursion is bounded by the depth limit of whoever parsed the tree. */
bool masking_apply(cJSON *tree, struct error *error)
{
    if (is_masked(tree) && !mask(tree, error))
        return false;
    for (cJSON *child = tree->child; child; child = child->next) {
        if (!masking_apply(child, error))
            return false;
    }
    return true;
}
