/* From the words of a text to what a model says of it. */
#ifndef FALSETRUE_SCORING_H
#define FALSETRUE_SCORING_H

#include <math.h>

#include "lexicon.h"

enum { NORM_NONE = 0, NORM_L1 = 1, NORM_L2 = 2 };
enum { LINK_NONE = 0, LINK_SIGMOID = 1, LINK_CLIP = 2 };

#define LOGARITHMS 256
#define MOST_OUTPUTS 16
#define MOST_LANGUAGES 64
/* On both halves of a count that is there, so that signed ones may be 0 or less. */
#define BIAS (1u << 30)
/* On the place of an n-gram whose hash is negative. */
#define NEGATIVE 0x80000000u

typedef struct {
    double threshold; /* left where the value is at most this */
    int32_t test;     /* which of the tested values; -1: a leaf */
    uint32_t child[2];
    double value; /* of a leaf */
} Node;

/* A text's terms are words and n-grams of a lexicon, or n-grams whose hashes are their columns. Either way
 * each has an entry: the number of a word; the number of an n-gram, counted behind the words; or a column. */
typedef struct {
    Lexicon lexicon;
    int smallest, largest, lowercase, has_stop_words;
    /* vectorizer */
    int hashed;
    uint32_t hash_columns;
    double *hashed_values; /* by column, as behind the keys of the lexicon: the idf, then the weights */
    int alternate_sign, binary, sublinear, norm;
    size_t columns, entries;
    /* what is said: a weighted sum each, but for the first where there are trees */
    int outputs, sums;
    double intercepts[MOST_OUTPUTS];
    int links[MOST_OUTPUTS];
    double slopes[MOST_OUTPUTS], offsets[MOST_OUTPUTS];
    /* forest */
    Node *nodes;
    uint32_t *roots;
    size_t trees;
    int32_t *tested; /* by entry, which of the tested values it is, or -1 */
    size_t tested_count;
    /* languages */
    int languages;
    uint8_t *function_bits; /* by function word and language */
    size_t function_words;
    uint32_t *function_row; /* by number of a word, its row of function_bits */
    double logarithm[LOGARITHMS]; /* 1 + ln of a count */
} Model;

/* The entries of a text, each once, whose numbers lie at the same distance. */
typedef struct {
    uint32_t *entries;
    size_t count, room;
} Distinct;

/* What a thread works with; kept from text to text. */
typedef struct {
    Words words;
    Finds finds;
    uint32_t *hashed, *places; /* columns of hashed n-grams, and at which word each begins */
    size_t hashed_count, hashed_room;
    Distinct distinct[2]; /* words, and n-grams or hashed columns */
    uint64_t *counts;     /* by entry: 0, or BIAS plus how often in the first half and, << 32, in the second */
    size_t counts_room;
    float *tested;
    size_t tested_room;
} Scratch;

/* What is found of a text. */
typedef struct {
    double *outputs;   /* of the whole text; then, with halves, of the first and of the second */
    int64_t *integers; /* words, words that are part of a term, then function words by language; or NULL */
    int halves;
} Answer;

static void scratch_free(Scratch *scratch)
{
    words_free(&scratch->words);
    finds_free(&scratch->finds);
    free(scratch->hashed);
    free(scratch->places);
    free(scratch->distinct[0].entries);
    free(scratch->distinct[1].entries);
    free(scratch->counts);
    free(scratch->tested);
    memset(scratch, 0, sizeof *scratch);
}

/* Bytes that grow with the longest text so far. */
static size_t scratch_size(const Scratch *scratch)
{
    return scratch->words.room + scratch->words.marks_room * sizeof(uint64_t) +
           2 * scratch->words.words_room * sizeof(uint32_t) + scratch->finds.room * FIND_SIZE +
           (2 * scratch->hashed_room + scratch->distinct[0].room + scratch->distinct[1].room) * sizeof(uint32_t);
}

/* --- words to entries ----------------------------------------------------------------------------- */

/* Close the gaps that stop words leave: n-grams go across them, as in scikit-learn. */
static void leave_out_stop_words(Words *words, uint32_t *tags)
{
    size_t kept = 0;
    for (size_t i = 0; i < words->count; i++) {
        tags[kept] = tags[i];
        words->starts[kept] = words->starts[i];
        words->ends[kept] = words->ends[i];
        kept += !(tags[i] & IS_STOP);
    }
    words->count = kept;
}

