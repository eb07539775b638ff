/* A directory with a hostile audit log: what stands before the first NUL byte becomes head.json, the rest the
 * only file of records. What must hold: verifying and opening it crash nowhere; a log that was intact and
 * that a writer accepted is intact, but for what a recovery tells of, after the writer has gone on with it.
 */
#include "common/json_arena.h"
#include "tests/support/temporary.h"
#include "webhook/audit/audit_log.h"
#include "webhook/audit/log_verification.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(const char *directory, const char *name, const void *data, size_t size)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

/* Of the size that a head has, so that the search need not find that first. */
static void write_head(const char *directory, const uint8_t *data, size_t size)
{
    char head[AUDIT_HEAD_BYTES];
    memset(head, ' ', sizeof head);
    memcpy(head, data, size < sizeof head ? size : sizeof head);
    head[sizeof head - 1] = '\n';
    write_file(directory, "head.json", head, sizeof head);
}

static bool is_intact(const char *directory)
{
    struct error error;
    struct log_verification result;
    const struct log_verification_options options = {.directory = directory};
    return log_verification_run(&options, &error, &result) && !result.check.problem.is_found;
}

/* Opens the log and appends one record; false when the writer does not accept the log. */
static bool go_on(const char *directory)
{
    struct error error;
    struct audit_log *log;
    struct audit_entry entry = {.error = &error};
    const struct audit_log_options options = {.directory = directory,
                                              .file_bytes = UINT64_C(1) << 30,
                                              .file_age_ms = 1000,
                                              .sync = AUDIT_SYNC_NEVER};
    if (!audit_log_open(&options, &error, &log))
        return false;
    record_draft_begin(&entry.draft, audit_log_identity(log), "note");
    if (!record_draft_seal(&entry.draft, &error))
        abort();
    audit_log_append(log, &entry);
    record_draft_done(&entry.draft);
    return audit_log_close(log, &error) && entry.is_written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char directory[] = "/tmp/openshell-fuzz-XXXXXX";
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    size_t head_size = end ? (size_t) (end - data) : size;
    if (!mkdtemp(directory))
        abort();
    write_head(directory, data, head_size);
    if (end)
        write_file(directory, "audit-00000000000000000001.jsonl", end + 1, size - head_size - 1);
    bool was_intact = is_intact(directory);
    if (go_on(directory) && was_intact && !is_intact(directory))
        abort();
    if (temporary_remove_tree(directory) != 0)
        abort();
    return 0;
}
