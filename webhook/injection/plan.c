#include "webhook/injection/plan.h"

#include "common/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->string_count; i++)
        free(plan->strings[i]);
    plan->string_count = 0;
}

bool plan_check(const struct plan *plan, struct error *error)
{
    return !plan->has_failed || error_set_no_memory(error);
}

const char *plan_keep(struct plan *plan, char *string)
{
    if (!string || plan->string_count == PLAN_STRINGS) {
        free(string);
        plan->has_failed = true;
        return "";
    }
    plan->strings[plan->string_count++] = string;
    return string;
}

const char *plan_format(struct plan *plan, const char *format, ...)
{
    char *string = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&string, format, arguments) < 0)
        string = NULL;
    va_end(arguments);
    return plan_keep(plan, string);
}

/* The tables hold more than any combination of options needs; a full one is a defect and fails the request.
 */
static bool has_room(struct plan *plan, size_t count, size_t limit)
{
    if (count < limit)
        return true;
    plan->has_failed = true;
    return false;
}

void plan_add_argument(struct plan *plan, struct planned_container *container, const char *argument)
{
    if (has_room(plan, container->argument_count, PLAN_ARGUMENTS))
        container->arguments[container->argument_count++] = argument;
}

void plan_add_variable(struct plan *plan, struct planned_container *container, const char *name,
                       const char *value, const char *reason)
{
    if (has_room(plan, container->variable_count, PLAN_VARIABLES))
        container->variables[container->variable_count++] =
            (struct planned_variable){.name = name, .value = value, .reason = reason};
}

void plan_add_mount(struct plan *plan, struct planned_container *container, const char *volume,
                    const char *path, bool is_read_only, const char *reason)
{
    if (has_room(plan, container->mount_count, PLAN_MOUNTS))
        container->mounts[container->mount_count++] = (struct planned_mount){
            .volume = volume, .path = path, .is_read_only = is_read_only, .reason = reason};
}

void plan_add_volume(struct plan *plan, const struct planned_volume *volume)
{
    if (has_room(plan, plan->volume_count, PLAN_VOLUMES))
        plan->volumes[plan->volume_count++] = *volume;
}

struct planned_container *plan_add_init_container(struct plan *plan, const char *name, const char *image,
                                                  const char *pull_policy, const char *reason)
{
    _Static_assert(PLAN_INIT_CONTAINERS == 4, "install, network-init, native sidecar, workspace-init");
    struct planned_container *container = &plan->init_containers[plan->init_container_count++];
    *container = (struct planned_container){
        .name = name,
        .image = image,
        .pull_policy = pull_policy,
        .security = planned_security_none(reason),
        .reason = reason,
    };
    return container;
}

struct planned_security planned_security_none(const char *reason)
{
    return (struct planned_security){
        .run_as_user = -1,
        .run_as_group = -1,
        .app_armor_profile = "",
        .seccomp_profile = "",
        .reason = reason,
    };
}

const struct planned_variable *planned_find_variable(const struct planned_container *container,
                                                     const char *name)
{
    for (size_t i = 0; i < container->variable_count; i++) {
        if (strcmp(container->variables[i].name, name) == 0)
            return &container->variables[i];
    }
    return NULL;
}

const struct planned_mount *planned_find_mount(const struct planned_container *container, const char *volume,
                                               const char *path)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        const struct planned_mount *mount = &container->mounts[i];
        if (strcmp(mount->volume, volume) == 0 && strcmp(mount->path, path) == 0)
            return mount;
    }
    return NULL;
}

const struct planned_volume *plan_find_volume(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->volume_count; i++) {
        if (strcmp(plan->volumes[i].name, name) == 0)
            return &plan->volumes[i];
    }
    return NULL;
}

bool plan_has_container(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->init_container_count; i++) {
        if (strcmp(plan->init_containers[i].name, name) == 0)
            return true;
    }
    return plan->sidecar.name && strcmp(plan->sidecar.name, name) == 0;
}

void plan_find_own_containers(struct plan *plan)
{
    for (size_t i = 0; i < plan->init_container_count; i++) {
        struct planned_container *planned = &plan->init_containers[i];
        planned->present = pod_find_named(plan->view.init_containers, planned->name, NULL);
    }
    if (plan->sidecar.name)
        plan->sidecar.present = pod_find_named(plan->view.containers, plan->sidecar.name, NULL);
}

bool plan_owns_container(const struct plan *plan, const cJSON *container)
{
    for (size_t i = 0; i < plan->init_container_count; i++) {
        if (plan->init_containers[i].present == container)
            return true;
    }
    return plan->sidecar.present == container;
}

bool plan_owns_name(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->init_container_count; i++) {
        const struct planned_container *planned = &plan->init_containers[i];
        if (planned->present && strcmp(planned->name, name) == 0)
            return true;
    }
    return plan->sidecar.present && strcmp(plan->sidecar.name, name) == 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

bool is_reserved_volume(const char *name)
{
    static const char *const names[] = {
        VOLUME_CLIENT_TLS, VOLUME_PROXY_AUTH,    VOLUME_SERVICE_ACCOUNT_TOKEN, VOLUME_SPIFFE,
        VOLUME_SUPERVISOR, VOLUME_SANDBOX_TOKEN, VOLUME_SIDECAR_STATE,         VOLUME_SUPERVISOR_TLS,
    };
    return is_one_of(name, names, sizeof names / sizeof *names);
}

bool is_reserved_container(const char *name)
{
    static const char *const names[] = {
        CONTAINER_INSTALL,
        CONTAINER_NETWORK_INIT,
        CONTAINER_NETWORK,
        CONTAINER_WORKSPACE_INIT,
    };
    return is_one_of(name, names, sizeof names / sizeof *names);
}
