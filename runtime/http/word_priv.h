/*
 * word_priv - eight bytes of a value or a target at a time.
 *
 * Most bytes of a head are plain bytes of field values. Looked at one by one they are most of the
 * time that parsing takes; a word of them costs little more than a byte.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#define WORD_OF(byte) ((byte)*UINT64_C(0x0101010101010101))

static inline uint64_t word_at(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Not 0 when a byte of the word is below `limit`, 1..128. Which one it is cannot be told from the
 * result: a borrow may have marked its neighbour too. */
static inline uint64_t word_below(uint64_t word, uint8_t limit)
{
    return (word - WORD_OF(limit)) & ~word & WORD_OF(0x80);
}

static inline uint64_t word_holds(uint64_t word, uint8_t byte)
{
    return word_below(word ^ WORD_OF(byte), 1);
}

/* Not 0 when there is a byte that a field value may not hold, or a tab. */
static inline uint64_t word_odd_in_value(uint64_t word)
{
    return word_below(word, ' ') | word_holds(word, 0x7f);
}

/* Not 0 when there is a byte that a target may not hold. */
static inline uint64_t word_odd_in_target(uint64_t word)
{
    return (word & WORD_OF(0x80)) | word_below(word, ' ' + 1) | word_holds(word, 0x7f) |
           word_holds(word, '#') | word_holds(word, '\\');
}
