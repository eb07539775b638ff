/* The rules for single values. Each gets a text that is set (not "") and is printable UTF-8, and on failure
 * sets ERROR_INVALID with what would be accepted, without the name of the option and without the value: what
 * is wrong may be a secret in the wrong place.
 *
 * Private to webhook/injection/configuration*.c; the rules that concern several options together are in
 * configuration_constraints.h. Source: contract/supervised-pod.md H.7.
 */
#pragma once

#include "common/error.h"

#include <cjson/cJSON.h>

bool check_image(const char *text, struct error *error);
bool check_pull_policy(const char *text, struct error *error);
bool check_endpoint(const char *text, struct error *error);
bool check_secret_name(const char *text, struct error *error);
bool check_secret_key(const char *text, struct error *error);
bool check_ip_address(const char *text, struct error *error);
bool check_proxy_url(const char *text, struct error *error);
bool check_no_proxy(const char *text, struct error *error);
bool check_app_armor_profile(const char *text, struct error *error);
bool check_seccomp_profile(const char *text, struct error *error);

/* Paths (configuration_check_path.c). */
bool check_socket_path(const char *text, struct error *error);
bool check_spiffe_socket_path(const char *text, struct error *error);
bool check_binary_path(const char *text, struct error *error);
bool check_supervisor_mount_path(const char *text, struct error *error);

/* Items of lists. */
bool check_image_pattern(const char *text, struct error *error);
bool check_container_name(const char *text, struct error *error);
bool check_creator(const char *text, struct error *error);

/* Entries of maps; `value` may be "". */
bool check_environment_entry(const char *key, const char *value, struct error *error);
bool check_label_entry(const char *key, const char *value, struct error *error);
bool check_annotation_entry(const char *key, const char *value, struct error *error);
