#include "tests/unit/audit/log_fixture.h"

#include "certs/key.h"
#include "kubernetes/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void log_fixture_make(struct log_fixture *fixture)
{
    temporary_make(&fixture->parent);
    temporary_name(&fixture->parent, "log", fixture->directory);
    fixture->options = (struct audit_log_options){
        .directory = fixture->directory,
        .file_bytes = 64u << 20,
        .file_age_ms = 24u * 3600 * 1000,
        .checkpoint_records = 1000,
        .checkpoint_interval_ms = 60000,
        .lock_wait_ms = 100,
    };
}

void log_fixture_remove(struct log_fixture *fixture)
{
    temporary_remove(&fixture->parent);
}

struct audit_log *log_fixture_open(const struct log_fixture *fixture)
{
    struct audit_log *log = NULL;
    struct error error;
    if (!audit_log_open(&fixture->options, &error, &log))
        fail_msg("%s", error.message);
    return log;
}

/* Two of three have a patch. */
static bool make_note(struct audit_log *log, unsigned uid, struct error *error, struct record_draft *draft)
{
    static const char patch[] = "WzFd"; /* [1] */
    record_draft_begin(draft, audit_log_identity(log), "note");
    record_draft_add_integer(draft, "uid", uid);
    if (uid % 3 != 0) {
        record_draft_add_string(draft, "patchSha256",
                                "080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22");
        record_draft_set_patch(draft, patch, strlen(patch));
    }
    return record_draft_seal(draft, error);
}

bool log_fixture_append(struct audit_log *log, unsigned uid, struct error *error)
{
    struct audit_entry entry = {.error = error};
    bool is_sealed = make_note(log, uid, error, &entry.draft);
    if (is_sealed)
        audit_log_append(log, &entry);
    else
        audit_log_drop(log, error);
    record_draft_done(&entry.draft);
    return entry.is_written;
}

void log_fixture_append_together(struct audit_log *log, unsigned uid, size_t count,
                                 struct audit_entry *entries)
{
    static struct error errors[LOG_FIXTURE_TOGETHER];
    assert_in_range(count, 1, LOG_FIXTURE_TOGETHER);
    for (size_t i = 0; i < count; i++) {
        entries[i] =
            (struct audit_entry){.error = &errors[i], .next = i + 1 < count ? &entries[i + 1] : NULL};
        assert_true(make_note(log, uid + (unsigned) i, &errors[i], &entries[i].draft));
    }
    audit_log_append(log, entries);
    for (size_t i = 0; i < count; i++)
        record_draft_done(&entries[i].draft);
}

void log_fixture_fill(const struct log_fixture *fixture, unsigned count)
{
    struct error error;
    struct audit_log *log = log_fixture_open(fixture);
    for (unsigned i = 1; i <= count; i++)
        assert_true(log_fixture_append(log, i, &error));
    assert_true(audit_log_close(log, &error));
}

struct log_verification log_fixture_verify(const struct log_fixture *fixture)
{
    struct error error;
    struct log_verification result;
    const struct log_verification_options options = {.directory = fixture->directory};
    if (!log_verification_run(&options, &error, &result))
        fail_msg("%s", error.message);
    return result;
}

void log_fixture_write_key(const char *path)
{
    struct error error;
    EVP_PKEY *key = NULL;
    char *pem = NULL;
    assert_true(key_generate(KEY_ED25519, &error, &key));
    assert_true(key_print_pem(key, &error, &pem));
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(pem, file) >= 0);
    assert_int_equal(fclose(file), 0);
    secret_free(pem);
    EVP_PKEY_free(key);
}
