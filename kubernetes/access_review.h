/* Asks the API server what the client's own account may do. Every account may ask that.
 */
#pragma once

#include "kubernetes/client.h"

struct access_question {
    const char *verb;
    const char *group;          /* "": the core group */
    const char *resource;       /* lower case plural, as in the URL */
    const char *namespace_name; /* NULL: in all of them, or not namespaced */
};

/* Errors as the client's. */
bool access_review_ask(struct kubernetes_client *client, const struct access_question *question,
                       struct error *error, bool *is_allowed) _warn_unused_result_;
