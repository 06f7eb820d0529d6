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
static struct responses answered(const struct statuses_sum *s)
{
    const uint64_t *n = s->of_class;
    return (struct responses){.all = (int64_t)(n[2] + n[3] + n[4] + n[5]), .failed = (int64_t)n[5]};
}

struct judged_side judged_since(const struct judged_side *now, const struct judged_side *before)
{
    return (struct judged_side){.statuses = statuses_since(&now->statuses, &before->statuses),
                                .took = histogram_since(&now->took, &before->took)};
}

static const char *is_worse(const struct judged *now, const struct judged *before, uint32_t slower)
{
    const struct judged_side is = judged_since(&now->new, &before->new),
                             other = judged_since(&now->old, &before->old);
    if (responses_fail(answered(&is.statuses), answered(&other.statuses)))
        return "too many of its responses were 5xx";
    return responses_are_slow(&is.took, &other.took, slower) ? "its responses took too long" : NULL;
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
