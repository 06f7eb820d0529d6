#include "runtime/daemon/reach.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <string.h>

#include "runtime/base/nearest.h"
#include "runtime/base/number.h"
#include "runtime/base/socket_path.h"
#include "runtime/control/process.h"
#include "runtime/log/log.h"

#define MODE_DEFAULT 0600u
#define MODE_MAX     0777u
#define MODE_DIGITS  4u

/* Where nothing else is said. */
static const struct stats_at OURS = {
    .speech = STATS_LBC, .level = STATS_ADMIN, .mode = MODE_DEFAULT, .group = STATS_NO_GROUP};

/* --- what is asked for ----------------------------------------------------------------------- */

static const char *wrong(struct reach *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static const char *wrong(struct reach *r, const char *fmt, ...)
{
    va_list values;
    va_start(values, fmt);
    (void)vsnprintf(r->why, sizeof(r->why), fmt, values);
    va_end(values);
    return r->why;
}

static const char *take_level(struct reach *r, const char *option, struct slice value,
                              struct stats_at *to)
{
    return stats_level_parse(value, &to->level)
               ? NULL
               : wrong(r, "%s: no level is called `%.*s`: it is observer, operator or admin",
                       option, (int)(value.len < 40 ? value.len : 40), value.at);
}

/* Octal, as chmod has it. */
static const char *take_mode(struct reach *r, const char *option, struct slice value,
                             struct stats_at *to)
{
    uint32_t mode = 0;
    bool good = value.len >= 3 && value.len <= MODE_DIGITS;
    for (size_t i = 0; good && i < value.len; i++) {
        good = value.at[i] >= '0' && value.at[i] <= '7';
        mode = mode * 8 + (uint32_t)(value.at[i] - '0');
    }
    if (!good || mode > MODE_MAX || (mode & MODE_DEFAULT) != MODE_DEFAULT)
        return wrong(r, "%s: a mode is octal, from 0600 to 0777, not `%.*s`", option,
                     (int)(value.len < 40 ? value.len : 40), value.at);
    to->mode = mode;
    return NULL;
}

static const char *take_group(struct reach *r, const char *option, struct slice value,
                              struct stats_at *to)
{
    char name[64];
    uint64_t gid;
    if (number_parse(value, UINT32_MAX - 1, &gid)) {
        to->group = (gid_t)gid;
        return NULL;
    }
    if (value.len > 0 && value.len < sizeof(name)) {
        memcpy(name, value.at, value.len);
        name[value.len] = '\0';
        const struct group *g = getgrnam(name);
        if (g) {
            to->group = g->gr_gid;
            return NULL;
        }
    }
    return wrong(r, "%s: there is no group `%.*s` here", option,
                 (int)(value.len < 40 ? value.len : 40), value.at);
}

static const struct right {
    struct slice name;
    const char *(*take)(struct reach *r, const char *option, struct slice value,
                        struct stats_at *to);
} rights[] = {
    {SLICE_INIT("level"), take_level},
    {SLICE_INIT("mode"), take_mode},
    {SLICE_INIT("group"), take_group},
};

/* "level=observer"; `seen` has a bit for each that was there before. */
static const char *take_right(struct reach *r, const char *option, struct slice word,
                              unsigned *seen, struct stats_at *to)
{
    struct slice value = word, name;
    struct nearest near = {.wanted = word};
    const bool given = slice_split(&value, '=', &name) && name.len < word.len;
    for (size_t i = 0; i < COUNT_OF(rights); i++) {
        if (!given || !slice_eq(name, rights[i].name)) {
            near.wanted = name;
            nearest_offer(&near, rights[i].name);
            continue;
        }
        if (*seen >> i & 1)
            return wrong(r, "%s: " SLICE_FMT " is given twice", option, SLICE_ARG(name));
        *seen |= 1u << i;
        return rights[i].take(r, option, value, to);
    }
    const int shown = (int)(word.len < 40 ? word.len : 40);
    return near.best.len > 0
               ? wrong(r, "%s: what is `%.*s`? Did you mean " SLICE_FMT "=...?", option, shown,
                       word.at, SLICE_ARG(near.best))
               : wrong(r,
                       "%s: what is `%.*s`? Behind the path are level=, mode= and group=, each "
                       "after a comma",
                       option, shown, word.at);
}

static const char *take_rights(struct reach *r, const char *option, struct slice rest,
                               struct stats_at *to)
{
    const char *problem = NULL;
    struct slice word;
    unsigned seen = 0;
    while (!problem && slice_split(&rest, ',', &word))
        problem = take_right(r, option, word, &seen, to);
    return problem;
}

static const char *add_at(struct reach *r, const char *option, struct slice path,
                          const struct stats_at *is)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (slice_eq(slice_of(r->at[i].path), path))
            return wrong(r, "%s: %.80s is there twice", option, r->at[i].path);
    if (r->n == REACH_MAX)
        return wrong(r, "%s: there are at most %u stats sockets", option, REACH_MAX);
    struct reach_one *one = &r->at[r->n++];
    one->path = must_calloc(path.len + 1, 1);
    memcpy(one->path, path.at, path.len);
    one->is = *is;
    one->is.path = one->path;
    return NULL;
}

