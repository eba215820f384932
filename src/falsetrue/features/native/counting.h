/* How often each n-gram stands in each text: for fitting (Counter), and for terms that are known (Matcher).
 *
 * Most n-grams of a corpus stand in a single text and are dropped. A counter therefore keeps the numbers of the words
 * of all texts, four bytes each, and goes over them again for every length of n-gram: of one that stands in enough
 * texts, both shorter ones within it do as well (Agrawal and Srikant, 1994, "Fast algorithms for mining association
 * rules"), and only keys whose cell in a table of small counters, shared by chance, reached the limit are counted
 * exactly. */
#ifndef FALSETRUE_COUNTING_H
#define FALSETRUE_COUNTING_H

#include <math.h>

#include "vocabulary.h"

enum { NORM_NONE = 0, NORM_L1 = 1, NORM_L2 = 2 };

#define NO_NUMBER UINT32_MAX
#define LOGARITHMS 256
/* Places looked at together, so that memory is asked for before it is needed. */
#define STRIDE 64
/* Bits of the number of cells that bound how often keys are there: from 64 kB to 512 MB. */
#define FEWEST_CELL_BITS 16
#define MOST_CELL_BITS 29
/* Up to so many columns are sorted by insertion. */
#define FEW_COLUMNS 48

/* --- weighing ------------------------------------------------------------------------------------- */

/* From counts to values. */
typedef struct {
    const double *idf; /* by column, or NULL */
    int binary, sublinear, norm;
    double logarithm[LOGARITHMS]; /* 1 + ln of a count */
} Weighing;

static void weighing_begin(Weighing *weighing)
{
    for (int count = 1; count < LOGARITHMS; count++) weighing->logarithm[count] = log(count) + 1.0;
}

static double weigh(const Weighing *weighing, uint32_t column, uint32_t count)
{
    double value = count;
    if (weighing->binary) value = 1.0;
    else if (weighing->sublinear) value = count < LOGARITHMS ? weighing->logarithm[count] : log(count) + 1.0;
    return weighing->idf ? value * weighing->idf[column] : value;
}

static void normalise(double *values, size_t count, int norm)
{
    double length = 0.0;
    if (norm == NORM_L2) {
        for (size_t i = 0; i < count; i++) length += values[i] * values[i];
        length = sqrt(length);
    } else if (norm == NORM_L1) {
        for (size_t i = 0; i < count; i++) length += fabs(values[i]);
    }
    if (length == 0.0) return;
    for (size_t i = 0; i < count; i++) values[i] /= length;
}

/* --- the columns of a text ------------------------------------------------------------------------ */

typedef struct {
    uint32_t *columns, *scratch; /* one for each occurrence of a term */
    size_t count, room;
} Row;

static void row_free(Row *row)
{
    free(row->columns);
    free(row->scratch);
}

/* Forget the text before, and make room for so many occurrences. */
static int row_begin(Row *row, size_t most)
{
    size_t room = row->room;
    row->count = 0;
    if (regrow(&row->columns, &room, most, sizeof *row->columns)) return NO_MEMORY;
    room = row->room;
    if (regrow(&row->scratch, &room, most, sizeof *row->scratch)) return NO_MEMORY;
    row->room = room;
    return DONE;
}

static ALWAYS_INLINE void row_put(Row *row, int32_t column)
{
    row->columns[row->count] = (uint32_t)column;
    row->count += column >= 0;
}

static void sort_few(uint32_t *columns, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const uint32_t column = columns[i];
        size_t at = i;
        for (; at > 0 && columns[at - 1] > column; at--) columns[at] = columns[at - 1];
        columns[at] = column;
    }
}

/* By their bytes, the last one first. */
static void row_sort(Row *row)
{
    uint32_t all = 0;
    if (row->count <= FEW_COLUMNS) {
        sort_few(row->columns, row->count);
        return;
    }
    for (size_t i = 0; i < row->count; i++) all |= row->columns[i];
    for (int shift = 0; shift < 32 && all >> shift; shift += 8) {
        uint32_t starts[256] = {0}, sum = 0;
        for (size_t i = 0; i < row->count; i++) starts[row->columns[i] >> shift & 0xFF]++;
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t size = starts[byte];
            starts[byte] = sum;
            sum += size;
        }
        for (size_t i = 0; i < row->count; i++) row->scratch[starts[row->columns[i] >> shift & 0xFF]++] = row->columns[i];
        uint32_t *sorted = row->scratch;
        row->scratch = row->columns;
        row->columns = sorted;
    }
}

