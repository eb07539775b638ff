/* The Pod Security Standard "baseline" (Kubernetes 1.34) for what the user brings. Our own containers, and
 * the agent's capability list, which is replaced, are not subject to it. */
#include "webhook/injection/pod_rules.h"

#include <string.h>

#define REASON "PodSecurityBaseline"

struct baseline {
    const struct plan *plan;
    struct error *error;
    struct denial_list *denials;
};

static bool is_listed(const char *value, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(*list, value) == 0)
            return true;
    }
    return false;
}

static bool deny(const struct baseline *baseline, const struct json_path *path, const char *accepted)
{
    return denial_list_add(baseline->denials, REASON, path, baseline->error,
                           "forbidden by the Pod Security Standard baseline; accepted: %s", accepted);
}

static bool deny_if_true(const struct baseline *baseline, const cJSON *object, const struct json_path *path,
                         const char *key)
{
    return !pod_is_true(object, key) || deny(baseline, JSON_MEMBER(path, key), "false, or leave it out");
}

static bool check_seccomp(const struct baseline *baseline, const cJSON *context, const struct json_path *path)
{
    const struct json_path *profile_path = JSON_MEMBER(path, "seccompProfile");
    const char *type = json_text(json_member(context, "seccompProfile"), "type");
    return strcmp(type, "Unconfined") != 0 ||
           deny(baseline, JSON_MEMBER(profile_path, "type"), "RuntimeDefault, Localhost, or leave it out");
}

static bool check_app_armor(const struct baseline *baseline, const cJSON *context,
                            const struct json_path *path)
{
    static const char *const accepted[] = {"", "RuntimeDefault", "Localhost", NULL};
    const struct json_path *profile_path = JSON_MEMBER(path, "appArmorProfile");
    const char *type = json_text(json_member(context, "appArmorProfile"), "type");
    return is_listed(type, accepted) ||
           deny(baseline, JSON_MEMBER(profile_path, "type"), "RuntimeDefault, Localhost, or leave it out");
}

static bool check_selinux(const struct baseline *baseline, const cJSON *context, const struct json_path *path)
{
    static const char *const types[] = {
        "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", NULL};
    const cJSON *options = json_member(context, "seLinuxOptions");
    const struct json_path *options_path = JSON_MEMBER(path, "seLinuxOptions");
    if (!is_listed(json_text(options, "type"), types) &&
        !deny(baseline, JSON_MEMBER(options_path, "type"),
              "container_t, container_init_t, container_kvm_t, container_engine_t, or leave it out"))
        return false;
    if (*json_text(options, "user") && !deny(baseline, JSON_MEMBER(options_path, "user"), "leave it out"))
        return false;
    return !*json_text(options, "role") || deny(baseline, JSON_MEMBER(options_path, "role"), "leave it out");
}

static bool check_host_process(const struct baseline *baseline, const cJSON *context,
                               const struct json_path *path)
{
    return deny_if_true(baseline, json_member(context, "windowsOptions"), JSON_MEMBER(path, "windowsOptions"),
                        "hostProcess");
}

static bool check_shared_context(const struct baseline *baseline, const cJSON *context,
                                 const struct json_path *path)
{
    return check_seccomp(baseline, context, path) && check_app_armor(baseline, context, path) &&
           check_selinux(baseline, context, path) && check_host_process(baseline, context, path);
}

static bool check_capabilities(const struct baseline *baseline, const cJSON *context,
                               const struct json_path *path)
{
    static const char *const accepted[] = {"AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE",     "FOWNER",  "FSETID",
                                           "KILL",        "MKNOD",  "NET_BIND_SERVICE", "SETFCAP", "SETGID",
                                           "SETPCAP",     "SETUID", "SYS_CHROOT",       NULL};
    const struct json_path *add_path = JSON_MEMBER(JSON_MEMBER(path, "capabilities"), "add");
    size_t index = 0;
    const cJSON *capability;
    cJSON_ArrayForEach(capability, json_member(json_member(context, "capabilities"), "add"))
    {
        const struct json_path *capability_path = JSON_ELEMENT(add_path, index++);
        if (!is_listed(capability->valuestring, accepted) &&
            !deny(baseline, capability_path, "the container runtime's default capabilities"))
            return false;
    }
    return true;
}

