#include "tests/support/temporary.h"
#include "webhook/server/configuration_store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n"

static struct temporary directory;
static char path[TEMPORARY_PATH_BYTES];
static struct configuration_sources sources;

static int make_store(void **state)
{
    struct error error;
    struct configuration_store *store = NULL;
    temporary_make(&directory);
    temporary_write(&directory, "config.yaml", HEAD "sandbox: {uid: 2000}\n");
    sources = (struct configuration_sources){.file = temporary_name(&directory, "config.yaml", path)};
    if (!configuration_store_new(&sources, &error, &store))
        return -1;
    *state = store;
    return 0;
}

static int free_store(void **state)
{
    configuration_store_free(*state);
    temporary_remove(&directory);
    return 0;
}

static uint32_t current_uid(struct configuration_store *store)
{
    const struct configuration *configuration = configuration_store_acquire(store);
    uint32_t uid = configuration->sandbox_uid;
    configuration_store_release(store, configuration);
    return uid;
}

static void serves_what_was_loaded(void **state)
{
    assert_int_equal(current_uid(*state), 2000);
}

static void does_not_start_with_a_bad_file(void **state)
{
    struct error error;
    struct configuration_store *store = NULL;
    (void) state;
    temporary_write(&directory, "config.yaml", HEAD "nonsense: 1\n");
    assert_false(configuration_store_new(&sources, &error, &store));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_null(store);
}

static void reloads_while_the_old_one_is_in_use(void **state)
{
    struct error error;
    const struct configuration *old = configuration_store_acquire(*state);
    temporary_write(&directory, "config.yaml", HEAD "sandbox: {uid: 3000}\n");
    assert_true(configuration_store_reload(*state, &error));
    const struct configuration *fresh = configuration_store_acquire(*state);
    assert_int_equal(old->sandbox_uid, 2000);
    assert_int_equal(fresh->sandbox_uid, 3000);
    configuration_store_release(*state, fresh);
    configuration_store_release(*state, old);
    assert_int_equal(current_uid(*state), 3000);
}

static void releases_in_any_order(void **state)
{
    struct error error;
    const struct configuration *held[4];
    for (size_t i = 0; i < 4; i++) {
        char text[128];
        held[i] = configuration_store_acquire(*state);
        snprintf(text, sizeof text, HEAD "sandbox: {uid: %zu}\n", 3000 + i);
        temporary_write(&directory, "config.yaml", text);
        assert_true(configuration_store_reload(*state, &error));
    }
    configuration_store_release(*state, held[2]);
    configuration_store_release(*state, held[0]);
    configuration_store_release(*state, held[3]);
    assert_int_equal(held[1]->sandbox_uid, 3000);
    configuration_store_release(*state, held[1]);
    assert_int_equal(current_uid(*state), 3003);
}

static void keeps_the_old_one_when_the_file_is_bad(void **state)
{
    struct error error;
    temporary_write(&directory, "config.yaml", HEAD "sandbox: {uid: -1}\n");
    assert_false(configuration_store_reload(*state, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_non_null(strstr(error.message, "config.yaml"));
    assert_int_equal(current_uid(*state), 2000);
}

static atomic_bool must_end;

static void *use_much(void *store)
{
    uintptr_t wrong = 0;
    while (!atomic_load(&must_end)) {
        const struct configuration *configuration = configuration_store_acquire(store);
        wrong += configuration->sandbox_uid < 2000 || strlen(configuration->digest) != 64;
        configuration_store_release(store, configuration);
    }
    return (void *) wrong;
}

static void swaps_under_load(void **state)
{
    struct error error;
    pthread_t threads[2];
    atomic_store(&must_end, false);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_much, *state), 0);
    for (size_t i = 0; i < 100; i++)
        assert_true(configuration_store_reload(*state, &error));
    atomic_store(&must_end, true);
    for (size_t i = 0; i < 2; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, make_store, free_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(serves_what_was_loaded),
        STORE_TEST(does_not_start_with_a_bad_file),
        STORE_TEST(reloads_while_the_old_one_is_in_use),
        STORE_TEST(releases_in_any_order),
        STORE_TEST(keeps_the_old_one_when_the_file_is_bad),
        STORE_TEST(swaps_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
