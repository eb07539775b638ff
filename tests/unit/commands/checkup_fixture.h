/* What the tests of doctor's judgements share. All helpers fail the running test when they cannot do their
 * work.
 */
#pragma once

#include "webhook/commands/checkup.h"

#include <cjson/cJSON.h>

/* Parses JSON; NULL for NULL. The caller's. */
cJSON *checkup_fixture_parse(const char *text);

/* The only check of this name. */
const struct check *checkup_fixture_find(const struct checkup *checkup, const char *name);

/* The check has this result, `part` in its message, and advice exactly when it is not ok. */
void checkup_fixture_expect(const struct checkup *checkup, const char *name, enum check_result result,
                            const char *part);
