#include "driver/sandboxes/fault_point.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *name)
{
    const char *wanted = getenv("OPENSHELL_DRIVER_TEST_DIE_AT");
    if (wanted && strcmp(wanted, name) == 0)
        kill(getpid(), SIGKILL);
}
