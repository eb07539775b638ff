#include "common/cleanup.h"
#include "common/json.h"
#include "webhook/audit/api_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WEBHOOK "inject.example.com"
#define HEAD                                                                                                 \
    "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"stage\":\"ResponseComplete\",\"verb\":"        \
    "\"create\",\"objectRef\":{\"resource\":\"pods\",\"namespace\":\"n\"},\"user\":{\"username\":\"u\"},"    \
    "\"responseStatus\":{\"code\":201},"

static cJSON *parse(const char *text)
{
    const struct json_limits limits = {.bytes = 8192, .depth = 16};
    struct error error;
    cJSON *tree;
    assert_true(json_parse(text, strlen(text), &limits, &error, &tree));
    return tree;
}

static void reads_anchors_and_calls(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse(
        HEAD
        "\"annotations\":{\"authorization.k8s.io/decision\":\"allow\","
        "\"mutation.webhook.admission.k8s.io/round_0_index_0\":\"{\\\"webhook\\\":\\\"other\\\"}\","
        "\"mutation.webhook.admission.k8s.io/round_0_index_1\":\"{\\\"webhook\\\":\\\"" WEBHOOK "\\\"}\","
        "\"mutation.webhook.admission.k8s.io/round_1_index_1\":\"{\\\"webhook\\\":\\\"" WEBHOOK "\\\"}\","
        "\"" WEBHOOK "/audit-record\":\"3:ab\",\"" WEBHOOK "/decision\":\"injected\"}}");
    struct api_event event;
    struct error error;
    bool is_creation;
    assert_true(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
    assert_true(is_creation);
    assert_int_equal(event.calls, 2);
    assert_int_equal(event.anchor_count, 1);
    assert_string_equal(event.anchors[0].record, "3:ab");
    assert_true(event.has_decided);
    assert_false(event.has_object);
    assert_int_equal(event.code, 201);
}

static void an_authorizer_is_not_taken_for_a_webhook(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *tree =
        parse(HEAD "\"annotations\":{\"authorization.k8s.io/decision\":\"allow\"}}");
    struct api_event event;
    struct error error;
    bool is_creation;
    assert_true(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
    assert_false(event.has_decided);
}

static void finds_the_first_patch_of_the_webhook(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *tree =
        parse(HEAD "\"annotations\":{\"patch.webhook.admission.k8s.io/round_0_index_0\":"
                   "\"{\\\"webhook\\\":\\\"other\\\",\\\"patch\\\":[1]}\","
                   "\"patch.webhook.admission.k8s.io/round_0_index_1\":\"{\\\"webhook\\\":\\\"" WEBHOOK
                   "\\\",\\\"patch\\\":[2,3]}\"}}");
    _cleanup_(cJSON_Deletep) cJSON *holder = NULL;
    struct api_event event;
    struct error error;
    const cJSON *patch;
    bool is_creation;
    assert_true(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
    assert_true(api_event_find_patch(&event, WEBHOOK, &error, &holder, &patch));
    assert_int_equal(cJSON_GetArraySize(patch), 2);
}

static void knows_sandboxes_by_their_label(void **state)
{
    (void) state;
    static const char *const objects[] = {"requestObject", "responseObject"};
    for (size_t i = 0; i < 2; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 HEAD "\"%s\":{\"kind\":\"Pod\",\"metadata\":{\"generateName\":\"p-\",\"labels\":{"
                      "\"openshell.ai/managed-by\":\"openshell\"}}}}",
                 objects[i]);
        _cleanup_(cJSON_Deletep) cJSON *tree = parse(text);
        struct api_event event;
        struct error error;
        bool is_creation;
        assert_true(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
        assert_true(event.has_object && event.is_sandbox);
        assert_string_equal(event.pod, "p-");
    }
}

static void passes_over_other_requests(void **state)
{
    (void) state;
    static const char *const bodies[] = {
        "\"verb\":\"get\",\"stage\":\"ResponseComplete\",\"objectRef\":{\"resource\":\"pods\"}",
        "\"verb\":\"create\",\"stage\":\"ResponseStarted\",\"objectRef\":{\"resource\":\"pods\"}",
        "\"verb\":\"create\",\"stage\":\"ResponseComplete\",\"objectRef\":{\"resource\":\"pods\","
        "\"subresource\":\"exec\"}",
        "\"verb\":\"create\",\"stage\":\"ResponseComplete\",\"objectRef\":{\"resource\":\"secrets\"}",
        "\"verb\":\"create\",\"stage\":\"ResponseComplete\",\"objectRef\":{\"resource\":\"pods\","
        "\"apiGroup\":\"metrics\"}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",%s}", bodies[i]);
        _cleanup_(cJSON_Deletep) cJSON *tree = parse(text);
        struct api_event event;
        struct error error;
        bool is_creation = true;
        assert_true(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
        assert_false(is_creation);
    }
}

static void takes_no_anchor_of_a_webhook_of_another_domain(void **state)
{
    (void) state;
    static const char *const names[] = {"other.org", "inject.example.com.org", "example.com", "audit"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[1024];
        snprintf(
            text, sizeof text,
            HEAD
            "\"annotations\":{\"%s/audit-record\":\"1:a\",\"validate.example.com/audit-record\":\"2:b\"}}",
            names[i]);
        _cleanup_(cJSON_Deletep) cJSON *tree = parse(text);
        struct api_event event;
        struct error error;
        bool is_creation;
        assert_true(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
        assert_int_equal(event.anchor_count, 1);
        assert_string_equal(event.anchors[0].record, "2:b");
    }
}

static void takes_anchors_up_to_its_limit_and_no_more(void **state)
{
    (void) state;
    for (int count = API_EVENT_ANCHORS; count <= API_EVENT_ANCHORS + 1; count++) {
        char text[4096] = HEAD "\"annotations\":{\"a\":\"b\"";
        for (int i = 0; i < count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     ",\"w%d.example.com/audit-record\":\"1:a\"", i);
        strncat(text, "}}", sizeof text - strlen(text) - 1);
        _cleanup_(cJSON_Deletep) cJSON *tree = parse(text);
        struct api_event event;
        struct error error;
        bool is_creation;
        assert_int_equal(api_event_read(tree, WEBHOOK, &error, &event, &is_creation),
                         count == API_EVENT_ANCHORS);
    }
}

static void refuses_what_is_no_event(void **state)
{
    (void) state;
    _cleanup_(cJSON_Deletep) cJSON *tree = parse("{\"kind\":\"Event\",\"apiVersion\":\"v1\"}");
    struct api_event event;
    struct error error;
    bool is_creation;
    assert_false(api_event_read(tree, WEBHOOK, &error, &event, &is_creation));
    assert_int_equal(error.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_anchors_and_calls),
        cmocka_unit_test(an_authorizer_is_not_taken_for_a_webhook),
        cmocka_unit_test(finds_the_first_patch_of_the_webhook),
        cmocka_unit_test(knows_sandboxes_by_their_label),
        cmocka_unit_test(passes_over_other_requests),
        cmocka_unit_test(takes_no_anchor_of_a_webhook_of_another_domain),
        cmocka_unit_test(takes_anchors_up_to_its_limit_and_no_more),
        cmocka_unit_test(refuses_what_is_no_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
