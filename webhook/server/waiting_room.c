#include "webhook/server/waiting_room.h"

#include <pthread.h>

#define STACK_BYTES (512u * 1024)

struct waiting_room {
    void (*serve)(void *entry);
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void *places[WAITING_ROOM_PLACES]; /* a ring */
    size_t first, count;
    bool is_ending;
    pthread_t threads[WAITING_ROOM_THREADS];
    size_t thread_count;
};

/* NULL when the room is empty and ends. */
static void *take_entry(struct waiting_room *room)
{
    void *entry = NULL;
    pthread_mutex_lock(&room->mutex);
    while (room->count == 0 && !room->is_ending)
        pthread_cond_wait(&room->changed, &room->mutex);
    if (room->count > 0) {
        entry = room->places[room->first];
        room->first = (room->first + 1) % WAITING_ROOM_PLACES;
        room->count--;
    }
    pthread_mutex_unlock(&room->mutex);
    return entry;
}

static void *run(void *argument)
{
    struct waiting_room *room = argument;
    void *entry;
    while ((entry = take_entry(room)))
        room->serve(entry);
    return NULL;
}

static bool start_threads(struct waiting_room *room, struct error *error)
{
    pthread_attr_t attributes;
    int failure = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (!failure && room->thread_count < WAITING_ROOM_THREADS) {
        failure = pthread_create(&room->threads[room->thread_count], &attributes, run, room);
        if (!failure)
            pthread_setname_np(room->threads[room->thread_count++], "waiting");
    }
    pthread_attr_destroy(&attributes);
    if (failure)
        return error_set_errno(error, ERROR_IO, failure, "cannot start a thread");
    return true;
}

bool waiting_room_new(void (*serve)(void *entry), struct error *error, struct waiting_room **result)
{
    struct waiting_room *room = calloc(1, sizeof *room);
    if (!room)
        return error_set_no_memory(error);
    room->serve = serve;
    pthread_mutex_init(&room->mutex, NULL);
    pthread_cond_init(&room->changed, NULL);
    if (!start_threads(room, error)) {
        waiting_room_free(room);
        return false;
    }
    *result = room;
    return true;
}

void waiting_room_close(struct waiting_room *room)
{
    if (!room)
        return;
    pthread_mutex_lock(&room->mutex);
    room->is_ending = true;
    pthread_cond_broadcast(&room->changed);
    pthread_mutex_unlock(&room->mutex);
    for (; room->thread_count > 0; room->thread_count--)
        pthread_join(room->threads[room->thread_count - 1], NULL);
}

void waiting_room_free(struct waiting_room *room)
{
    if (!room)
        return;
    waiting_room_close(room);
    pthread_cond_destroy(&room->changed);
    pthread_mutex_destroy(&room->mutex);
    free(room);
}

bool waiting_room_enter(struct waiting_room *room, void *entry)
{
    pthread_mutex_lock(&room->mutex);
    bool has_place = room->count < WAITING_ROOM_PLACES && !room->is_ending;
    if (has_place) {
        room->places[(room->first + room->count) % WAITING_ROOM_PLACES] = entry;
        room->count++;
        pthread_cond_signal(&room->changed);
    }
    pthread_mutex_unlock(&room->mutex);
    return has_place;
}
