#include "webhook/injection/sandbox.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_UID 1000u
#define IDENTITY_MAXIMUM 4294967294ull /* 2^32-2: -1 means "no user" to the kernel */
#define ANNOTATION_UID_RANGE "openshift.io/sa.scc.uid-range"
#define ANNOTATION_GROUPS "openshift.io/sa.scc.supplemental-groups"

static bool parse_number(const char **at, uint64_t *number)
{
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    char *end;
    *number = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0 && *number <= IDENTITY_MAXIMUM;
}

/* The start of the first block of `start/size[,start/size]...` or `start-end[,...]`. Every block must be well
 * formed, not empty, and not begin with 0. */
static bool parse_range(const char *text, uint32_t *first)
{
    uint64_t first_start = 0;
    const char *at = text;
    for (;;) {
        uint64_t start, bound;
        if (!parse_number(&at, &start) || start == 0 || (*at != '/' && *at != '-'))
            return false;
        bool is_size = *at++ == '/';
        if (!parse_number(&at, &bound) || bound == 0 || (!is_size && bound < start))
            return false;
        if (first_start == 0)
            first_start = start;
        if (*at == '\0')
            break;
        if (*at++ != ',')
            return false;
    }
    *first = (uint32_t) first_start;
    return true;
}

/* Reads one annotation of the namespace into `*identity`, `fallback` when it is not there. */
static bool read_range(const cJSON *annotations, const char *name, uint32_t fallback, struct error *error,
                       struct denial_list *denials, uint32_t *identity)
{
    *identity = fallback;
    const cJSON *annotation = json_member(annotations, name);
    if (!annotation)
        return true;
    if (cJSON_IsString(annotation) && parse_range(annotation->valuestring, identity))
        return true;
    return denial_list_add(
        denials, "NamespaceRangeInvalid", JSON_MEMBER(JSON_MEMBER(&pod_path_metadata, "namespace"), name),
        error,
        "the namespace's annotation %s is \"%.80s\"; it must be start/size with both positive, or "
        "the configuration must set sandbox.uid and sandbox.gid",
        name, cJSON_IsString(annotation) ? annotation->valuestring : "not a string");
}

bool sandbox_resolve_user(struct plan *plan, const cJSON *namespace_annotations, struct error *error,
                          struct denial_list *denials)
{
    const struct configuration *configuration = plan->configuration;
    struct sandbox *sandbox = &plan->sandbox;
    sandbox->uid = configuration->sandbox_uid;
    sandbox->gid = configuration->sandbox_gid ? configuration->sandbox_gid : configuration->sandbox_uid;
    sandbox->proxy_uid =
        configuration->sidecar_binary_aware_network_policy ? 0 : configuration->sidecar_proxy_uid;
    if (sandbox->uid == 0 &&
        !read_range(namespace_annotations, ANNOTATION_UID_RANGE, DEFAULT_UID, error, denials, &sandbox->uid))
        return false;
    if (sandbox->gid == 0 &&
        !read_range(namespace_annotations, ANNOTATION_GROUPS, sandbox->uid, error, denials, &sandbox->gid))
        return false;
    if (configuration->topology == TOPOLOGY_SIDECAR && sandbox->uid == configuration->sidecar_proxy_uid)
        return denial_list_add(
            denials, "ProxyUserConflict", JSON_MEMBER(&pod_path_metadata, "namespace"), error,
            "the sandbox's uid %u is the proxy's (sidecar.proxyUID), which the fence lets out; "
            "configure another sidecar.proxyUID or sandbox.uid",
            sandbox->uid);
    return true;
}
