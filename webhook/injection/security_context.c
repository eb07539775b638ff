#include "webhook/injection/security_context.h"

#include "common/cleanup.h"

#include <string.h>

#define LOCALHOST_PREFIX "Localhost/"

static const char removed_reason[] =
    "not part of the supervisor's security context: it would widen or break the fence";

static bool add_flag(cJSON *context, const char *key, enum planned_flag flag)
{
    return flag == FLAG_UNSET || cJSON_AddBoolToObject(context, key, flag == FLAG_TRUE);
}

static bool add_identity(cJSON *context, const char *key, int64_t identity)
{
    return identity < 0 || cJSON_AddNumberToObject(context, key, (double) identity);
}

/* "RuntimeDefault", "Unconfined" or "Localhost/<name>" as Kubernetes' object. */
static bool add_profile(cJSON *context, const char *key, const char *profile)
{
    if (!*profile)
        return true;
    cJSON *object = cJSON_AddObjectToObject(context, key);
    if (strncmp(profile, LOCALHOST_PREFIX, sizeof LOCALHOST_PREFIX - 1) != 0)
        return cJSON_AddStringToObject(object, "type", profile);
    return cJSON_AddStringToObject(object, "type", "Localhost") &&
           cJSON_AddStringToObject(object, "localhostProfile", profile + sizeof LOCALHOST_PREFIX - 1);
}

static bool add_capabilities(cJSON *context, const struct planned_security *planned)
{
    if (!planned->add && !planned->drops_all)
        return true;
    cJSON *capabilities = cJSON_AddObjectToObject(context, "capabilities");
    if (planned->add) {
        cJSON *add = cJSON_AddArrayToObject(capabilities, "add");
        for (const char *const *name = planned->add; *name; name++) {
            if (!add || !cJSON_AddItemToArray(add, cJSON_CreateStringReference(*name)))
                return false;
        }
    }
    if (!planned->drops_all)
        return capabilities;
    cJSON *drop = cJSON_AddArrayToObject(capabilities, "drop");
    return drop && cJSON_AddItemToArray(drop, cJSON_CreateStringReference("ALL"));
}

cJSON *security_context_build(const struct planned_security *planned)
{
    _cleanup_(cJSON_Deletep) cJSON *context = cJSON_CreateObject();
    if (!context || !add_identity(context, "runAsUser", planned->run_as_user) ||
        !add_identity(context, "runAsGroup", planned->run_as_group) ||
        !add_flag(context, "runAsNonRoot", planned->run_as_non_root) ||
        !add_flag(context, "allowPrivilegeEscalation", planned->allow_privilege_escalation) ||
        !add_capabilities(context, planned) ||
        !add_profile(context, "appArmorProfile", planned->app_armor_profile) ||
        !add_profile(context, "seccompProfile", planned->seccomp_profile))
        return NULL;
    return take_pointer(&context);
}

static bool has_same_strings(const cJSON *left, const cJSON *right)
{
    if (cJSON_GetArraySize(left) != cJSON_GetArraySize(right))
        return false;
    const cJSON *wanted, *found;
    cJSON_ArrayForEach(wanted, left)
    {
        bool is_found = false;
        cJSON_ArrayForEach(found, right)
        {
            is_found = is_found || strcmp(found->valuestring, wanted->valuestring) == 0;
        }
        if (!is_found)
            return false;
    }
    return true;
}

/* Capability lists are sets. */
static bool has_same_capabilities(const cJSON *planned, const cJSON *present)
{
    static const char *const keys[] = {"add", "drop"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!has_same_strings(json_member(planned, keys[i]), json_member(present, keys[i])))
            return false;
    }
    return true;
}

static bool is_same(const cJSON *planned, const cJSON *present)
{
    if (strcmp(planned->string, "capabilities") == 0)
        return has_same_capabilities(planned, present);
    return json_equal(planned, present);
}

static bool stays(const cJSON *member, bool keeps_users)
{
    if (strcmp(member->string, "procMount") == 0)
        return keeps_users || (cJSON_IsString(member) && strcmp(member->valuestring, "Default") == 0);
    return keeps_users &&
           (strcmp(member->string, "seccompProfile") == 0 || strcmp(member->string, "seLinuxOptions") == 0);
}

/* An empty list or object is what absence is. */
static bool is_vacant(const cJSON *member)
{
    return cJSON_IsNull(member) || ((cJSON_IsObject(member) || cJSON_IsArray(member)) && !member->child);
}

static void remove_strangers(struct editor *editor, cJSON *context, const struct json_path *path,
                             const cJSON *planned, bool keeps_users)
{
    cJSON *next;
    for (cJSON *member = context->child; member; member = next) {
        next = member->next;
        if (json_member(planned, member->string) || stays(member, keeps_users) || is_vacant(member))
            continue;
        editor_remove(editor, context, path, member->string, removed_reason);
    }
}

void security_context_ensure(struct editor *editor, cJSON *container, const struct json_path *path,
                             const struct planned_security *planned, bool keeps_users)
{
    _cleanup_(cJSON_Deletep) cJSON *wanted = security_context_build(planned);
    cJSON *context = json_member(container, "securityContext");
    if (!context) {
        editor_set(editor, container, path, "securityContext", take_pointer(&wanted), planned->reason);
        return;
    }
    if (!wanted) {
        editor->has_failed = true;
        return;
    }
    const struct json_path *context_path = JSON_MEMBER(path, "securityContext");
    remove_strangers(editor, context, context_path, wanted, keeps_users);
    while (wanted->child && !editor->has_failed) {
        const cJSON *present = json_member(context, wanted->child->string);
        cJSON *member = cJSON_DetachItemViaPointer(wanted, wanted->child);
        if (present && is_same(member, present)) {
            cJSON_Delete(member);
            continue;
        }
        char *key = member->string;
        member->string = NULL;
        editor_set(editor, context, context_path, key, member, planned->reason);
        cJSON_free(key);
    }
}
