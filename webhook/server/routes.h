/* The server's HTTP: which paths and methods there are, what a request must look like, and the answers. */
#pragma once

#include "webhook/server/exchange.h"

/* For http_worker_options; the context is a `struct server_context`. */
extern const struct http_service server_service;

/* Serves a `struct exchange` of the waiting room. */
void routes_serve_waiting(void *entry);
