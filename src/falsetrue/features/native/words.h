/* Words of a text as scikit-learn's vectorizers cut them by default: lower-cased runs of two or more
 * word characters. The text is written again as UTF-8 in lower case, with a space in the place of
 * whatever is no word character and a bit for each byte that is one; the words are then read off the
 * bits. ASCII goes through sixteen characters at a time where the processor can.
 *
 * Which characters are word characters, and their lower case, is what the running Python says: its
 * `str.lower()` and the `\w` of its `re` follow the Unicode version that it was built with. */
#ifndef FALSETRUE_WORDS_H
#define FALSETRUE_WORDS_H

#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__GNUC__)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PREFETCH(address) __builtin_prefetch(address)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define TRAILING_ZEROS(bits) __builtin_ctzll(bits)
#else
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#define PREFETCH(address) ((void)(address))
#define ALWAYS_INLINE inline
static inline int TRAILING_ZEROS(uint64_t bits)
{
    int zeros = 0;
    for (; !(bits & 1); bits >>= 1) zeros++;
    return zeros;
}
#endif

/* What became of a text. */
enum { DONE = 0, NO_MEMORY = 1, NEEDS_PYTHON = 2, NOT_UTF8 = 3, TOO_LONG = 4, MALFORMED = 5 };

#define CAPITAL_DOTTED_I 0x130 /* the one character whose lower case is two: an i and a combining dot */
#define CAPITAL_SIGMA 0x3A3    /* whose lower case depends on what stands around it */

/* Bytes behind the words that may be read and written, so that blocks need not be cut short. */
#define PADDING 32
/* Room beyond what is needed, so that arrays grow seldom. The fuzzer leaves none, and so sees every step too far. */
#ifndef SPARE
#define SPARE(needed) ((needed) / 2 + 64)
#endif
/* Texts are addressed by 32-bit places. */
#define LARGEST_TEXT ((size_t)1 << 29)

/* By code point below 0x10000, its lower case where that is a word character, else 0. */
static uint16_t lower_words[0x10000];
static uint16_t same_words[0x10000]; /* the same without lower case */

static int is_word(Py_UCS4 c) { return Py_UNICODE_ISALNUM(c) || c == '_'; }

static void fill_word_tables(void)
{
    for (Py_UCS4 c = 0; c < 0x10000; c++) {
        Py_UCS4 lower = Py_UNICODE_TOLOWER(c);
        lower_words[c] = is_word(lower) && lower < 0x10000 ? (uint16_t)lower : 0;
        same_words[c] = is_word(c) ? (uint16_t)c : 0;
    }
}

typedef struct {
    uint8_t *bytes;  /* the texts in lower case, a space in the place of whatever is no word character */
    size_t room;     /* bytes that `bytes` has room for */
    size_t size;     /* bytes written */
    uint64_t *marks; /* a bit for each byte, set where it is part of a word character */
    size_t marks_room, marks_size;
    int has_wide;     /* whether a word character takes more than a byte */
    uint32_t *starts; /* where each word begins */
    uint32_t *ends;   /* and where the space behind it stands */
    size_t words_room;
    size_t count; /* words */
} Words;

static void words_free(Words *words)
{
    free(words->bytes);
    free(words->marks);
    free(words->starts);
    free(words->ends);
    memset(words, 0, sizeof *words);
}

/* Forget the text before. */
static void words_clear(Words *words)
{
    words->size = words->marks_size = words->count = 0;
    words->has_wide = 0;
}

static int regrow(void *array, size_t *room, size_t needed, size_t size)
{
    void **pointer = array;
    if (needed <= *room) return DONE;
    const size_t wanted = needed + SPARE(needed);
    void *grown = realloc(*pointer, wanted * size);
    if (grown == NULL) return NO_MEMORY;
    *pointer = grown;
    *room = wanted;
    return DONE;
}

/* Make room for so many more bytes. */
static int words_reserve(Words *words, size_t more)
{
    const size_t size = words->size + more + PADDING, marks = size / 64 + 3;
    if (regrow(&words->bytes, &words->room, size, 1) || regrow(&words->marks, &words->marks_room, marks, 8))
        return NO_MEMORY;
    if (marks <= words->marks_size) return DONE; /* the text before took less than was made room for */
    memset(words->marks + words->marks_size, 0, (marks - words->marks_size) * sizeof *words->marks);
    words->marks_size = marks;
    return DONE;
}

/* --- characters ----------------------------------------------------------------------------------- */

static inline uint8_t *put_utf8(uint8_t *out, Py_UCS4 c)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
    } else if (c < 0x800) {
        *out++ = (uint8_t)(0xC0 | c >> 6);
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (uint8_t)(0xE0 | c >> 12);
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    } else {
        *out++ = (uint8_t)(0xF0 | c >> 18);
        *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    return out;
}

