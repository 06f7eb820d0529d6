#include "runtime/secret/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct secrets {
    atomic_uint pins;
    uint32_t n;
    struct value {
        char *at; /* owned; NUL-terminated */
        size_t len;
    } * value; /* parallel to table.secret; owned */
    char own[SECRET_OWN_BYTES];
};

static void value_done(struct value *v)
{
    if (v->at)
        explicit_bzero(v->at, v->len);
    free(v->at);
    *v = (struct value){0};
}

/* "FILE:3: secret key: " */
static void begin_line(struct text *to, const struct table_secret *of)
{
    text_addf(to, SLICE_FMT ":%u: secret " SLICE_FMT ": ", SLICE_ARG(of->place.file),
              of->place.line, SLICE_ARG(of->name));
}

/* "FILE:3: secret key: the file f " */
static bool complain(struct text *to, const struct table_secret *of, const char *what)
{
    begin_line(to, of);
    text_addf(to, "the %s " SLICE_FMT " %s\n", of->from_env ? "variable" : "file",
              SLICE_ARG(of->source), what);
    return false;
}

static bool read_variable(const struct table_secret *of, struct value *out, struct text *why)
{
    char name[TABLE_SECRET_SOURCE_MAX + 1] = "";
    ASSERT(of->source.len < sizeof(name));
    memcpy(name, of->source.at, of->source.len);
    const char *value = getenv(name);
    if (!value)
        return complain(why, of, "is not set");
    out->len = strlen(value);
    if (out->len == 0)
        return complain(why, of, "is empty");
    if (out->len > SECRET_BYTES_MAX)
        return complain(why, of, "is longer than a secret may be (1 MiB)");
    out->at = must_calloc(out->len + 1, 1);
    memcpy(out->at, value, out->len);
    return true;
}

/* All of it into out->at, which has room for one byte more. 0, or a negative errno: -EAGAIN when it
 * has changed meanwhile. */
static int read_all(int fd, size_t bytes, struct value *out)
{
    ssize_t n = 1;
    while (n > 0 && out->len <= bytes) {
        n = read(fd, out->at + out->len, bytes + 1 - out->len);
        if (n < 0)
            return -errno;
        out->len += (size_t)n;
    }
    return out->len == bytes ? 0 : -EAGAIN;
}

/* An editor's line end is none of the secret. */
static void drop_line_end(struct value *v)
{
    if (v->len > 0 && v->at[v->len - 1] == '\n')
        v->len--;
    if (v->len > 0 && v->at[v->len - 1] == '\r')
        v->len--;
    v->at[v->len] = '\0';
}

static bool read_opened(const struct table_secret *of, int fd, struct value *out,
                        struct text *warnings, struct text *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return complain(why, of, "is no regular file");
    if (st.st_mode & (S_IROTH | S_IWOTH))
        (void)complain(warnings, of, "can be read or written by everybody; chmod 600");
    if (st.st_size > SECRET_BYTES_MAX)
        return complain(why, of, "is longer than a secret may be (1 MiB)");
    out->at = must_calloc((size_t)st.st_size + 2, 1);
    const int rc = read_all(fd, (size_t)st.st_size, out);
    if (rc == -EAGAIN)
        return complain(why, of, "has changed while it was read");
    if (rc != 0)
        return complain(why, of, strerror(-rc));
    drop_line_end(out);
    return out->len > 0 || complain(why, of, "is empty");
}

static bool read_file(const struct table_secret *of, struct value *out, struct text *warnings,
                      struct text *why)
{
    char *path = must_calloc(of->source.len + 1, 1);
    memcpy(path, of->source.at, of->source.len);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    free(path);
    if (fd == -1) {
        begin_line(why, of);
        text_addf(why, SLICE_FMT ": %s\n", SLICE_ARG(of->source), strerror(errno));
        return false;
    }
    const bool ok = read_opened(of, fd, out, warnings, why);
    close(fd);
    return ok;
}

static void make_own(struct secrets *s, const struct secrets *before)
{
    if (before)
        memcpy(s->own, before->own, sizeof(s->own));
    else
        ASSERT(getrandom(s->own, sizeof(s->own), 0) == sizeof(s->own)); /* 256 are given at once */
}

struct secrets *secrets_new(const struct table *t, const struct secrets *before,
                            struct text *warnings, struct text *why)
{
    struct secrets *s = MUST_NEW(struct secrets);
    atomic_init(&s->pins, 1);
    s->n = t->n_secrets;
    s->value = MUST_ARRAY(struct value, s->n);
    make_own(s, before);
    bool ok = true;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct table_secret *of = &t->secret[i];
        ok &= of->from_env ? read_variable(of, &s->value[i], why)
                           : read_file(of, &s->value[i], warnings, why);
    }
    if (ok)
        return s;
    secrets_unpin(s);
    return NULL;
}

struct secrets *secrets_pin(struct secrets *s)
{
    atomic_fetch_add_explicit(&s->pins, 1, memory_order_relaxed);
    return s;
}

void secrets_unpin(struct secrets *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->pins, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        value_done(&s->value[i]);
    free(s->value);
    explicit_bzero(s->own, sizeof(s->own));
    free(s);
}

struct slice secret_value(const struct secrets *s, uint32_t index)
{
    ASSERT(index < s->n);
    return (struct slice){s->value[index].at, s->value[index].len};
}

struct slice secret_own(const struct secrets *s)
{
    return (struct slice){s->own, sizeof(s->own)};
}

bool secrets_take_own(struct secrets *s, struct slice own)
{
    if (own.len != sizeof(s->own))
        return false;
    memcpy(s->own, own.at, sizeof(s->own));
    return true;
}
