#include "runtime/tls/library.h"

#include <openssl/base.h>
#include <openssl/crypto.h>

#ifndef OPENSSL_IS_BORINGSSL
#error "lbc is built with BoringSSL; these are the headers of another library"
#endif

#define TEXT(x)     TEXT_OF(x)
#define TEXT_OF(x)  #x
#define API_VERSION "BoringSSL, API " TEXT(BORINGSSL_API_VERSION)

const char *tls_library_version(void)
{
    return CRYPTO_has_asm() ? API_VERSION ", with assembly" : API_VERSION ", without assembly";
}