/* Distinct columns of a sorted row. */
static size_t row_distinct(const Row *row)
{
    size_t distinct = row->count > 0;
    for (size_t i = 1; i < row->count; i++) distinct += row->columns[i] != row->columns[i - 1];
    return distinct;
}

/* Write a sorted row. */
static void row_write(const Row *row, const Weighing *weighing, int32_t *columns, double *values)
{
    size_t written = 0;
    for (size_t i = 0; i < row->count;) {
        const uint32_t column = row->columns[i];
        const size_t first = i;
        while (i < row->count && row->columns[i] == column) i++;
        columns[written] = (int32_t)column;
        values[written++] = weigh(weighing, column, (uint32_t)(i - first));
    }
    normalise(values, written, weighing->norm);
}

/* --- fitting -------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t texts; /* that it stands in */
    uint32_t last;  /* the last of them, counted from 1 */
    uint32_t times; /* that it stands anywhere */
} Tally;

typedef struct {
    Vocabulary vocabulary;
    Words words;
    int lowercase, largest;
    uint32_t *numbers; /* of the words of all texts, NO_NUMBER behind each text and for what is dropped */
    size_t size, room;
    uint64_t *ends; /* of each text, behind its NO_NUMBER */
    size_t texts, texts_room;
    size_t longest;  /* words of a text, at most */
    Tally *of_words; /* by number */
    size_t of_words_room, of_words_count;
    uint32_t *kept;                         /* by number, the place among the words that stay, or NO_NUMBER */
    size_t kept_count;                      /* words that stay */
    uint32_t *grams[LONGEST_NGRAM + 1];     /* by length, from 2: the entry of the n-gram that begins at a place */
    size_t first_entry[LONGEST_NGRAM + 2];  /* of the n-grams of a length */
    Tally *of_ngrams; /* by entry */
    size_t of_ngrams_room;
} Counter;

static int counter_begin(Counter *counter, int lowercase, int largest)
{
    counter->lowercase = lowercase;
    counter->largest = largest;
    return vocabulary_begin(&counter->vocabulary, 1, largest);
}

static void counter_free(Counter *counter)
{
    vocabulary_free(&counter->vocabulary);
    words_free(&counter->words);
    free(counter->numbers);
    free(counter->ends);
    free(counter->of_words);
    free(counter->kept);
    for (int length = 2; length <= LONGEST_NGRAM; length++) free(counter->grams[length]);
    free(counter->of_ngrams);
}

static inline void tally(Tally *found, uint32_t text)
{
    found->texts += found->last != text;
    found->last = text;
    found->times++;
}

/* The words of a text, each found or given the next number. Returns a status; nothing is added unless it is DONE. */
static int counter_add(Counter *counter, Text text)
{
    Words *words = &counter->words;
    Vocabulary *vocabulary = &counter->vocabulary;
    words_clear(words);
    int status = words_add(words, text, counter->lowercase);
    if (!status) status = words_cut(words);
    if (!status) status = vocabulary_room(vocabulary, words->count, words->size + words->count, 0);
    if (status) return status;
    if (counter->texts >= UINT32_MAX - 1 || counter->size + words->count >= UINT32_MAX - STRIDE) return TOO_LONG;
    if (regrow(&counter->numbers, &counter->room, counter->size + words->count + 1, sizeof *counter->numbers) ||
        regrow(&counter->ends, &counter->texts_room, counter->texts + 1, sizeof *counter->ends) ||
        regrow(&counter->of_words, &counter->of_words_room, vocabulary->word_count + words->count, sizeof(Tally)))
        return NO_MEMORY;
    const size_t begin = counter->size;
    for (size_t i = 0; i < words->count; i++) {
        const uint8_t *at = words->bytes + words->starts[i];
        if (i + 4 < words->count) {
            const uint32_t start = words->starts[i + 4], end = words->ends[i + 4];
            PREFETCH(&vocabulary->words[word_home(vocabulary, word_key(words->bytes + start, end - start))]);
        }
        const uint32_t word = put_word(vocabulary, at, words->ends[i] - words->starts[i])->word;
        const uint32_t number = word & NUMBER_MASK;
        while (counter->of_words_count < vocabulary->word_count) /* stop words have numbers as well */
            counter->of_words[counter->of_words_count++] = (Tally){0, 0, 0};
        if (word & IS_STOP) continue;
        counter->numbers[counter->size++] = number;
        tally(&counter->of_words[number], (uint32_t)counter->texts + 1);
    }
    if (counter->size - begin > counter->longest) counter->longest = counter->size - begin;
    counter->numbers[counter->size++] = NO_NUMBER;
    counter->ends[counter->texts++] = counter->size;
    return DONE;
}

