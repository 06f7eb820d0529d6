/* Certificates that expire: said once of each as its end comes near, as an event. */
#include "runtime/tls/expiry.h"

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"
#include "runtime/tls/certificate.h"

/* The calendar may be set anew meanwhile. */
#define LOOK_S_MAX INT64_C(3600)

/* Of one look; the log is no list of thousands. */
#define TOLD_MAX 10u

static struct slice name_of(const struct certificate *k)
{
    return k->n_names > 0 ? k->name[0] : SLICE("of no name");
}

static void tell(const struct certificate *k, enum expiry is, int64_t now_s)
{
    const struct slice name = name_of(k);
    char date[CERTIFICATE_DATE_BYTES], left[DURATION_TEXT_MAX];
    certificate_date(k->not_after_s, date);
    if (is == EXPIRY_OVER) {
        event_log(EVENT_CERTIFICATE, LOG_ERROR, ABOUT(name),
                  "certificate " SLICE_FMT " expired at %s: %s", SLICE_ARG(name), date,
                  k->chain_path);
        return;
    }
    duration_format((k->not_after_s - now_s) * NS_PER_S, left);
    event_log(EVENT_CERTIFICATE, LOG_WARNING, ABOUT(name),
              "certificate " SLICE_FMT " expires in %s, at %s: %s", SLICE_ARG(name), left, date,
              k->chain_path);
}

static enum expiry expiry_of(const struct certificate *k, int64_t now_s)
{
    return expiry_at(k->not_before_s, k->not_after_s, now_s);
}

/* Those that have come so far, once of each: one that a reload keeps is the same object. Returns
 * how many; `told` have been already. */
static uint32_t tell_all(const struct tls_loaded *tls, enum expiry is, int64_t now_s, uint32_t told)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < tls->n_certificates; i++) {
        struct certificate *k = tls->certificate[i];
        if (expiry_of(k, now_s) != is || k->told >= is)
            continue;
        k->told = is;
        if (told + n++ < TOLD_MAX)
            tell(k, is, now_s);
    }
    return n;
}

static int64_t next_look_s(const struct tls_loaded *tls, int64_t now_s)
{
    int64_t next_s = now_s + LOOK_S_MAX;
    for (uint32_t i = 0; i < tls->n_certificates; i++) {
        const struct certificate *k = tls->certificate[i];
        const int64_t s = expiry_next_s(k->not_before_s, k->not_after_s, now_s);
        next_s = s < next_s ? s : next_s;
    }
    return next_s;
}

/* The worst first. */
void control_expiry_look(struct control *c)
{
    const struct tls_loaded *tls = c->newest->tls;
    const int64_t now_s = clock_wall_ns() / NS_PER_S;
    const uint32_t over = tell_all(tls, EXPIRY_OVER, now_s, 0);
    uint32_t n = over + tell_all(tls, EXPIRY_NEAR, now_s, over);
    n += tell_all(tls, EXPIRY_SOON, now_s, n);
    if (n > TOLD_MAX)
        event_log(EVENT_CERTIFICATE, over > TOLD_MAX ? LOG_ERROR : LOG_WARNING, ABOUT_PROCESS,
                  "%u more certificates expire soon, or have expired: show certificates",
                  n - TOLD_MAX);
    timer_set(&c->expiry, (next_look_s(tls, now_s) - now_s) * NS_PER_S);
}

static void look(void *of)
{
    control_expiry_look(of);
}

void control_expiry_init(struct control *c)
{
    timer_init(&c->expiry, c->loop, look, c);
}
