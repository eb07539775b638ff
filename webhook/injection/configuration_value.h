/* One value of a configuration: set from a text or from JSON, checked by the rules of its option, and turned
 * back into JSON.
 *
 * Private to webhook/injection/configuration*.c.
 */
#pragma once

#include "webhook/injection/configuration_option.h"

/* Sets an option from a flag's or variable's text, or from a default. ERROR_INVALID without the option's
 * name, or ERROR_NO_MEMORY; the old value stays then. Options that are in the file only are never set by
 * this. */
bool option_set_text(const struct option *option, const char *text, struct configuration *configuration,
                     struct error *error) _warn_unused_result_;

/* Sets an option from the file's value, which is not null. ERROR_INVALID with the whole field in front
 * (`podLabels[app]: ...`) and `*culprit` at the value that is wrong, which is `value` or in it. */
bool option_set_json(const struct option *option, const cJSON *value, struct configuration *configuration,
                     struct error *error, const cJSON **culprit) _warn_unused_result_;

/* The option's value in the file's form; null for a number that is not set. NULL without memory. */
cJSON *option_to_json(const struct option *option, const struct configuration *configuration);

/* Releases what the option's member holds. */
void option_clear(const struct option *option, struct configuration *configuration);

/* Lists and maps (configuration_collection.c): copies of a JSON array of strings and of a JSON object of
 * strings, checked entry by entry; errors as option_set_json. */
bool string_list_read(const struct option *option, const cJSON *array, struct error *error,
                      const cJSON **culprit, struct string_list *list) _warn_unused_result_;
bool string_map_read(const struct option *option, const cJSON *object, struct error *error,
                     const cJSON **culprit, struct string_map *map) _warn_unused_result_;
void string_list_done(struct string_list *list);
void string_map_done(struct string_map *map);

/* Resources of a container (configuration_resources.c): a copy with all quantities as strings. */
bool resources_read(const struct option *option, const cJSON *object, struct error *error,
                    const cJSON **culprit, cJSON **resources) _warn_unused_result_;

/* What every text must be: UTF-8 without control characters, of at most `maximum_bytes`. */
bool check_text(const char *text, size_t maximum_bytes, struct error *error) _warn_unused_result_;

/* The same, but for ends of lines and tabs. */
bool check_lines(const char *text, size_t maximum_bytes, struct error *error) _warn_unused_result_;

/* Sets ERROR_INVALID "<key>: must be <wanted>"; returns false. */
bool set_wrong_type(const struct option *option, const char *wanted, struct error *error);
