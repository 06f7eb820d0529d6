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

/* Once of each: one that a reload keeps is the same object. */
static bool is_news(struct certificate *k, enum expiry is)
{
    const bool news = is > k->told;
    k->told = is;
    return news;
}

void control_expiry_look(struct control *c)
{
    const struct tls_loaded *tls = c->newest->tls;
    const int64_t now_s = clock_wall_ns() / NS_PER_S;
    int64_t next_s = now_s + LOOK_S_MAX;
    uint32_t n = 0;
    for (uint32_t i = 0; i < tls->n_certificates; i++) {
        struct certificate *k = tls->certificate[i];
        const enum expiry is = expiry_at(k->not_before_s, k->not_after_s, now_s);
        const int64_t s = expiry_next_s(k->not_before_s, k->not_after_s, now_s);
        if (s < next_s)
            next_s = s;
        if (is_news(k, is) && ++n <= TOLD_MAX)
            tell(k, is, now_s);
    }
    if (n > TOLD_MAX)
        event_log(EVENT_CERTIFICATE, LOG_WARNING, ABOUT_PROCESS,
                  "%u more certificates expire soon, or have expired: show certificates",
                  n - TOLD_MAX);
    timer_set(&c->expiry, (next_s - now_s) * NS_PER_S);
}

static void look(void *of)
{
    control_expiry_look(of);
}

void control_expiry_init(struct control *c)
{
    timer_init(&c->expiry, c->loop, look, c);
}
