/* Wiping keys and tokens before their memory is freed. Not for: reading them (common/file.h).
 */
#pragma once

#include <stddef.h>

/* Overwrites `length` bytes and frees them. Accepts NULL. */
void secret_wipe(char *data, size_t length);

/* The same for a string. Accepts NULL. */
void secret_free(char *secret);

/* For _cleanup_(secret_freep). */
__attribute__((unused)) static inline void secret_freep(char **secret)
{
    secret_free(*secret);
}