/* MurmurHash3, x86, 32 bits, seed 0 (Appleby 2011), as HashingVectorizer uses it. */
static uint32_t murmur3(const uint8_t *bytes, size_t size)
{
    uint32_t hash = 0, k;
    size_t at = 0;
    for (; at + 4 <= size; at += 4) {
        memcpy(&k, bytes + at, 4);
        k *= 0xCC9E2D51u;
        k = k << 15 | k >> 17;
        hash ^= k * 0x1B873593u;
        hash = hash << 13 | hash >> 19;
        hash = hash * 5 + 0xE6546B64u;
    }
    k = 0;
    for (size_t i = size; i > at; i--) k = k << 8 | bytes[i - 1];
    if (size > at) {
        k *= 0xCC9E2D51u;
        k = k << 15 | k >> 17;
        hash ^= k * 0x1B873593u;
    }
    hash ^= (uint32_t)size;
    hash ^= hash >> 16;
    hash *= 0x85EBCA6Bu;
    hash ^= hash >> 13;
    hash *= 0xC2B2AE35u;
    return hash ^ hash >> 16;
}

/* Columns of all n-grams by their hashes; one that counts as negative says so in its place. */
static int hash_terms(const Model *model, Scratch *scratch)
{
    Words *words = &scratch->words;
    size_t room = scratch->hashed_room;
    if (regrow(&scratch->hashed, &room, LONGEST_NGRAM * words->count + 1, sizeof *scratch->hashed)) return NO_MEMORY;
    room = scratch->hashed_room;
    if (regrow(&scratch->places, &room, LONGEST_NGRAM * words->count + 1, sizeof *scratch->places)) return NO_MEMORY;
    scratch->hashed_room = room;
    words_join(words);
    size_t found = 0;
    for (size_t i = 0; i < words->count; i++) {
        for (int length = model->smallest; length <= model->largest; length++) {
            if (i + (size_t)length > words->count) break;
            const uint32_t begin = words->starts[i], end = words->ends[i + (size_t)length - 1];
            const int32_t hash = (int32_t)murmur3(words->bytes + begin, end - begin);
            /* As scikit-learn: the lowest number has no absolute value. */
            const uint32_t column = hash == INT32_MIN
                                        ? ((uint32_t)INT32_MAX - (model->hash_columns - 1)) % model->hash_columns
                                        : (uint32_t)(hash < 0 ? -hash : hash) % model->hash_columns;
            PREFETCH(&scratch->counts[column]);
            scratch->hashed[found] = column;
            scratch->places[found++] = (uint32_t)i | (model->alternate_sign && hash < 0 ? NEGATIVE : 0);
        }
    }
    scratch->hashed_count = found;
    return DONE;
}

/* --- entries to values ---------------------------------------------------------------------------- */

/* Count `found` entries, `base` added to each, and list those that were not there yet. */
static int count_entries(Scratch *scratch, Distinct *distinct, const uint32_t *found, const uint32_t *places,
                         size_t count, uint32_t base)
{
    if (regrow(&distinct->entries, &distinct->room, count + 1, sizeof *distinct->entries)) return NO_MEMORY;
    const uint32_t middle = (uint32_t)(scratch->words.count / 2);
    size_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t entry = found[i] + base, place = places[i] & ~NEGATIVE;
        const uint64_t before = scratch->counts[entry];
        const uint64_t from = before ? before : (uint64_t)BIAS << 32 | BIAS;
        const uint64_t one = (uint64_t)1 << (place >= middle ? 32 : 0);
        distinct->entries[listed] = entry;
        listed += before == 0;
        scratch->counts[entry] = places[i] & NEGATIVE ? from - one : from + one;
    }
    distinct->count = listed;
    return DONE;
}

static inline double weigh_count(const Model *model, int64_t count)
{
    if (model->binary) return 1.0;
    if (!model->sublinear) return (double)count;
    return count > 0 && count < LOGARITHMS ? model->logarithm[count] : log((double)count) + 1.0;
}

static inline double length_of(const Model *model, double value)
{
    return model->norm == NORM_L2 ? value * value : fabs(value);
}

static inline double whole_length(const Model *model, double sum)
{
    if (model->norm == NORM_NONE || sum == 0.0) return 1.0;
    return model->norm == NORM_L2 ? sqrt(sum) : sum;
}

