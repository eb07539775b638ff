/* A collection behind a fault server whose lists and watches follow a script, and a consumer that writes down
 * what a reflector tells it. Shared by the tests of what is built on watches.
 */
#pragma once

#include "common/buffer.h"
#include "kubernetes/reflector.h"
#include "tests/unit/kubernetes/fault_server.h"

enum watch_ending {
    ENDING_HOLD,  /* stays open until the client goes */
    ENDING_CLOSE, /* the server ends the watch in order */
    ENDING_RESET, /* the connection breaks */
    ENDING_LATE,  /* ends in order after 1.2 seconds: not taken for a failure */
};

/* What one watch answers. */
struct watch_step {
    int status;         /* 0: 200 */
    const char *events; /* lines; sent as they are */
    enum watch_ending ending;
    unsigned piece; /* bytes per chunk; 0: all at once */
};

struct watch_world {
    const char *const *lists; /* items of each list: `{...},{...}`; the last repeats */
    size_t list_count;
    unsigned list_failures; /* so many lists are refused with `list_status` first */
    int list_status;
    unsigned list_delay_ms;
    const struct watch_step *steps; /* of each watch; after the last one watches are silent */
    size_t step_count;

    pthread_mutex_t mutex;  /* guards what follows */
    struct buffer requests; /* "list watch(10) watch(12) " */
    size_t lists_served;
    size_t watches_served;
    char last_watch[8192]; /* its target */
    atomic_bool is_down;   /* every connection is closed unanswered */
};

/* A handler for fault_server_start; the context is the world. The n-th list has resourceVersion 10 x n. */
bool watch_world_serve(void *context, const struct fault_request *request,
                       struct fault_connection *connection);
void watch_world_init(struct watch_world *world);
void watch_world_done(struct watch_world *world);

/* Waits until the requests so far begin with `expected`; fails the test when they do not. */
void watch_world_expect_requests(struct watch_world *world, const char *expected);

/* An event line. */
#define EVENT(type, name, version)                                                                           \
    "{\"type\":\"" type "\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name                     \
    "\",\"resourceVersion\":\"" version "\"}}}\n"
/* A listed object. */
#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\"}}"

/* Writes "[" and "]" around lists, "+a " for an object, "-a " for a deletion, "!code " for a failure. */
struct consumer {
    pthread_mutex_t mutex;
    struct buffer log;
    const char *refused; /* the first object of this name is refused; NULL: none */
};

void consumer_init(struct consumer *consumer);
void consumer_done(struct consumer *consumer);
struct kubernetes_reflector_handler consumer_handler(struct consumer *consumer);

/* Waits until the log begins with `expected`; fails the test when it does not. */
void consumer_expect(struct consumer *consumer, const char *expected);