/* Which words stand in enough texts; `spelled` gets them, a line feed behind each, in the order in which they came. */
static int counter_keep(Counter *counter, uint32_t fewest, uint8_t **spelled, size_t *spelled_size)
{
    const Vocabulary *vocabulary = &counter->vocabulary;
    const WordSlot **slots = malloc((counter->of_words_count + 1) * sizeof *slots);
    free(counter->kept);
    counter->kept = malloc((counter->of_words_count + 1) * sizeof *counter->kept);
    *spelled = malloc(vocabulary->spelled_size + 9 * counter->of_words_count + 1);
    if (!slots || !counter->kept || !*spelled) {
        free(slots);
        free(*spelled);
        return NO_MEMORY;
    }
    for (size_t at = 0; at < slots_of(vocabulary->words_shift); at++) {
        const WordSlot *slot = &vocabulary->words[at];
        const uint32_t number = slot->word & NUMBER_MASK;
        if (slot->key && number < counter->of_words_count) slots[number] = slot;
    }
    uint8_t *out = *spelled;
    counter->kept_count = 0;
    for (size_t number = 0; number < counter->of_words_count; number++) {
        counter->kept[number] = NO_NUMBER;
        if (counter->of_words[number].texts < fewest || counter->of_words[number].texts == 0) continue;
        counter->kept[number] = (uint32_t)counter->kept_count++;
        const WordSlot *slot = slots[number];
        if (slot->offset) {
            const uint8_t *from = vocabulary->spelled + slot->offset - 1;
            while (*from != ' ') *out++ = *from++;
        } else {
            uint8_t bytes[8];
            memcpy(bytes, &slot->key, 8);
            for (int i = 0; i < 8 && bytes[i]; i++) *out++ = bytes[i];
        }
        *out++ = '\n';
    }
    *spelled_size = (size_t)(out - *spelled);
    free(slots);
    return DONE;
}

/* Number the words anew by `ranks` of those that stay; write how often each is there. */
static void counter_renumber(Counter *counter, const uint32_t *ranks, uint32_t *texts, uint32_t *times)
{
    for (size_t number = 0; number < counter->of_words_count; number++) {
        if (counter->kept[number] == NO_NUMBER) continue;
        const uint32_t rank = ranks[counter->kept[number]];
        counter->kept[number] = rank;
        texts[rank] = counter->of_words[number].texts;
        times[rank] = counter->of_words[number].times;
    }
    for (size_t i = 0; i < counter->size; i++)
        if (counter->numbers[i] != NO_NUMBER) counter->numbers[i] = counter->kept[counter->numbers[i]];
    free(counter->kept);
    free(counter->of_words);
    counter->kept = NULL;
    counter->of_words = NULL;
    counter->of_words_room = counter->of_words_count = 0;
}

/* The key of the n-gram of `length` words at a place, or EMPTY_NGRAM where none begins that may stay. */
static ALWAYS_INLINE uint64_t key_at(const Counter *counter, size_t at, const int length)
{
    const uint32_t *begins = length == 2 ? counter->numbers : counter->grams[length - 1];
    if (begins[at] == NO_NUMBER || begins[at + 1] == NO_NUMBER) return EMPTY_NGRAM;
    return ngram_key(length == 2 ? begins[at] : NGRAM_BIT | begins[at], counter->numbers[at + (size_t)length - 1]);
}

