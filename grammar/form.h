/* form - in which of the three forms a configuration is written. */
#pragma once

#include "runtime/base/slice.h"

enum convert_form { CONVERT_LBCONF, CONVERT_YAML, CONVERT_JSON };

/* By the end of a file's name: .yaml, .yml and .json; anything else is .lbconf. */
static inline enum convert_form convert_form_of(struct slice name)
{
    if (slice_ends(name, SLICE(".yaml")) || slice_ends(name, SLICE(".yml")))
        return CONVERT_YAML;
    return slice_ends(name, SLICE(".json")) ? CONVERT_JSON : CONVERT_LBCONF;
}
