#include "runtime/control/judge.h"

#include "runtime/control/control.h"

bool responses_fail(struct responses is, struct responses was)
{
    const double share_before = was.all > 0 ? (double)was.failed / (double)was.all : 0;
    return is.all >= CONTROL_TRIAL_RESPONSES &&
           (double)is.failed / (double)is.all > share_before + CONTROL_TRIAL_PERCENT / 100.0;
}

bool responses_are_slow(const struct histogram_sum *is, const struct histogram_sum *was,
                        uint32_t factor)
{
    return factor > 0 && histogram_count(is) >= CONTROL_TRIAL_RESPONSES &&
           histogram_count(was) >= CONTROL_TRIAL_RESPONSES &&
           histogram_quantile(is, 0.99) > histogram_quantile(was, 0.99) * factor;
}

/* That were answered. */
static struct responses since(const uint64_t now[6], const uint64_t before[6])
{
    struct responses r = {.failed = (int64_t)(now[5] - before[5])};
    for (uint32_t class = 2; class < 6; class ++)
        r.all += (int64_t)(now[class] - before[class]);
    return r;
}

static const char *is_worse(const struct judged *now, const struct judged *before, uint32_t slower)
{
    if (responses_fail(since(now->new.status, before->new.status),
                       since(now->old.status, before->old.status)))
        return "too many of its responses were 5xx";
    const struct histogram_sum is = histogram_since(&now->new.took, &before->new.took),
                               was = histogram_since(&now->old.took, &before->old.took);
    return responses_are_slow(&is, &was, slower) ? "its responses took too long" : NULL;
}

void judge_begin(struct judge *j, const struct judged *now, int64_t now_ns)
{
    *j = (struct judge){.began = *now, .sampled_ns = now_ns};
}

const char *judge_look(struct judge *j, const struct judged *now, uint32_t slower, int64_t now_ns)
{
    if (now_ns - j->sampled_ns >= JUDGE_SAMPLE_NS) {
        j->sample[j->n_samples++ % JUDGE_SAMPLES] = *now;
        j->sampled_ns = now_ns;
    }
    const char *why = is_worse(now, &j->began, slower);
    if (!why && j->n_samples >= JUDGE_SAMPLES) /* else the minute begins before the beginning */
        why = is_worse(now, &j->sample[j->n_samples % JUDGE_SAMPLES], slower);
    return why;
}
