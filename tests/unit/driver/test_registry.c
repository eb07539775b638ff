#include "common/cleanup.h"
#include "driver/sandboxes/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EVENT_BYTES 64

static struct driver_configuration *configuration;
static struct registry *registry;

static int set_up(void **state)
{
    struct error error;
    (void) state;
    if (!driver_configuration_load(NULL, 0, NULL, &error, &configuration) ||
        !registry_new(configuration, &error, &registry))
        return -1;
    registry_list_begin(registry, REGISTRY_RECORD);
    registry_list_begin(registry, REGISTRY_POD);
    registry_list_end(registry, REGISTRY_RECORD);
    registry_list_end(registry, REGISTRY_POD);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    registry_free(registry);
    driver_configuration_free(configuration);
    return 0;
}

static void put(enum registry_part part, const char *id, const char *uid, unsigned version, const char *phase)
{
    char text[1024];
    struct error error;
    snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"n\",\"namespace\":\"openshell\",\"uid\":\"%s\",\"resourceVersion\":\"%u\","
        "\"labels\":{\"openshell.ai/sandbox-id\":\"%s\",\"openshell.ai/sandbox-name\":\"sb-%s\","
        "\"openshell.ai/sandbox-workspace\":\"default\"},\"annotations\":{\"openshell.ai/phase\":\"%s\"}},"
        "\"status\":{\"phase\":\"%s\"}}",
        uid, version, id, id, phase, phase);
    _cleanup_(cJSON_Deletep) cJSON *object = cJSON_Parse(text);
    assert_non_null(object);
    assert_true(registry_put(registry, part, object, &error));
}

/* Reads everything that is new to the reader; returns how many states, and the id of the last one. */
static unsigned read_states(struct registry_reader *reader, char last[SANDBOX_ID_BYTES])
{
    struct sandbox_state state;
    struct buffer event = BUFFER_INIT(EVENT_BYTES);
    unsigned count = 0;
    enum registry_step step;
    while ((step = registry_read(registry, reader, &state, &event)) != REGISTRY_NOTHING) {
        registry_reader_sent(registry, reader);
        if (step == REGISTRY_STATE) {
            memcpy(last, state.id, SANDBOX_ID_BYTES);
            count++;
        }
    }
    buffer_done(&event);
    return count;
}

static void shows_a_sandbox_once_its_create_has_ended(void **state)
{
    (void) state;
    struct registry_reader reader;
    char last[SANDBOX_ID_BYTES];
    registry_reader_init(registry, &reader);
    put(REGISTRY_RECORD, "a", "r1", 1, "Creating");
    put(REGISTRY_POD, "a", "p1", 2, "Pending");
    assert_int_equal(read_states(&reader, last), 0);
    assert_int_equal(registry_count(registry), 0);
    put(REGISTRY_RECORD, "a", "r1", 3, "Created");
    assert_int_equal(read_states(&reader, last), 1);
    assert_string_equal(last, "a");
    assert_int_equal(registry_count(registry), 1);
}

static void keeps_a_refused_create_to_itself_whatever_its_record_says(void **state)
{
    (void) state;
    struct sandbox_state found;
    put(REGISTRY_RECORD, "a", "r1", 1, "Creating");
    registry_refuse(registry, "a", "r0", "instance"); /* another record's */
    put(REGISTRY_RECORD, "a", "r1", 2, "Created");
    assert_int_equal(registry_count(registry), 1);
    registry_refuse(registry, "a", "r1", "instance");
    put(REGISTRY_RECORD, "a", "r1", 3, "Created");
    assert_int_equal(registry_count(registry), 0);
    assert_true(registry_find(registry, "a", &found));
    assert_true(found.record.is_creating);
    assert_string_equal(found.record.starting_by, "instance");
    registry_remove(registry, REGISTRY_RECORD, "a", "r1");
    put(REGISTRY_RECORD, "a", "r2", 4, "Created");
    assert_int_equal(registry_count(registry), 1);
}

static void tells_each_change_once_and_only_the_last_of_several(void **state)
{
    (void) state;
    struct registry_reader reader;
    char last[SANDBOX_ID_BYTES];
    put(REGISTRY_RECORD, "a", "r1", 1, "Created");
    put(REGISTRY_POD, "a", "p1", 2, "Pending");
    registry_reader_init(registry, &reader);
    assert_int_equal(read_states(&reader, last), 1);
    put(REGISTRY_POD, "a", "p1", 3, "Pending"); /* nothing the gateway would see */
    assert_int_equal(read_states(&reader, last), 0);
    put(REGISTRY_POD, "a", "p1", 4, "Failed");
    registry_remove(registry, REGISTRY_POD, "a", "p1");
    assert_int_equal(read_states(&reader, last), 1);
}

static void never_replaces_an_object_by_an_older_version(void **state)
{
    (void) state;
    struct sandbox_state found;
    put(REGISTRY_POD, "a", "p1", 5, "Failed");
    put(REGISTRY_POD, "a", "p1", 4, "Pending");
    assert_true(registry_find(registry, "a", &found));
    assert_int_equal(found.pod.phase, POD_ENDED);
    put(REGISTRY_POD, "a", "p2", 3, "Pending"); /* another pod of that name is no older version */
    assert_true(registry_find(registry, "a", &found));
    assert_string_equal(found.pod.uid, "p2");
}

static void never_brings_back_what_is_gone(void **state)
{
    (void) state;
    struct sandbox_state found;
    put(REGISTRY_POD, "a", "p1", 5, "Pending");
    registry_remove(registry, REGISTRY_POD, "a", "other");
    assert_true(registry_find(registry, "a", &found));
    registry_remove(registry, REGISTRY_POD, "a", "p1");
    put(REGISTRY_POD, "a", "p1", 6, "Pending");
    assert_false(registry_find(registry, "a", &found));
}

