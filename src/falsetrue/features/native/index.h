/* A table that finds an entry by the hash of its key, and touches little memory to say that there is none.
 *
 * A slot is four bytes: the number of an entry plus one, and in the bits left over a tag out of the
 * hash. Eight slots are a bucket, compared at once; a bucket that is full goes on in the next one. What a
 * tag says is only likely, so whoever asks compares the key itself with that of the entry: answers are
 * exact whatever the hash does. */
#ifndef FALSETRUE_INDEX_H
#define FALSETRUE_INDEX_H

#include "words.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#define BUCKET 8
#define NO_ENTRY UINT32_MAX
#define HUGE_PAGE ((size_t)1 << 21)

typedef struct {
    uint32_t *slots;
    int shift; /* the bucket of a hash is what is left of it */
    size_t buckets;
    uint32_t tag_mask; /* the bits of a slot that are its tag */
} Index;

/* Where a search stands. */
typedef struct {
    size_t bucket;
    uint32_t tag;
    unsigned matches; /* slots of the bucket still to be looked at */
} Cursor;

/* A table of so many bytes, a power of two. */
static void *new_table(size_t bytes)
{
#if defined(__linux__)
    if (bytes >= HUGE_PAGE) { /* fewer misses of the page table */
        void *table = NULL;
        if (posix_memalign(&table, HUGE_PAGE, bytes)) return NULL;
        madvise(table, bytes, MADV_HUGEPAGE);
        return table;
    }
#endif
    return malloc(bytes);
}

#define GOLDEN 0x9E3779B97F4A7C15ull

static ALWAYS_INLINE uint64_t mix(uint64_t key)
{
    key ^= key >> 32;
    key *= GOLDEN;
    key ^= key >> 29;
    return key * 0xBF58476D1CE4E5B9ull;
}

/* Slots of a bucket whose tag is this one, a bit each. */
static ALWAYS_INLINE unsigned bucket_matches(const Index *index, size_t bucket, uint32_t tag)
{
    const uint32_t *slots = index->slots + bucket * BUCKET;
#if defined(__SSE2__)
    const __m128i mask = _mm_set1_epi32((int)index->tag_mask), wanted = _mm_set1_epi32((int)tag);
    const __m128i low = _mm_and_si128(_mm_loadu_si128((const __m128i *)slots), mask);
    const __m128i high = _mm_and_si128(_mm_loadu_si128((const __m128i *)slots + 1), mask);
    return (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(low, wanted))) |
           (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(high, wanted))) << 4;
#else
    unsigned matches = 0;
    for (int i = 0; i < BUCKET; i++) matches |= (unsigned)((slots[i] & index->tag_mask) == tag) << i;
    return matches;
#endif
}

static ALWAYS_INLINE void index_prefetch(const Index *index, uint64_t hash)
{
    PREFETCH(index->slots + (size_t)(hash >> index->shift) * BUCKET);
}

static ALWAYS_INLINE uint32_t tag_of(const Index *index, uint64_t hash)
{
    const uint32_t tag = (uint32_t)hash & index->tag_mask;
    return tag ? tag : ~index->tag_mask + 1; /* never 0, which is an empty slot's */
}

static ALWAYS_INLINE Cursor index_search(const Index *index, uint64_t hash)
{
    Cursor cursor = {.bucket = (size_t)(hash >> index->shift), .tag = tag_of(index, hash)};
    cursor.matches = bucket_matches(index, cursor.bucket, cursor.tag);
    return cursor;
}

/* The next entry that may be the one, or NO_ENTRY where there is no other. */
static ALWAYS_INLINE uint32_t index_next(const Index *index, Cursor *cursor)
{
    while (cursor->matches == 0) {
        if (LIKELY(index->slots[cursor->bucket * BUCKET + BUCKET - 1] == 0)) return NO_ENTRY;
        cursor->bucket = (cursor->bucket + 1) & (index->buckets - 1);
        cursor->matches = bucket_matches(index, cursor->bucket, cursor->tag);
    }
    const uint32_t slot = index->slots[cursor->bucket * BUCKET + (size_t)TRAILING_ZEROS(cursor->matches)];
    cursor->matches &= cursor->matches - 1;
    return (slot & ~index->tag_mask) - 1;
}

/* An empty table for so many entries. */
static int index_begin(Index *index, size_t entries)
{
    int bits = 1, entry_bits = 1;
    while (((size_t)BUCKET << bits) < 3 * entries / 2) bits++;
    while (((size_t)1 << entry_bits) <= entries + 1) entry_bits++;
    if (entry_bits > 28) return TOO_LONG;
    index->shift = 64 - bits;
    index->buckets = (size_t)1 << bits;
    index->tag_mask = ~(((uint32_t)1 << entry_bits) - 1);
    index->slots = new_table(index->buckets * BUCKET * sizeof *index->slots);
    if (index->slots == NULL) return NO_MEMORY;
    memset(index->slots, 0, index->buckets * BUCKET * sizeof *index->slots);
    return DONE;
}

/* Add an entry; there is room for as many as the table was made for. */
static void index_add(Index *index, uint64_t hash, uint32_t entry)
{
    for (size_t bucket = (size_t)(hash >> index->shift);; bucket = (bucket + 1) & (index->buckets - 1)) {
        uint32_t *slots = index->slots + bucket * BUCKET;
        for (int i = 0; i < BUCKET; i++) {
            if (slots[i]) continue;
            slots[i] = tag_of(index, hash) | (entry + 1);
            return;
        }
    }
}

static void index_free(Index *index) { free(index->slots); }

#endif
