/* Against a nameserver of our own, in the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/net/resolver.h"
#include "runtime/net/sockaddr.h"

/* What there is. `rcode` 0 with nothing in `data` is a name without such records; one that is not
 * here does not exist. `silent`: no answer at all. */
static const struct {
    const char *name;
    ns_type type;
    int rcode;
    bool silent;
    uint32_t ttl_s;
    const char *data[3];
} zone[] = {
    {"two.test", ns_t_a, 0, false, 30, {"192.0.2.1", "192.0.2.2"}},
    {"two.test", ns_t_aaaa, 0, false, 20, {"2001:db8::1"}},
    {"four.test", ns_t_a, 0, false, 7, {"192.0.2.4"}},
    {"four.test", ns_t_aaaa, 0, false, 0, {NULL}},
    {"half.test", ns_t_a, 0, false, 30, {"192.0.2.5"}},
    {"half.test", ns_t_aaaa, ns_r_servfail, false, 0, {NULL}},
    {"mute.test", ns_t_a, 0, true, 0, {NULL}},
    {"mute.test", ns_t_aaaa, 0, true, 0, {NULL}},
    {"_http._tcp.test", ns_t_srv, 0, false, 10, {"1 5 80 two.test", "2 6 81 four.test"}},
    {"_none._tcp.test", ns_t_srv, 0, false, 10, {"0 0 0 "}},
    {"_lost._tcp.test", ns_t_srv, 0, false, 10, {"1 1 80 four.test", "1 1 80 half.test"}},
};

static struct loop *loop;
static struct watch server;
static struct endpoint at;
static struct resolver *resolver;
static unsigned asked;

struct message {
    unsigned char byte[1024];
    size_t len;
};

static void put16(struct message *m, unsigned value)
{
    m->byte[m->len++] = (unsigned char)(value >> 8);
    m->byte[m->len++] = (unsigned char)value;
}

static void put_name(struct message *m, const char *name)
{
    for (size_t len; *name; name += len + (name[len] == '.')) {
        len = strcspn(name, ".");
        m->byte[m->len++] = (unsigned char)len;
        memcpy(m->byte + m->len, name, len);
        m->len += len;
    }
    m->byte[m->len++] = 0;
}

static void put_data(struct message *m, ns_type type, const char *data)
{
    const size_t len_at = m->len;
    m->len += 2;
    unsigned priority, weight, port;
    char target[64] = "";
    if (type == ns_t_srv) {
        assert_true(sscanf(data, "%u %u %u %63s", &priority, &weight, &port, target) >= 3);
        put16(m, priority);
        put16(m, weight);
        put16(m, port);
        put_name(m, target);
    } else {
        assert_int_equal(inet_pton(type == ns_t_a ? AF_INET : AF_INET6, data, m->byte + m->len), 1);
        m->len += type == ns_t_a ? 4 : 16;
    }
    const size_t len = m->len - len_at - 2;
    m->byte[len_at] = (unsigned char)(len >> 8);
    m->byte[len_at + 1] = (unsigned char)len;
}

static size_t find(const char *name, ns_type type)
{
    size_t i = 0;
    while (i < COUNT_OF(zone) && (strcmp(zone[i].name, name) != 0 || zone[i].type != type))
        i++;
    return i;
}

/* The question's head and question, then what the zone has. False: say nothing. */
static bool reply(const unsigned char *query, size_t len, struct message *m)
{
    ns_msg handle;
    ns_rr rr;
    assert_int_equal(ns_initparse(query, (int)len, &handle), 0);
    assert_int_equal(ns_parserr(&handle, ns_s_qd, 0, &rr), 0);
    const size_t i = find(ns_rr_name(rr), ns_rr_type(rr));
    const bool known = i < COUNT_OF(zone);
    if (known && zone[i].silent)
        return false;
    unsigned n = 0;
    while (known && n < COUNT_OF(zone[i].data) && zone[i].data[n])
        n++;
    put16(m, ns_msg_id(handle));
    put16(m, 0x8180u | (unsigned)(known ? zone[i].rcode : ns_r_nxdomain));
    put16(m, 1);
    put16(m, n);
    put16(m, 0);
    put16(m, 0);
    put_name(m, ns_rr_name(rr));
    put16(m, ns_rr_type(rr));
    put16(m, ns_c_in);
    for (unsigned k = 0; k < n; k++) {
        put16(m, 0xc00c); /* the question's name */
        put16(m, zone[i].type);
        put16(m, ns_c_in);
        put16(m, 0);
        put16(m, zone[i].ttl_s);
        put_data(m, zone[i].type, zone[i].data[k]);
    }
    return true;
}

static void serve(void *of, unsigned ready)
{
    (void)of;
    (void)ready;
    unsigned char query[1024];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    const ssize_t len =
        recvfrom(server.fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);
    if (len <= 0)
        return;
    asked++;
    struct message m = {.len = 0};
    if (reply(query, (size_t)len, &m))
        assert_int_equal(sendto(server.fd, m.byte, m.len, 0, (struct sockaddr *)&from, from_len),
                         m.len);
}