static void forgets_what_a_list_does_not_repeat(void **state)
{
    (void) state;
    struct sandbox_state found;
    put(REGISTRY_RECORD, "a", "r1", 1, "Created");
    put(REGISTRY_RECORD, "b", "r2", 2, "Created");
    registry_list_begin(registry, REGISTRY_RECORD);
    put(REGISTRY_RECORD, "b", "r2", 2, "Created");
    registry_list_end(registry, REGISTRY_RECORD);
    assert_false(registry_find(registry, "a", &found));
    assert_true(registry_find(registry, "b", &found));
}

static void tells_deletions_also_to_those_who_were_away(void **state)
{
    (void) state;
    struct registry_reader reader;
    struct sandbox_state unused;
    struct buffer event = BUFFER_INIT(EVENT_BYTES), platform = BUFFER_INIT(EVENT_BYTES),
                  got = BUFFER_INIT(EVENT_BYTES);
    buffer_append_string(&event, "deleted");
    buffer_append_string(&platform, "news");
    uint64_t sequence = registry_publish(registry, JOURNAL_DELETED, "a", &event);
    (void) registry_publish(registry, JOURNAL_PLATFORM, "a", &platform);
    assert_false(registry_is_delivered(registry, sequence));
    registry_reader_init(registry, &reader);
    assert_int_equal(registry_read(registry, &reader, &unused, &got), REGISTRY_EVENT);
    assert_string_equal(buffer_string(&got), "deleted");
    assert_false(registry_is_delivered(registry, sequence));
    registry_reader_sent(registry, &reader);
    assert_true(registry_is_delivered(registry, sequence));
    assert_int_equal(registry_read(registry, &reader, &unused, &got), REGISTRY_NOTHING);
    buffer_done(&got);
}

static void says_nothing_of_a_deletion_when_the_id_lives_again(void **state)
{
    (void) state;
    struct registry_reader reader;
    char last[SANDBOX_ID_BYTES];
    struct buffer event = BUFFER_INIT(EVENT_BYTES);
    buffer_append_string(&event, "deleted");
    (void) registry_publish(registry, JOURNAL_DELETED, "a", &event);
    put(REGISTRY_RECORD, "a", "r9", 9, "Created");
    registry_reader_init(registry, &reader);
    assert_int_equal(read_states(&reader, last), 1);
}

static void starts_over_for_a_reader_that_fell_behind(void **state)
{
    (void) state;
    struct registry_reader reader;
    char last[SANDBOX_ID_BYTES];
    put(REGISTRY_RECORD, "a", "r1", 1, "Created");
    put(REGISTRY_RECORD, "b", "r2", 1, "Created");
    registry_reader_init(registry, &reader);
    assert_int_equal(read_states(&reader, last), 2);
    for (unsigned number = 0; number < JOURNAL_ENTRIES + 1; number++) {
        struct buffer news = BUFFER_INIT(EVENT_BYTES);
        buffer_append_string(&news, "n");
        (void) registry_publish(registry, JOURNAL_PLATFORM, "a", &news);
    }
    assert_int_equal(read_states(&reader, last), 2);
}

static void a_reader_at_the_length_of_the_journal_misses_nothing(void **state)
{
    (void) state;
    struct registry_reader reader;
    struct sandbox_state unused;
    struct buffer got = BUFFER_INIT(2 * JOURNAL_ENTRIES);
    unsigned count = 0;
    registry_reader_init(registry, &reader);
    for (unsigned number = 0; number < JOURNAL_ENTRIES; number++) {
        struct buffer news = BUFFER_INIT(EVENT_BYTES);
        buffer_append_string(&news, "n");
        (void) registry_publish(registry, JOURNAL_PLATFORM, "a", &news);
    }
    while (registry_read(registry, &reader, &unused, &got) == REGISTRY_EVENT)
        count++;
    assert_int_equal(count, JOURNAL_ENTRIES);
    buffer_done(&got);
}

static void waits_end_when_they_are_cancelled(void **state)
{
    (void) state;
    put(REGISTRY_POD, "a", "p1", 5, "Pending");
    registry_cancel_waits(registry);
    assert_false(registry_wait_gone(registry, REGISTRY_POD, "a", "p1", UINT64_MAX / 2));
    assert_true(registry_wait_gone(registry, REGISTRY_POD, "a", "another", UINT64_MAX / 2));
}

static void finds_names_of_others(void **state)
{
    (void) state;
    char found[SANDBOX_ID_BYTES];
    put(REGISTRY_RECORD, "a", "r1", 1, "Creating");
    assert_true(registry_find_name(registry, "default", "sb-a", "b", found));
    assert_string_equal(found, "a");
    assert_false(registry_find_name(registry, "default", "sb-a", "a", found));
    assert_false(registry_find_name(registry, "other", "sb-a", NULL, found));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(shows_a_sandbox_once_its_create_has_ended),
        TEST(keeps_a_refused_create_to_itself_whatever_its_record_says),
        TEST(tells_each_change_once_and_only_the_last_of_several),
        TEST(never_replaces_an_object_by_an_older_version),
        TEST(never_brings_back_what_is_gone),
        TEST(forgets_what_a_list_does_not_repeat),
        TEST(tells_deletions_also_to_those_who_were_away),
        TEST(says_nothing_of_a_deletion_when_the_id_lives_again),
        TEST(starts_over_for_a_reader_that_fell_behind),
        TEST(a_reader_at_the_length_of_the_journal_misses_nothing),
        TEST(waits_end_when_they_are_cancelled),
        TEST(finds_names_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
