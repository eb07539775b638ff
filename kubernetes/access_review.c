#include "kubernetes/access_review.h"

#include "common/json.h"
#include "kubernetes/objects.h"

static cJSON *make_review(const struct access_question *question)
{
    _cleanup_(cJSON_Deletep) cJSON *review = cJSON_CreateObject();
    cJSON *spec = cJSON_AddObjectToObject(review, "spec");
    cJSON *attributes = cJSON_AddObjectToObject(spec, "resourceAttributes");
    bool is_made = cJSON_AddStringToObject(review, "apiVersion", "authorization.k8s.io/v1") &&
                   cJSON_AddStringToObject(review, "kind", kubernetes_self_subject_access_reviews.kind) &&
                   cJSON_AddStringToObject(attributes, "verb", question->verb) &&
                   cJSON_AddStringToObject(attributes, "group", question->group) &&
                   cJSON_AddStringToObject(attributes, "resource", question->resource) &&
                   (!question->namespace_name ||
                    cJSON_AddStringToObject(attributes, "namespace", question->namespace_name));
    return is_made ? take_pointer(&review) : NULL;
}

bool access_review_ask(struct kubernetes_client *client, const struct access_question *question,
                       struct error *error, bool *is_allowed)
{
    static const struct kubernetes_target target = {.resource = &kubernetes_self_subject_access_reviews};
    _cleanup_(cJSON_Deletep) cJSON *review = make_review(question), *answer = NULL;
    if (!review)
        return error_set_no_memory(error);
    if (!kubernetes_create(client, &target, review, NULL, error, &answer))
        return false;
    *is_allowed = cJSON_IsTrue(json_member(json_member(answer, "status"), "allowed"));
    return true;
}
