/* What a key is; only the two files of it include it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct evp_pkey_st;

enum signature_kind { KIND_HMAC, KIND_RSA, KIND_EC, KIND_ED25519 };

struct signature_key {
    enum signature_kind kind;
    struct evp_pkey_st *public; /* but of HMAC */
    uint8_t *secret;            /* of HMAC; owned */
    size_t secret_len;
};
