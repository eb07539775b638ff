#include "driver/rpc/status.h"

#include <stddef.h>

grpc_status_code rpc_status_of(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return GRPC_STATUS_OK;
    case ERROR_INVALID:
        return GRPC_STATUS_INVALID_ARGUMENT;
    case ERROR_TOO_LARGE:
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    case ERROR_NOT_FOUND:
        return GRPC_STATUS_NOT_FOUND;
    case ERROR_ALREADY_EXISTS:
        return GRPC_STATUS_ALREADY_EXISTS;
    case ERROR_CONFLICT:
        return GRPC_STATUS_ABORTED;
    case ERROR_FAILED_PRECONDITION:
        return GRPC_STATUS_FAILED_PRECONDITION;
    case ERROR_PERMISSION_DENIED:
        return GRPC_STATUS_PERMISSION_DENIED;
    case ERROR_GONE:
    case ERROR_UNAVAILABLE:
        return GRPC_STATUS_UNAVAILABLE;
    case ERROR_TIMEOUT:
        return GRPC_STATUS_DEADLINE_EXCEEDED;
    case ERROR_CANCELLED:
        return GRPC_STATUS_CANCELLED;
    case ERROR_NO_MEMORY:
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    case ERROR_IO:
    case ERROR_INTERNAL:
        return GRPC_STATUS_INTERNAL;
    }
    return GRPC_STATUS_UNKNOWN;
}

const char *rpc_status_name(grpc_status_code status)
{
    static const char *const names[] = {
        [GRPC_STATUS_OK] = "OK",
        [GRPC_STATUS_CANCELLED] = "CANCELLED",
        [GRPC_STATUS_UNKNOWN] = "UNKNOWN",
        [GRPC_STATUS_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
        [GRPC_STATUS_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
        [GRPC_STATUS_NOT_FOUND] = "NOT_FOUND",
        [GRPC_STATUS_ALREADY_EXISTS] = "ALREADY_EXISTS",
        [GRPC_STATUS_PERMISSION_DENIED] = "PERMISSION_DENIED",
        [GRPC_STATUS_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
        [GRPC_STATUS_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
        [GRPC_STATUS_ABORTED] = "ABORTED",
        [GRPC_STATUS_OUT_OF_RANGE] = "OUT_OF_RANGE",
        [GRPC_STATUS_UNIMPLEMENTED] = "UNIMPLEMENTED",
        [GRPC_STATUS_INTERNAL] = "INTERNAL",
        [GRPC_STATUS_UNAVAILABLE] = "UNAVAILABLE",
        [GRPC_STATUS_DATA_LOSS] = "DATA_LOSS",
        [GRPC_STATUS_UNAUTHENTICATED] = "UNAUTHENTICATED",
    };
    if (status < 0 || (size_t) status >= sizeof names / sizeof *names)
        return "UNKNOWN";
    return names[status];
}
