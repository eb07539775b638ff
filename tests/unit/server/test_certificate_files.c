#include "tests/support/certificates.h"
#include "tests/support/temporary.h"
#include "webhook/server/certificate_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct temporary directory;
static char certificate_path[TEMPORARY_PATH_BYTES], key_path[TEMPORARY_PATH_BYTES];

static int make_directory(void **state)
{
    (void) state;
    temporary_make(&directory);
    temporary_name(&directory, "tls.crt", certificate_path);
    temporary_name(&directory, "tls.key", key_path);
    return 0;
}

static int remove_directory(void **state)
{
    (void) state;
    temporary_remove(&directory);
    return 0;
}

/* Writes a new pair that is valid for `seconds`. */
static void write_pair(time_t seconds)
{
    struct test_certificate made;
    test_certificate_make(&(struct test_certificate_options){.not_after = time(NULL) + seconds}, &made);
    temporary_write(&directory, "tls.crt", made.certificate);
    temporary_write(&directory, "tls.key", made.key);
}

static struct certificate_files *open_files(void)
{
    struct error error;
    struct certificate_files *files = NULL;
    assert_true(certificate_files_new(certificate_path, key_path, &error, &files));
    return files;
}

static void hands_out_the_pair_and_its_expiry(void **state)
{
    (void) state;
    struct error error;
    write_pair(1000);
    _cleanup_(certificate_files_freep) struct certificate_files *files = open_files();
    struct certificate_source source = certificate_files_source(files);
    _cleanup_(serving_certificate_releasep) struct serving_certificate *certificate =
        source.acquire(source.context);
    assert_non_null(certificate);
    assert_true(source.check(source.context, &error));
    assert_int_equal(certificate_files_expiry(files), certificate->not_after);
}

static void fails_at_first_when_a_file_is_missing(void **state)
{
    (void) state;
    struct error error;
    struct certificate_files *files = NULL;
    assert_false(certificate_files_new(certificate_path, key_path, &error, &files));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, certificate_path));
    assert_null(files);
}

static void takes_a_new_pair_while_the_old_one_is_in_use(void **state)
{
    (void) state;
    struct error error;
    write_pair(1000);
    _cleanup_(certificate_files_freep) struct certificate_files *files = open_files();
    struct certificate_source source = certificate_files_source(files);
    _cleanup_(serving_certificate_releasep) struct serving_certificate *old = source.acquire(source.context);
    write_pair(2000);
    assert_true(certificate_files_reload(files, &error));
    _cleanup_(serving_certificate_releasep) struct serving_certificate *fresh =
        source.acquire(source.context);
    assert_ptr_not_equal(old, fresh);
    assert_in_range(fresh->not_after - old->not_after, 999, 1002);
}

static void keeps_the_old_pair_when_the_new_one_is_unusable(void **state)
{
    (void) state;
    struct error error;
    struct test_certificate other;
    write_pair(1000);
    _cleanup_(certificate_files_freep) struct certificate_files *files = open_files();
    time_t expiry = certificate_files_expiry(files);
    test_certificate_make(&(struct test_certificate_options){0}, &other);
    temporary_write(&directory, "tls.key", other.key);
    assert_false(certificate_files_reload(files, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, certificate_path));
    assert_null(strstr(error.message, "PRIVATE"));
    write_pair(-1);
    assert_false(certificate_files_reload(files, &error));
    assert_non_null(strstr(error.message, "expired"));
    assert_int_equal(certificate_files_expiry(files), expiry);
}

static void is_no_longer_usable_once_it_expired(void **state)
{
    (void) state;
    struct error error;
    write_pair(1);
    _cleanup_(certificate_files_freep) struct certificate_files *files = open_files();
    struct certificate_source source = certificate_files_source(files);
    while (time(NULL) <= certificate_files_expiry(files))
        ;
    assert_false(source.check(source.context, &error));
    assert_non_null(strstr(error.message, "expired"));
}

static void refuses_a_file_past_the_limit(void **state)
{
    (void) state;
    static char text[SERVING_CERTIFICATE_BYTES + 2];
    struct error error;
    struct certificate_files *files = NULL;
    write_pair(1000);
    memset(text, '\n', SERVING_CERTIFICATE_BYTES + 1);
    temporary_write(&directory, "tls.key", text);
    assert_false(certificate_files_new(certificate_path, key_path, &error, &files));
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    text[SERVING_CERTIFICATE_BYTES] = '\0';
    temporary_write(&directory, "tls.key", text);
    assert_false(certificate_files_new(certificate_path, key_path, &error, &files));
    assert_int_equal(error.code, ERROR_INVALID);
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(hands_out_the_pair_and_its_expiry),
        FILES_TEST(fails_at_first_when_a_file_is_missing),
        FILES_TEST(takes_a_new_pair_while_the_old_one_is_in_use),
        FILES_TEST(keeps_the_old_pair_when_the_new_one_is_unusable),
        FILES_TEST(is_no_longer_usable_once_it_expired),
        FILES_TEST(refuses_a_file_past_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