static bool check_host(const struct baseline *baseline, const cJSON *handler, const struct json_path *path)
{
    static const char *const actions[] = {"httpGet", "tcpSocket"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const struct json_path *action_path = JSON_MEMBER(path, actions[i]);
        if (*json_text(json_member(handler, actions[i]), "host") &&
            !deny(baseline, JSON_MEMBER(action_path, "host"), "leave it out: the pod itself is probed"))
            return false;
    }
    return true;
}

static bool check_handlers(const struct baseline *baseline, const cJSON *container,
                           const struct json_path *path)
{
    const cJSON *lifecycle = json_member(container, "lifecycle");
    const struct json_path *lifecycle_path = JSON_MEMBER(path, "lifecycle");
    return check_host(baseline, json_member(container, "livenessProbe"),
                      JSON_MEMBER(path, "livenessProbe")) &&
           check_host(baseline, json_member(container, "readinessProbe"),
                      JSON_MEMBER(path, "readinessProbe")) &&
           check_host(baseline, json_member(container, "startupProbe"), JSON_MEMBER(path, "startupProbe")) &&
           check_host(baseline, json_member(lifecycle, "postStart"),
                      JSON_MEMBER(lifecycle_path, "postStart")) &&
           check_host(baseline, json_member(lifecycle, "preStop"), JSON_MEMBER(lifecycle_path, "preStop"));
}

static bool check_ports(const struct baseline *baseline, const cJSON *container, const struct json_path *path)
{
    const struct json_path *ports_path = JSON_MEMBER(path, "ports");
    size_t index = 0;
    const cJSON *port;
    cJSON_ArrayForEach(port, json_member(container, "ports"))
    {
        const struct json_path *port_path = JSON_ELEMENT(ports_path, index++);
        int64_t number;
        if (json_get_integer(json_member(port, "hostPort"), &number) && number != 0 &&
            !deny(baseline, JSON_MEMBER(port_path, "hostPort"), "0, or leave it out"))
            return false;
    }
    return true;
}

/* Of the security context that a second pass finds on the agent, the edits restore all but these two. */
static bool check_supervised_agent(const struct baseline *baseline, const cJSON *context,
                                   const struct json_path *path)
{
    bool is_seccomp_ours = *baseline->plan->configuration->seccomp_profile;
    return (is_seccomp_ours || check_seccomp(baseline, context, path)) &&
           check_selinux(baseline, context, path);
}

static bool check_container(const struct baseline *baseline, const cJSON *container,
                            const struct json_path *path)
{
    const struct plan *plan = baseline->plan;
    const cJSON *context = json_member(container, "securityContext");
    const struct json_path *context_path = JSON_MEMBER(path, "securityContext");
    const char *proc_mount = json_text(context, "procMount");
    if (*proc_mount && strcmp(proc_mount, "Default") != 0 &&
        !deny(baseline, JSON_MEMBER(context_path, "procMount"), "Default, or leave it out"))
        return false;
    bool is_agent = container == plan->sandbox.agent;
    bool passes = is_agent && plan->sandbox.is_marked
                      ? check_supervised_agent(baseline, context, context_path)
                      : deny_if_true(baseline, context, context_path, "privileged") &&
                            check_shared_context(baseline, context, context_path);
    if (!passes)
        return false;
    if (!is_agent && !check_capabilities(baseline, context, context_path))
        return false;
    return check_handlers(baseline, container, path) && check_ports(baseline, container, path);
}

static bool check_containers(const struct baseline *baseline, const cJSON *list, const struct json_path *path)
{
    size_t index = 0;
    const cJSON *container;
    cJSON_ArrayForEach(container, list)
    {
        const struct json_path *container_path = JSON_ELEMENT(path, index++);
        /* What runs in ours the edits see to; they leave ports alone. */
        if (!(plan_owns_container(baseline->plan, container)
                  ? check_ports(baseline, container, container_path)
                  : check_container(baseline, container, container_path)))
            return false;
    }
    return true;
}

