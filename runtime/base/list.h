/* list - an intrusive, doubly linked ring. The head is a link of its own; init before use. */
#pragma once

#include <stdbool.h>

#include "runtime/base/check.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_last(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void list_add_first(struct list *head, struct list *link)
{
    list_add_last(head->next, link);
}

/* Leaves the link a ring of itself, so that removing twice is harmless. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The current item may be removed while walking. */
#define LIST_EACH(item, head, type, member)                                                        \
    for (type *item = CONTAINER_OF((head)->next, type, member),                                    \
              *item##_next = CONTAINER_OF(item->member.next, type, member);                        \
         &item->member != (head);                                                                  \
         item = item##_next, item##_next = CONTAINER_OF(item->member.next, type, member))
