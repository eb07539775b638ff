#include "common/cleanup.h"
#include "common/json.h"
#include "common/json_arena.h"
#include "tests/support/allocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* As text, several times the arena's first piece. */
#define ELEMENTS 20000

static const struct json_limits limits = {.bytes = 1u << 20, .depth = 8};

static char *make_long_text(void)
{
    struct buffer buffer = BUFFER_INIT(limits.bytes);
    char *text = NULL;
    struct error error;
    buffer_append_character(&buffer, '[');
    for (int i = 0; i < ELEMENTS; i++)
        buffer_append_format(&buffer, "%s\"element %d\"", i ? "," : "", i);
    buffer_append_character(&buffer, ']');
    assert_true(buffer_take(&buffer, &error, &text));
    return text;
}

static cJSON *parse(const char *text)
{
    struct error error;
    cJSON *value = NULL;
    if (!json_parse(text, strlen(text), &limits, &error, &value))
        fail_msg("%s", error.message);
    return value;
}

static void assert_prints(const cJSON *value, const char *expected)
{
    struct error error;
    _cleanup_(freep) char *printed = NULL;
    assert_true(json_print(value, false, &error, &printed));
    assert_string_equal(printed, expected);
}

static void holds_trees_of_any_size(void **state)
{
    (void) state;
    _cleanup_(freep) char *text = make_long_text();
    struct json_arena arena;
    json_arena_enter(&arena);
    cJSON *small = parse("{\"a\":[1,2.50,\"b\"]}");
    cJSON *large = parse(text);
    assert_prints(large, text);
    assert_prints(small, "{\"a\":[1,2.50,\"b\"]}");
    cJSON_Delete(large);
    /* The rest goes with the arena. */
    json_arena_leave(&arena);
}

static void deletes_what_does_not_lie_in_the_arena(void **state)
{
    (void) state;
    cJSON *outside = parse("[1]");
    struct json_arena arena;
    json_arena_enter(&arena);
    cJSON *inside = parse("[2]");
    json_arena_delete(inside);
    assert_prints(inside, "[2]");
    json_arena_delete(outside);
    json_arena_leave(&arena);
    json_arena_delete(parse("[3]"));
    json_arena_delete(NULL);
}

static void aligns_every_piece(void **state)
{
    (void) state;
    struct json_arena arena;
    json_arena_enter(&arena);
    for (size_t bytes = 0; bytes < 100; bytes++) {
        char *piece = cJSON_malloc(bytes);
        assert_non_null(piece);
        assert_int_equal((uintptr_t) piece % _Alignof(max_align_t), 0);
        memset(piece, 0xAA, bytes);
    }
    assert_null(cJSON_malloc(SIZE_MAX));
    json_arena_leave(&arena);
}

static void fills_the_first_piece_to_its_end(void **state)
{
    (void) state;
    struct json_arena arena;
    json_arena_enter(&arena);
    char *whole = cJSON_malloc(JSON_ARENA_FIRST_BYTES);
    assert_ptr_equal(whole, arena.first);
    assert_null(arena.blocks);
    assert_non_null(cJSON_malloc(1));
    assert_non_null(arena.blocks);
    json_arena_leave(&arena);
}

static void changes_and_deletes_trees_made_before(void **state)
{
    (void) state;
    cJSON *before = parse("{\"kept\":\"x\",\"gone\":[1,2,3]}");
    struct json_arena outer, inner;
    json_arena_enter(&outer);
    cJSON *between = parse("[true,false]");
    json_arena_enter(&inner);
    cJSON_DeleteItemFromObjectCaseSensitive(before, "gone");
    cJSON_DeleteItemFromArray(between, 0);
    json_arena_leave(&inner);
    assert_prints(between, "[false]");
    json_arena_leave(&outer);
    assert_prints(before, "{\"kept\":\"x\"}");
    cJSON_Delete(before);
}

static bool parse_in_arena(void *context)
{
    const char *text = context;
    struct error error;
    struct json_arena arena;
    cJSON *value = NULL;
    json_arena_enter(&arena);
    bool is_parsed = json_parse(text, strlen(text), &limits, &error, &value);
    json_arena_leave(&arena);
    return is_parsed;
}

static void survives_every_allocation_failure(void **state)
{
    (void) state;
    _cleanup_(freep) char *text = make_long_text();
    size_t runs;
    assert_true(allocation_fail_each(parse_in_arena, text, 1000, &runs));
    assert_true(runs > 2);
}

int main(void)
{
    json_arena_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_trees_of_any_size),
        cmocka_unit_test(deletes_what_does_not_lie_in_the_arena),
        cmocka_unit_test(aligns_every_piece),
        cmocka_unit_test(fills_the_first_piece_to_its_end),
        cmocka_unit_test(changes_and_deletes_trees_made_before),
        cmocka_unit_test(survives_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