/* One code point of UTF-8 that is not ASCII; 0 where there is none. */
static inline Py_UCS4 take_utf8(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    Py_UCS4 first = p[0], c;
    int more;
    if (first < 0xC2 || first > 0xF4) return 0;
    if (first < 0xE0) { more = 1; c = first & 0x1F; }
    else if (first < 0xF0) { more = 2; c = first & 0x0F; }
    else { more = 3; c = first & 0x07; }
    if (end - p <= more) return 0;
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3F);
    }
    /* Longer than need be, a surrogate, or beyond Unicode. */
    if ((more == 2 && c < 0x800) || (more == 3 && c < 0x10000) || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF) return 0;
    *at = p + more + 1;
    return c;
}

/* Set the bits of up to sixteen bytes at `at`. */
static ALWAYS_INLINE void mark(Words *words, size_t at, uint64_t bits)
{
    uint64_t *marks = words->marks + (at >> 6);
    marks[0] |= bits << (at & 63);
    marks[1] |= bits >> 1 >> (63 - (at & 63));
}

static ALWAYS_INLINE void put_word_character(Words *words, Py_UCS4 c)
{
    uint8_t *out = words->bytes + words->size;
    const size_t size = (size_t)(put_utf8(out, c) - out);
    mark(words, words->size, (1u << size) - 1);
    words->has_wide |= size > 1;
    words->size += size;
}

static ALWAYS_INLINE void put_space(Words *words) { words->bytes[words->size++] = ' '; }

/* What the tables do not tell about. Returns DONE or NEEDS_PYTHON. */
static int put_rare(Words *words, Py_UCS4 c, int lower)
{
    if (lower && c == CAPITAL_SIGMA) return NEEDS_PYTHON;
    if (lower && c == CAPITAL_DOTTED_I) { /* an i, and a combining dot, which is no word character */
        put_word_character(words, 'i');
        put_space(words);
        return DONE;
    }
    if (lower) c = Py_UNICODE_TOLOWER(c);
    if (is_word(c)) put_word_character(words, c);
    else put_space(words);
    return DONE;
}

static ALWAYS_INLINE int put_character(Words *words, Py_UCS4 c, const uint16_t *table)
{
    if (UNLIKELY(c == CAPITAL_SIGMA || c == CAPITAL_DOTTED_I || c >= 0x10000))
        return put_rare(words, c, table == lower_words);
    if (table[c]) put_word_character(words, table[c]);
    else put_space(words);
    return DONE;
}

/* --- sixteen at a time ---------------------------------------------------------------------------- */

#if defined(__SSE2__)
#define BLOCK 16

/* Whether each of sixteen ASCII bytes lies in a range of `size` from `first`. */
static ALWAYS_INLINE __m128i in_range(__m128i bytes, char first, char size)
{
    return _mm_cmplt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8((char)(-first - 128))), _mm_set1_epi8((char)(size - 128)));
}

/* Sixteen code points of `kind` bytes each as bytes; returns a bit for each that is not ASCII, whose byte is undefined. */
static ALWAYS_INLINE unsigned load_block(const void *text, int kind, __m128i *bytes)
{
    const __m128i *from = text;
    if (kind <= 1) {
        *bytes = _mm_loadu_si128(from);
        return (unsigned)_mm_movemask_epi8(*bytes);
    }
    __m128i low, high;
    if (kind == 2) {
        low = _mm_loadu_si128(from);
        high = _mm_loadu_si128(from + 1);
    } else { /* whatever is above 0x7FFF becomes that */
        low = _mm_packs_epi32(_mm_loadu_si128(from), _mm_loadu_si128(from + 1));
        high = _mm_packs_epi32(_mm_loadu_si128(from + 2), _mm_loadu_si128(from + 3));
    }
    const __m128i beyond = _mm_set1_epi16((short)0xFF80), zero = _mm_setzero_si128();
    const __m128i ascii = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_and_si128(low, beyond), zero),
                                          _mm_cmpeq_epi16(_mm_and_si128(high, beyond), zero));
    *bytes = _mm_packus_epi16(low, high);
    return ~(unsigned)_mm_movemask_epi8(ascii) & 0xFFFF;
}

