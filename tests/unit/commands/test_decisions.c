/* decisions, and explain's two forms on top of them, most of all when memory runs out. */
#include "tests/support/allocation.h"
#include "webhook/commands/decisions.h"
#include "webhook/commands/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OUTPUT_BYTES (1u << 20)
#define RUN_LIMIT 20000

static char path[] = "/tmp/test-decisions-XXXXXX";

static const char pods[] =
    "apiVersion: v1\nkind: List\nitems:\n"
    "- apiVersion: v1\n  kind: Pod\n"
    "  metadata: {name: a, namespace: w, labels: {openshell.ai/managed-by: openshell,\n"
    "    openshell.ai/sandbox-id: id, openshell.ai/sandbox-name: name}}\n"
    "  spec: {restartPolicy: Never, automountServiceAccountToken: false,\n"
    "    containers: [{name: agent, image: i, command: [x], env: [{name: A, value: hush-hush}]}]}\n"
    "- apiVersion: v1\n  kind: Pod\n"
    "  metadata: {generateName: b-, labels: {openshell.ai/managed-by: openshell}}\n"
    "  spec: {containers: [{name: agent}]}\n"
    "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n";

static int write_pods(void **state)
{
    (void) state;
    int descriptor = mkstemp(path);
    if (descriptor < 0 || write(descriptor, pods, sizeof pods - 1) != (ssize_t) sizeof pods - 1)
        return -1;
    return close(descriptor);
}

static int remove_pods(void **state)
{
    (void) state;
    return unlink(path);
}

static struct command_line make_line(void)
{
    static const char *operands[] = {path};
    static struct configuration_flag flags[] = {{.name = "sandbox-uid", .value = "1000"}};
    return (struct command_line){.operands = operands, .operand_count = 1, .flags = flags, .flag_count = 1};
}

static bool explain_all(const struct decisions *decisions, bool is_json, struct error *error,
                        struct buffer *output)
{
    cJSON *before = decisions->before->child;
    for (size_t i = 0; i < decisions->count; i++, before = before->next) {
        const struct explanation explanation = {.object = &decisions->input.objects[i],
                                                .result = &decisions->results[i],
                                                .configuration = decisions->configuration,
                                                .before = before,
                                                .is_coloured = !is_json};
        if (!(is_json ? explain_append_json : explain_append_text)(&explanation, error, output))
            return false;
    }
    return true;
}

static void decides_on_every_object(void **state)
{
    (void) state;
    struct error error;
    struct decisions decisions;
    const struct command_line line = make_line();
    assert_true(decisions_make(&line, false, &error, &decisions));
    assert_int_equal(decisions.count, 3);
    assert_int_equal(decisions.results[0].decision, INJECTION_INJECTED);
    assert_int_equal(decisions.results[1].decision, INJECTION_DENIED);
    assert_int_equal(decisions.results[2].decision, INJECTION_SKIPPED);
    assert_true(decisions_deny(&decisions));
    assert_null(decisions.before);
    decisions_done(&decisions);
}

static void names_objects_as_far_as_they_say(void **state)
{
    (void) state;
    struct error error;
    struct decisions decisions;
    const struct command_line line = make_line();
    struct buffer names = BUFFER_INIT(256);
    assert_true(decisions_make(&line, false, &error, &decisions));
    for (size_t i = 0; i < decisions.count; i++) {
        decisions_append_name(&decisions.input.objects[i], &names);
        buffer_append_character(&names, ';');
    }
    assert_string_equal(buffer_string(&names), "Pod w/a;Pod b-*;ConfigMap c;");
    buffer_done(&names);
    decisions_done(&decisions);
}

static void keeps_masked_copies_when_asked(void **state)
{
    (void) state;
    struct error error;
    struct decisions decisions;
    const struct command_line line = make_line();
    assert_true(decisions_make(&line, true, &error, &decisions));
    assert_int_equal(cJSON_GetArraySize(decisions.before), 3);
    const cJSON *spec = cJSON_GetObjectItem(decisions.before->child, "spec");
    assert_null(cJSON_GetObjectItem(spec, "volumes"));
    decisions_done(&decisions);
}

struct form {
    bool is_json;
    bool is_wrong;
};

static bool explain(void *context)
{
    struct form *form = context;
    struct error error = {0};
    struct decisions decisions;
    const struct command_line line = make_line();
    struct buffer output = BUFFER_INIT(OUTPUT_BYTES);
    bool is_explained = false;
    if (decisions_make(&line, true, &error, &decisions)) {
        is_explained = explain_all(&decisions, form->is_json, &error, &output);
        decisions_done(&decisions);
    }
    form->is_wrong = form->is_wrong || strstr(buffer_string(&output), "hush-hush") ||
                     (!is_explained && error.code != ERROR_NO_MEMORY && error.code != ERROR_INTERNAL);
    buffer_done(&output);
    return is_explained;
}

static void survives_missing_memory_and_shows_no_value(void **state)
{
    (void) state;
    for (int is_json = 0; is_json < 2; is_json++) {
        struct form form = {.is_json = is_json};
        assert_true(explain(&form)); /* OpenSSL sets itself up */
        assert_true(allocation_fail_each(explain, &form, RUN_LIMIT, NULL));
        assert_false(form.is_wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_on_every_object),
        cmocka_unit_test(names_objects_as_far_as_they_say),
        cmocka_unit_test(keeps_masked_copies_when_asked),
        cmocka_unit_test(survives_missing_memory_and_shows_no_value),
    };
    return cmocka_run_group_tests(tests, write_pods, remove_pods);
}
