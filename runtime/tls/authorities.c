#include "runtime/tls/authorities.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "runtime/tls/certificate.h"

/* The same one twice is no mistake. */
static void trust(SSL_CTX *into, X509 *x, bool name_it)
{
    X509_STORE_add_cert(SSL_CTX_get_cert_store(into), x);
    if (name_it)
        SSL_CTX_add_client_CA(into, x);
}

/* The number of certificates that the file has. */
static uint32_t take_all(SSL_CTX *into, const struct text *file, bool name_them)
{
    BIO *bio = BIO_new_mem_buf(file->at, (int)file->len);
    uint32_t n = 0;
    for (X509 *x; bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; n++) {
        trust(into, x, name_them);
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    return n;
}

static bool load_one(SSL_CTX *into, const char *path, bool name_them, SHA256_CTX *all,
                     struct text *why)
{
    struct text file = {0};
    struct file_stamp stamp;
    const int rc = certificate_file(path, &file, &stamp);
    const bool any = rc == 0 && take_all(into, &file, name_them) > 0;
    if (rc != 0)
        text_addf(why, "%s: %s", path, strerror(-rc));
    else if (!any)
        text_addf(why, "%s: it has no certificate in PEM form", path);
    else
        SHA256_Update(all, file.at, file.len);
    text_done(&file);
    return any;
}

bool authorities_load(SSL_CTX *into, const struct slice *path, uint32_t n, bool name_them,
                      uint8_t digest[32], struct text *why)
{
    SHA256_CTX all;
    SHA256_Init(&all);
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++)
        ok = load_one(into, path[i].at, name_them, &all, why);
    SHA256_Final(digest, &all);
    return ok;
}
