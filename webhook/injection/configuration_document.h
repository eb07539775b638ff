/* A configuration as a document: what --print-config shows and the digest is made of.
 *
 * Private to webhook/injection/configuration*.c; others call configuration_to_json.
 */
#pragma once

#include "webhook/injection/configuration.h"

/* All options at their place, without apiVersion and kind. The caller owns `*document`. */
bool configuration_document_build(const struct configuration *configuration, struct error *error,
                                  cJSON **document) _warn_unused_result_;
