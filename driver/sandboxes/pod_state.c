#include "driver/sandboxes/pod_state.h"

#include "common/json.h"
#include "common/names.h"
#include "kubernetes/resource.h"

#include <stdio.h>
#include <string.h>

static const cJSON *find_named(const cJSON *list, const char *key, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (strcmp(json_text(item, key), name) == 0)
            return item;
    }
    return NULL;
}

static bool is_pull_reason(const char *reason)
{
    static const char *const reasons[] = {
        "ErrImagePull",      "ImagePullBackOff",    "InvalidImageName",         "ErrImageNeverPull",
        "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"};
    for (size_t index = 0; index < sizeof reasons / sizeof *reasons; index++) {
        if (strcmp(reason, reasons[index]) == 0)
            return true;
    }
    return false;
}

static bool is_start_failure(const char *reason)
{
    static const char *const reasons[] = {"CreateContainerConfigError", "CreateContainerError",
                                          "RunContainerError", "CrashLoopBackOff"};
    for (size_t index = 0; index < sizeof reasons / sizeof *reasons; index++) {
        if (strcmp(reason, reasons[index]) == 0)
            return true;
    }
    return false;
}

/* True when a container of the list waits for something that may never come. */
static bool read_blocked(const cJSON *statuses, struct pod_state *pod)
{
    const cJSON *status;
    cJSON_ArrayForEach(status, statuses)
    {
        const cJSON *waiting = json_member(json_member(status, "state"), "waiting");
        const char *reason = json_text(waiting, "reason");
        bool is_pull_failure = is_pull_reason(reason);
        if (!is_pull_failure && !is_start_failure(reason))
            continue;
        char message[STATE_MESSAGE_BYTES * 2];
        snprintf(message, sizeof message, "container %s: %s: %s", json_text(status, "name"), reason,
                 json_text(waiting, "message"));
        state_copy_text(pod->message, sizeof pod->message, message);
        pod->phase = POD_BLOCKED;
        pod->is_pull_failure = is_pull_failure;
        return true;
    }
    return false;
}

/* Native sidecars are init containers that go on running; they must run too. */
static bool are_sidecars_running(const cJSON *spec, const cJSON *status)
{
    const cJSON *container;
    cJSON_ArrayForEach(container, json_member(spec, "initContainers"))
    {
        if (strcmp(json_text(container, "restartPolicy"), "Always") != 0)
            continue;
        const cJSON *found =
            find_named(json_member(status, "initContainerStatuses"), "name", json_text(container, "name"));
        if (!json_member(json_member(found, "state"), "running"))
            return false;
    }
    return true;
}

/* Whether a sandbox is none without the container. Others come from other webhooks. */
static bool is_needed(const char *name)
{
    return strcmp(name, CONTAINER_AGENT) == 0 || strcmp(name, CONTAINER_NETWORK) == 0;
}

/* Runs, or need not and has ended well. */
static bool does_its_part(const char *name, const cJSON *state)
{
    int64_t exit_code;
    if (json_member(state, "running"))
        return true;
    return !is_needed(name) &&
           json_get_integer(json_member(json_member(state, "terminated"), "exitCode"), &exit_code) &&
           exit_code == 0;
}

static bool are_containers_running(const cJSON *spec, const cJSON *status)
{
    const cJSON *container;
    cJSON_ArrayForEach(container, json_member(spec, "containers"))
    {
        const char *name = json_text(container, "name");
        const cJSON *found = find_named(json_member(status, "containerStatuses"), "name", name);
        if (!does_its_part(name, json_member(found, "state")))
            return false;
    }
    return are_sidecars_running(spec, status);
}

static const cJSON *agent_state(const cJSON *status)
{
    return json_member(find_named(json_member(status, "containerStatuses"), "name", CONTAINER_AGENT),
                       "state");
}

/* The container that ended the pod: the agent's, or else an init container that failed before it. */
static const cJSON *ended_container(const cJSON *status)
{
    const cJSON *agent = find_named(json_member(status, "containerStatuses"), "name", CONTAINER_AGENT);
    if (json_member(json_member(agent, "state"), "terminated"))
        return agent;
    const cJSON *container;
    cJSON_ArrayForEach(container, json_member(status, "initContainerStatuses"))
    {
        int64_t exit_code;
        const cJSON *terminated = json_member(json_member(container, "state"), "terminated");
        if (json_get_integer(json_member(terminated, "exitCode"), &exit_code) && exit_code != 0)
            return container;
    }
    return NULL;
}

