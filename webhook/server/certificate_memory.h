/* The certificate source for pairs that are made in this process: holds the newest that it was handed.
 *
 * Not for: making them (certs/manager.h), and not for files (webhook/server/certificate_files.h).
 */
#pragma once

#include "webhook/server/certificate_source.h"

struct certificate_memory;

/* Holds nothing yet: handshakes fail until certificate_memory_set. The caller frees `*memory`, after the last
 * handshake. */
bool certificate_memory_new(struct error *error, struct certificate_memory **memory) _warn_unused_result_;
void certificate_memory_free(struct certificate_memory *memory);
DEFINE_POINTER_CLEANUP(struct certificate_memory *, certificate_memory_free)

/* From the next handshake on this pair is served; connections keep the one they have. Fails as
 * serving_certificate_parse does, and the pair before stays. Any thread. */
bool certificate_memory_set(struct certificate_memory *memory, const char *chain_pem, const char *key_pem,
                            struct error *error) _warn_unused_result_;

/* Valid as long as `memory`. Its check knows the certificate's time alone. */
struct certificate_source certificate_memory_source(struct certificate_memory *memory);
