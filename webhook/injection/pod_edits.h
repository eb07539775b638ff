/* Edits of the pod outside its containers: metadata, volumes, security context, host names, namespaces. */
#pragma once

#include "webhook/injection/editor.h"
#include "webhook/injection/plan.h"

void pod_edits_apply(struct plan *plan, struct editor *editor);
