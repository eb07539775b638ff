#include "kubernetes/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_wipe(char *data, size_t length)
{
    if (!data)
        return;
    explicit_bzero(data, length);
    free(data);
}

void secret_free(char *secret)
{
    if (secret)
        secret_wipe(secret, strlen(secret));
}
