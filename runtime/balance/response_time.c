#include "runtime/balance/response_time.h"

#include <math.h>

void response_time_note(struct response_time *t, int64_t took_ns, int64_t now_ns)
{
    const double took = took_ns < 1 ? 1 : (double)took_ns;
    double mean = took;
    if (t->at_ns != 0 && took < t->ns) {
        const double kept = exp(-(double)(now_ns - t->at_ns) / (double)RESPONSE_TIME_DECAY_NS);
        mean = t->ns * kept + took * (1 - kept);
    }
    *t = (struct response_time){.log = log(mean) + (double)now_ns / (double)RESPONSE_TIME_DECAY_NS,
                                .ns = mean,
                                .at_ns = now_ns};
}
