#include "webhook/commands/verification_marks.h"

#include "common/cleanup.h"
#include "common/json.h"
#include "common/names.h"
#include "common/version.h"
#include "webhook/injection/marks.h"
#include "webhook/injection/pod_view.h"

#include <string.h>

#define FIELD_BYTES 128
#define EXPECTED_BYTES 512
/* The annotation is a line; longer ones are not ours. */
#define ANNOTATION_BYTES 1024
#define ANNOTATION_DEPTH 4

static const cJSON *find_agent(const struct pod_view *view, size_t *index)
{
    const cJSON *agent = pod_find_named(view->containers, CONTAINER_AGENT, index);
    if (agent)
        return agent;
    *index = 0;
    return view->containers->child;
}

/* The path at which the container has the supervisor's volume, or NULL. */
static const char *find_mount_path(const cJSON *container)
{
    const cJSON *mount = pod_find_named(json_member(container, "volumeMounts"), VOLUME_SUPERVISOR, NULL);
    return mount ? json_text(mount, "mountPath") : NULL;
}

static const char *program_of(const cJSON *container)
{
    const cJSON *command = json_member(container, "command");
    return command && command->child ? command->child->valuestring : NULL;
}

/* `path` is a file below `directory`, with no way out of it again. */
static bool is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    return length && strncmp(path, directory, length) == 0 && path[length] == '/' && path[length + 1] &&
           !strstr(path + length, "/../");
}

/* The agent's program must be one of the supervisor's volume. */
static bool check_command(const char *field, const char *program, const char *mount_path, struct error *error,
                          struct verification *verification)
{
    char expected[EXPECTED_BYTES];
    const char *directory = mount_path ? mount_path : SUPERVISOR_MOUNT_PATH;
    if (program && is_below(program, directory))
        return true;
    snprintf(expected, sizeof expected, "a program in %s", directory);
    return verification_add(verification, field, expected, program,
                            "the agent starts without the supervisor, which is in the volume mounted there",
                            error);
}

static bool check_agent(const struct pod_view *view, struct error *error, struct verification *verification)
{
    size_t index;
    char field[FIELD_BYTES];
    const cJSON *agent = find_agent(view, &index);
    const char *mount_path = find_mount_path(agent);
    snprintf(field, sizeof field, "spec.containers[%zu].volumeMounts", index);
    if (!mount_path &&
        !verification_add(verification, field, VOLUME_SUPERVISOR, NULL,
                          "the agent's container does not have the supervisor's volume", error))
        return false;
    snprintf(field, sizeof field, "spec.containers[%zu].command", index);
    return check_command(field, program_of(agent), mount_path, error, verification);
}

bool verification_marks_check(const cJSON *pod, struct error *error, struct verification *verification)
{
    struct pod_view view;
    if (!pod_view_open((cJSON *) pod, error, &view))
        return false;
    if (!pod_find_named(view.volumes, VOLUME_SUPERVISOR, NULL) &&
        !verification_add(verification, "spec.volumes", VOLUME_SUPERVISOR, NULL,
                          "the volume that brings the supervisor is not there", error))
        return false;
    return check_agent(&view, error, verification);
}

static bool is_digest(const char *text)
{
    return strlen(text) == MARKS_DIGEST_CHARACTERS &&
           strspn(text, "0123456789abcdef") == MARKS_DIGEST_CHARACTERS;
}

bool verification_marks_read_digest(const cJSON *pod, struct error *error,
                                    char digest[static MARKS_DIGEST_CHARACTERS + 1])
{
    const struct json_limits limits = {.bytes = ANNOTATION_BYTES, .depth = ANNOTATION_DEPTH};
    struct error malformed;
    _cleanup_(cJSON_Deletep) cJSON *value = NULL;
    const cJSON *annotations = json_member(json_member(pod, "metadata"), "annotations");
    const char *annotation = json_text(annotations, ANNOTATION_INJECTION);
    *digest = '\0';
    if (!json_parse(annotation, strlen(annotation), &limits, &malformed, &value))
        return malformed.code != ERROR_NO_MEMORY || error_set_no_memory(error);
    const char *found = json_text(value, "config");
    if (is_digest(found))
        memcpy(digest, found, MARKS_DIGEST_CHARACTERS + 1);
    return true;
}

/* `openshell-injector/` and a version other than ours. */
static bool claims_other_version(const char *annotation)
{
    static const char product[] = PRODUCT_IDENTIFIER;
    size_t length = strcspn(product, "/") + 1;
    return strncmp(annotation, product, length) == 0 && annotation[length] >= '0' &&
           annotation[length] <= '9' && strcmp(annotation, product) != 0;
}

bool verification_marks_claim_other_origin(const cJSON *pod, const struct configuration *configuration,
                                           struct error *error, bool *claims)
{
    char digest[MARKS_DIGEST_CHARACTERS + 1];
    const cJSON *annotations = json_member(json_member(pod, "metadata"), "annotations");
    if (!verification_marks_read_digest(pod, error, digest))
        return false;
    bool is_other = *digest && strncmp(digest, configuration->digest, MARKS_DIGEST_CHARACTERS) != 0;
    *claims = is_other || claims_other_version(json_text(annotations, ANNOTATION_INJECTED_BY));
    return true;
}
