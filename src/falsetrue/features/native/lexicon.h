/* Which terms a text holds: a vocabulary that grows no more, laid out for looking up.
 *
 * A word's record holds the word itself (up to sixteen bytes; a longer one lies elsewhere), an n-gram's
 * the numbers of its parts; behind either stand the numbers that a model has for the term, so that
 * comparing the key fetches them too. All words of a text are looked up together, step by step, and
 * each step fetches from memory what the next one needs: a miss costs more than all the arithmetic. */
#ifndef FALSETRUE_LEXICON_H
#define FALSETRUE_LEXICON_H

#include <math.h>

#include "vocabulary.h"

/* The first bytes of a record of a word. */
typedef struct {
    uint64_t first, second; /* its bytes, or of a longer one eight bytes and a hash */
    uint32_t word;          /* number and flags */
    uint32_t offset;        /* of a longer one in `spelled`, plus one; else 0 */
} WordKey;

#define LONGEST_INLINE 16
/* Steps of idf that are told apart when terms are ordered by it. */
#define IDF_STEPS 1024

typedef struct {
    Index word_index, ngram_index;
    uint8_t *words, *ngrams;         /* records */
    size_t word_stride, ngram_stride; /* bytes from one to the next */
    uint8_t *spelled;                 /* the longer words, a space behind each */
    size_t spelled_size;
    size_t word_count, ngram_count;
    int32_t *column; /* by number of a word, then by number of an n-gram: of the term, or NO_COLUMN */
    int largest;
} Lexicon;

static void lexicon_free(Lexicon *lexicon)
{
    index_free(&lexicon->word_index);
    index_free(&lexicon->ngram_index);
    free(lexicon->words);
    free(lexicon->ngrams);
    free(lexicon->spelled);
    free(lexicon->column);
}

/* --- keys ----------------------------------------------------------------------------------------- */

static const uint64_t first_bytes[9] = {
    0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF};

/* The two halves of a word's key; sixteen bytes behind its first may be read. */
static ALWAYS_INLINE void word_halves(const uint8_t *bytes, size_t size, uint64_t *first, uint64_t *second)
{
    *first = load_eight(bytes) & first_bytes[size < 8 ? size : 8];
    *second = load_eight(bytes + 8) & first_bytes[size < 8 ? 0 : size < 16 ? size - 8 : 8];
    if (UNLIKELY(size > LONGEST_INLINE)) *second = word_key(bytes, size);
}

static ALWAYS_INLINE uint64_t word_hash(uint64_t first, uint64_t second) { return mix(first ^ second * GOLDEN); }

static ALWAYS_INLINE const WordKey *word_at(const Lexicon *lexicon, uint32_t number)
{
    return (const WordKey *)(const void *)(lexicon->words + number * lexicon->word_stride);
}

static ALWAYS_INLINE const uint64_t *ngram_at(const Lexicon *lexicon, uint32_t number)
{
    return (const uint64_t *)(const void *)(lexicon->ngrams + number * lexicon->ngram_stride);
}

/* Whether a record is that of the word at `bytes`, behind which a space stands. */
static ALWAYS_INLINE int is_this_word(const Lexicon *lexicon, const WordKey *key, uint64_t first, uint64_t second,
                                      const uint8_t *bytes, size_t size)
{
    if ((key->first ^ first) | (key->second ^ second)) return 0;
    if (LIKELY(size <= LONGEST_INLINE)) return key->offset == 0;
    /* The hash of a text's word is its author's to choose, so the word may be longer than all that is spelled. */
    return key->offset != 0 && size + 1 <= lexicon->spelled_size - (key->offset - 1) &&
           memcmp(lexicon->spelled + key->offset - 1, bytes, size + 1) == 0;
}

/* --- making one ----------------------------------------------------------------------------------- */

