#include "webhook/server/tls.h"

#include <sys/socket.h>

gnutls_session_t tls_session(struct http_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/* libmicrohttpd keeps its own connection in the session; ours is that one's socket context. */
static struct tls_connection *find_state(gnutls_session_t session)
{
    struct MHD_Connection *handle = gnutls_session_get_ptr(session);
    const union MHD_ConnectionInfo *info =
        handle ? MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT) : NULL;
    struct http_connection *connection = info ? info->socket_context : NULL;
    return connection ? connection->state : NULL;
}

/* Called by GnuTLS in every full handshake. GnuTLS keeps the pointers, so the connection holds the
 * certificate.
 */
static int provide_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                               gnutls_pcert_st **chain, unsigned *chain_length, gnutls_ocsp_data_st **ocsp,
                               unsigned *ocsp_length, gnutls_privkey_t *key, unsigned *flags)
{
    (void) info;
    struct tls_connection *state = find_state(session);
    if (!state)
        return -1;
    if (!state->certificate)
        state->certificate = state->tls->certificates->acquire(state->tls->certificates->context);
    if (!state->certificate)
        return -1;
    *chain = state->certificate->chain;
    *chain_length = state->certificate->chain_length;
    *key = state->certificate->key;
    *ocsp = NULL;
    *ocsp_length = 0;
    *flags = 0;
    return 0;
}

/* The client's Finished message ends the handshake. */
static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned is_incoming,
                       const gnutls_datum_t *message)
{
    (void) type, (void) when, (void) message;
    struct tls_connection *state = find_state(session);
    if (is_incoming && state)
        http_connection_set_established(state->connection);
    return 0;
}

bool tls_init(struct tls *tls, const struct certificate_source *certificates,
              bool asks_for_client_certificate, struct error *error)
{
    *tls = (struct tls){.certificates = certificates,
                        .asks_for_client_certificate = asks_for_client_certificate};
    /* libmicrohttpd wants the function as an object pointer, a conversion that C has no word for. */
    union {
        gnutls_certificate_retrieve_function3 *function;
        void *pointer;
    } callback = {.function = provide_certificate};
    tls->items[0] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) (uintptr_t) TLS_PRIORITIES};
    tls->items[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, callback.pointer};
    tls->items[2] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    int failure = gnutls_session_ticket_key_generate(&tls->ticket_key);
    if (failure < 0)
        return error_set(error, failure == GNUTLS_E_MEMORY_ERROR ? ERROR_NO_MEMORY : ERROR_INTERNAL,
                         "cannot make a key for session tickets: %s", gnutls_strerror(failure));
    return true;
}

void tls_done(struct tls *tls)
{
    if (tls->ticket_key.data)
        gnutls_memset(tls->ticket_key.data, 0, tls->ticket_key.size);
    gnutls_free(tls->ticket_key.data);
    tls->ticket_key.data = NULL;
}

/* GnuTLS reads and writes through these two, so that the worker knows whether anything moved. */
static ssize_t pull(gnutls_transport_ptr_t context, void *data, size_t size)
{
    struct tls_connection *state = context;
    ssize_t got = recv(state->output.descriptor, data, size, 0);
    if (got > 0)
        http_connection_note_traffic(state->connection);
    return got;
}

static ssize_t push(gnutls_transport_ptr_t context, const giovec_t *pieces, int count)
{
    struct tls_connection *state = context;
    ssize_t sent = tls_output_push(&state->output, pieces, count);
    if (sent > 0)
        http_connection_note_traffic(state->connection);
    return sent;
}

bool tls_connection_init(struct tls_connection *state, const struct tls *tls,
                         struct http_connection *connection)
{
    gnutls_session_t session = tls_session(connection);
    const union MHD_ConnectionInfo *socket =
        MHD_get_connection_info(connection->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    state->connection = connection;
    state->tls = tls;
    state->certificate = NULL;
    if (!socket || !session || gnutls_session_ticket_enable_server(session, &tls->ticket_key) < 0)
        return false;
    tls_output_init(&state->output, socket->connect_fd);
    gnutls_transport_set_ptr(session, state);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_vec_push_function(session, push);
    if (tls->asks_for_client_certificate)
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, on_finished);
    return true;
}

void tls_connection_done(struct tls_connection *state)
{
    serving_certificate_release(state->certificate);
    state->certificate = NULL;
}

void tls_send_last(struct http_connection *connection, const char *data, size_t length)
{
    gnutls_session_t session = tls_session(connection);
    if (session && gnutls_record_send(session, data, length) == (ssize_t) length)
        (void) gnutls_bye(session, GNUTLS_SHUT_WR);
}
