/* docs/configuration.md must name every option, by all its names. */
#include "common/file.h"
#include "tests/unit/injection/configuration_fixture.h"
#include "webhook/injection/configuration_option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT_BYTES ((size_t) 1 << 20)

static char *document;

static int read_document(void **state)
{
    (void) state;
    struct error error;
    size_t length;
    if (!file_read(TEST_SOURCE_DIRECTORY "/../docs/configuration.md", DOCUMENT_BYTES, &error, &document,
                   &length)) {
        print_error("%s\n", error.message);
        return -1;
    }
    return 0;
}

static int release_document(void **state)
{
    (void) state;
    free(document);
    return 0;
}

/* `text` must stand in the document between back quotes. */
static void assert_documented(const char *prefix, const char *text)
{
    char quoted[256];
    snprintf(quoted, sizeof quoted, "`%s%s`", prefix, text);
    if (!strstr(document, quoted))
        fail_msg("docs/configuration.md lacks %s", quoted);
}

static void names_every_option_by_all_its_names(void **state)
{
    (void) state;
    for (size_t i = 0; i < configuration_option_count; i++) {
        const struct option *option = &configuration_options[i];
        assert_documented("", option->key);
        if (option->flag)
            assert_documented("--", option->flag);
        if (option->alias)
            assert_documented("--", option->alias);
        if (option->variable)
            assert_documented("", option->variable);
        if (option->fallback)
            assert_documented("", option->fallback);
        for (size_t choice = 0; option->choices && option->choices[choice]; choice++)
            assert_documented("", option->choices[choice]);
    }
}

/* The text between the first "```yaml" and the next "```". */
static char *cut_example(void)
{
    static const char fence[] = "```yaml\n";
    char *start = strstr(document, fence);
    assert_non_null(start);
    start += strlen(fence);
    char *end = strstr(start, "```");
    assert_non_null(end);
    return strndup(start, (size_t) (end - start));
}

static void shows_an_example_that_loads(void **state)
{
    (void) state;
    assert_int_equal(fixture_open(NULL), 0);
    _cleanup_(freep) char *example = cut_example();
    configuration_free(fixture_load_ok(example, NULL, NULL));
    assert_int_equal(fixture_close(NULL), 0);
}

static void every_row_of_the_table_is_complete(void **state)
{
    (void) state;
    for (size_t i = 0; i < configuration_option_count; i++) {
        const struct option *option = &configuration_options[i];
        bool is_scalar = option->kind == OPTION_STRING || option->kind == OPTION_BOOLEAN ||
                         option->kind == OPTION_NUMBER || option->kind == OPTION_CHOICE;
        assert_ptr_equal(option_find_key(option->key), option);
        assert_non_null(option->help);
        assert_int_equal(option->flag != NULL, is_scalar);
        assert_int_equal(option->variable != NULL, is_scalar);
        assert_int_equal(option->choices != NULL, option->kind == OPTION_CHOICE);
        assert_int_equal(option->check_entry != NULL, option->kind == OPTION_MAP);
        assert_true(option->kind != OPTION_LIST || option->check);
        assert_true(option->kind != OPTION_CHOICE || option->fallback);
        assert_false(option_is_group(option->key));
        for (size_t other = 0; other < i; other++) {
            const struct option *before = &configuration_options[other];
            assert_int_not_equal(before->offset, option->offset);
            assert_true(!option->flag || option_find_flag(option->flag) == option);
            assert_true(!option->variable || !before->variable ||
                        strcmp(option->variable, before->variable) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_option_by_all_its_names),
        cmocka_unit_test(shows_an_example_that_loads),
        cmocka_unit_test(every_row_of_the_table_is_complete),
    };
    return cmocka_run_group_tests(tests, read_document, release_document);
}