static void read_ended(const cJSON *status, struct pod_state *pod)
{
    const cJSON *container = ended_container(status);
    const cJSON *terminated = json_member(json_member(container, "state"), "terminated");
    const char *reason = json_text(status, "reason");
    char message[STATE_MESSAGE_BYTES * 2];
    int64_t exit_code;
    if (*reason) /* the pod as a whole: Evicted, DeadlineExceeded, NodeLost */
        snprintf(message, sizeof message, "the pod ended: %s: %s", reason, json_text(status, "message"));
    else if (terminated && json_get_integer(json_member(terminated, "exitCode"), &exit_code))
        snprintf(message, sizeof message, "container %s ended: %s, exit code %lld",
                 json_text(container, "name"), json_text(terminated, "reason"), (long long) exit_code);
    else
        snprintf(message, sizeof message, "the pod ended: %s", json_text(status, "phase"));
    state_copy_text(pod->message, sizeof pod->message, message);
    state_copy_text(pod->since, sizeof pod->since, json_text(terminated, "finishedAt"));
    pod->phase = POD_ENDED;
}

static void read_pending(const cJSON *status, struct pod_state *pod)
{
    const cJSON *scheduled = find_named(json_member(status, "conditions"), "type", "PodScheduled");
    pod->phase = POD_PENDING;
    if (read_blocked(json_member(status, "initContainerStatuses"), pod) ||
        read_blocked(json_member(status, "containerStatuses"), pod))
        return;
    if (strcmp(json_text(scheduled, "status"), "False") == 0)
        state_copy_text(pod->message, sizeof pod->message, json_text(scheduled, "message"));
}

void pod_state_read(const cJSON *object, struct pod_state *pod)
{
    const cJSON *metadata = json_member(object, "metadata"), *status = json_member(object, "status");
    const char *phase = json_text(status, "phase");
    *pod = (struct pod_state){.exists = true, .version = state_read_version(object)};
    state_copy_text(pod->uid, sizeof pod->uid, json_text(metadata, "uid"));
    state_copy_text(pod->address, sizeof pod->address, json_text(status, "podIP"));
    state_copy_text(pod->since, sizeof pod->since, json_text(metadata, "creationTimestamp"));
    pod->is_deleting = json_member(metadata, "deletionTimestamp") != NULL;
    if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0) {
        read_ended(status, pod);
    } else if (strcmp(phase, "Running") == 0 && are_containers_running(json_member(object, "spec"), status)) {
        pod->phase = POD_RUNNING;
        state_copy_text(pod->since, sizeof pod->since,
                        json_text(json_member(agent_state(status), "running"), "startedAt"));
    } else if (json_member(agent_state(status), "terminated")) {
        /* Other containers may linger; the sandbox is what the agent's container is. */
        read_ended(status, pod);
    } else {
        read_pending(status, pod);
    }
}

static const cJSON *agent_container(const cJSON *object)
{
    return find_named(json_member(json_member(object, "spec"), "containers"), "name", CONTAINER_AGENT);
}

/* The webhook's options say where the supervisor is mounted, and an image volume shows it where it lies in
 * its image, by whatever name it has there. So any program below the mount will do: the volume's name is
 * reserved, and nobody but the webhook puts a program into it. */
static bool starts_supervisor(const cJSON *agent)
{
    const cJSON *mount = find_named(json_member(agent, "volumeMounts"), "name", VOLUME_SUPERVISOR);
    const cJSON *command = json_member(agent, "command");
    const char *program = command && cJSON_IsString(command->child) ? command->child->valuestring : "";
    const char *directory = json_text(mount, "mountPath");
    size_t length = strlen(directory);
    bool is_below = length > 0 && strncmp(program, directory, length) == 0 && program[length] == '/';
    return is_below && program[length + 1] && !strstr(program, "/../");
}

bool pod_is_supervised(const cJSON *object)
{
    const cJSON *volumes = json_member(json_member(object, "spec"), "volumes");
    return find_named(volumes, "name", VOLUME_SUPERVISOR) && starts_supervisor(agent_container(object));
}
