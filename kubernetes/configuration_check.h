/* The rules that hold for a configuration wherever it came from. Internal to kubernetes/.
 */
#pragma once

#include "kubernetes/configuration.h"

/* Refuses what cannot work or would give secrets away: a server that is no http or https URL, carries a user
 * or a query; a client certificate without its key or a key alone; an authority beside
 * insecure-skip-tls-verify; a token for a plain http server that is not on this machine. Removes slashes at
 * the server's end. Errors begin with the source. */
bool configuration_check(struct kubernetes_configuration *configuration,
                         struct error *error) _warn_unused_result_;
