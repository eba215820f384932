/* Words and terms numbered as they come: a table that grows.
 *
 * Exact by construction: a word of up to eight bytes is its own key, a longer one is found by a hash
 * and then compared byte by byte; an n-gram's key is made of the numbers of its parts, so that two
 * n-grams never share one. Tables have two slots or more for each entry and are probed linearly. */
#ifndef FALSETRUE_VOCABULARY_H
#define FALSETRUE_VOCABULARY_H

#include "index.h"

#define LONGEST_NGRAM 3
#ifndef FIRST_TABLE_BITS
#define FIRST_TABLE_BITS 10
#endif

/* What is known of a word, beside its number. */
#define NUMBER_BITS 26
#define NUMBER_MASK ((1u << NUMBER_BITS) - 1)
#define IS_TERM (1u << 26)     /* a term of its own */
#define IS_FIRST (1u << 27)    /* some longer term begins with it */
#define IS_LATER (1u << 28)    /* some longer term goes on with it */
#define IS_FUNCTION (1u << 29) /* a function word of some language */
#define IS_STOP (1u << 30)     /* left out before n-grams are made */
#define IN_TERM (1u << 31)     /* part of some term */
#define UNKNOWN 0u             /* such a word has no flag at all */

#define NO_COLUMN (-1)

typedef struct {
    uint64_t key;    /* the word itself (up to eight bytes), or its hash; 0: no entry */
    uint32_t word;   /* number and flags */
    uint32_t offset; /* of a longer word in `spelled`, plus one; 0: the key is the word */
} WordSlot;

typedef struct {
    uint64_t key;   /* number of what it begins with << 32 | number of the last word; EMPTY_NGRAM: no entry */
    int32_t column; /* of the term, or NO_COLUMN where it only begins longer ones */
    uint32_t entry; /* its number, in the order in which they came */
} NgramSlot;

#define EMPTY_NGRAM UINT64_MAX
#define NGRAM_BIT 0x80000000u /* a key begins with a word's number, or with that of an n-gram and this bit */

typedef struct {
    WordSlot *words;
    int words_shift; /* a hash is shifted right by so much */
    size_t word_count;
    uint8_t *spelled; /* the longer words, a space behind each */
    size_t spelled_size, spelled_room;
    int32_t *single; /* by word number, the column of the term, or NO_COLUMN */
    size_t single_room;
    NgramSlot *ngrams;
    int ngrams_shift;
    size_t ngram_count;
    size_t columns;
    int smallest, largest;
} Vocabulary;

/* --- hashes --------------------------------------------------------------------------------------- */

static inline uint64_t load_eight(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, 8);
    return value;
}

/* The key of a word; eight bytes behind its first may be read. */
static inline uint64_t word_key(const uint8_t *bytes, size_t size)
{
    if (LIKELY(size <= 8)) return load_eight(bytes) & (UINT64_MAX >> (8 * (8 - size)));
    uint64_t hash = size * GOLDEN;
    size_t at = 0;
    for (; at + 8 <= size; at += 8) hash = mix(hash ^ load_eight(bytes + at));
    hash = mix(hash ^ load_eight(bytes + size - 8));
    return hash | 1; /* never 0 */
}

static inline size_t word_home(const Vocabulary *vocabulary, uint64_t key)
{
    return (size_t)(mix(key) >> vocabulary->words_shift);
}

static inline size_t ngram_home(const Vocabulary *vocabulary, uint64_t key)
{
    return (size_t)(mix(key) >> vocabulary->ngrams_shift);
}

static inline size_t slots_of(int shift) { return (size_t)1 << (64 - shift); }

/* --- building ------------------------------------------------------------------------------------- */

static void vocabulary_free(Vocabulary *vocabulary)
{
    free(vocabulary->words);
    free(vocabulary->spelled);
    free(vocabulary->single);
    free(vocabulary->ngrams);
    memset(vocabulary, 0, sizeof *vocabulary);
}

static int vocabulary_begin(Vocabulary *vocabulary, int smallest, int largest)
{
    memset(vocabulary, 0, sizeof *vocabulary);
    vocabulary->smallest = smallest;
    vocabulary->largest = largest;
    vocabulary->words_shift = vocabulary->ngrams_shift = 64 - FIRST_TABLE_BITS;
    vocabulary->words = new_table(slots_of(vocabulary->words_shift) * sizeof(WordSlot));
    vocabulary->ngrams = new_table(slots_of(vocabulary->ngrams_shift) * sizeof(NgramSlot));
    if (!vocabulary->words || !vocabulary->ngrams) return NO_MEMORY;
    memset(vocabulary->words, 0, slots_of(vocabulary->words_shift) * sizeof(WordSlot));
    memset(vocabulary->ngrams, 0xFF, slots_of(vocabulary->ngrams_shift) * sizeof(NgramSlot));
    return DONE;
}