/* Where the numbers of a word or an n-gram, counted behind the words, are to be written: `values` of them. */
static double *values_of(const Lexicon *lexicon, size_t entry)
{
    return entry < lexicon->word_count
               ? (double *)(void *)(lexicon->words + entry * lexicon->word_stride + sizeof(WordKey))
               : (double *)(void *)(lexicon->ngrams + (entry - lexicon->word_count) * lexicon->ngram_stride +
                                    sizeof(uint64_t));
}

/* New numbers, by old ones, under which the terms of most texts (those of the least idf) stand together, so that what
 * most texts look up is near each other in memory. `columns[i]` is the column of number i, or NO_COLUMN. */
static uint32_t *rank_by_idf(const int32_t *columns, size_t count, const double *idf)
{
    size_t starts[IDF_STEPS + 2] = {0};
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; idf && i < count; i++) {
        if (columns[i] < 0) continue;
        if (idf[columns[i]] < least) least = idf[columns[i]];
        if (idf[columns[i]] > most) most = idf[columns[i]];
    }
    uint32_t *ranks = malloc((count + 1) * sizeof *ranks);
    if (ranks == NULL) return NULL;
    const double scale = most > least ? (IDF_STEPS - 1) / (most - least) : 0.0;
    for (size_t i = 0; i < count; i++) {
        const double step = idf && columns[i] >= 0 ? (idf[columns[i]] - least) * scale : IDF_STEPS;
        ranks[i] = step >= 0 && step <= IDF_STEPS ? (uint32_t)step : 0; /* of what is not finite, any will do */
        starts[ranks[i] + 1]++;
    }
    for (size_t step = 1; step <= IDF_STEPS; step++) starts[step] += starts[step - 1];
    for (size_t i = 0; i < count; i++) ranks[i] = (uint32_t)starts[ranks[i]]++;
    return ranks;
}

static void freeze_words(Lexicon *lexicon, const Vocabulary *vocabulary, const uint32_t *ranks)
{
    uint8_t padded[LONGEST_INLINE + 8];
    const size_t slots = slots_of(vocabulary->words_shift);
    for (size_t i = 0; i < slots; i++) {
        const WordSlot *slot = &vocabulary->words[i];
        if (slot->key == 0) continue;
        const uint8_t *bytes = padded;
        size_t size = 0;
        memset(padded, 0, sizeof padded);
        if (slot->offset) {
            bytes = lexicon->spelled + slot->offset - 1;
            while (bytes[size] != ' ') size++;
        } else {
            memcpy(padded, &slot->key, 8);
            while (size < 8 && padded[size]) size++;
        }
        const uint32_t old = slot->word & NUMBER_MASK, number = ranks[old];
        WordKey *key = (WordKey *)(void *)(lexicon->words + number * lexicon->word_stride);
        word_halves(bytes, size, &key->first, &key->second);
        key->word = (slot->word & ~NUMBER_MASK) | number;
        key->offset = size > LONGEST_INLINE ? slot->offset : 0;
        index_add(&lexicon->word_index, word_hash(key->first, key->second), number);
        lexicon->column[number] = slot->word & IS_TERM ? vocabulary->single[old] : NO_COLUMN;
    }
}

static void freeze_ngrams(Lexicon *lexicon, const Vocabulary *vocabulary, const uint32_t *word_ranks,
                          const uint32_t *ranks)
{
    const size_t slots = slots_of(vocabulary->ngrams_shift);
    for (size_t i = 0; i < slots; i++) {
        const NgramSlot *slot = &vocabulary->ngrams[i];
        if (slot->key == EMPTY_NGRAM) continue;
        const uint32_t begins = (uint32_t)(slot->key >> 32), last = word_ranks[(uint32_t)slot->key];
        const uint64_t key = ngram_key(
            begins & NGRAM_BIT ? NGRAM_BIT | ranks[begins & ~NGRAM_BIT] : word_ranks[begins], last);
        const uint32_t number = ranks[slot->entry];
        memcpy(lexicon->ngrams + number * lexicon->ngram_stride, &key, sizeof key);
        index_add(&lexicon->ngram_index, mix(key), number);
        lexicon->column[lexicon->word_count + number] = slot->column;
    }
}

