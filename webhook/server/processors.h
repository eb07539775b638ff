/* How many processors this process may use: what its affinity and its control group's quota leave it. */
#pragma once

#include <stdbool.h>

/* At least 1. */
unsigned processors_count(void);

/* The text of a control group's cpu.max ("50000 100000": half a processor; "max 100000": no limit) in whole
 * processors, rounded up. False when it sets no limit, or is not such a text. */
bool processors_parse_quota(const char *text, unsigned *processors);