static int grow_words(Vocabulary *vocabulary)
{
    const size_t old = slots_of(vocabulary->words_shift), mask = 2 * old - 1;
    WordSlot *table = new_table(2 * old * sizeof *table);
    if (table == NULL) return NO_MEMORY;
    memset(table, 0, 2 * old * sizeof *table);
    vocabulary->words_shift--;
    for (size_t i = 0; i < old; i++) {
        const WordSlot slot = vocabulary->words[i];
        if (slot.key == 0) continue;
        size_t at = word_home(vocabulary, slot.key);
        while (table[at].key) at = (at + 1) & mask;
        table[at] = slot;
    }
    free(vocabulary->words);
    vocabulary->words = table;
    return DONE;
}

static int grow_ngrams(Vocabulary *vocabulary)
{
    const size_t old = slots_of(vocabulary->ngrams_shift), mask = 2 * old - 1;
    NgramSlot *table = new_table(2 * old * sizeof *table);
    if (table == NULL) return NO_MEMORY;
    memset(table, 0xFF, 2 * old * sizeof *table);
    vocabulary->ngrams_shift--;
    for (size_t i = 0; i < old; i++) {
        const NgramSlot slot = vocabulary->ngrams[i];
        if (slot.key == EMPTY_NGRAM) continue;
        size_t at = ngram_home(vocabulary, slot.key);
        while (table[at].key != EMPTY_NGRAM) at = (at + 1) & mask;
        table[at] = slot;
    }
    free(vocabulary->ngrams);
    vocabulary->ngrams = table;
    return DONE;
}

/* Make room for so many more words, spelled in so many bytes with their spaces, and so many n-grams. */
static int vocabulary_room(Vocabulary *vocabulary, size_t words, size_t bytes, size_t ngrams)
{
    if (vocabulary->word_count + words >= NUMBER_MASK || vocabulary->ngram_count + ngrams >= NGRAM_BIT ||
        vocabulary->spelled_size + bytes >= UINT32_MAX - PADDING)
        return TOO_LONG;
    while (2 * (vocabulary->word_count + words) > slots_of(vocabulary->words_shift))
        if (grow_words(vocabulary)) return NO_MEMORY;
    while (2 * (vocabulary->ngram_count + ngrams) > slots_of(vocabulary->ngrams_shift))
        if (grow_ngrams(vocabulary)) return NO_MEMORY;
    if (vocabulary->word_count + words > vocabulary->single_room) {
        size_t room = 2 * (vocabulary->word_count + words);
        int32_t *single = realloc(vocabulary->single, room * sizeof *single);
        if (single == NULL) return NO_MEMORY;
        vocabulary->single = single;
        vocabulary->single_room = room;
    }
    if (vocabulary->spelled_size + bytes + PADDING > vocabulary->spelled_room) {
        size_t room = 2 * (vocabulary->spelled_size + bytes + PADDING);
        uint8_t *spelled = realloc(vocabulary->spelled, room);
        if (spelled == NULL) return NO_MEMORY;
        vocabulary->spelled = spelled;
        vocabulary->spelled_room = room;
    }
    return DONE;
}

/* The slot of a word, new where it is not there yet; `vocabulary_room` has made room for it. Eight bytes behind the
 * first may be read. */
static WordSlot *put_word(Vocabulary *vocabulary, const uint8_t *bytes, size_t size)
{
    const size_t mask = slots_of(vocabulary->words_shift) - 1;
    const uint64_t key = word_key(bytes, size);
    for (size_t at = word_home(vocabulary, key);; at = (at + 1) & mask) {
        WordSlot *slot = &vocabulary->words[at];
        if (slot->key == 0) {
            if (size > 8) {
                memcpy(vocabulary->spelled + vocabulary->spelled_size, bytes, size);
                vocabulary->spelled[vocabulary->spelled_size + size] = ' ';
                slot->offset = (uint32_t)vocabulary->spelled_size + 1;
                vocabulary->spelled_size += size + 1;
            }
            slot->key = key;
            slot->word = (uint32_t)vocabulary->word_count;
            vocabulary->single[vocabulary->word_count++] = NO_COLUMN;
            return slot;
        }
        if (slot->key != key || (slot->offset != 0) != (size > 8)) continue;
        const uint8_t *there = vocabulary->spelled + slot->offset - 1;
        if (size <= 8 || (memcmp(there, bytes, size) == 0 && there[size] == ' ')) return slot;
    }
}

