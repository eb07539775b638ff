#include "certs/authorities_document.h"

#include "certs/openssl_failure.h"
#include "common/json.h"
#include "kubernetes/secret.h"

#include <openssl/err.h>
#include <string.h>

void authorities_document_wipe(cJSON *tree)
{
    /* Depth is bounded: the trees are this module's own, or parsed under AUTHORITIES_DOCUMENT_DEPTH. */
    for (cJSON *member = tree ? tree->child : NULL; member; member = member->next) {
        for (cJSON *inner = member->child; inner; inner = inner->next) {
            for (cJSON *leaf = inner->child; leaf; leaf = leaf->next)
                if (cJSON_IsString(leaf))
                    explicit_bzero(leaf->valuestring, strlen(leaf->valuestring));
            if (cJSON_IsString(inner))
                explicit_bzero(inner->valuestring, strlen(inner->valuestring));
        }
        if (cJSON_IsString(member))
            explicit_bzero(member->valuestring, strlen(member->valuestring));
    }
    cJSON_Delete(tree);
}

static bool read_certificate(const cJSON *object, const struct json_path *path, struct error *error,
                             X509 **certificate)
{
    const char *pem = NULL;
    if (!json_require_string(object, path, "certificate", error, &pem))
        return false;
    _cleanup_(X509_freep) X509 *read = NULL;
    if (!certificate_parse(pem, strlen(pem), error, &read) || !certificate_check_authority(read, error))
        return error_prefix(error, "%s.certificate", path->key ? path->key : "retired");
    *certificate = take_pointer(&read);
    return true;
}

static bool read_authority(const cJSON *object, const struct json_path *path, struct error *error,
                           struct authority *authority)
{
    const char *pem = NULL;
    if (!json_require_string(object, path, "key", error, &pem) ||
        !read_certificate(object, path, error, &authority->certificate))
        return false;
    return (key_parse_pem(pem, strlen(pem), error, &authority->key) &&
            certificate_check_key(authority->certificate, authority->key, error)) ||
           error_prefix(error, "%s.key", path->key);
}

/* The certificates in which others vouch for `certificate`; an empty list when there are none. */
static bool read_cross(const cJSON *object, const struct json_path *path, X509 *certificate, int maximum,
                       struct error *error, certificate_list **result)
{
    const char *pem = NULL;
    _cleanup_(certificate_list_freep) certificate_list *list = NULL;
    if (!json_read_string(object, path, "cross", error, &pem))
        return false;
    if (!pem) {
        *result = sk_X509_new_null();
        return *result || error_set_no_memory(error);
    }
    if (!certificate_list_parse(pem, strlen(pem), error, &list))
        return error_prefix(error, "%s.cross", path->key);
    if (sk_X509_num(list) > maximum)
        return error_set(error, ERROR_TOO_LARGE, "%s.cross: more than %d certificates", path->key, maximum);
    bool is_same = EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(list, 0)), X509_get0_pubkey(certificate)) == 1;
    ERR_clear_error();
    if (!is_same)
        return error_set(error, ERROR_INVALID, "%s.cross: of another key", path->key);
    *result = take_pointer(&list);
    return true;
}

static bool read_next(const cJSON *document, struct error *error, struct authorities *authorities)
{
    cJSON *next = NULL;
    const struct json_path *path = JSON_MEMBER(JSON_ROOT, "next");
    _cleanup_(certificate_list_freep) certificate_list *cross = NULL;
    if (!json_read_object(document, JSON_ROOT, "next", error, &next))
        return false;
    if (!next)
        return true;
    if (!read_authority(next, path, error, &authorities->next) ||
        !read_cross(next, path, authorities->next.certificate, 1, error, &cross))
        return false;
    authorities->next_cross = sk_X509_pop(cross);
    return true;
}

static bool read_retired(const cJSON *document, struct error *error, struct authorities *authorities)
{
    cJSON *list = NULL;
    if (!json_read_array(document, JSON_ROOT, "retired", error, &list))
        return false;
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, list)
    {
        int64_t until = 0;
        const struct json_path *path =
            JSON_ELEMENT(JSON_MEMBER(JSON_ROOT, "retired"), authorities->retired_count);
        if (authorities->retired_count == AUTHORITIES_RETIRED_MAXIMUM)
            return error_set(error, ERROR_TOO_LARGE, "retired: more than %d", AUTHORITIES_RETIRED_MAXIMUM);
        struct retired_authority *retired = &authorities->retired[authorities->retired_count];
        if (!json_read_integer(item, path, "until", 0, AUTHORITIES_DOCUMENT_UNTIL_MAXIMUM, 0, error,
                               &until) ||
            !read_certificate(item, path, error, &retired->certificate))
            return false;
        retired->until = (time_t) until;
        authorities->retired_count++;
    }
    return true;
}

