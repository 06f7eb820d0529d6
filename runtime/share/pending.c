#include "runtime/share/pending.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

#define SLOTS ((size_t)2 * PENDING_KEYS_MAX)

_Static_assert(PENDING_KEYS_MAX < UINT16_MAX, "a slot holds any index");

void pending_init(struct pending *p)
{
    *p = (struct pending){.key = MUST_ARRAY(struct pending_key, PENDING_KEYS_MAX),
                          .slot = MUST_ARRAY(uint16_t, SLOTS)};
}

void pending_done(struct pending *p)
{
    free(p->key);
    free(p->slot);
    *p = (struct pending){0};
}

void pending_clear(struct pending *p)
{
    if (p->n > 0)
        memset(p->slot, 0, SLOTS * sizeof(*p->slot));
    p->n = 0;
}

/* That of the key, or the one it would get. */
static uint16_t *slot_of(const struct pending *p, uint64_t hash)
{
    uint64_t at = hash % SLOTS;
    while (p->slot[at] > 0 && p->key[p->slot[at] - 1].hash != hash)
        at = (at + 1) % SLOTS;
    return &p->slot[at];
}

struct pending_key *pending_get(struct pending *p, uint64_t hash)
{
    uint16_t *slot = slot_of(p, hash);
    if (*slot > 0)
        return &p->key[*slot - 1];
    if (p->n == PENDING_KEYS_MAX)
        return NULL;
    p->key[p->n++] = (struct pending_key){.hash = hash};
    *slot = (uint16_t)p->n;
    return &p->key[p->n - 1];
}

bool pending_add(struct pending *p, uint64_t hash, int64_t at_ns)
{
    struct pending_key *k = pending_get(p, hash);
    if (!k)
        return false;
    k->first_ns = k->n == 0 || at_ns < k->first_ns ? at_ns : k->first_ns;
    k->n += k->n < UINT32_MAX;
    return true;
}

bool pending_has(const struct pending *p, uint64_t hash)
{
    return *slot_of(p, hash) > 0;
}

uint32_t pending_of(const struct pending *p, uint64_t hash)
{
    const uint16_t slot = *slot_of(p, hash);
    return slot > 0 ? p->key[slot - 1].n : 0;
}

uint32_t pending_take(struct pending *p, uint32_t most, struct pending_key *out)
{
    const uint32_t taken = p->n < most ? p->n : most, left = p->n - taken;
    if (taken == 0)
        return 0;
    memcpy(out, p->key, taken * sizeof(*out));
    memmove(p->key, p->key + taken, left * sizeof(*p->key));
    pending_clear(p);
    while (p->n < left) {
        uint16_t *slot = slot_of(p, p->key[p->n].hash);
        *slot = (uint16_t)++p->n;
    }
    return taken;
}
