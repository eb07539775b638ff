#include "webhook/commands/decisions.h"

#include "common/json.h"
#include "webhook/commands/masking.h"

#include <stdlib.h>

static bool copy_objects(struct decisions *decisions, struct error *error)
{
    decisions->before = cJSON_CreateArray();
    if (!decisions->before)
        return error_set_no_memory(error);
    for (size_t i = 0; i < decisions->input.object_count; i++) {
        cJSON *copy = cJSON_Duplicate(decisions->input.objects[i].value, true);
        if (!copy)
            return error_set_no_memory(error);
        cJSON_AddItemToArray(decisions->before, copy);
        if (!masking_apply(copy, error))
            return false;
    }
    return true;
}

static bool decide(const struct input_object *object, const struct command_line *line,
                   const struct configuration *configuration, struct error *error,
                   struct injection_result *result)
{
    if (!object->is_pod) {
        *result = (struct injection_result){.decision = INJECTION_SKIPPED, .skip_reason = "not a pod"};
        return true;
    }
    const struct injection_request request = {
        .pod = object->value,
        .namespace_annotations = line->namespace_annotations,
        .user_name = line->user_name,
        .user_groups = line->user_groups,
        .configuration = configuration,
    };
    return injection_run(&request, error, result) || error_prefix(error, "%s", object->place);
}

static bool decide_all(struct decisions *decisions, const struct command_line *line, struct error *error)
{
    const struct input *input = &decisions->input;
    decisions->results = calloc(input->object_count + 1, sizeof *decisions->results);
    if (!decisions->results)
        return error_set_no_memory(error);
    while (decisions->count < input->object_count) {
        if (!decide(&input->objects[decisions->count], line, decisions->configuration, error,
                    &decisions->results[decisions->count]))
            return false;
        decisions->count++;
    }
    return true;
}

bool decisions_make(const struct command_line *line, bool keeps_before, struct error *error,
                    struct decisions *decisions)
{
    struct decisions made = {0};
    if (command_line_load_configuration(line, error, &made.configuration) &&
        input_read(line->operands, line->operand_count, error, &made.input) &&
        (!keeps_before || copy_objects(&made, error)) && decide_all(&made, line, error)) {
        *decisions = made;
        return true;
    }
    decisions_done(&made);
    return false;
}

bool decisions_deny(const struct decisions *decisions)
{
    for (size_t i = 0; i < decisions->count; i++) {
        if (decisions->results[i].decision == INJECTION_DENIED)
            return true;
    }
    return false;
}

void decisions_done(struct decisions *decisions)
{
    for (size_t i = 0; i < decisions->count; i++)
        injection_result_done(&decisions->results[i]);
    free(decisions->results);
    cJSON_Delete(decisions->before);
    input_done(&decisions->input);
    configuration_free(decisions->configuration);
    *decisions = (struct decisions){0};
}

void decisions_append_name(const struct input_object *object, struct buffer *buffer)
{
    const cJSON *metadata = json_member(object->value, "metadata");
    const char *kind = object->is_pod ? "Pod" : json_text(object->value, "kind");
    const char *namespace_name = json_text(metadata, "namespace");
    const char *name = json_text(metadata, "name");
    const char *prefix = *name ? "" : json_text(metadata, "generateName");
    buffer_append_format(buffer, "%s %s%s%s%s%s", kind, namespace_name, *namespace_name ? "/" : "", name,
                         prefix, *prefix ? "*" : "");
}
