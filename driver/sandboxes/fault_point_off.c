#include "driver/sandboxes/fault_point.h"

void fault_point(const char *name)
{
    (void) name;
}
