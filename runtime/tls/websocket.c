#include "runtime/tls/websocket.h"

#include <openssl/base64.h>
#include <openssl/sha.h>
#include <string.h>

#include "runtime/base/check.h"

void websocket_accept(struct slice key, char accept[WEBSOCKET_ACCEPT_BYTES])
{
    static const struct slice guid = SLICE_INIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    uint8_t digest[SHA_DIGEST_LENGTH];
    SHA_CTX all;
    SHA1_Init(&all);
    SHA1_Update(&all, key.at, key.len);
    SHA1_Update(&all, guid.at, guid.len);
    SHA1_Final(digest, &all);

    uint8_t text[WEBSOCKET_ACCEPT_BYTES + 1]; /* it ends with a NUL */
    const size_t len = EVP_EncodeBlock(text, digest, sizeof(digest));
    ASSERT(len == WEBSOCKET_ACCEPT_BYTES);
    memcpy(accept, text, len);
}
