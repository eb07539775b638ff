/* Scope-bound ownership: `_cleanup_(freep) char *name = NULL;` frees at the end of the scope,
 * `take_pointer(&name)` hands the value over instead. Each module with a destructor defines its own
 * `<thing>_freep` by DEFINE_POINTER_CLEANUP. Every destructor accepts NULL.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Defines `static inline void <function>p(<type> *pointer)`, which calls `function` on what the local holds.
 */
#define DEFINE_POINTER_CLEANUP(type, function)                                                               \
    __attribute__((unused)) static inline void function##p(type *pointer)                                    \
    {                                                                                                        \
        if (*pointer)                                                                                        \
            function(*pointer);                                                                              \
    }

/* Returns the pointer that `*(pointer)` holds and leaves NULL there: ownership moves to the caller. */
#define take_pointer(pointer)                                                                                \
    __extension__({                                                                                          \
        __typeof__(*(pointer)) taken_ = *(pointer);                                                          \
        *(pointer) = NULL;                                                                                   \
        taken_;                                                                                              \
    })

DEFINE_POINTER_CLEANUP(cJSON *, cJSON_Delete)
DEFINE_POINTER_CLEANUP(FILE *, fclose)

__attribute__((unused)) static inline void freep(void *pointer)
{
    free(*(void **) pointer);
}

/* Closes a descriptor that is not negative. */
__attribute__((unused)) static inline void closep(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
}

/* Returns the descriptor and leaves -1: ownership moves to the caller. */
static inline int take_descriptor(int *descriptor)
{
    int taken = *descriptor;
    *descriptor = -1;
    return taken;
}
