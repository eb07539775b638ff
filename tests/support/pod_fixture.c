#include "tests/support/pod_fixture.h"

#include "common/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FLAGS_MAXIMUM 16

static const char bare_pod[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"default--demo\",\"namespace\":"
    "\"openshell\","
    "\"labels\":{\"openshell.ai/managed-by\":\"openshell\",\"openshell.ai/sandbox-id\":\"5b1c-1\","
    "\"openshell.ai/sandbox-name\":\"demo\",\"openshell.ai/sandbox-workspace\":\"default\"}},"
    "\"spec\":{\"restartPolicy\":\"Never\",\"automountServiceAccountToken\":false,"
    "\"containers\":[{\"name\":\"agent\",\"image\":\"registry.test/agent:1\","
    "\"command\":[\"/bin/app\",\"--serve\"]}]}}";

static cJSON *parse(const char *text)
{
    const struct json_limits limits = {.bytes = 1u << 20, .depth = 64};
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s: %s", text, error.message);
    return value;
}

/* RFC 7386. */
static void merge(cJSON *target, const cJSON *patch)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, patch)
    {
        cJSON *present = json_member(target, member->string);
        if (cJSON_IsNull(member)) {
            cJSON_DeleteItemFromObjectCaseSensitive(target, member->string);
        } else if (cJSON_IsObject(member) && cJSON_IsObject(present)) {
            merge(present, member);
        } else {
            cJSON_DeleteItemFromObjectCaseSensitive(target, member->string);
            cJSON_AddItemToObject(target, member->string, cJSON_Duplicate(member, true));
        }
    }
}

cJSON *pod_fixture_make(const char *merge_patch)
{
    cJSON *pod = parse(bare_pod);
    if (merge_patch) {
        _cleanup_(cJSON_Deletep) cJSON *patch = parse(merge_patch);
        merge(pod, patch);
    }
    return pod;
}

/* A file that is removed when it goes out of scope. */
struct temporary_file {
    char path[32];
    FILE *stream;
};

static void temporary_file_done(struct temporary_file *file)
{
    fclose(file->stream);
    unlink(file->path);
}

static struct temporary_file temporary_file_open(void)
{
    struct temporary_file file = {.path = "/tmp/configuration-XXXXXX"};
    int descriptor = mkstemp(file.path);
    assert_true(descriptor >= 0);
    file.stream = fdopen(descriptor, "w");
    assert_non_null(file.stream);
    fputs("apiVersion: injector.openshell.ai/v1alpha1\nkind: InjectorConfiguration\n", file.stream);
    return file;
}

struct configuration *configuration_fixture_make(const char *options)
{
    _cleanup_(freep) char *text = strdup(options ? options : "");
    _cleanup_(temporary_file_done) struct temporary_file file = temporary_file_open();
    struct configuration_flag list[FLAGS_MAXIMUM] = {{.name = "sandbox-uid", .value = "1000"}};
    size_t count = 1;
    char *rest = text;
    for (char *name; (name = strsep(&rest, " "));) {
        if (!*name)
            continue;
        char *value = strchr(name, '=');
        assert_non_null(value);
        *value++ = '\0';
        bool takes_value;
        if (!configuration_is_flag(name, &takes_value)) {
            for (char *blank = value; (blank = strchr(blank, '%'));)
                *blank = ' ';
            fprintf(file.stream, "%s: %s\n", name, value);
            continue;
        }
        assert_in_range(count, 0, FLAGS_MAXIMUM - 1);
        list[count++] = (struct configuration_flag){.name = name, .value = value};
    }
    fflush(file.stream);
    const struct configuration_sources sources = {.file = file.path, .flags = list, .flag_count = count};
    struct configuration *configuration = NULL;
    struct error error;
    if (!configuration_load(&sources, &error, &configuration))
        fail_msg("%s", error.message);
    return configuration;
}

struct injection_result injection_fixture_run(cJSON *pod, const struct configuration *configuration)
{
    const struct injection_request request = {.pod = pod, .configuration = configuration};
    struct injection_result result;
    struct error error;
    if (!injection_run(&request, &error, &result))
        fail_msg("%s", error.message);
    return result;
}

const struct injection_operation *injection_fixture_find(const struct injection_result *result,
                                                         const char *path, size_t ordinal)
{
    for (size_t i = 0; i < result->operation_count; i++) {
        if (strcmp(result->operations[i].path, path) == 0 && ordinal-- == 0)
            return &result->operations[i];
    }
    return NULL;
}

const struct denial *injection_fixture_find_denial(const struct injection_result *result, const char *reason,
                                                   const char *field)
{
    for (size_t i = 0; i < result->denials.count; i++) {
        const struct denial *denial = &result->denials.items[i];
        if (strcmp(denial->reason, reason) == 0 && strcmp(denial->field, field) == 0)
            return denial;
    }
    return NULL;
}
