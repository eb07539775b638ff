#include "webhook/injection/volume.h"

#include "common/cleanup.h"

static bool build_secret(const struct planned_volume *volume, cJSON *object)
{
    cJSON *secret = cJSON_AddObjectToObject(object, "secret");
    if (!cJSON_AddStringToObject(secret, "secretName", volume->source) ||
        !cJSON_AddNumberToObject(secret, "defaultMode", volume->mode))
        return false;
    if (!volume->item_key)
        return true;
    cJSON *items = cJSON_AddArrayToObject(secret, "items");
    cJSON *item = cJSON_CreateObject();
    if (!items || !item) {
        cJSON_Delete(item);
        return false;
    }
    cJSON_AddItemToArray(items, item);
    return cJSON_AddStringToObject(item, "key", volume->item_key) &&
           cJSON_AddStringToObject(item, "path", volume->item_path);
}

static bool build_token(const struct planned_volume *volume, cJSON *object)
{
    cJSON *projected = cJSON_AddObjectToObject(object, "projected");
    if (!cJSON_AddNumberToObject(projected, "defaultMode", volume->mode))
        return false;
    cJSON *sources = cJSON_AddArrayToObject(projected, "sources");
    cJSON *source = cJSON_CreateObject();
    if (!sources || !source) {
        cJSON_Delete(source);
        return false;
    }
    cJSON_AddItemToArray(sources, source);
    cJSON *token = cJSON_AddObjectToObject(source, "serviceAccountToken");
    return cJSON_AddStringToObject(token, "audience", volume->source) &&
           cJSON_AddNumberToObject(token, "expirationSeconds", volume->seconds) &&
           cJSON_AddStringToObject(token, "path", "token");
}

static bool build_image(const struct planned_volume *volume, cJSON *object)
{
    cJSON *image = cJSON_AddObjectToObject(object, "image");
    return cJSON_AddStringToObject(image, "reference", volume->source) &&
           (!*volume->pull_policy || cJSON_AddStringToObject(image, "pullPolicy", volume->pull_policy));
}

static bool build_csi(const struct planned_volume *volume, cJSON *object)
{
    cJSON *csi = cJSON_AddObjectToObject(object, "csi");
    return cJSON_AddStringToObject(csi, "driver", volume->source) && cJSON_AddTrueToObject(csi, "readOnly");
}

static bool build_source(const struct planned_volume *volume, cJSON *object)
{
    switch (volume->kind) {
    case VOLUME_SECRET:
        return build_secret(volume, object);
    case VOLUME_TOKEN:
        return build_token(volume, object);
    case VOLUME_IMAGE:
        return build_image(volume, object);
    case VOLUME_EMPTY_DIRECTORY:
        return cJSON_AddObjectToObject(object, "emptyDir");
    case VOLUME_CSI:
        return build_csi(volume, object);
    }
    return false;
}

cJSON *volume_build(const struct planned_volume *volume)
{
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_CreateObject();
    if (!cJSON_AddStringToObject(object, "name", volume->name) || !build_source(volume, object))
        return NULL;
    return take_pointer(&object);
}

/* Where we say no pull policy, the API server says one. */
static void drop_default_pull_policy(const struct planned_volume *volume, cJSON *present)
{
    if (volume->kind == VOLUME_IMAGE && !*volume->pull_policy)
        cJSON_DeleteItemFromObjectCaseSensitive(json_member(present, "image"), "pullPolicy");
}

bool volume_matches(const struct planned_volume *volume, const cJSON *present, struct error *error,
                    bool *matches)
{
    _cleanup_(cJSON_Deletep) cJSON *planned = volume_build(volume);
    _cleanup_(cJSON_Deletep) cJSON *comparable = cJSON_Duplicate(present, true);
    if (!planned || !comparable)
        return error_set_no_memory(error);
    drop_default_pull_policy(volume, comparable);
    *matches = json_equal(planned, comparable);
    return true;
}
