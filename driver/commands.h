/* The subcommands of openshell-driver-pods. Each returns the process's exit status. */
#pragma once

#include "driver/sandboxes/configuration.h"

/* Serves the gateway until SIGTERM or SIGINT. */
int command_serve(const struct driver_configuration *configuration);

/* Says whether serving would work: permissions, the webhook, the socket. Prints one line per check; the
 * status is 1 when one of them fails. */
int command_check(const struct driver_configuration *configuration);