/* Write the first `size` of sixteen ASCII bytes. */
static ALWAYS_INLINE void put_block(Words *words, __m128i bytes, unsigned size, int lower)
{
    const __m128i small = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i letter = in_range(small, 'a', 26);
    const __m128i word = _mm_or_si128(_mm_or_si128(letter, in_range(bytes, '0', 10)),
                                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_')));
    const __m128i kept = lower ? _mm_or_si128(bytes, _mm_and_si128(letter, _mm_set1_epi8(0x20))) : bytes;
    const __m128i out = _mm_or_si128(_mm_and_si128(word, kept), _mm_andnot_si128(word, _mm_set1_epi8(' ')));
    _mm_storeu_si128((__m128i *)(words->bytes + words->size), out);
    mark(words, words->size, (uint64_t)_mm_movemask_epi8(word) & (((uint64_t)1 << size) - 1));
    words->size += size;
}
#endif

/* --- texts ---------------------------------------------------------------------------------------- */

/* A text, wherever it lies. */
typedef struct {
    const void *data;
    size_t size; /* in units of `kind` */
    int kind;    /* bytes a code point: 1 (Latin-1), 2 or 4; 0 for UTF-8 */
} Text;

/* The code point at `*at`, which goes on behind it; -1 where there is none. */
static ALWAYS_INLINE int64_t take_character(const uint8_t **at, const uint8_t *end, int kind)
{
    Py_UCS4 c;
    const uint8_t *from = *at;
    if (kind == 0) {
        if (*from < 0x80) return *(*at)++;
        c = take_utf8(at, end);
        return c ? (int64_t)c : -1;
    }
    *at += kind;
    if (kind == 1) return *from;
    if (kind == 2) return *(const uint16_t *)(const void *)from;
    return *(const uint32_t *)(const void *)from;
}

static ALWAYS_INLINE int add_text(Words *words, Text text, const int kind, const uint16_t *table)
{
    const uint8_t *at = text.data, *end = at + text.size * (size_t)(kind ? kind : 1);
    while (at < end) {
#if defined(__SSE2__)
        if (LIKELY((size_t)(end - at) >= (size_t)(kind ? kind : 1) * BLOCK)) {
            __m128i bytes;
            const unsigned others = load_block(at, kind, &bytes);
            const unsigned size = others ? (unsigned)TRAILING_ZEROS(others) : BLOCK;
            put_block(words, bytes, size, table == lower_words);
            at += size * (unsigned)(kind ? kind : 1);
            if (LIKELY(size == BLOCK)) continue;
        }
#endif
        do { /* one that is not ASCII, or near the end of the text */
            const int64_t c = take_character(&at, end, kind);
            if (c < 0) return NOT_UTF8;
            const int status = put_character(words, (Py_UCS4)c, table);
            if (status) return status;
            if (c < 0x80) break;
        } while (at < end);
    }
    put_space(words);
    return DONE;
}

/* Add a text behind those that are there. */
static int words_add(Words *words, Text text, int lowercase)
{
    /* The most bytes that a unit of each kind takes: lower case may be a byte longer in UTF-8. */
    const size_t widest = text.kind == 4 ? 4 : text.kind == 2 ? 3 : 2;
    if (text.size > LARGEST_TEXT / widest || words->size > LARGEST_TEXT) return TOO_LONG;
    if (words_reserve(words, text.size * widest + 1)) return NO_MEMORY;
    const uint16_t *table = lowercase ? lower_words : same_words;
    switch (text.kind) {
    case 0: return add_text(words, text, 0, table);
    case 1: return add_text(words, text, 1, table);
    case 2: return add_text(words, text, 2, table);
    default: return add_text(words, text, 4, table);
    }
}

/* --- words ---------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character that begins with this one. */
static inline size_t character_size(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Drop words of a single character of several bytes; those of a single byte have been dropped before. */
static void drop_single_characters(Words *words)
{
    size_t kept = 0;
    for (size_t i = 0; i < words->count; i++) {
        const uint32_t start = words->starts[i], end = words->ends[i];
        words->starts[kept] = start;
        words->ends[kept] = end;
        kept += end - start > character_size(words->bytes[start]);
    }
    words->count = kept;
}

/* Read off the words of all texts that were added. */
static int words_cut(Words *words)
{
    const size_t most = words->size / 3 + 65; /* two characters and a space each; written in groups */
    size_t room = words->words_room;
    if (regrow(&words->starts, &room, most, sizeof *words->starts)) return NO_MEMORY;
    room = words->words_room;
    if (regrow(&words->ends, &room, most, sizeof *words->ends)) return NO_MEMORY;
    words->words_room = room;
    uint32_t *starts = words->starts, *ends = words->ends;
    const size_t blocks = words->size / 64 + 1;
    uint64_t before = 0; /* the last bit of the block before, less words of a single byte */
    for (size_t block = 0; block < blocks; block++) {
        const uint64_t marks = words->marks[block];
        const uint64_t last = block ? words->marks[block - 1] >> 63 : 0;
        const uint64_t single = marks & ~(marks << 1 | last) & ~(marks >> 1 | words->marks[block + 1] << 63);
        const uint64_t kept = marks & ~single, shifted = kept << 1 | before;
        const uint32_t base = (uint32_t)(block * 64);
        for (uint64_t edges = kept & ~shifted; edges; edges &= edges - 1) *starts++ = base + (uint32_t)TRAILING_ZEROS(edges);
        for (uint64_t edges = ~kept & shifted; edges; edges &= edges - 1) *ends++ = base + (uint32_t)TRAILING_ZEROS(edges);
        before = kept >> 63;
    }
    words->count = (size_t)(starts - words->starts);
    memset(words->bytes + words->size, 0, PADDING);
    if (words->has_wide) drop_single_characters(words);
    return DONE;
}

/* Move the words together, so that a single space stands between any two and every n-gram is a slice. */
static void words_join(Words *words)
{
    uint32_t size = 0;
    for (size_t i = 0; i < words->count; i++) {
        const uint32_t start = words->starts[i], length = words->ends[i] - start + 1;
        memmove(words->bytes + size, words->bytes + start, length);
        words->starts[i] = size;
        size += length;
        words->ends[i] = size - 1;
    }
    words->size = size;
}

#endif
