#include "certs/secret_store.h"

#include "certs/authorities_document.h"
#include "common/base64.h"
#include "common/json.h"
#include "kubernetes/secret.h"

#include <string.h>

/* Room for the base64 of a document. */
#define ENCODED_BYTES (AUTHORITIES_DOCUMENT_BYTES / 3 * 4 + 4)

bool secret_store_parse(const cJSON *secret, struct error *error, struct authorities *authorities)
{
    const cJSON *data = json_member(secret, "data");
    const char *encoded = NULL;
    struct buffer text = BUFFER_INIT(AUTHORITIES_DOCUMENT_BYTES);
    const struct json_path *path = JSON_MEMBER(JSON_ROOT, "data");
    if (!json_read_string(data, path, SECRET_STORE_KEY, error, &encoded))
        return false;
    if (!encoded || !*encoded)
        return error_set(error, ERROR_NOT_FOUND, "data[%s]: absent or empty", SECRET_STORE_KEY);
    bool is_read = base64_decode(encoded, strlen(encoded), error, &text) &&
                   authorities_document_parse(buffer_string(&text), text.length, error, authorities);
    if (text.data)
        explicit_bzero(text.data, text.reserved);
    buffer_done(&text);
    return is_read || error_prefix(error, "data[%s]", SECRET_STORE_KEY);
}

static struct kubernetes_target target_of(const struct secret_store *store)
{
    return (struct kubernetes_target){
        .resource = &kubernetes_secrets, .namespace_name = store->namespace_name, .name = store->name};
}

bool secret_store_read(const struct secret_store *store, const struct kubernetes_call *call,
                       struct error *error, cJSON **secret)
{
    const struct kubernetes_target target = target_of(store);
    return kubernetes_get(store->client, &target, call, error, secret);
}

/* Sets a key of the data. The encoded text is wiped: it may hold keys. */
static bool set_data(cJSON *data, const char *key, const char *text, size_t length, struct error *error)
{
    struct buffer encoded = BUFFER_INIT(ENCODED_BYTES);
    base64_append(&encoded, text, length);
    bool is_set = buffer_check(&encoded, error);
    if (is_set) {
        cJSON_DeleteItemFromObjectCaseSensitive(data, key);
        is_set = cJSON_AddStringToObject(data, key, buffer_string(&encoded)) || error_set_no_memory(error);
    }
    if (encoded.data)
        explicit_bzero(encoded.data, encoded.reserved);
    buffer_done(&encoded);
    return is_set;
}

/* A new object of this name, nothing in it. */
static cJSON *make_object(const struct secret_store *store)
{
    _cleanup_(cJSON_Deletep) cJSON *secret = cJSON_CreateObject();
    cJSON *metadata = secret ? cJSON_AddObjectToObject(secret, "metadata") : NULL;
    if (!metadata || !cJSON_AddStringToObject(secret, "apiVersion", "v1") ||
        !cJSON_AddStringToObject(secret, "kind", "Secret") ||
        !cJSON_AddStringToObject(secret, "type", "Opaque") ||
        !cJSON_AddStringToObject(metadata, "name", store->name) ||
        !cJSON_AddStringToObject(metadata, "namespace", store->namespace_name))
        return NULL;
    return take_pointer(&secret);
}

static bool fill(cJSON *secret, const struct authorities *authorities, struct error *error)
{
    _cleanup_(secret_freep) char *document = NULL;
    _cleanup_(certificate_list_freep) certificate_list *bundle = NULL;
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    cJSON *data = json_member(secret, "data");
    if (!data) {
        cJSON_DeleteItemFromObjectCaseSensitive(secret, "data");
        data = cJSON_AddObjectToObject(secret, "data");
    }
    if (!data)
        return error_set_no_memory(error);
    return authorities_document_print(authorities, error, &document) &&
           authorities_make_bundle(authorities, error, &bundle) &&
           certificate_list_append_pem(bundle, error, &pem) &&
           set_data(data, SECRET_STORE_KEY, document, strlen(document), error) &&
           set_data(data, SECRET_STORE_BUNDLE_KEY, buffer_string(&pem), pem.length, error);
}

bool secret_store_write(const struct secret_store *store, const cJSON *previous,
                        const struct authorities *authorities, const struct kubernetes_call *call,
                        struct error *error, cJSON **written)
{
    const struct kubernetes_target target = target_of(store);
    _cleanup_(authorities_document_wipep) cJSON *secret =
        previous ? cJSON_Duplicate(previous, true) : make_object(store);
    if (!secret)
        return error_set_no_memory(error);
    if (!fill(secret, authorities, error))
        return false;
    return previous ? kubernetes_update(store->client, &target, secret, call, error, written)
                    : kubernetes_create(store->client, &target, secret, call, error, written);
}
