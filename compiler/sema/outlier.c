/* When servers that answer badly are left out. */
#include "compiler/sema/settings_read.h"
#include "runtime/base/clock.h"

static uint64_t number_of(const struct program_setting *given, enum setting_id id,
                          uint64_t otherwise)
{
    const struct program_setting *a = setting_own(given, id);
    return a ? a->value[0].number : otherwise;
}

void outlier_read(const struct program_setting *given, struct table_outlier *out)
{
    *out = (struct table_outlier){
        .given = true,
        .consecutive_errors = (uint32_t)number_of(given, SETTING_OUTLIER_CONSECUTIVE_ERRORS, 5),
        .error_percent = (uint32_t)number_of(given, SETTING_OUTLIER_ERROR_RATE, 0),
        .latency_percent = (uint32_t)number_of(given, SETTING_OUTLIER_LATENCY, 0),
        .window_ns = (int64_t)number_of(given, SETTING_OUTLIER_WINDOW, 10 * NS_PER_S),
        .min_requests = (uint32_t)number_of(given, SETTING_OUTLIER_MIN_REQUESTS, 20),
        .eject_ns = (int64_t)number_of(given, SETTING_OUTLIER_EJECT, 30 * NS_PER_S),
        .max_ejected_percent = (uint32_t)number_of(given, SETTING_OUTLIER_MAX_EJECTED, 20)};
}