static int set_up(void **state)
{
    (void)state;
    struct endpoint any;
    if (!endpoint_parse(SLICE("127.0.0.1:1"), &any))
        return -1;
    any.port = 0;
    struct sockaddr_of addr = sockaddr_from(&any);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&addr.addr, addr.len) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr.addr, &addr.len) != 0)
        return -1;
    at = sockaddr_endpoint((struct sockaddr *)&addr.addr);
    loop = loop_new();
    watch_init(&server, loop, fd, serve, NULL);
    watch_want(&server, WATCH_READ);
    const struct resolver_options options = {&at, 1, 50 * NS_PER_MS, 2};
    struct text why = {0};
    resolver = resolver_new(loop, &options, &why);
    text_done(&why);
    asked = 0;
    return resolver ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    resolver_free(resolver);
    watch_done(&server);
    close(server.fd);
    loop_free(loop);
    return 0;
}

/* "192.0.2.1:80/1/5 ... ttl 30 whole", in the order of the addresses. */
static char said[512];

static int by_address(const void *a, const void *b)
{
    const struct resolver_record *left = a, *right = b;
    return address_compare(&left->address, &right->address);
}

static void note(void *of, const struct resolver_answer *a)
{
    struct resolver_record sorted[16];
    assert_true(a->n <= COUNT_OF(sorted));
    for (uint32_t i = 0; i < a->n; i++)
        sorted[i] = a->record[i];
    qsort(sorted, a->n, sizeof(*sorted), by_address);
    size_t len = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct resolver_record *r = &sorted[i];
        char text[ADDRESS_TEXT_MAX];
        address_format(&r->address, text);
        len += (size_t)snprintf(said + len, sizeof(said) - len, "%s", text);
        if (r->port)
            len += (size_t)snprintf(said + len, sizeof(said) - len, ":%u/%u/%u", r->port,
                                    r->priority, r->weight);
        said[len++] = ' ';
    }
    snprintf(said + len, sizeof(said) - len, "ttl %lld%s%s%s", (long long)a->ttl_s,
             a->whole ? " whole" : "", a->reason ? ", " : "", a->reason ? a->reason : "");
    loop_stop(of);
}

static const struct {
    const char *says, *name;
    enum resolver_kind kind;
    const char *answer;
} rows[] = {
    {"both families, and the shortest lifetime", "two.test", RESOLVER_ADDRESS,
     "192.0.2.1 192.0.2.2 2001:db8::1 ttl 20 whole"},
    {"one family is all there is", "four.test", RESOLVER_ADDRESS, "192.0.2.4 ttl 7 whole"},
    {"one family could not be asked", "half.test", RESOLVER_ADDRESS,
     "192.0.2.5 ttl 30, no nameserver could tell"},
    {"no such name", "none.test", RESOLVER_ADDRESS, "ttl 0 whole, no such name"},
    {"a nameserver that does not answer", "mute.test", RESOLVER_ADDRESS,
     "ttl 0, no answer in time"},
    {"services with all their addresses", "_http._tcp.test", RESOLVER_SRV,
     "192.0.2.1:80/1/5 192.0.2.2:80/1/5 192.0.2.4:81/2/6 2001:db8::1:80/1/5 ttl 7 whole"},
    {"a service that there decidedly is not", "_none._tcp.test", RESOLVER_SRV,
     "ttl 0 whole, no such name"},
    {"a service's target that could not be asked", "_lost._tcp.test", RESOLVER_SRV,
     "192.0.2.4:80/1/1 192.0.2.5:80/1/1 ttl 7, no nameserver could tell"},
    {"no such service", "_gone._tcp.test", RESOLVER_SRV, "ttl 0 whole, no such name"},
};

static void names_are_resolved(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        said[0] = '\0';
        resolver_ask(resolver, rows[i].kind, slice_of(rows[i].name), note, loop);
        assert_string_equal(said, ""); /* never at once */
        loop_run(loop);
        if (strcmp(said, rows[i].answer) != 0)
            fail_msg("%s: %s", rows[i].says, said);
    }
}

static void an_address_is_its_own_answer(void **state)
{
    (void)state;
    resolver_ask(resolver, RESOLVER_ADDRESS, SLICE("192.0.2.9"), note, loop);
    said[0] = '\0';
    loop_run(loop);
    assert_memory_equal(said, "192.0.2.9 ttl", 13);
}

static void stop(void *of)
{
    loop_stop(of);
}

static void what_was_forgotten_is_not_answered(void **state)
{
    (void)state;
    said[0] = '\0';
    resolver_forget(resolver_ask(resolver, RESOLVER_ADDRESS, SLICE("two.test"), note, loop));
    struct timer t;
    timer_init(&t, loop, stop, loop);
    timer_set(&t, 50 * NS_PER_MS);
    loop_run(loop);
    timer_stop(&t);
    assert_string_equal(said, "");
    assert_int_equal(asked, 2);
}

static void what_is_under_way_ends_with_the_resolver(void **state)
{
    (void)state;
    resolver_ask(resolver, RESOLVER_ADDRESS, SLICE("mute.test"), note, loop);
    resolver_ask(resolver, RESOLVER_SRV, SLICE("_http._tcp.test"), note, loop);
    resolver_ask(resolver, RESOLVER_ADDRESS, SLICE("192.0.2.9"), note, loop);
    said[0] = '\0';
    resolver_free(resolver);
    resolver = NULL;
    assert_string_equal(said, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_resolved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_address_is_its_own_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_forgotten_is_not_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_under_way_ends_with_the_resolver, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
