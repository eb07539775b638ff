#include "webhook/injection/main_process.h"

#include "common/base64.h"
#include "common/cleanup.h"

#include <string.h>

#define SPEC_NAME "OPENSHELL_MAIN_PROCESS_SPEC"
#define ENVIRONMENT_NAME "OPENSHELL_USER_ENVIRONMENT"
#define SPEC_ENCODED_PREFIX "base64url:"
#define SPEC_DEPTH 8
/* More than a pod's own strings can be, since a pod passes the body limit. */
#define TEXT_BYTES (16u * 1024 * 1024)

static const char spec_reason[] =
    "the command that the supervisor starts in the sandbox: the container's own";

/* The supervisor reads {"version":1,"command":[...],"tty":...}; unknown keys are fine. `why_not` is set when
 * the text could not even be read: it may be memory that is missing. */
static bool is_spec(const char *text, size_t length, struct error *why_not)
{
    const struct json_limits limits = {.bytes = 2 * MAIN_PROCESS_BYTES, .depth = SPEC_DEPTH};
    _cleanup_(cJSON_Deletep) cJSON *spec = NULL;
    if (!json_parse(text, length, &limits, why_not, &spec))
        return false;
    int64_t version;
    const cJSON *command = json_member(spec, "command");
    if (!json_member(spec, "version") || !json_get_integer(json_member(spec, "version"), &version) ||
        version != 1 || !cJSON_IsBool(json_member(spec, "tty")) || !cJSON_IsArray(command) || !command->child)
        return false;
    const cJSON *argument;
    cJSON_ArrayForEach(argument, command)
    {
        if (!cJSON_IsString(argument))
            return false;
    }
    return *command->child->valuestring != '\0';
}

/* The unpadded URL-safe alphabet turned into the common one. */
static bool is_encoded_spec(const char *encoded, struct error *why_not)
{
    struct buffer text = BUFFER_INIT(2 * MAIN_PROCESS_BYTES);
    struct buffer decoded = BUFFER_INIT(2 * MAIN_PROCESS_BYTES);
    for (const char *at = encoded; *at; at++)
        buffer_append_character(&text, *at == '-' ? '+' : *at == '_' ? '/' : *at);
    while (text.length % 4 && text.failure == ERROR_NONE)
        buffer_append_character(&text, '=');
    bool is_valid = !strpbrk(encoded, "+/=") && buffer_check(&text, why_not) &&
                    base64_decode(buffer_string(&text), text.length, why_not, &decoded) &&
                    is_spec(buffer_string(&decoded), decoded.length, why_not);
    buffer_done(&text);
    buffer_done(&decoded);
    return is_valid;
}

/* A pod whose command is already ours: its main process is what its own specification says. */
static bool plan_present_spec(struct plan *plan, const struct json_path *agent_path, struct error *error,
                              struct denial_list *denials)
{
    const cJSON *variable = pod_find_named(json_member(plan->sandbox.agent, "env"), SPEC_NAME, NULL);
    const char *text = json_text(variable, "value");
    bool is_encoded = strncmp(text, SPEC_ENCODED_PREFIX, sizeof SPEC_ENCODED_PREFIX - 1) == 0;
    struct error why_not = {0};
    if (is_encoded ? is_encoded_spec(text + sizeof SPEC_ENCODED_PREFIX - 1, &why_not)
                   : is_spec(text, strlen(text), &why_not)) {
        plan_add_variable(plan, &plan->agent, SPEC_NAME, text, spec_reason);
        return true;
    }
    if (why_not.code == ERROR_NO_MEMORY)
        return error_set_no_memory(error);
    return denial_list_add(
        denials, "MainProcessInvalid", JSON_MEMBER(agent_path, "env"), error,
        "the command is the supervisor's, so " SPEC_NAME " must hold the main process as "
        "{\"version\":1,\"command\":[...],\"tty\":...}; or give the container a command of its own");
}

static void append_arguments(struct buffer *text, const cJSON *arguments)
{
    const cJSON *argument;
    cJSON_ArrayForEach(argument, arguments)
    {
        if (text->length && text->data[text->length - 1] != '[')
            buffer_append_character(text, ',');
        json_append_string(text, argument->valuestring);
    }
}

/* Hands over what was written, NULL without memory. */
static char *take_text(struct buffer *text)
{
    char *string = NULL;
    if (!buffer_take(text, NULL, &string))
        string = NULL;
    buffer_done(text);
    return string;
}

/* The specification of the container's own command and arguments, or of a login shell when it has neither. */
static char *print_spec(const cJSON *command, const cJSON *arguments, bool has_tty)
{
    struct buffer text = BUFFER_INIT(TEXT_BYTES);
    bool is_empty = !(command && command->child) && !(arguments && arguments->child);
    buffer_append_string(&text, "{\"version\":1,\"command\":[");
    append_arguments(&text, command);
    append_arguments(&text, arguments);
    if (is_empty)
        buffer_append_string(&text, "\"/bin/bash\",\"-l\"");
    buffer_append_string(&text, has_tty ? "],\"tty\":true}" : "],\"tty\":false}");
    return take_text(&text);
}

