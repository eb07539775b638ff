#include "tests/unit/injection/configuration_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-configuration-XXXXXX";

int fixture_open(void **state)
{
    (void) state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int fixture_close(void **state)
{
    (void) state;
    unlink("injector.yaml");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

void fixture_write(const char *text, size_t length)
{
    _cleanup_(fclosep) FILE *file = fopen("injector.yaml", "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
}

/* "--name=value" in two, in place. */
static struct configuration_flag split_argument(char *argument)
{
    assert_memory_equal(argument, "--", 2);
    char *equals = strchr(argument, '=');
    if (equals)
        *equals = '\0';
    return (struct configuration_flag){.name = argument + 2, .value = equals ? equals + 1 : NULL};
}

bool fixture_load(const char *yaml, const char *const *environment, const char *const *arguments,
                  struct error *error, struct configuration **configuration)
{
    char copies[FIXTURE_ARGUMENTS][8192];
    struct configuration_flag flags[FIXTURE_ARGUMENTS];
    size_t count = 0;
    for (; arguments && arguments[count]; count++) {
        assert_true(count < FIXTURE_ARGUMENTS && strlen(arguments[count]) < sizeof copies[count]);
        strncpy(copies[count], arguments[count], sizeof copies[count]);
        flags[count] = split_argument(copies[count]);
    }
    if (yaml)
        fixture_write(yaml, strlen(yaml));
    const struct configuration_sources sources = {
        .file = yaml ? "injector.yaml" : NULL,
        .environment = (char *const *) environment,
        .flags = flags,
        .flag_count = count,
    };
    return configuration_load(&sources, error, configuration);
}

struct configuration *fixture_load_ok(const char *yaml, const char *const *environment,
                                      const char *const *arguments)
{
    struct error error;
    struct configuration *configuration = NULL;
    if (!fixture_load(yaml, environment, arguments, &error, &configuration))
        fail_msg("%s", error.message);
    return configuration;
}

void fixture_load_fails(const char *yaml, const char *const *environment, const char *const *arguments,
                        const char *message)
{
    struct error error;
    struct configuration *configuration = NULL;
    if (fixture_load(yaml, environment, arguments, &error, &configuration)) {
        configuration_free(configuration);
        fail_msg("loaded, instead of: %s", message);
    }
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, ERROR_INVALID);
    assert_null(configuration);
}
