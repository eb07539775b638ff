#include "driver/sandboxes/names.h"

#include "common/names.h"

#include <stdio.h>
#include <string.h>

#define SANDBOX_NAME_LENGTH 19
#define LABEL_LENGTH 63
#define SUBDOMAIN_LENGTH 253

static bool is_lower_or_digit(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
}

static bool is_alphanumeric(char character)
{
    return is_lower_or_digit(character) || (character >= 'A' && character <= 'Z');
}

static bool is_label(const char *text, size_t length, size_t longest)
{
    if (length == 0 || length > longest || !is_lower_or_digit(text[0]) ||
        !is_lower_or_digit(text[length - 1]))
        return false;
    for (size_t index = 0; index < length; index++) {
        if (!is_lower_or_digit(text[index]) && text[index] != '-')
            return false;
    }
    return true;
}

bool name_is_label(const char *name)
{
    return is_label(name, strlen(name), LABEL_LENGTH);
}

static bool is_subdomain(const char *text, size_t length)
{
    if (length > SUBDOMAIN_LENGTH)
        return false;
    const char *end = text + length;
    for (;;) {
        const char *dot = memchr(text, '.', (size_t) (end - text));
        const char *label_end = dot ? dot : end;
        if (!is_label(text, (size_t) (label_end - text), SUBDOMAIN_LENGTH))
            return false;
        if (!dot)
            return true;
        text = dot + 1;
    }
}

bool name_is_subdomain(const char *name)
{
    return is_subdomain(name, strlen(name));
}

bool name_is_sandbox(const char *name)
{
    return is_label(name, strlen(name), SANDBOX_NAME_LENGTH) && !strstr(name, "--");
}

/* Letters and digits at both ends, `-_.` in between too. */
static bool is_qualified_part(const char *text, size_t length)
{
    if (length == 0 || length > LABEL_LENGTH || !is_alphanumeric(text[0]) ||
        !is_alphanumeric(text[length - 1]))
        return false;
    for (size_t index = 0; index < length; index++) {
        if (!is_alphanumeric(text[index]) && !strchr("-_.", text[index]))
            return false;
    }
    return true;
}

bool name_is_label_value(const char *value)
{
    return *value == '\0' || is_qualified_part(value, strlen(value));
}

bool name_is_label_key(const char *key)
{
    const char *slash = strchr(key, '/');
    if (!slash)
        return is_qualified_part(key, strlen(key));
    return is_subdomain(key, (size_t) (slash - key)) && is_qualified_part(slash + 1, strlen(slash + 1));
}

bool name_is_environment_variable(const char *name)
{
    if (!is_alphanumeric(*name) && *name != '_')
        return false;
    if (*name >= '0' && *name <= '9')
        return false;
    for (; *name; name++) {
        if (!is_alphanumeric(*name) && *name != '_')
            return false;
    }
    return true;
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
