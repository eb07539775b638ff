/* Calls on objects: get, list, create, update, patch, apply, delete. Thin: each is one request of
 * kubernetes/client.h, whose errors, limits and retries apply. In all of them `call` may be NULL, the caller
 * owns a returned tree (cJSON_Delete), and NULL for a result of a call that writes means it is not wanted.
 */
#pragma once

#include "kubernetes/client.h"
#include "kubernetes/resource.h"

/* Objects per page when the options leave it 0. Small, so that a page as a tree stays at a few megabytes. */
#define KUBERNETES_PAGE_SIZE 100u
/* How often a list starts over because its continue token expired. */
#define KUBERNETES_LIST_RESTARTS 3u

bool kubernetes_get(struct kubernetes_client *client, const struct kubernetes_target *target,
                    const struct kubernetes_call *call, struct error *error,
                    cJSON **object) _warn_unused_result_;

/* The object's metadata alone (a PartialObjectMetadata): of a Secret, no value of it. */
bool kubernetes_get_metadata(struct kubernetes_client *client, const struct kubernetes_target *target,
                             const struct kubernetes_call *call, struct error *error,
                             cJSON **object) _warn_unused_result_;

struct kubernetes_list_options {
    const char *label_selector; /* NULL: all */
    const char *field_selector; /* NULL: all */
    unsigned page_size;         /* 0: KUBERNETES_PAGE_SIZE */
};

/* Takes a list in page by page; never more than one page is in memory. Returning false ends the list with the
 * error that was set. */
struct kubernetes_list_handler {
    /* The list begins, or begins again (the continue token expired): forget what came so far. NULL: nothing.
     */
    bool (*begin)(void *context, struct error *error);
    /* One object, apiVersion and kind filled in; take_pointer(object) keeps it, else it is freed after. */
    bool (*object)(void *context, cJSON **object, struct error *error);
    void *context;
};

/* Lists everything in pages. A page too large for the client's limit is asked for again at half its size.
 * ERROR_GONE after KUBERNETES_LIST_RESTARTS. On success the caller owns `*resource_version`, from where a
 * watch goes on. `options` NULL: everything. */
bool kubernetes_list_each(struct kubernetes_client *client, const struct kubernetes_target *target,
                          const struct kubernetes_list_options *options, const struct kubernetes_call *call,
                          const struct kubernetes_list_handler *handler, struct error *error,
                          char **resource_version) _warn_unused_result_;

/* Lists everything into one array; for collections known to be small. */
bool kubernetes_list(struct kubernetes_client *client, const struct kubernetes_target *target,
                     const struct kubernetes_list_options *options, const struct kubernetes_call *call,
                     struct error *error, cJSON **items) _warn_unused_result_;

/* POST of `object` to the target's collection (its name is not used). ERROR_ALREADY_EXISTS. Never sent twice
 * unless the server refused it unseen. */
bool kubernetes_create(struct kubernetes_client *client, const struct kubernetes_target *target,
                       const cJSON *object, const struct kubernetes_call *call, struct error *error,
                       cJSON **created) _warn_unused_result_;

/* PUT. With metadata.resourceVersion in `object`: ERROR_CONFLICT when somebody else wrote meanwhile. After a
 * lost answer it is sent again, so the conflict may be with our own first write: read again. */
bool kubernetes_update(struct kubernetes_client *client, const struct kubernetes_target *target,
                       const cJSON *object, const struct kubernetes_call *call, struct error *error,
                       cJSON **updated) _warn_unused_result_;

/* JSON Patch (RFC 6902); `operations` is an array. ERROR_CONFLICT when it does not apply (a `test` failed, a
 * path is missing); ERROR_INVALID when the patched object is refused. Never sent twice unless refused unseen.
 */
bool kubernetes_patch_json(struct kubernetes_client *client, const struct kubernetes_target *target,
                           const cJSON *operations, const struct kubernetes_call *call, struct error *error,
                           cJSON **patched) _warn_unused_result_;

/* JSON Merge Patch (RFC 7386). */
bool kubernetes_patch_merge(struct kubernetes_client *client, const struct kubernetes_target *target,
                            const cJSON *patch, const struct kubernetes_call *call, struct error *error,
                            cJSON **patched) _warn_unused_result_;

/* Server-side apply as `field_manager`; creates what does not exist. `is_forced`: takes fields over from
 * other managers, else ERROR_CONFLICT. `object` needs apiVersion, kind and no managedFields. */
bool kubernetes_apply(struct kubernetes_client *client, const struct kubernetes_target *target,
                      const cJSON *object, const char *field_manager, bool is_forced,
                      const struct kubernetes_call *call, struct error *error,
                      cJSON **applied) _warn_unused_result_;

#define KUBERNETES_GRACE_DEFAULT (-1)

enum kubernetes_propagation {
    KUBERNETES_PROPAGATION_DEFAULT,
    KUBERNETES_PROPAGATION_BACKGROUND,
    KUBERNETES_PROPAGATION_FOREGROUND,
    KUBERNETES_PROPAGATION_ORPHAN,
};

struct kubernetes_delete_options {
    const char *uid;              /* only this very object; NULL: any of that name */
    const char *resource_version; /* only in this version; NULL: any */
    int grace_period_s; /* KUBERNETES_GRACE_DEFAULT: the object's own; mind that zeroed means at once */
    enum kubernetes_propagation propagation;
};

/* DELETE. `options` NULL: any of that name, default grace. Success means accepted: finalizers and grace may
 * keep the object for a while. ERROR_NOT_FOUND when it is not there (after a retry perhaps because of us),
 * ERROR_CONFLICT when uid or version is another. */
bool kubernetes_delete(struct kubernetes_client *client, const struct kubernetes_target *target,
                       const struct kubernetes_delete_options *options, const struct kubernetes_call *call,
                       struct error *error) _warn_unused_result_;
