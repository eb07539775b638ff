/* The syntax of names as Kubernetes checks them, so that a wrong one is refused where it is written and not
 * when a pod is created. Each function takes any string, "" included, and answers yes or no.
 *
 * Not for: sandbox ids and names, which follow OpenShell's rules (webhook/injection/sandbox.h, driver).
 */
#pragma once

#include <stdbool.h>

/* Longest forms, in bytes. */
#define SYNTAX_LABEL_BYTES 63      /* DNS label; name part of a key; value of a label */
#define SYNTAX_SUBDOMAIN_BYTES 253 /* DNS subdomain; key in a Secret */

/* RFC 1123 label: lower-case letters, digits, dashes inside. Container and volume names. */
bool syntax_is_dns_label(const char *text);

/* RFC 1123 subdomain: labels joined by dots. Names of Secrets and most objects. */
bool syntax_is_dns_subdomain(const char *text);

/* `name` or `prefix/name`: the keys of labels and annotations, the names of resources. */
bool syntax_is_qualified_name(const char *text);

/* The value of a label; "" is one. */
bool syntax_is_label_value(const char *text);

/* A key in the data of a Secret or ConfigMap: letters, digits, `-_.`, but not `.` and `..`. */
bool syntax_is_data_key(const char *text);

/* A name that every shell takes for a variable: a letter or `_`, then letters, digits and `_`. */
bool syntax_is_variable_name(const char *text);

/* A quantity of a resource that is not negative: `500m`, `1.5`, `64Mi`, `2e3`. */
bool syntax_is_quantity(const char *text);

/* An absolute path without empty, `.` or `..` components and without a slash at its end; not `/` alone. */
bool syntax_is_normal_path(const char *text);