/* Columns by number of an n-gram. */
static int32_t *ngram_columns(const Vocabulary *vocabulary)
{
    int32_t *columns = malloc((vocabulary->ngram_count + 1) * sizeof *columns);
    for (size_t i = 0; columns && i < slots_of(vocabulary->ngrams_shift); i++)
        if (vocabulary->ngrams[i].key != EMPTY_NGRAM)
            columns[vocabulary->ngrams[i].entry] = vocabulary->ngrams[i].column;
    return columns;
}

static int make_room(Lexicon *lexicon, const Vocabulary *vocabulary, size_t values)
{
    lexicon->word_count = vocabulary->word_count;
    lexicon->ngram_count = vocabulary->ngram_count;
    lexicon->largest = vocabulary->largest;
    lexicon->word_stride = sizeof(WordKey) + values * sizeof(double);
    lexicon->ngram_stride = sizeof(uint64_t) + values * sizeof(double);
    const size_t words = (lexicon->word_count + 1) * lexicon->word_stride;
    const size_t ngrams = (lexicon->ngram_count + 1) * lexicon->ngram_stride;
    lexicon->words = new_table(words);
    lexicon->ngrams = new_table(ngrams);
    lexicon->column = malloc((lexicon->word_count + lexicon->ngram_count + 1) * sizeof *lexicon->column);
    if (!lexicon->words || !lexicon->ngrams || !lexicon->column) return NO_MEMORY;
    memset(lexicon->words, 0, words);
    memset(lexicon->ngrams, 0, ngrams);
    const int status = index_begin(&lexicon->word_index, lexicon->word_count);
    return status ? status : index_begin(&lexicon->ngram_index, lexicon->ngram_count);
}

/* Lay out a vocabulary, with room for so many numbers a term. `idf` is by column, or NULL. Takes the vocabulary's spelled
 * words away; `numbers` of `number_count` words are replaced by the new ones. */
static int lexicon_freeze(Lexicon *lexicon, Vocabulary *vocabulary, size_t values, const double *idf,
                          uint32_t *numbers, size_t number_count)
{
    const int status = make_room(lexicon, vocabulary, values);
    if (status) return status;
    lexicon->spelled = vocabulary->spelled;
    lexicon->spelled_size = vocabulary->spelled_size;
    vocabulary->spelled = NULL;
    int32_t *columns = ngram_columns(vocabulary);
    uint32_t *words = rank_by_idf(vocabulary->single, vocabulary->word_count, idf);
    uint32_t *ngrams = columns ? rank_by_idf(columns, vocabulary->ngram_count, idf) : NULL;
    const int has_memory = words && ngrams;
    if (has_memory) {
        freeze_words(lexicon, vocabulary, words);
        freeze_ngrams(lexicon, vocabulary, words, ngrams);
        for (size_t i = 0; i < number_count; i++) numbers[i] = words[numbers[i]];
    }
    free(columns);
    free(words);
    free(ngrams);
    return has_memory ? DONE : NO_MEMORY;
}

/* --- looking up ----------------------------------------------------------------------------------- */

/* A word that is being looked up. */
typedef struct {
    uint64_t first, second, hash;
} Sought;

/* What looking up leaves from text to text. */
typedef struct {
    Sought *sought;
    uint32_t *candidates;
    uint32_t *tags; /* number and flags of each word, UNKNOWN where it is not there */
    uint64_t *keys; /* of n-grams that may be terms */
    uint64_t *hashes;
    uint32_t *begins; /* at which word each of them begins */
    size_t room;
    uint32_t *found_words, *found_ngrams; /* numbers of those that are terms, as they stand in the text */
    uint32_t *word_places, *ngram_places; /* at which word each begins */
    size_t found_word_count, found_ngram_count;
} Finds;

