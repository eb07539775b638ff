/* The one place where this program's errors become gRPC statuses. */
#pragma once

#include "common/error.h"

#include <grpc/status.h>

grpc_status_code rpc_status_of(enum error_code code);

/* The status as metrics and logs name it ("OK", "NOT_FOUND"). Never NULL. */
const char *rpc_status_name(grpc_status_code status);