static bool read_document(const cJSON *document, struct error *error, struct authorities *authorities)
{
    int64_t version = 0;
    cJSON *current = NULL;
    const struct json_path *path = JSON_MEMBER(JSON_ROOT, "current");
    if (!cJSON_IsObject(document))
        return error_set(error, ERROR_INVALID, "must be an object");
    if (!json_read_integer(document, JSON_ROOT, "version", 0, INT64_MAX, 0, error, &version))
        return false;
    if (version != AUTHORITIES_DOCUMENT_VERSION)
        return error_set(error, ERROR_INVALID, "version: %lld, but this program reads %d",
                         (long long) version, AUTHORITIES_DOCUMENT_VERSION);
    return json_require_object(document, JSON_ROOT, "current", error, &current) &&
           read_authority(current, path, error, &authorities->current) &&
           read_cross(current, path, authorities->current.certificate, AUTHORITIES_CROSS_MAXIMUM, error,
                      &authorities->cross) &&
           read_next(document, error, authorities) && read_retired(document, error, authorities);
}

bool authorities_document_parse(const char *text, size_t length, struct error *error,
                                struct authorities *authorities)
{
    const struct json_limits limits = {.bytes = AUTHORITIES_DOCUMENT_BYTES,
                                       .depth = AUTHORITIES_DOCUMENT_DEPTH};
    _cleanup_(authorities_document_wipep) cJSON *document = NULL;
    struct authorities read = {0};
    if (!json_parse(text, length, &limits, error, &document))
        return false;
    if (!read_document(document, error, &read)) {
        authorities_done(&read);
        return false;
    }
    *authorities = read;
    return true;
}

static bool add_string(cJSON *object, const char *name, const char *value, struct error *error)
{
    return cJSON_AddStringToObject(object, name, value) || error_set_no_memory(error);
}

static bool add_certificate(cJSON *object, X509 *certificate, struct error *error)
{
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    return certificate_append_pem(certificate, error, &pem) &&
           add_string(object, "certificate", buffer_string(&pem), error);
}

/* Adds an object with certificate and key to the document. */
static bool add_authority(cJSON *document, const char *name, const struct authority *authority,
                          const certificate_list *cross, struct error *error)
{
    _cleanup_(secret_freep) char *key = NULL;
    _cleanup_(buffer_done) struct buffer chain = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    cJSON *object = cJSON_AddObjectToObject(document, name);
    if (!object)
        return error_set_no_memory(error);
    if (!add_certificate(object, authority->certificate, error) ||
        !key_print_pem(authority->key, error, &key) || !add_string(object, "key", key, error) ||
        !certificate_list_append_pem(cross, error, &chain))
        return false;
    return chain.length == 0 || add_string(object, "cross", buffer_string(&chain), error);
}

static bool add_next(cJSON *document, const struct authorities *authorities, struct error *error)
{
    if (!authorities->next.certificate)
        return true;
    _cleanup_(certificate_list_freep) certificate_list *cross = sk_X509_new_null();
    if (!cross)
        return error_set_no_memory(error);
    return (!authorities->next_cross || certificate_list_add(cross, authorities->next_cross, error)) &&
           add_authority(document, "next", &authorities->next, cross, error);
}

static bool add_retired(cJSON *document, const struct authorities *authorities, struct error *error)
{
    if (!authorities->retired_count)
        return true;
    cJSON *list = cJSON_AddArrayToObject(document, "retired");
    for (size_t i = 0; list && i < authorities->retired_count; i++) {
        cJSON *item = cJSON_CreateObject();
        if (!item || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return error_set_no_memory(error);
        }
        if (!add_certificate(item, authorities->retired[i].certificate, error))
            return false;
        if (!cJSON_AddNumberToObject(item, "until", (double) authorities->retired[i].until))
            return error_set_no_memory(error);
    }
    return list || error_set_no_memory(error);
}

bool authorities_document_print(const struct authorities *authorities, struct error *error, char **text)
{
    _cleanup_(authorities_document_wipep) cJSON *document = cJSON_CreateObject();
    if (!document || !cJSON_AddNumberToObject(document, "version", AUTHORITIES_DOCUMENT_VERSION))
        return error_set_no_memory(error);
    return add_authority(document, "current", &authorities->current, authorities->cross, error) &&
           add_next(document, authorities, error) && add_retired(document, authorities, error) &&
           json_print(document, false, error, text);
}
