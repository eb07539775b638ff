#include "certs/bio.h"

#include <string.h>

bool bio_take_text(BIO *bio, struct error *error, char **text)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    char *copy = length < 0 ? NULL : malloc((size_t) length + 1);
    if (!copy)
        return error_set_no_memory(error);
    if (length)
        memcpy(copy, data, (size_t) length);
    copy[length] = '\0';
    *text = copy;
    return true;
}

bool bio_has_more_pem(BIO *bio)
{
    static const char begin[] = "-----BEGIN";
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    return length > 0 && memmem(data, (size_t) length, begin, sizeof begin - 1) != NULL;
}