static bool check_volumes(const struct baseline *baseline)
{
    size_t index = 0;
    const cJSON *volume;
    cJSON_ArrayForEach(volume, baseline->plan->view.volumes)
    {
        const struct json_path *volume_path = JSON_ELEMENT(&pod_path_volumes, index++);
        if (json_member(volume, "hostPath") && !deny(baseline, JSON_MEMBER(volume_path, "hostPath"),
                                                     "any volume that is not the node's own file system"))
            return false;
    }
    return true;
}

static bool check_sysctls(const struct baseline *baseline, const cJSON *context, const struct json_path *path)
{
    static const char *const accepted[] = {"kernel.shm_rmid_forced",
                                           "net.ipv4.ip_local_port_range",
                                           "net.ipv4.tcp_syncookies",
                                           "net.ipv4.ip_unprivileged_port_start",
                                           "net.ipv4.ping_group_range",
                                           "net.ipv4.ip_local_reserved_ports",
                                           "net.ipv4.tcp_keepalive_time",
                                           "net.ipv4.tcp_fin_timeout",
                                           "net.ipv4.tcp_keepalive_intvl",
                                           "net.ipv4.tcp_keepalive_probes",
                                           "net.ipv4.tcp_rmem",
                                           "net.ipv4.tcp_wmem",
                                           NULL};
    const struct json_path *sysctls_path = JSON_MEMBER(path, "sysctls");
    size_t index = 0;
    const cJSON *sysctl;
    cJSON_ArrayForEach(sysctl, json_member(context, "sysctls"))
    {
        const struct json_path *sysctl_path = JSON_ELEMENT(sysctls_path, index++);
        if (!is_listed(json_text(sysctl, "name"), accepted) &&
            !deny(baseline, JSON_MEMBER(sysctl_path, "name"), "the sysctls that Kubernetes calls safe"))
            return false;
    }
    return true;
}

/* The API server itself writes these annotations for containers whose field is set; those of ours are not the
 * user's. */
static bool is_our_profile(const struct plan *plan, const char *name)
{
    return plan_owns_name(plan, name) ||
           (plan->sandbox.is_marked && strcmp(json_text(plan->sandbox.agent, "name"), name) == 0);
}

/* The annotations that said the same before the fields existed; the API server still honours them. */
static bool check_annotations(const struct baseline *baseline)
{
    const size_t prefix = sizeof ANNOTATION_APP_ARMOR - 1;
    const cJSON *annotation;
    cJSON_ArrayForEach(annotation, baseline->plan->view.annotations)
    {
        const char *value = annotation->valuestring;
        if (strncmp(annotation->string, ANNOTATION_APP_ARMOR, prefix) != 0 || *value == '\0' ||
            strcmp(value, "runtime/default") == 0 || strncmp(value, "localhost/", 10) == 0 ||
            is_our_profile(baseline->plan, annotation->string + prefix))
            continue;
        if (!deny(baseline, JSON_MEMBER(&pod_path_annotations, annotation->string),
                  "runtime/default or localhost/..."))
            return false;
    }
    return true;
}

static bool check_host_namespaces(const struct baseline *baseline)
{
    const cJSON *spec = baseline->plan->view.spec;
    return deny_if_true(baseline, spec, &pod_path_spec, "hostNetwork") &&
           deny_if_true(baseline, spec, &pod_path_spec, "hostPID") &&
           deny_if_true(baseline, spec, &pod_path_spec, "hostIPC");
}

bool baseline_deny(const struct plan *plan, struct error *error, struct denial_list *denials)
{
    if (plan->configuration->pod_security == POD_SECURITY_NONE)
        return true;
    const struct baseline baseline = {.plan = plan, .error = error, .denials = denials};
    const cJSON *context = json_member(plan->view.spec, "securityContext");
    const struct json_path *context_path = JSON_MEMBER(&pod_path_spec, "securityContext");
    return check_host_namespaces(&baseline) && check_shared_context(&baseline, context, context_path) &&
           check_sysctls(&baseline, context, context_path) && check_annotations(&baseline) &&
           check_volumes(&baseline) &&
           check_containers(&baseline, plan->view.containers, &pod_path_containers) &&
           check_containers(&baseline, plan->view.init_containers, &pod_path_init_containers);
}
