#include "certs/webhook_bundles.h"

#include "common/base64.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>

#define POINTER_BYTES 64

static bool is_string(const cJSON *object, const char *key, const char *value)
{
    const cJSON *member = json_member(object, key);
    return cJSON_IsString(member) && strcmp(member->valuestring, value) == 0;
}

static bool is_ours(const cJSON *webhook, const struct webhook_service *service)
{
    const cJSON *reference = json_member(json_member(webhook, "clientConfig"), "service");
    return is_string(reference, "namespace", service->namespace_name) &&
           is_string(reference, "name", service->name);
}

static const char *installed_bundle(const cJSON *webhook)
{
    const cJSON *bundle = json_member(json_member(webhook, "clientConfig"), "caBundle");
    return cJSON_IsString(bundle) ? bundle->valuestring : NULL;
}

void webhook_bundles_done(struct webhook_bundles *bundles)
{
    for (size_t i = 0; i < bundles->count; i++)
        certificate_list_free(bundles->items[i]);
    *bundles = (struct webhook_bundles){0};
}

bool webhook_bundle_decode(const char *encoded, struct error *error, certificate_list **list)
{
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    return base64_decode(encoded, strlen(encoded), error, &pem) &&
           certificate_list_parse(buffer_string(&pem), pem.length, error, list);
}

/* NULL: not readable. */
static certificate_list *read_bundle(const char *encoded)
{
    certificate_list *list = NULL;
    return encoded && webhook_bundle_decode(encoded, NULL, &list) ? list : NULL;
}

bool webhook_bundles_read(const cJSON *object, const struct webhook_service *service, struct error *error,
                          struct webhook_bundles *bundles)
{
    struct webhook_bundles found = {0};
    const cJSON *webhook = NULL;
    cJSON_ArrayForEach(webhook, json_member(object, "webhooks"))
    {
        if (!is_ours(webhook, service))
            continue;
        if (found.count == WEBHOOK_BUNDLES_MAXIMUM) {
            webhook_bundles_done(&found);
            return error_set(error, ERROR_TOO_LARGE, "more than %d webhooks of Service %s/%s",
                             WEBHOOK_BUNDLES_MAXIMUM, service->namespace_name, service->name);
        }
        found.items[found.count++] = read_bundle(installed_bundle(webhook));
    }
    *bundles = found;
    return true;
}

bool webhook_bundles_hold(const struct webhook_bundles *bundles, const X509 *certificate)
{
    for (size_t i = 0; i < bundles->count; i++)
        if (!certificate_list_contains(bundles->items[i], certificate))
            return false;
    return bundles->count > 0;
}

bool webhook_bundles_check(const struct webhook_bundles *bundles, const certificate_list *chain,
                           const char *host, time_t now, struct error *error)
{
    if (!bundles->count)
        return error_set(error, ERROR_FAILED_PRECONDITION, "no webhook in it calls this Service");
    for (size_t i = 0; i < bundles->count; i++) {
        if (!bundles->items[i])
            return error_set(error, ERROR_FAILED_PRECONDITION, "a caBundle is empty or not readable");
        if (!certificate_verify(chain, bundles->items[i], host, now, error))
            return error_prefix(error, "the caBundle does not verify the certificate");
    }
    return true;
}

/* Appends {"op": .., "path": .., "value": ..}; takes `value` over, which may be NULL for want of memory. */
static bool add_operation(cJSON *operations, const char *name, const char *path, cJSON *value,
                          struct error *error)
{
    _cleanup_(cJSON_Deletep) cJSON *owned_value = value;
    _cleanup_(cJSON_Deletep) cJSON *operation = cJSON_CreateObject();
    if (!value || !operation || !cJSON_AddStringToObject(operation, "op", name) ||
        !cJSON_AddStringToObject(operation, "path", path) ||
        !cJSON_AddItemToObject(operation, "value", owned_value))
        return error_set_no_memory(error);
    take_pointer(&owned_value);
    if (!cJSON_AddItemToArray(operations, operation))
        return error_set_no_memory(error);
    take_pointer(&operation);
    return true;
}

static bool plan_webhook(cJSON *operations, const cJSON *webhook, size_t index, const char *wanted,
                         struct error *error)
{
    char name[POINTER_BYTES], client[POINTER_BYTES], bundle[POINTER_BYTES];
    const char *installed = installed_bundle(webhook);
    snprintf(name, sizeof name, "/webhooks/%zu/name", index);
    snprintf(client, sizeof client, "/webhooks/%zu/clientConfig", index);
    snprintf(bundle, sizeof bundle, "/webhooks/%zu/clientConfig/caBundle", index);
    /* What is absent cannot be tested by its own path: then the object around it is. */
    const cJSON *around = json_member(webhook, "clientConfig");
    cJSON *before = installed ? cJSON_CreateString(installed) : cJSON_Duplicate(around, true);
    return add_operation(operations, "test", installed ? bundle : client, before, error) &&
           add_operation(operations, "test", name, cJSON_Duplicate(json_member(webhook, "name"), false),
                         error) &&
           add_operation(operations, installed ? "replace" : "add", bundle, cJSON_CreateString(wanted),
                         error);
}

bool webhook_bundles_plan(const cJSON *object, const struct webhook_service *service, const char *pem,
                          size_t length, struct error *error, cJSON **result)
{
    _cleanup_(buffer_done) struct buffer wanted = BUFFER_INIT(2 * CERTIFICATE_PEM_BYTES);
    _cleanup_(cJSON_Deletep) cJSON *operations = cJSON_CreateArray();
    if (!length)
        return error_set(error, ERROR_INVALID, "a caBundle is never emptied");
    base64_append(&wanted, pem, length);
    if (!buffer_check(&wanted, error))
        return false;
    if (!operations)
        return error_set_no_memory(error);
    size_t index = 0;
    const cJSON *webhook = NULL;
    cJSON_ArrayForEach(webhook, json_member(object, "webhooks"))
    {
        const char *installed = installed_bundle(webhook);
        bool is_wrong = !installed || strcmp(installed, buffer_string(&wanted)) != 0;
        if (is_ours(webhook, service) && is_wrong &&
            !plan_webhook(operations, webhook, index, buffer_string(&wanted), error))
            return false;
        index++;
    }
    *result = cJSON_GetArraySize(operations) ? take_pointer(&operations) : NULL;
    return true;
}