static double link_output(const Model *model, int output, double decision)
{
    const double value = model->slopes[output] * decision + model->offsets[output];
    if (model->links[output] == LINK_SIGMOID) {
        const double small = exp(-fabs(value));
        return value >= 0 ? 1 / (1 + small) : small / (1 + small);
    }
    if (model->links[output] == LINK_CLIP) return (fmin(fmax(value, -1.0), 1.0) + 1.0) / 2.0;
    return value;
}

/* Of the whole text, and of the words of either half alone. */
enum { WHOLE = 0, FIRST_HALF = 1, SECOND_HALF = 2 };

static ALWAYS_INLINE int64_t count_of(uint64_t counted, int part)
{
    const int64_t first = (int64_t)(uint32_t)counted - BIAS, second = (int64_t)(counted >> 32) - BIAS;
    return part == WHOLE ? first + second : part == FIRST_HALF ? first : second;
}

/* The numbers of the first entry of a list of distinct ones (0: words), and how far apart they lie, in bytes. */
static ALWAYS_INLINE const uint8_t *numbers_of(const Model *model, int list, size_t *stride, size_t *base)
{
    const Lexicon *lexicon = &model->lexicon;
    if (model->hashed) {
        *stride = (size_t)(1 + model->sums) * sizeof(double);
        *base = 0;
        return (const uint8_t *)model->hashed_values;
    }
    *stride = list ? lexicon->ngram_stride : lexicon->word_stride;
    *base = list ? lexicon->word_count : 0;
    return list ? lexicon->ngrams + sizeof(uint64_t) : lexicon->words + sizeof(WordKey);
}

/* The value of an entry before it is divided by the length of all: 0 where this part does not hold it. */
static ALWAYS_INLINE double value_of(const Model *model, uint64_t counted, int part, double idf)
{
    const int64_t count = count_of(counted, part);
    return part != WHOLE && count == 0 ? 0.0 : weigh_count(model, count) * idf;
}

/* Add the weighted sums over a list to `sums`; returns what the list adds to the length of all. */
static ALWAYS_INLINE double add_up(const Model *model, const Scratch *scratch, int list, int part, int outputs,
                                   double *sums)
{
    size_t stride, base;
    const uint8_t *numbers = numbers_of(model, list, &stride, &base);
    const Distinct *distinct = &scratch->distinct[list];
    double length = 0;
    for (size_t i = 0; i < distinct->count; i++) {
        const uint32_t entry = distinct->entries[i];
        const double *number = (const double *)(const void *)(numbers + (entry - base) * stride);
        const double value = value_of(model, scratch->counts[entry], part, number[0]);
        length += length_of(model, value);
        for (int output = 0; output < outputs; output++) sums[output] += value * number[1 + output];
    }
    return length;
}

/* The same over all terms of a part, for the numbers of sums that most models have. Returns what values are divided by. */
static ALWAYS_INLINE double add_part(const Model *model, const Scratch *scratch, int part, double *sums)
{
    double length = 0;
    for (int list = 0; list < 2; list++) {
        switch (model->sums) { /* so that the compiler makes one loop for each */
        case 1: length += add_up(model, scratch, list, part, 1, sums); break;
        case 2: length += add_up(model, scratch, list, part, 2, sums); break;
        default: length += add_up(model, scratch, list, part, model->sums, sums);
        }
    }
    return whole_length(model, length);
}

/* The mean over the trees, for values divided by `norm`. */
static double walk_forest(const Model *model, Scratch *scratch, int part, double norm)
{
    for (int list = 0; list < 2; list++) {
        size_t stride, base;
        const uint8_t *numbers = numbers_of(model, list, &stride, &base);
        for (size_t i = 0; i < scratch->distinct[list].count; i++) {
            const uint32_t entry = scratch->distinct[list].entries[i];
            if (model->tested[entry] < 0) continue;
            const double idf = *(const double *)(const void *)(numbers + (entry - base) * stride);
            /* scikit-learn's trees compare 32-bit values with 64-bit thresholds. */
            scratch->tested[model->tested[entry]] =
                (float)(value_of(model, scratch->counts[entry], part, idf) / norm);
        }
    }
    double sum = 0;
    for (size_t tree = 0; tree < model->trees; tree++) {
        const Node *node = &model->nodes[model->roots[tree]];
        while (node->test >= 0)
            node = &model->nodes[node->child[!((double)scratch->tested[node->test] <= node->threshold)]];
        sum += node->value;
    }
    memset(scratch->tested, 0, model->tested_count * sizeof *scratch->tested);
    return sum / (double)model->trees;
}