/* Cells that say at least how often each key is there, up to 255, or NULL without memory. */
static uint8_t *bound_keys(const Counter *counter, const int length, int *shift)
{
    int bits = FEWEST_CELL_BITS;
    while (bits < MOST_CELL_BITS && ((size_t)1 << bits) < counter->size) bits++;
    *shift = 64 - bits;
    uint8_t *cells = new_table((size_t)1 << bits);
    if (cells == NULL) return NULL;
    memset(cells, 0, (size_t)1 << bits);
    for (size_t begin = 0; begin < counter->size; begin += STRIDE) {
        uint8_t *found[STRIDE];
        size_t count = 0;
        for (size_t at = begin; at < counter->size && at < begin + STRIDE; at++) {
            const uint64_t key = key_at(counter, at, length);
            if (key == EMPTY_NGRAM) continue;
            found[count] = &cells[mix(key) >> *shift];
            PREFETCH(found[count++]);
        }
        for (size_t i = 0; i < count; i++) *found[i] += *found[i] < 255;
    }
    return cells;
}

/* Count the n-grams of up to STRIDE places from `begin`. */
static int count_stride(Counter *counter, size_t begin, const int length, const uint8_t *cells, int shift,
                        uint32_t fewest, size_t *text)
{
    Vocabulary *vocabulary = &counter->vocabulary;
    uint32_t *grams = counter->grams[length];
    uint64_t keys[STRIDE];
    const size_t count = counter->size - begin < STRIDE ? counter->size - begin : STRIDE;
    const uint8_t enough = fewest < 255 ? (uint8_t)fewest : 255;
    const int status = vocabulary_room(vocabulary, 0, 0, STRIDE);
    if (status) return status;
    if (regrow(&counter->of_ngrams, &counter->of_ngrams_room, vocabulary->ngram_count + STRIDE, sizeof(Tally)))
        return NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        keys[i] = key_at(counter, begin + i, length);
        if (cells && keys[i] != EMPTY_NGRAM) PREFETCH(&cells[mix(keys[i]) >> shift]);
    }
    for (size_t i = 0; i < count; i++) {
        if (keys[i] == EMPTY_NGRAM) continue;
        if (cells && cells[mix(keys[i]) >> shift] < enough) keys[i] = EMPTY_NGRAM;
        else PREFETCH(&vocabulary->ngrams[ngram_home(vocabulary, keys[i])]);
    }
    for (size_t i = 0; i < count; i++) {
        while (begin + i >= counter->ends[*text]) ++*text;
        grams[begin + i] = NO_NUMBER;
        if (keys[i] == EMPTY_NGRAM) continue;
        const size_t before = vocabulary->ngram_count;
        const uint32_t entry = put_ngram(vocabulary, keys[i])->entry;
        if (entry == before) counter->of_ngrams[entry] = (Tally){0, 0, 0};
        tally(&counter->of_ngrams[entry], (uint32_t)*text + 1);
        grams[begin + i] = entry;
    }
    return DONE;
}

/* Count the n-grams of a length whose shorter ones have been counted. */
static int counter_count(Counter *counter, const int length, uint32_t fewest)
{
    int shift = 0, status = DONE;
    size_t text = 0;
    uint8_t *cells = NULL;
    counter->first_entry[length] = counter->vocabulary.ngram_count;
    counter->grams[length] = malloc((counter->size + 1) * sizeof *counter->grams[length]);
    if (counter->grams[length] == NULL) return NO_MEMORY;
    if (fewest > 1 && (cells = bound_keys(counter, length, &shift)) == NULL) return NO_MEMORY;
    for (size_t begin = 0; begin < counter->size && !status; begin += STRIDE)
        status = count_stride(counter, begin, length, cells, shift, fewest, &text);
    free(cells);
    for (size_t at = 0; at < counter->size && !status; at++) {
        uint32_t *entry = &counter->grams[length][at];
        if (*entry != NO_NUMBER && counter->of_ngrams[*entry].texts < fewest) *entry = NO_NUMBER;
    }
    counter->first_entry[length + 1] = counter->vocabulary.ngram_count;
    return status;
}