static NgramSlot *put_ngram(Vocabulary *vocabulary, uint64_t key)
{
    const size_t mask = slots_of(vocabulary->ngrams_shift) - 1;
    for (size_t at = ngram_home(vocabulary, key);; at = (at + 1) & mask) {
        NgramSlot *slot = &vocabulary->ngrams[at];
        if (slot->key == key) return slot;
        if (slot->key == EMPTY_NGRAM) {
            *slot = (NgramSlot){.key = key, .column = NO_COLUMN, .entry = (uint32_t)vocabulary->ngram_count++};
            return slot;
        }
    }
}

static inline uint64_t ngram_key(uint32_t begins, uint32_t last) { return (uint64_t)begins << 32 | last; }

/* Add a term: `size` bytes, single spaces between its words. What no text can hold is passed over. */
static int put_term(Vocabulary *vocabulary, const uint8_t *bytes, size_t size, int32_t column)
{
    uint32_t numbers[LONGEST_NGRAM];
    WordSlot *slots[LONGEST_NGRAM];
    size_t spaces = 0;
    for (size_t i = 0; i < size; i++) spaces += bytes[i] == ' ';
    int parts = 0, status = vocabulary_room(vocabulary, spaces + 1, size + spaces + 1, 2);
    if (status) return status;
    for (size_t begin = 0; begin <= size;) {
        const uint8_t *space = memchr(bytes + begin, ' ', size - begin);
        size_t end = space ? (size_t)(space - bytes) : size;
        if (end > begin) {
            WordSlot *slot = put_word(vocabulary, bytes + begin, end - begin);
            slot->word |= IN_TERM;
            if (parts < LONGEST_NGRAM) {
                slots[parts] = slot;
                numbers[parts] = slot->word & NUMBER_MASK;
            }
            parts++;
        } else {
            parts = LONGEST_NGRAM + 1; /* an empty word: no text has such a term */
        }
        begin = end + 1;
    }
    if (parts < vocabulary->smallest || parts > vocabulary->largest) return DONE;
    if (parts == 1) {
        slots[0]->word |= IS_TERM;
        vocabulary->single[numbers[0]] = column;
        return DONE;
    }
    slots[0]->word |= IS_FIRST;
    for (int part = 1; part < parts; part++) slots[part]->word |= IS_LATER;
    NgramSlot *ngram = put_ngram(vocabulary, ngram_key(numbers[0], numbers[1]));
    if (parts == 3) ngram = put_ngram(vocabulary, ngram_key(NGRAM_BIT | ngram->entry, numbers[2]));
    ngram->column = column;
    return DONE;
}

/* Bytes with room for reading on behind their end, as `put_word` does. */
static uint8_t *padded_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = calloc(size + PADDING, 1);
    if (copy && size) memcpy(copy, bytes, size);
    return copy;
}

/* Fill a vocabulary from terms with a line feed between them, in column order. A word's key is padded with NULs, so that
 * no term may hold one. */
static int vocabulary_fill(Vocabulary *vocabulary, const uint8_t *terms, size_t size)
{
    if (memchr(terms, 0, size)) return MALFORMED;
    uint8_t *copy = padded_copy(terms, size);
    int status = copy ? DONE : NO_MEMORY;
    for (size_t begin = 0; !status && begin <= size;) {
        const uint8_t *feed = memchr(copy + begin, '\n', size - begin);
        size_t end = feed ? (size_t)(feed - copy) : size;
        if (vocabulary->columns == INT32_MAX) status = TOO_LONG;
        else if (end > begin) status = put_term(vocabulary, copy + begin, end - begin, (int32_t)vocabulary->columns);
        vocabulary->columns++;
        begin = end + 1;
    }
    free(copy);
    return status;
}

/* Give a flag to words with a line feed between them. Sets `numbers[i]` of the i-th where that is not NULL; then none
 * may be empty. */
static int vocabulary_mark(Vocabulary *vocabulary, const uint8_t *listed, size_t size, uint32_t flag, uint32_t *numbers)
{
    if (memchr(listed, 0, size) || memchr(listed, ' ', size)) return MALFORMED;
    if (numbers && size && listed[size - 1] == '\n') return MALFORMED;
    uint8_t *copy = padded_copy(listed, size);
    int status = copy ? DONE : NO_MEMORY;
    for (size_t begin = 0, i = 0; !status && begin < size; i++) {
        const uint8_t *feed = memchr(copy + begin, '\n', size - begin);
        size_t end = feed ? (size_t)(feed - copy) : size;
        status = numbers && end == begin ? MALFORMED : vocabulary_room(vocabulary, 1, end - begin + 1, 0);
        if (!status && end > begin) {
            WordSlot *slot = put_word(vocabulary, copy + begin, end - begin);
            slot->word |= flag;
            if (numbers) numbers[i] = slot->word & NUMBER_MASK;
        }
        begin = end + 1;
    }
    free(copy);
    return status;
}

#endif