static bool deny_too_large(const char *text, const struct json_path *path, const char *what,
                           struct error *error, struct denial_list *denials)
{
    if (strlen(text) <= MAIN_PROCESS_BYTES)
        return true;
    return denial_list_add(denials, "MainProcessTooLarge", path, error,
                           "%s is %zu bytes as JSON; at most %u are accepted", what, strlen(text),
                           MAIN_PROCESS_BYTES);
}

static bool plan_new_spec(struct plan *plan, const struct json_path *agent_path, struct error *error,
                          struct denial_list *denials)
{
    const cJSON *agent = plan->sandbox.agent;
    const cJSON *command = json_member(agent, "command");
    const cJSON *arguments = json_member(agent, "args");
    bool has_command = command && command->child;
    bool has_arguments = arguments && arguments->child;
    if (!has_command && has_arguments)
        return denial_list_add(
            denials, "ArgumentsWithoutCommand", JSON_MEMBER(agent_path, "args"), error,
            "arguments belong to the image's entrypoint, which admission cannot know; give the "
            "whole command line in command");
    if (has_command && !*command->child->valuestring)
        return denial_list_add(denials, "MainProcessInvalid", JSON_MEMBER(agent_path, "command"), error,
                               "the program's name is empty; give a path or a name");
    bool has_tty = !has_command || pod_is_true(agent, "tty");
    if (!has_command)
        plan->warning =
            "the container has no command, and admission cannot know the image's entrypoint: the sandbox "
            "starts /bin/bash -l";
    const char *text = plan_keep(plan, print_spec(command, arguments, has_tty));
    plan_add_variable(plan, &plan->agent, SPEC_NAME, text, spec_reason);
    return deny_too_large(text, JSON_MEMBER(agent_path, "command"), "the command", error, denials);
}

/* One entry of the user's environment. */
struct entry {
    const char *name;
    const char *value; /* NULL: taken from elsewhere (valueFrom), so not ours to copy */
    size_t order;
};

static bool is_users_name(const char *name)
{
    return strncmp(name, "OPENSHELL_", 10) != 0 || strcmp(name, "OPENSHELL_LOG_LEVEL") == 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *first = left, *second = right;
    int by_name = strcmp(first->name, second->name);
    return by_name ? by_name : (first->order > second->order) - (first->order < second->order);
}

/* Sorts by name and keeps the last of each, as the kubelet does. Returns how many are left. */
static size_t sort_entries(struct entry *entries, size_t count)
{
    qsort(entries, count, sizeof *entries, compare_entries);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || strcmp(entries[i].name, entries[i + 1].name) != 0)
            entries[kept++] = entries[i];
    }
    return kept;
}

/* Collects the pod's own variables and the configuration's; `entries` has room for all. */
static size_t collect_entries(const struct plan *plan, const cJSON *list, struct entry *entries)
{
    size_t count = 0;
    const cJSON *variable;
    cJSON_ArrayForEach(variable, list)
    {
        struct entry entry = {.name = json_text(variable, "name"), .order = count};
        if (!json_member(variable, "valueFrom"))
            entry.value = json_text(variable, "value");
        if (is_users_name(entry.name))
            entries[count++] = entry;
    }
    const struct string_map *added = &plan->configuration->agent_environment;
    for (size_t i = 0; i < added->count; i++) {
        if (!pod_find_named(list, added->keys[i], NULL))
            entries[count++] = (struct entry){.name = added->keys[i], .value = added->values[i]};
    }
    return sort_entries(entries, count);
}

static char *print_environment(const struct entry *entries, size_t count, bool *is_empty)
{
    struct buffer text = BUFFER_INIT(TEXT_BYTES);
    *is_empty = true;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].value)
            continue;
        buffer_append_character(&text, *is_empty ? '{' : ',');
        json_append_string(&text, entries[i].name);
        buffer_append_character(&text, ':');
        json_append_string(&text, entries[i].value);
        *is_empty = false;
    }
    buffer_append_string(&text, *is_empty ? "{}" : "}");
    return take_text(&text);
}

static bool plan_environment(struct plan *plan, const struct json_path *agent_path, struct error *error,
                             struct denial_list *denials)
{
    const cJSON *list = json_member(plan->sandbox.agent, "env");
    size_t room = (size_t) cJSON_GetArraySize(list) + plan->configuration->agent_environment.count;
    if (room == 0)
        return true;
    _cleanup_(freep) struct entry *entries = calloc(room, sizeof *entries);
    if (!entries)
        return error_set_no_memory(error);
    bool is_empty = true;
    const char *text =
        plan_keep(plan, print_environment(entries, collect_entries(plan, list, entries), &is_empty));
    if (is_empty)
        return true;
    plan_add_variable(plan, &plan->agent, ENVIRONMENT_NAME, text,
                      "the container's own variables, which the supervisor gives to the agent's process");
    return deny_too_large(text, JSON_MEMBER(agent_path, "env"), "the environment", error, denials);
}

bool main_process_plan(struct plan *plan, struct error *error, struct denial_list *denials)
{
    const struct json_path *agent_path = JSON_ELEMENT(&pod_path_containers, plan->sandbox.agent_index);
    if (!plan_environment(plan, agent_path, error, denials))
        return false;
    return plan->sandbox.has_our_command ? plan_present_spec(plan, agent_path, error, denials)
                                         : plan_new_spec(plan, agent_path, error, denials);
}