const char *reach_add(struct reach *r, const char *option, enum stats_speech speech,
                      const char *value)
{
    struct stats_at is = OURS;
    struct slice rest = slice_of(value), path = SLICE("");
    (void)slice_split(&rest, ',', &path);
    const bool off = speech == STATS_LBC && strcmp(value, "off") == 0;
    const bool others = speech == STATS_LBC && r->told;
    if (others && (off || r->off))
        return wrong(r, "%s: it is off, or it has a path", option);
    if (!off && path.len == 0)
        return wrong(r, "%s: which path?", option);
    if (slice_ends(slice_of(value), SLICE(",")))
        return wrong(r, "%s: what is behind the last comma?", option);
    is.speech = speech;
    r->told |= speech == STATS_LBC;
    r->off |= off;
    if (off)
        return NULL;
    const char *problem = take_rights(r, option, rest, &is);
    return problem ? problem : add_at(r, option, path, &is);
}

const char *reach_complete(struct reach *r)
{
    return r->told ? NULL : add_at(r, "--socket", slice_of(default_socket_path()), &OURS);
}

/* --- what is open ---------------------------------------------------------------------------- */

/* As the process before us has it; or anew, where it has none, or its path has been removed. */
static int open_or_adopt(struct reach *r, struct reach_one *one, struct handed *before)
{
    for (uint32_t i = 0; i < before->stats.n; i++) {
        int *fd = &before->stats.at[i];
        if (*fd == -1 || !stats_socket_is_at(*fd, one->path))
            continue;
        const int ours = *fd;
        *fd = -1;
        return stats_socket_adopt(ours, &r->all, &one->is, &one->socket);
    }
    return stats_socket_open(&r->all, &one->is, &one->socket);
}

/* That whoever may write to the machine may do everything is seldom meant. */
static void warn_of_rights(const struct reach_one *one)
{
    if (one->is.level > STATS_OBSERVER && (one->is.mode & 0002))
        log_line(LOG_WARNING,
                 "everybody on this machine has the level %s at %s, for its mode is %04o",
                 stats_level_name(one->is.level), one->path, one->is.mode);
}

static const char *group_hint(const struct reach_one *one, int rc)
{
    return rc == -EPERM && one->is.group != STATS_NO_GROUP
               ? "; only root, and its members, may give a file to a group"
               : "";
}

bool reach_open(struct reach *r, struct control *c, struct handed *before, struct text *why)
{
    r->all.loop = control_loop(c);
    r->all.control = c;
    list_init(&r->all.socket);
    for (uint32_t i = 0; i < r->n; i++) {
        struct reach_one *one = &r->at[i];
        const int rc = open_or_adopt(r, one, before);
        if (rc != 0) {
            text_addf(why, "cannot listen on the stats socket %s: %s%s", one->path, strerror(-rc),
                      group_hint(one, rc));
            return false;
        }
        warn_of_rights(one);
    }
    return true;
}

void reach_hand_on(const struct reach *r, struct control *c)
{
    for (uint32_t i = 0; i < r->n; i++)
        control_hands_on_stats(c, stats_socket_fd(r->at[i].socket));
}

void reach_take_over(struct reach *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const int rc = stats_socket_take_over(r->at[i].socket);
        if (rc != 0)
            log_line(LOG_WARNING,
                     "only our user may connect to %s, for its rights can't be set: %s%s",
                     r->at[i].path, strerror(-rc), group_hint(&r->at[i], rc));
    }
}

void reach_let_go(struct reach *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        stats_socket_let_go(r->at[i].socket);
}

bool reach_has_clients(const struct reach *r)
{
    bool any = false;
    for (uint32_t i = 0; i < r->n; i++)
        any |= stats_socket_has_clients(r->at[i].socket);
    return any;
}

void reach_done(struct reach *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        stats_socket_close(r->at[i].socket);
        free(r->at[i].path);
        r->at[i] = (struct reach_one){0};
    }
    r->n = 0;
}
