#include "webhook/server/waiting_room.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static atomic_int served;

static void serve(void *entry)
{
    /* Held by a test that wants the room to fill up. */
    pthread_mutex_lock(&door);
    pthread_mutex_unlock(&door);
    atomic_fetch_add((atomic_int *) entry, 1);
    atomic_fetch_add(&served, 1);
}

static struct waiting_room *open_room(void)
{
    struct error error;
    struct waiting_room *room = NULL;
    atomic_store(&served, 0);
    assert_true(waiting_room_new(serve, &error, &room));
    return room;
}

static void serves_everyone_once(void **state)
{
    (void) state;
    static atomic_int entries[100];
    struct waiting_room *room = open_room();
    for (size_t i = 0; i < 100; i++)
        assert_true(waiting_room_enter(room, &entries[i]));
    waiting_room_free(room);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(atomic_load(&entries[i]), 1);
}

static void turns_away_only_when_every_place_is_taken(void **state)
{
    (void) state;
    static atomic_int entry;
    struct waiting_room *room = open_room();
    pthread_mutex_lock(&door);
    /* The threads take one each out of the room, sooner or later; then it can be filled to the last place. */
    for (size_t i = 0; i < WAITING_ROOM_THREADS; i++)
        assert_true(waiting_room_enter(room, &entry));
    usleep(300000);
    for (size_t i = 0; i < WAITING_ROOM_PLACES; i++)
        assert_true(waiting_room_enter(room, &entry));
    assert_false(waiting_room_enter(room, &entry));
    pthread_mutex_unlock(&door);
    waiting_room_free(room);
    assert_int_equal(atomic_load(&served), WAITING_ROOM_THREADS + WAITING_ROOM_PLACES);
}

static void serves_who_is_in_when_it_closes_and_lets_nobody_in_afterwards(void **state)
{
    (void) state;
    static atomic_int inside, outside;
    struct waiting_room *room = open_room();
    assert_true(waiting_room_enter(room, &inside));
    waiting_room_close(room);
    assert_int_equal(atomic_load(&inside), 1);
    assert_false(waiting_room_enter(room, &outside));
    waiting_room_free(room);
    assert_int_equal(atomic_load(&outside), 0);
    waiting_room_close(NULL);
}

static void ends_when_nobody_ever_came(void **state)
{
    (void) state;
    waiting_room_free(open_room());
    waiting_room_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_everyone_once),
        cmocka_unit_test(turns_away_only_when_every_place_is_taken),
        cmocka_unit_test(serves_who_is_in_when_it_closes_and_lets_nobody_in_afterwards),
        cmocka_unit_test(ends_when_nobody_ever_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
