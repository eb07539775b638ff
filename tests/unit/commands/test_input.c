#include "common/cleanup.h"
#include "common/json.h"
#include "tests/support/allocation.h"
#include "webhook/commands/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define VALUE_LIMIT (1u << 20) /* INPUT_VALUES of input.c */
#define RUN_LIMIT 2000

static char folder[] = "/tmp/test-input-XXXXXX";
static char path[sizeof folder + 8];

static int make_folder(void **state)
{
    (void) state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/pods", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void) state;
    unlink(path);
    return rmdir(folder);
}

static void write_text(const char *text, size_t length)
{
    _cleanup_(fclosep) FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
}

static bool read_text(const char *text, struct error *error, struct input *input)
{
    write_text(text, strlen(text));
    const char *const paths[] = {path};
    return input_read(paths, 1, error, input);
}

static struct input read_ok(const char *text)
{
    struct error error;
    struct input input;
    if (!read_text(text, &error, &input))
        fail_msg("%s", error.message);
    return input;
}

static void assert_refused(const char *text, enum error_code code, const char *message)
{
    struct error error = {0};
    struct input input;
    assert_false(read_text(text, &error, &input));
    if (error.code != code || strncmp(error.message, path, strlen(path)) != 0 ||
        !strstr(error.message, message))
        fail_msg("code %d, \"%s\", expected \"%s\"", error.code, error.message, message);
}

static void assert_object(const struct input *input, size_t index, size_t document, const char *item,
                          bool is_pod)
{
    assert_true(index < input->object_count);
    const struct input_object *object = &input->objects[index];
    assert_int_equal(object->document, document);
    assert_string_equal(object->item, item);
    assert_int_equal(object->is_pod, is_pod);
}

#define POD "apiVersion: v1\nkind: Pod\n"
#define POD_JSON "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}"
#define MAP "apiVersion: v1\nkind: ConfigMap\n"

static void reads_many_documents_and_numbers_them(void **state)
{
    (void) state;
    struct input input = read_ok("# only a comment\n---\n" POD "---\n" MAP "---\n\n---\n" POD);
    assert_int_equal(input.document_count, 3);
    assert_int_equal(input.object_count, 3);
    assert_object(&input, 0, 1, "", true);
    assert_object(&input, 1, 2, "", false);
    assert_object(&input, 2, 3, "", true);
    char place[sizeof path + 16];
    snprintf(place, sizeof place, "%s: document 3", path);
    assert_string_equal(input.objects[2].place, place);
    assert_string_equal(input.objects[2].file, path);
    assert_ptr_equal(input.objects[2].value, input.documents[2]);
    input_done(&input);
}

static void reads_json_alone_and_in_a_row(void **state)
{
    (void) state;
    struct input input = read_ok(POD_JSON);
    assert_int_equal(input.object_count, 1);
    input_done(&input);
    input = read_ok(POD_JSON "\n" POD_JSON "\n---\n" POD_JSON);
    assert_int_equal(input.object_count, 3);
    assert_object(&input, 2, 3, "", true);
    input_done(&input);
}

static void keeps_numbers_of_json_to_the_letter(void **state)
{
    (void) state;
    struct error error;
    struct input input = read_ok("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"a\":1.50}{\"apiVersion\":\"v1\","
                                 "\"kind\":\"Pod\",\"b\":1e400}");
    _cleanup_(freep) char *first = NULL;
    _cleanup_(freep) char *second = NULL;
    assert_true(json_print(input.documents[0], false, &error, &first));
    assert_true(json_print(input.documents[1], false, &error, &second));
    assert_non_null(strstr(first, "\"a\":1.50"));
    assert_non_null(strstr(second, "\"b\":1e400"));
    input_done(&input);
}

static void reads_yaml_in_flow_style(void **state)
{
    (void) state;
    struct input input = read_ok("{apiVersion: v1, kind: Pod}\n---\n" POD);
    assert_int_equal(input.object_count, 2);
    input_done(&input);
}