static void say(const Model *model, Scratch *scratch, int part, double *outputs)
{
    double sums[MOST_OUTPUTS] = {0}, norm;
    switch (part) {
    case WHOLE: norm = add_part(model, scratch, WHOLE, sums); break;
    case FIRST_HALF: norm = add_part(model, scratch, FIRST_HALF, sums); break;
    default: norm = add_part(model, scratch, SECOND_HALF, sums);
    }
    const int first = model->outputs - model->sums;
    if (first) outputs[0] = walk_forest(model, scratch, part, norm);
    for (int i = 0; i < model->sums; i++)
        outputs[first + i] = link_output(model, first + i, sums[i] / norm + model->intercepts[first + i]);
}

static void count_words(const Model *model, const Scratch *scratch, int64_t *integers)
{
    const size_t count = scratch->words.count;
    uint32_t found[MOST_LANGUAGES] = {0};
    int64_t known = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t tag = scratch->finds.tags[i];
        known += (tag & IN_TERM) != 0;
        if (!(tag & IS_FUNCTION)) continue;
        const uint8_t *bits = model->function_bits + (size_t)model->function_row[tag & NUMBER_MASK] * model->languages;
        for (int language = 0; language < model->languages; language++) found[language] += bits[language];
    }
    integers[0] = (int64_t)count;
    integers[1] = model->hashed ? (int64_t)count : known; /* every word has a column */
    for (int language = 0; language < model->languages; language++) integers[2 + language] = found[language];
}

/* --- a text --------------------------------------------------------------------------------------- */

static int scratch_begin(const Model *model, Scratch *scratch)
{
    if (scratch->counts == NULL) {
        scratch->counts = calloc(model->entries + 1, sizeof *scratch->counts);
        scratch->tested = calloc(model->tested_count + 1, sizeof *scratch->tested);
    }
    return scratch->counts && scratch->tested ? DONE : NO_MEMORY;
}

/* Find the distinct entries of a text (in parts, one behind another) and their counts. */
static int take_text(const Model *model, Scratch *scratch, const Text *parts, int part_count, int64_t *integers)
{
    Words *words = &scratch->words;
    Finds *finds = &scratch->finds;
    words_clear(words);
    int status = DONE;
    for (int part = 0; part < part_count && !status; part++) status = words_add(words, parts[part], model->lowercase);
    if (!status) status = words_cut(words);
    if (!status) status = find_words(&model->lexicon, words, finds);
    if (status) return status;
    if (integers) count_words(model, scratch, integers);
    if (model->has_stop_words) leave_out_stop_words(words, finds->tags);
    if (model->hashed) {
        status = hash_terms(model, scratch);
        scratch->distinct[0].count = 0;
        if (status) return status;
        return count_entries(scratch, &scratch->distinct[1], scratch->hashed, scratch->places, scratch->hashed_count, 0);
    }
    find_terms(&model->lexicon, words->count, finds, scratch->counts);
    status = count_entries(scratch, &scratch->distinct[0], finds->found_words, finds->word_places,
                           finds->found_word_count, 0);
    if (status) return status;
    return count_entries(scratch, &scratch->distinct[1], finds->found_ngrams, finds->ngram_places,
                         finds->found_ngram_count, (uint32_t)model->lexicon.word_count);
}

static void forget_counts(Scratch *scratch)
{
    for (int list = 0; list < 2; list++)
        for (size_t i = 0; i < scratch->distinct[list].count; i++) scratch->counts[scratch->distinct[list].entries[i]] = 0;
}

/* Everything that is said of a text. */
static int score_text(const Model *model, Scratch *scratch, const Text *parts, int part_count, Answer *answer)
{
    scratch->distinct[0].count = scratch->distinct[1].count = 0;
    const int status = take_text(model, scratch, parts, part_count, answer->integers);
    if (!status)
        for (int part = WHOLE; part <= (answer->halves ? SECOND_HALF : WHOLE); part++)
            say(model, scratch, part, answer->outputs + part * model->outputs);
    forget_counts(scratch);
    return status;
}

#endif