static void finds_free(Finds *finds)
{
    free(finds->sought);
    free(finds->candidates);
    free(finds->tags);
    free(finds->keys);
    free(finds->hashes);
    free(finds->begins);
    free(finds->found_words);
    free(finds->found_ngrams);
    free(finds->word_places);
    free(finds->ngram_places);
    memset(finds, 0, sizeof *finds);
}

/* Bytes that a word has room in. */
#define FIND_SIZE (sizeof(Sought) + 9 * sizeof(uint32_t) + 2 * sizeof(uint64_t))

static int finds_reserve(Finds *finds, size_t words)
{
    if (words + 1 <= finds->room) return DONE;
    const size_t room = words + 1 + SPARE(words);
    finds_free(finds);
    finds->sought = malloc(room * sizeof *finds->sought);
    finds->candidates = malloc(room * sizeof *finds->candidates);
    finds->tags = malloc(room * sizeof *finds->tags);
    finds->keys = malloc(room * sizeof *finds->keys);
    finds->hashes = malloc(room * sizeof *finds->hashes);
    finds->begins = malloc(room * sizeof *finds->begins);
    finds->found_words = malloc(room * sizeof *finds->found_words);
    finds->word_places = malloc(room * sizeof *finds->word_places);
    finds->found_ngrams = malloc(2 * room * sizeof *finds->found_ngrams);
    finds->ngram_places = malloc(2 * room * sizeof *finds->ngram_places);
    if (!finds->sought || !finds->candidates || !finds->tags || !finds->keys || !finds->hashes || !finds->begins ||
        !finds->found_words || !finds->word_places || !finds->found_ngrams || !finds->ngram_places)
        return NO_MEMORY;
    finds->room = room;
    return DONE;
}

/* Number and flags of a word that the first candidate was not. */
static uint32_t search_word(const Lexicon *lexicon, const Sought *sought, const uint8_t *bytes, size_t size)
{
    Cursor cursor = index_search(&lexicon->word_index, sought->hash);
    for (uint32_t number; (number = index_next(&lexicon->word_index, &cursor)) != NO_ENTRY;) {
        const WordKey *key = word_at(lexicon, number);
        if (is_this_word(lexicon, key, sought->first, sought->second, bytes, size)) return key->word;
    }
    return UNKNOWN;
}

/* Number and flags of every word. */
static int find_words(const Lexicon *lexicon, const Words *words, Finds *finds)
{
    const size_t count = words->count;
    if (finds_reserve(finds, count)) return NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        Sought *sought = &finds->sought[i];
        word_halves(words->bytes + words->starts[i], words->ends[i] - words->starts[i], &sought->first, &sought->second);
        sought->hash = word_hash(sought->first, sought->second);
        index_prefetch(&lexicon->word_index, sought->hash);
    }
    for (size_t i = 0; i < count; i++) {
        Cursor cursor = index_search(&lexicon->word_index, finds->sought[i].hash);
        const uint32_t number = index_next(&lexicon->word_index, &cursor);
        finds->candidates[i] = number;
        PREFETCH(lexicon->words + (number == NO_ENTRY ? 0 : number) * lexicon->word_stride);
    }
    for (size_t i = 0; i < count; i++) {
        const Sought *sought = &finds->sought[i];
        const uint8_t *bytes = words->bytes + words->starts[i];
        const size_t size = words->ends[i] - words->starts[i];
        uint32_t tag = UNKNOWN;
        if (finds->candidates[i] != NO_ENTRY) {
            const WordKey *key = word_at(lexicon, finds->candidates[i]);
            if (LIKELY(is_this_word(lexicon, key, sought->first, sought->second, bytes, size))) tag = key->word;
            else tag = search_word(lexicon, sought, bytes, size);
        }
        finds->tags[i] = tag;
    }
    return DONE;
}