static void looks_into_lists(void **state)
{
    (void) state;
    struct input input = read_ok("apiVersion: v1\nkind: List\nitems:\n"
                                 "- {apiVersion: v1, kind: ConfigMap}\n"
                                 "- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod}]}\n"
                                 "---\napiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n"
                                 "---\napiVersion: v1\nkind: List\n");
    assert_int_equal(input.document_count, 3);
    assert_int_equal(input.object_count, 3);
    assert_object(&input, 0, 1, "items[0]", false);
    assert_object(&input, 1, 1, "items[1].items[0]", true);
    assert_object(&input, 2, 2, "items[0]", true);
    char place[sizeof path + 32];
    snprintf(place, sizeof place, "%s: document 1: items[1].items[0]", path);
    assert_string_equal(input.objects[1].place, place);
    input_done(&input);
}

static void only_core_v1_has_pods(void **state)
{
    (void) state;
    struct input input = read_ok("apiVersion: example.com/v1\nkind: Pod\n"
                                 "---\napiVersion: example.com/v1\nkind: List\nitems: [1]\n");
    assert_int_equal(input.object_count, 2);
    assert_object(&input, 0, 1, "", false);
    assert_object(&input, 1, 2, "", false);
    input_done(&input);
}

static void names_file_and_document_of_what_is_wrong(void **state)
{
    (void) state;
    assert_refused(POD "---\nkind: Pod\n", ERROR_INVALID, ": document 2: apiVersion: must be");
    assert_refused("apiVersion: v1\n", ERROR_INVALID, ": document 1: kind: must be");
    assert_refused("apiVersion: v1\nkind: 7\n", ERROR_INVALID, ": document 1: kind: must be");
    assert_refused(POD "---\n- a\n", ERROR_INVALID, ": document 2: is no Kubernetes object");
    assert_refused("apiVersion: v1\nkind: List\nitems: [1]\n", ERROR_INVALID,
                   ": document 1: items[0]: must be");
    assert_refused("apiVersion: v1\nkind: List\nitems: {}\n", ERROR_INVALID, ": document 1: items: must be");
    assert_refused("apiVersion: v1\nkind: List\nitems: [{kind: Pod}]\n", ERROR_INVALID,
                   ": document 1: items[0].apiVersion: must be");
    assert_refused("a: [\n", ERROR_INVALID, "line ");
    assert_refused("{\"a\":1,\"a\":2}", ERROR_INVALID, "a");
    assert_refused("", ERROR_INVALID, ": holds no object");
    assert_refused("# nothing\n---\n", ERROR_INVALID, ": holds no object");
}

static void says_that_a_file_is_missing(void **state)
{
    (void) state;
    struct error error = {0};
    struct input input;
    const char *const paths[] = {"/nowhere/pods.yaml"};
    assert_false(input_read(paths, 1, &error, &input));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/pods.yaml"));
}

static void refuses_a_folder(void **state)
{
    (void) state;
    struct error error = {0};
    struct input input;
    const char *const paths[] = {folder};
    assert_false(input_read(paths, 1, &error, &input));
    assert_int_equal(error.code, ERROR_IO);
    assert_non_null(strstr(error.message, folder));
}

static void reads_several_files_in_their_order(void **state)
{
    (void) state;
    struct error error;
    struct input input;
    write_text(POD, strlen(POD));
    const char *const paths[] = {path, path};
    assert_true(input_read(paths, 2, &error, &input));
    assert_int_equal(input.object_count, 2);
    assert_object(&input, 1, 1, "", true);
    input_done(&input);
}

/* Writes the text, reads it, and releases it again; the input is what a limit allows or one more. */
static void assert_limit(const struct buffer *text, bool is_accepted)
{
    struct error error = {0};
    struct input input = {0};
    const char *const paths[] = {path};
    write_text(buffer_string(text), text->length);
    if (input_read(paths, 1, &error, &input) != is_accepted)
        fail_msg("%zu bytes: %s", text->length, error.message);
    if (!is_accepted)
        assert_int_equal(error.code, ERROR_TOO_LARGE);
    input_done(&input);
}

