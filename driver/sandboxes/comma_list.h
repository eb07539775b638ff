/* Lists that a flag gives in one text: parts between commas, without the blanks around them. Empty parts are
 * left out. Pure.
 */
#pragma once

#include "common/error.h"

/* Calls `use` for each part in turn, until it fails. False: it did, with its error, or ERROR_NO_MEMORY. The
 * part lives as long as the call. */
bool comma_list_each(const char *list, bool (*use)(void *context, const char *part, struct error *error),
                     void *context, struct error *error) _warn_unused_result_;
