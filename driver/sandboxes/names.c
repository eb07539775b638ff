#include "driver/sandboxes/names.h"

#include "common/names.h"
#include "common/syntax.h"

#include <stdio.h>
#include <string.h>

bool name_is_sandbox(const char *name)
{
    return strlen(name) < SANDBOX_NAME_BYTES && syntax_is_dns_label(name) && !strstr(name, "--");
}

void name_pod(const struct driver_configuration *configuration, const char *workspace, const char *name,
              char pod[LABEL_BYTES])
{
    if (configuration->workspace_mode == WORKSPACE_SHARED)
        snprintf(pod, LABEL_BYTES, "%s--%s", workspace, name);
    else
        snprintf(pod, LABEL_BYTES, "%s", name);
}

void name_namespace(const struct driver_configuration *configuration, const char *workspace,
                    char namespace_name[LABEL_BYTES])
{
    switch (configuration->workspace_mode) {
    case WORKSPACE_SHARED:
        snprintf(namespace_name, LABEL_BYTES, "%s", configuration->namespace_name);
        break;
    case WORKSPACE_MANAGED:
        snprintf(namespace_name, LABEL_BYTES, "openshell-%s-%s", configuration->gateway_id, workspace);
        break;
    case WORKSPACE_OPERATOR:
        snprintf(namespace_name, LABEL_BYTES, "%s", workspace);
        break;
    }
}

void name_record(const char *sandbox_id, char record[SUBDOMAIN_BYTES])
{
    snprintf(record, SUBDOMAIN_BYTES, SANDBOX_SECRET_PREFIX "%s", sandbox_id);
}

void name_claim(const char *sandbox_id, char claim[SUBDOMAIN_BYTES])
{
    snprintf(claim, SUBDOMAIN_BYTES, "openshell-workspace-%s", sandbox_id);
}

void name_selector(const struct driver_configuration *configuration, char selector[SELECTOR_BYTES])
{
    snprintf(selector, SELECTOR_BYTES,
             LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE "," LABEL_SANDBOX_ID "," LABEL_GATEWAY_ID "=%s",
             configuration->gateway_id);
}
