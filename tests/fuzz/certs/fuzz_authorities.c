/* The document in a Secret, and a whole Secret, of any bytes. What must hold: no crash, no leak; a document
 * that is read prints, and what it prints reads to the same text. */
#include "certs/authorities_document.h"
#include "certs/secret_store.h"
#include "common/json.h"
#include "kubernetes/secret.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_document(const char *text, size_t length)
{
    struct error error;
    struct authorities authorities = {0}, again = {0};
    _cleanup_(secret_freep) char *printed = NULL;
    _cleanup_(secret_freep) char *reprinted = NULL;
    if (!authorities_document_parse(text, length, &error, &authorities))
        return;
    if (!authorities_document_print(&authorities, &error, &printed) ||
        !authorities_document_parse(printed, strlen(printed), &error, &again) ||
        !authorities_document_print(&again, &error, &reprinted) || strcmp(printed, reprinted) != 0)
        abort();
    authorities_done(&authorities);
    authorities_done(&again);
}

static void try_secret(const char *text, size_t length)
{
    struct error error;
    struct authorities authorities = {0};
    const struct json_limits limits = {.bytes = 1u << 20, .depth = 16};
    _cleanup_(cJSON_Deletep) cJSON *secret = NULL;
    if (json_parse(text, length, &limits, &error, &secret) &&
        secret_store_parse(secret, &error, &authorities))
        authorities_done(&authorities);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_document((const char *) data, size);
    try_secret((const char *) data, size);
    return 0;
}
