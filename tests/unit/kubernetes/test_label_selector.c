#include "kubernetes/label_selector.h"

#include "common/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_matches(const char *selector_text, const char *labels_text, bool is_expected)
{
    _cleanup_(cJSON_Deletep) cJSON *selector = cJSON_Parse(selector_text);
    _cleanup_(cJSON_Deletep) cJSON *labels = cJSON_Parse(labels_text);
    if (label_selector_matches(selector, labels) != is_expected)
        fail_msg("%s on %s: expected %d", selector_text, labels_text, is_expected);
}

static void no_requirement_selects_everything(void **state)
{
    (void) state;
    assert_true(label_selector_matches(NULL, NULL));
    assert_matches("{}", "{}", true);
    assert_matches("{\"matchLabels\":{},\"matchExpressions\":[]}", "{\"a\":\"1\"}", true);
    assert_matches("null", "{\"a\":\"1\"}", true);
}

static void every_label_must_be_there_with_its_value(void **state)
{
    (void) state;
    assert_matches("{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"1\",\"b\":\"2\"}", true);
    assert_matches("{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"2\"}", false);
    assert_matches("{\"matchLabels\":{\"a\":\"\"}}", "{\"a\":\"\"}", true);
    assert_matches("{\"matchLabels\":{\"a\":\"\"}}", "{}", false);
    assert_matches("{\"matchLabels\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"a\":\"1\"}", false);
    assert_matches("{\"matchLabels\":{\"a\":1}}", "{\"a\":\"1\"}", false);
}

static void each_operator_means_what_kubernetes_means(void **state)
{
    (void) state;
    static const struct {
        const char *requirement;
        bool one, other, none; /* on a=1, a=3, no label */
    } cases[] = {
        {"\"operator\":\"In\",\"values\":[\"1\",\"2\"]", true, false, false},
        {"\"operator\":\"NotIn\",\"values\":[\"1\",\"2\"]", false, true, true},
        {"\"operator\":\"Exists\"", true, true, false},
        {"\"operator\":\"DoesNotExist\"", false, false, true},
        {"\"operator\":\"Near\",\"values\":[\"1\"]", false, false, false},
        {"\"values\":[\"1\"]", false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char selector[256];
        snprintf(selector, sizeof selector, "{\"matchExpressions\":[{\"key\":\"a\",%s}]}",
                 cases[i].requirement);
        assert_matches(selector, "{\"a\":\"1\"}", cases[i].one);
        assert_matches(selector, "{\"a\":\"3\"}", cases[i].other);
        assert_matches(selector, "{\"b\":\"1\"}", cases[i].none);
    }
    assert_matches("{\"matchExpressions\":[{\"operator\":\"DoesNotExist\"}]}", "{}", false);
}

static void all_requirements_must_hold(void **state)
{
    (void) state;
    static const char selector[] = "{\"matchLabels\":{\"a\":\"1\"},\"matchExpressions\":"
                                   "[{\"key\":\"b\",\"operator\":\"Exists\"},"
                                   "{\"key\":\"c\",\"operator\":\"DoesNotExist\"}]}";
    assert_matches(selector, "{\"a\":\"1\",\"b\":\"2\"}", true);
    assert_matches(selector, "{\"b\":\"2\"}", false);
    assert_matches(selector, "{\"a\":\"1\"}", false);
    assert_matches(selector, "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}", false);
}

static void one_known_label_decides_or_does_not(void **state)
{
    (void) state;
    static const struct {
        const char *selector;
        enum label_selection selection; /* of an object with a=1 and nobody knows what else */
    } cases[] = {
        {"null", LABELS_SELECTED},
        {"{}", LABELS_SELECTED},
        {"{\"matchLabels\":{\"a\":\"1\"}}", LABELS_SELECTED},
        {"{\"matchLabels\":{\"a\":\"2\"}}", LABELS_NOT_SELECTED},
        {"{\"matchLabels\":{\"b\":\"1\"}}", LABELS_UNKNOWN},
        {"{\"matchLabels\":{\"a\":\"1\",\"b\":\"1\"}}", LABELS_UNKNOWN},
        {"{\"matchLabels\":{\"b\":\"1\",\"a\":\"2\"}}", LABELS_NOT_SELECTED},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"2\"]}]}",
         LABELS_SELECTED},
        {"{\"matchExpressions\":[{\"key\":\"b\",\"operator\":\"DoesNotExist\"}]}", LABELS_UNKNOWN},
        {"{\"matchExpressions\":[{\"key\":\"b\",\"operator\":\"Exists\"},"
         "{\"key\":\"a\",\"operator\":\"DoesNotExist\"}]}",
         LABELS_NOT_SELECTED},
        {"{\"matchLabels\":{\"b\":\"1\"},\"matchExpressions\":[{\"operator\":\"Exists\"}]}",
         LABELS_NOT_SELECTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_(cJSON_Deletep) cJSON *selector = cJSON_Parse(cases[i].selector);
        if (label_selector_select(selector, "a", "1") != cases[i].selection)
            fail_msg("%s: expected %d", cases[i].selector, cases[i].selection);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_requirement_selects_everything),
        cmocka_unit_test(every_label_must_be_there_with_its_value),
        cmocka_unit_test(one_known_label_decides_or_does_not),
        cmocka_unit_test(each_operator_means_what_kubernetes_means),
        cmocka_unit_test(all_requirements_must_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
