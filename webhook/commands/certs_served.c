#include "webhook/commands/certs_served.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define URL_BYTES 300
#define ADDRESS_BYTES 300

DEFINE_POINTER_CLEANUP(CURL *, curl_easy_cleanup)

__attribute__((unused)) static inline void slist_freep(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static bool check_address(const char *address, struct error *error)
{
    const char *colon = strrchr(address, ':');
    bool has_port =
        colon && colon != address && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1);
    bool is_one = has_port && (address[0] == '[' ? colon[-1] == ']' : strchr(address, ':') == colon);
    if (!is_one || strlen(address) >= ADDRESS_BYTES - 2)
        return error_set(error, ERROR_INVALID, "--address: \"%.100s\" must be HOST:PORT", address);
    return true;
}

/* libcurl hands out each certificate as PEM, among much else. */
static bool collect(const struct curl_certinfo *info, struct error *error, certificate_list **chain)
{
    static const char mark[] = "Cert:";
    _cleanup_(buffer_done) struct buffer pem = BUFFER_INIT(CERTIFICATE_PEM_BYTES);
    for (int i = 0; info && i < info->num_of_certs; i++)
        for (const struct curl_slist *item = info->certinfo[i]; item; item = item->next)
            if (strncmp(item->data, mark, sizeof mark - 1) == 0)
                buffer_append_format(&pem, "%s\n", item->data + sizeof mark - 1);
    return buffer_check(&pem, error) && certificate_list_parse(buffer_string(&pem), pem.length, error, chain);
}

static bool set_options(CURL *curl, const char *url, const struct curl_slist *places, char *message)
{
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECT_TO, places) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, CERTS_SERVED_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
           /* Who signed it is judged by the caller. */
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
}

bool certs_served_read(const char *address, const char *host, struct error *error, certificate_list **chain)
{
    char url[URL_BYTES], place[ADDRESS_BYTES], message[CURL_ERROR_SIZE] = "";
    struct curl_certinfo *info = NULL;
    if (!check_address(address, error))
        return false;
    snprintf(url, sizeof url, "https://%s/", host);
    snprintf(place, sizeof place, "::%s", address);
    _cleanup_(curl_easy_cleanupp) CURL *curl = curl_easy_init();
    _cleanup_(slist_freep) struct curl_slist *places = curl_slist_append(NULL, place);
    if (!curl || !places || !set_options(curl, url, places, message))
        return error_set_no_memory(error);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return error_set(error, ERROR_UNAVAILABLE, "no handshake with %s: %s", address,
                         *message ? message : curl_easy_strerror(code));
    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK)
        info = NULL;
    return collect(info, error, chain) || error_prefix(error, "what %s serves", address);
}