static uint32_t search_ngram(const Lexicon *lexicon, uint64_t ngram)
{
    Cursor cursor = index_search(&lexicon->ngram_index, mix(ngram));
    for (uint32_t number; (number = index_next(&lexicon->ngram_index, &cursor)) != NO_ENTRY;)
        if (*ngram_at(lexicon, number) == ngram) return number;
    return NO_ENTRY;
}

/* Pairs of words that can begin a term. */
static size_t pair_words(const Lexicon *lexicon, size_t count, Finds *finds)
{
    size_t pairs = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        const uint32_t tag = finds->tags[i], next = finds->tags[i + 1];
        finds->keys[pairs] = ngram_key(tag & NUMBER_MASK, next & NUMBER_MASK);
        finds->begins[pairs] = (uint32_t)i;
        pairs += (tag / IS_FIRST) & (next / IS_LATER) & 1;
    }
    for (size_t i = 0; i < pairs; i++) {
        finds->hashes[i] = mix(finds->keys[i]);
        index_prefetch(&lexicon->ngram_index, finds->hashes[i]);
    }
    return pairs;
}

/* Of the pairs, those that may be there; their candidates take the place of hashes. */
static size_t sift_pairs(const Lexicon *lexicon, size_t pairs, Finds *finds)
{
    size_t kept = 0;
    for (size_t i = 0; i < pairs; i++) {
        Cursor cursor = index_search(&lexicon->ngram_index, finds->hashes[i]);
        const uint32_t number = index_next(&lexicon->ngram_index, &cursor);
        finds->candidates[kept] = number;
        finds->keys[kept] = finds->keys[i];
        finds->begins[kept] = finds->begins[i];
        PREFETCH(lexicon->ngrams + (number == NO_ENTRY ? 0 : number) * lexicon->ngram_stride);
        kept += number != NO_ENTRY;
    }
    return kept;
}

static ALWAYS_INLINE void put_ngram_found(const Lexicon *lexicon, Finds *finds, uint32_t number, uint32_t place,
                                          const uint64_t *counts)
{
    PREFETCH(&counts[lexicon->word_count + number]);
    finds->found_ngrams[finds->found_ngram_count] = number;
    finds->ngram_places[finds->found_ngram_count] = place;
    /* Of trigrams, the first two words need not be a term themselves. */
    finds->found_ngram_count += lexicon->largest < 3 || lexicon->column[lexicon->word_count + number] >= 0;
}

/* The terms of a text whose words are found: words, then longer ones. Their places in `counts` will be needed next. */
static void find_terms(const Lexicon *lexicon, size_t count, Finds *finds, const uint64_t *counts)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        PREFETCH(&counts[finds->tags[i] & NUMBER_MASK]);
        finds->found_words[found] = finds->tags[i] & NUMBER_MASK;
        finds->word_places[found] = (uint32_t)i;
        found += (finds->tags[i] / IS_TERM) & 1;
    }
    finds->found_word_count = found;
    finds->found_ngram_count = 0;
    if (lexicon->ngram_count == 0) return;
    const size_t kept = sift_pairs(lexicon, pair_words(lexicon, count, finds), finds);
    for (size_t i = 0; i < kept; i++) {
        const uint32_t place = finds->begins[i];
        uint32_t number = finds->candidates[i];
        if (UNLIKELY(*ngram_at(lexicon, number) != finds->keys[i])) number = search_ngram(lexicon, finds->keys[i]);
        if (number == NO_ENTRY) continue;
        put_ngram_found(lexicon, finds, number, place, counts);
        if (lexicon->largest < 3 || place + 2 >= count || !(finds->tags[place + 2] & IS_LATER)) continue;
        number = search_ngram(lexicon, ngram_key(NGRAM_BIT | number, finds->tags[place + 2] & NUMBER_MASK));
        if (number != NO_ENTRY) put_ngram_found(lexicon, finds, number, place, counts);
    }
}

#endif
