#include "certs/file_store.h"
#include "certs/secret_store.h"
#include "tests/unit/certs/certs_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char directory[] = "/tmp/test-file-store-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void) state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/certificates", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    DIR *list = opendir(path);
    for (struct dirent *entry; list && (entry = readdir(list));)
        unlinkat(dirfd(list), entry->d_name, 0);
    if (list)
        closedir(list);
    rmdir(path);
    return rmdir(directory);
}

static void comes_back_from_files_that_only_the_owner_reads(void **state)
{
    (void) state;
    struct error error;
    struct stat status;
    struct file_store store;
    struct authorities authorities = certs_fixture_authorities(), read = {0};
    assert_false(file_store_open(path, &error, &store));
    assert_true(file_store_make_directory(path, &error));
    assert_true(file_store_open(path, &error, &store));
    assert_false(file_store_read(&store, &error, &read));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_true(file_store_write(&store, &authorities, &error));
    assert_true(file_store_read(&store, &error, &read));
    assert_int_equal(X509_cmp(read.current.certificate, authorities.current.certificate), 0);
    assert_int_equal(fstat(store.descriptor, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    static const char *const names[] = {FILE_STORE_AUTHORITIES, FILE_STORE_BUNDLE};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(fstatat(store.descriptor, names[i], &status, 0), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    file_store_close(&store);
    authorities_done(&authorities);
    authorities_done(&read);
}

static void replaces_a_file_as_a_whole(void **state)
{
    (void) state;
    struct error error;
    struct file_store store;
    size_t length = 0;
    _cleanup_(freep) char *text = NULL;
    assert_true(file_store_open(path, &error, &store));
    assert_true(file_store_write_text(&store, "text", "a longer text", 13, &error));
    int reader = openat(store.descriptor, "text", O_RDONLY);
    /* Left behind by somebody who was killed. */
    close(openat(store.descriptor, ".text.new", O_WRONLY | O_CREAT, 0644));
    assert_true(file_store_write_text(&store, "text", "new", 3, &error));
    char old[32] = "";
    assert_int_equal(read(reader, old, sizeof old - 1), 13);
    close(reader);
    assert_true(file_store_read_text(&store, "text", 3, &error, &text, &length));
    assert_string_equal(text, "new");
    file_store_close(&store);
}

static void says_where_it_cannot_work(void **state)
{
    (void) state;
    struct error error;
    struct file_store store;
    assert_false(file_store_make_directory("/dev/null/certificates", &error));
    assert_non_null(strstr(error.message, "/dev/null/certificates"));
    assert_false(file_store_open("/dev/null", &error, &store));
}

static void finds_authorities_in_a_secret(void **state)
{
    (void) state;
    struct error error;
    struct authorities read = {0};
    _cleanup_(cJSON_Deletep) cJSON *secret = cJSON_CreateObject();
    assert_false(secret_store_parse(secret, &error, &read));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    cJSON *data = cJSON_AddObjectToObject(secret, "data");
    cJSON_AddStringToObject(data, SECRET_STORE_KEY, "");
    assert_false(secret_store_parse(secret, &error, &read));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    static const char *const rubbish[] = {"!", "e30=", "aGVsbG8=", "bnVsbA=="};
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
        cJSON_ReplaceItemInObjectCaseSensitive(data, SECRET_STORE_KEY, cJSON_CreateString(rubbish[i]));
        assert_false(secret_store_parse(secret, &error, &read));
        assert_int_equal(error.code, ERROR_INVALID);
        assert_non_null(strstr(error.message, "data[authorities.json]"));
    }
    cJSON_ReplaceItemInObjectCaseSensitive(data, SECRET_STORE_KEY, cJSON_CreateNumber(1));
    assert_false(secret_store_parse(secret, &error, &read));
    assert_int_equal(error.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_from_files_that_only_the_owner_reads),
        cmocka_unit_test(replaces_a_file_as_a_whole),
        cmocka_unit_test(says_where_it_cannot_work),
        cmocka_unit_test(finds_authorities_in_a_secret),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
