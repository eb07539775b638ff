/* The variables of an environment that is handed over rather than the process's own, so that what reads it
 * can be tested. Not for: the process's environment (getenv).
 */
#pragma once

/* The value of the first `name=value`, as getenv finds it; NULL without one. The list ends with NULL, and may
 * be NULL itself. */
const char *environment_find(char *const *environment, const char *name);
