#include "webhook/injection/marks.h"

#include "common/names.h"
#include "common/version.h"
#include "webhook/injection/topology.h"

#include <string.h>

bool marks_has_command(const struct plan *plan)
{
    const cJSON *command = json_member(plan->sandbox.agent, "command");
    size_t index = 0;
    const cJSON *argument;
    cJSON_ArrayForEach(argument, command)
    {
        if (index == plan->agent.argument_count ||
            strcmp(argument->valuestring, plan->agent.arguments[index]) != 0)
            return false;
        index++;
    }
    return index == plan->agent.argument_count;
}

bool marks_are_present(const struct plan *plan)
{
    return pod_find_named(plan->view.volumes, VOLUME_SUPERVISOR, NULL) &&
           json_member(plan->view.annotations, ANNOTATION_INJECTION);
}

static const char *injection_value(struct plan *plan)
{
    const struct configuration *configuration = plan->configuration;
    return plan_format(plan, "{\"version\":1,\"topology\":\"%s\",\"sideload\":\"%s\",\"config\":\"%.*s\"}",
                       topology_find(configuration->topology)->name,
                       configuration->sideload_method == SIDELOAD_IMAGE_VOLUME ? "image-volume"
                                                                               : "init-container",
                       MARKS_DIGEST_CHARACTERS, configuration->digest);
}

void marks_apply(struct plan *plan, struct editor *editor)
{
    cJSON *annotations = editor_ensure_object(editor, plan->view.metadata, &pod_path_metadata, "annotations",
                                              "holds the annotations below");
    editor_ensure_string(editor, annotations, &pod_path_annotations, ANNOTATION_SANDBOX_ID, plan->sandbox.id,
                         "the gateway's authenticator reads the sandbox's id here; it is the label's");
    editor_ensure_string(editor, annotations, &pod_path_annotations, ANNOTATION_INJECTION,
                         injection_value(plan),
                         "records how the pod was supervised and under which configuration");
    editor_ensure_string(editor, annotations, &pod_path_annotations, ANNOTATION_INJECTED_BY,
                         PRODUCT_IDENTIFIER, "records which program supervised the pod");
}
