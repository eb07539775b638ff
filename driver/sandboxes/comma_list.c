#include "driver/sandboxes/comma_list.h"

#include "common/cleanup.h"

#include <string.h>

bool comma_list_each(const char *list, bool (*use)(void *context, const char *part, struct error *error),
                     void *context, struct error *error)
{
    while (*list) {
        size_t length = strcspn(list, ",");
        size_t skipped = strspn(list, " ");
        size_t end = length;
        while (end > skipped && list[end - 1] == ' ')
            end--;
        if (end > skipped) {
            _cleanup_(freep) char *part = strndup(list + skipped, end - skipped);
            if (!part)
                return error_set_no_memory(error);
            if (!use(context, part, error))
                return false;
        }
        list += length + (list[length] == ',');
    }
    return true;
}