static void takes_as_many_bytes_as_allowed_and_not_one_more(void **state)
{
    (void) state;
    struct buffer text = BUFFER_INIT(INPUT_FILE_BYTES + 1);
    buffer_append_string(&text, POD_JSON);
    while (text.length < INPUT_FILE_BYTES)
        buffer_append_character(&text, ' ');
    assert_limit(&text, true);
    buffer_append_character(&text, ' ');
    assert_limit(&text, false);
    buffer_done(&text);
}

static void takes_as_many_documents_as_allowed_and_not_one_more(void **state)
{
    (void) state;
    static const char *const documents[] = {POD_JSON "\n", "---\n" POD};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct buffer text = BUFFER_INIT(INPUT_FILE_BYTES);
        for (size_t count = 0; count < INPUT_DOCUMENTS; count++)
            buffer_append_string(&text, documents[i]);
        assert_limit(&text, true);
        buffer_append_string(&text, documents[i]);
        assert_limit(&text, false);
        buffer_done(&text);
    }
}

/* A pod with an array nested so that the whole is `depth` deep. */
static void append_nested(struct buffer *text, unsigned depth)
{
    buffer_append_string(text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"x\":");
    for (unsigned i = 1; i < depth; i++)
        buffer_append_character(text, '[');
    for (unsigned i = 1; i < depth; i++)
        buffer_append_character(text, ']');
    buffer_append_character(text, '}');
}

static void takes_as_deep_a_tree_as_allowed_and_not_one_deeper(void **state)
{
    (void) state;
    struct buffer text = BUFFER_INIT(4096);
    append_nested(&text, INPUT_DEPTH);
    assert_limit(&text, true);
    buffer_clear(&text);
    append_nested(&text, INPUT_DEPTH + 1);
    assert_limit(&text, false);
    buffer_done(&text);
}

static void takes_as_many_values_as_allowed_and_not_one_more(void **state)
{
    (void) state;
    struct buffer text = BUFFER_INIT(INPUT_FILE_BYTES);
    buffer_append_string(&text, POD "x: [1");
    /* The document, two strings, the list and its first element are there. */
    for (size_t count = 5; count < VALUE_LIMIT; count++)
        buffer_append_string(&text, ",1");
    buffer_append_character(&text, ']');
    assert_limit(&text, true);
    text.length--;
    buffer_append_string(&text, ",1]");
    assert_limit(&text, false);
    buffer_done(&text);
}

static bool read_list(void *context)
{
    bool *is_wrong = context;
    struct error error = {0};
    struct input input = {0};
    const char *const paths[] = {path, path};
    bool is_read = input_read(paths, 2, &error, &input);
    *is_wrong = *is_wrong || (is_read ? input.object_count != 4 : error.code != ERROR_NO_MEMORY);
    input_done(&input);
    return is_read;
}

static void survives_missing_memory(void **state)
{
    (void) state;
    static const char *const texts[] = {
        POD "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n",
        POD_JSON POD_JSON,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bool is_wrong = false;
        write_text(texts[i], strlen(texts[i]));
        assert_true(allocation_fail_each(read_list, &is_wrong, RUN_LIMIT, NULL));
        assert_false(is_wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_many_documents_and_numbers_them),
        cmocka_unit_test(reads_json_alone_and_in_a_row),
        cmocka_unit_test(keeps_numbers_of_json_to_the_letter),
        cmocka_unit_test(reads_yaml_in_flow_style),
        cmocka_unit_test(looks_into_lists),
        cmocka_unit_test(only_core_v1_has_pods),
        cmocka_unit_test(names_file_and_document_of_what_is_wrong),
        cmocka_unit_test(says_that_a_file_is_missing),
        cmocka_unit_test(refuses_a_folder),
        cmocka_unit_test(reads_several_files_in_their_order),
        cmocka_unit_test(takes_as_many_bytes_as_allowed_and_not_one_more),
        cmocka_unit_test(takes_as_many_documents_as_allowed_and_not_one_more),
        cmocka_unit_test(takes_as_deep_a_tree_as_allowed_and_not_one_deeper),
        cmocka_unit_test(takes_as_many_values_as_allowed_and_not_one_more),
        cmocka_unit_test(survives_missing_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