/* The columns of a text, sorted. */
static int counter_row(const Counter *counter, size_t text, const int32_t *of_words, const int32_t *of_ngrams, Row *row)
{
    const size_t begin = text ? counter->ends[text - 1] : 0, end = counter->ends[text];
    if (row_begin(row, (size_t)counter->largest * (end - begin) + 1)) return NO_MEMORY;
    for (size_t at = begin; at < end; at++) {
        if (counter->numbers[at] == NO_NUMBER) continue;
        row_put(row, of_words[counter->numbers[at]]);
        for (int length = 2; length <= counter->largest; length++) {
            const uint32_t entry = counter->grams[length][at];
            if (entry == NO_NUMBER) break;
            row_put(row, of_ngrams[entry]);
        }
    }
    row_sort(row);
    return DONE;
}

/* --- terms that are known ------------------------------------------------------------------------- */

typedef struct {
    const Vocabulary *vocabulary;
    Words words;
    int lowercase;
    uint32_t *found; /* the words of a text, numbers and flags; UNKNOWN for those of no term */
    size_t found_room;
    Row row;
} Matcher;

static void matcher_free(Matcher *matcher)
{
    words_free(&matcher->words);
    free(matcher->found);
    row_free(&matcher->row);
}

static uint32_t find_word(const Vocabulary *vocabulary, const uint8_t *bytes, size_t size)
{
    const size_t mask = slots_of(vocabulary->words_shift) - 1;
    const uint64_t key = word_key(bytes, size);
    for (size_t at = word_home(vocabulary, key);; at = (at + 1) & mask) {
        const WordSlot *slot = &vocabulary->words[at];
        if (slot->key == 0) return UNKNOWN;
        if (slot->key != key || (slot->offset != 0) != (size > 8)) continue;
        const uint8_t *there = vocabulary->spelled + slot->offset - 1;
        if (size <= 8 || (memcmp(there, bytes, size) == 0 && there[size] == ' ')) return slot->word;
    }
}

static const NgramSlot *find_ngram(const Vocabulary *vocabulary, uint64_t key)
{
    const size_t mask = slots_of(vocabulary->ngrams_shift) - 1;
    for (size_t at = ngram_home(vocabulary, key);; at = (at + 1) & mask) {
        const NgramSlot *slot = &vocabulary->ngrams[at];
        if (slot->key == key) return slot;
        if (slot->key == EMPTY_NGRAM) return NULL;
    }
}

/* The columns of the terms that begin with the word at `at`. */
static void match_at(Matcher *matcher, size_t at, size_t count)
{
    const Vocabulary *vocabulary = matcher->vocabulary;
    const uint32_t *found = matcher->found;
    const uint32_t number = found[at] & NUMBER_MASK;
    if (found[at] & IS_TERM) row_put(&matcher->row, vocabulary->single[number]);
    if (!(found[at] & IS_FIRST) || at + 1 >= count || !(found[at + 1] & IS_LATER)) return;
    const NgramSlot *two = find_ngram(vocabulary, ngram_key(number, found[at + 1] & NUMBER_MASK));
    if (two == NULL) return;
    row_put(&matcher->row, two->column);
    if (vocabulary->largest < 3 || at + 2 >= count || !(found[at + 2] & IS_LATER)) return;
    const NgramSlot *three = find_ngram(vocabulary, ngram_key(NGRAM_BIT | two->entry, found[at + 2] & NUMBER_MASK));
    if (three) row_put(&matcher->row, three->column);
}

/* The columns of a text, sorted, in `row`. */
static int matcher_match(Matcher *matcher, Text text)
{
    Words *words = &matcher->words;
    size_t count = 0;
    words_clear(words);
    int status = words_add(words, text, matcher->lowercase);
    if (!status) status = words_cut(words);
    if (!status) status = regrow(&matcher->found, &matcher->found_room, words->count + 1, sizeof *matcher->found);
    if (!status) status = row_begin(&matcher->row, (size_t)LONGEST_NGRAM * words->count + 1);
    if (status) return status;
    for (size_t i = 0; i < words->count; i++) {
        const uint32_t start = words->starts[i];
        matcher->found[count] = find_word(matcher->vocabulary, words->bytes + start, words->ends[i] - start);
        count += !(matcher->found[count] & IS_STOP);
    }
    for (size_t at = 0; at < count; at++) match_at(matcher, at, count);
    row_sort(&matcher->row);
    return DONE;
}

#endif
