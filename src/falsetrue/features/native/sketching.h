/* A sketch of a text that cannot be read back: style numbers, a MinHash signature of three words in a row, and counts of
 * hashed words. numpy_sketching.py says the same at more leisure, and sketches.py what the bytes mean. */
#ifndef FALSETRUE_SKETCHING_H
#define FALSETRUE_SKETCHING_H

#include "words.h"

#define SKETCH_FORMAT 1
#define BINS 64          /* values of a signature */
#define BUCKET_BITS 13   /* words are hashed to so many buckets */
#define BUCKETS (1 << BUCKET_BITS)
#define MOST_BUCKETS 384 /* of those that a text fills, kept */
#define STYLES 16
#define FIRST_SKIP 252      /* bytes from here on are 63, 126, 252 and 504 buckets without a word */
#define SKETCH_HEAD (3 + 2 * STYLES + 2 * BINS)
/* Every feature is a byte, and so is, at most, every stretch of 63 buckets without one. */
#define LARGEST_SKETCH (SKETCH_HEAD + MOST_BUCKETS + BUCKETS / 63 + 1)
#define LONGEST_HASHED 256 /* bytes of a word that are hashed */
#define LARGEST_NUMBER 0xFFFF

typedef struct {
    uint64_t words[2];             /* of SipHash */
    uint64_t summand, factors[3];  /* of shingles */
    uint8_t donors[BINS][BINS - 1]; /* by bin, the others in the order in which it asks them for a value */
} SketchKeys;

/* --- characters ----------------------------------------------------------------------------------- */

/* What a character is to the style numbers; those from CAPITAL on are looked at with what stands around them. */
enum {
    OTHER, LETTER, NUMBER, DIGIT, UNDERSCORE, SPACE, MARK,
    CAPITAL, CAPITAL_LEAD, LEAD, LAST_LEAD, STOP, EXCLAMATION, QUESTION,
    WIDE_STOP, WIDE_EXCLAMATION, WIDE_QUESTION, QUOTE, COLON, LESS, AMPERSAND, DEBRIS,
    KINDS,
};

static const uint16_t marks[][2] = {
    {0x21, 0x2F}, {0x3A, 0x40}, {0x5B, 0x60}, {0x7B, 0x7E}, {0xA1, 0xA1}, {0xA7, 0xA7}, {0xB6, 0xB7}, {0xBF, 0xBF},
    {0x37E, 0x37E}, {0x387, 0x387}, {0x55A, 0x55F}, {0x589, 0x58A}, {0x5BE, 0x5BE}, {0x5F3, 0x5F4},
    {0x60C, 0x60D}, {0x61B, 0x61B}, {0x66A, 0x66D}, {0x965, 0x965},
    {0x2010, 0x2027}, {0x2030, 0x205E}, {0x3001, 0x3003}, {0x3008, 0x3011}, {0x3014, 0x301F}, {0x30FB, 0x30FB},
    {0xFF02, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65},
};

static int special_kind(Py_UCS4 c)
{
    switch (c) {
    case '_': return UNDERSCORE;
    case 0xC2: case 0xC3: return CAPITAL_LEAD;
    case 0xE2: return LEAD;
    case 0xEF: return LAST_LEAD;
    case '.': case 0x2026: case 0x964: case 0x6D4: return STOP;
    case '!': return EXCLAMATION;
    case '?': case 0x61F: return QUESTION;
    case 0x3002: return WIDE_STOP;
    case 0xFF01: return WIDE_EXCLAMATION;
    case 0xFF1F: return WIDE_QUESTION;
    case '"': case 0xAB: case 0xBB: case 0x201C: case 0x201D: case 0x201E: case 0x201F: case 0x2039: case 0x203A:
    case 0x300C: case 0x300D: case 0x300E: case 0x300F: case 0xFF02: return QUOTE;
    case ':': return COLON;
    case '<': return LESS;
    case '&': return AMPERSAND;
    default: return OTHER;
    }
}

static int kind_of(Py_UCS4 c)
{
    const int special = special_kind(c);
    if (special) return special;
    if (Py_UNICODE_ISSPACE(c)) return SPACE;
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0xD800 && c <= 0xF8FF) || (c >= 0xFFFD && c <= 0xFFFF)) return DEBRIS;
    if (Py_UNICODE_ISALPHA(c)) return Py_UNICODE_ISUPPER(c) ? CAPITAL : LETTER;
    if (Py_UNICODE_ISALNUM(c)) return Py_UNICODE_ISDECIMAL(c) ? DIGIT : NUMBER;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (c >= marks[i][0] && c <= marks[i][1]) return MARK;
    return OTHER;
}

/* By code point below 0x10000. */
static uint8_t kinds[0x10000];

static void fill_kinds(void)
{
    for (Py_UCS4 c = 0; c < 0x10000; c++) kinds[c] = (uint8_t)kind_of(c);
}

static int is_capital(int kind) { return kind == CAPITAL || kind == CAPITAL_LEAD; }

static int is_letter(int kind) { return kind == LETTER || (kind >= CAPITAL && kind <= LAST_LEAD); }

static int is_word_kind(int kind) { return (kind >= LETTER && kind <= UNDERSCORE) || is_letter(kind); }

/* --- style ---------------------------------------------------------------------------------------- */

#define LANES 4 /* counts of their own for every fourth character, so that none waits for the one before */

typedef struct {
    uint32_t lanes[LANES][KINDS];
    uint64_t non_ascii, links, sentences, markup, pairs, capital_words;
} Style;

static ALWAYS_INLINE Py_UCS4 unit_at(const void *data, const int kind, size_t i)
{
    return kind == 1 ? ((const uint8_t *)data)[i] : kind == 2 ? ((const uint16_t *)data)[i] : ((const uint32_t *)data)[i];
}

static ALWAYS_INLINE int kind_at(const void *data, const int kind, size_t i)
{
    const Py_UCS4 c = unit_at(data, kind, i);
    return kind < 4 || LIKELY(c < 0x10000) ? kinds[c] : kind_of(c);
}

/* Whether the word that begins here is one of capitals, and has two or more. */
static ALWAYS_INLINE int is_capital_word(const void *data, const int kind, size_t size, size_t i)
{
    size_t capitals = 0;
    if (i && is_word_kind(kind_at(data, kind, i - 1))) return 0;
    for (; i < size; i++) {
        const int found = kind_at(data, kind, i);
        if (!is_word_kind(found)) break;
        if (is_capital(found)) capitals++;
        else if (is_letter(found)) return 0;
    }
    return capitals > 1;
}

/* Whether this dot ends a "www" behind neither a word nor a slash. */
static ALWAYS_INLINE int is_bare_link(const void *data, const int kind, size_t i)
{
    if (i < 3 || unit_at(data, kind, i) != '.') return 0;
    for (size_t back = 1; back <= 3; back++)
        if ((unit_at(data, kind, i - back) | 0x20) != 'w') return 0;
    return i == 3 || !(unit_at(data, kind, i - 4) == '/' || is_word_kind(kind_at(data, kind, i - 4)));
}

static ALWAYS_INLINE void look_around(Style *style, const void *data, const int kind, size_t size, size_t i, int found)
{
    const int is_last = i + 1 == size;
    const Py_UCS4 next = is_last ? 0 : unit_at(data, kind, i + 1);
    const int is_small = next >= 'a' && next <= 'z';
    switch (found) {
    case CAPITAL_LEAD:
        style->pairs += next >= 0x80 && next <= 0xBF;
        /* fall through */
    case CAPITAL:
        style->capital_words += (uint64_t)is_capital_word(data, kind, size, i);
        break;
    case LEAD: style->pairs += next == 0x20AC || next == 0x80; break;
    case LAST_LEAD: style->pairs += next == 0xBF || next == 0xBB; break;
    case STOP:
        style->links += (uint64_t)is_bare_link(data, kind, i);
        /* fall through */
    case EXCLAMATION: case QUESTION: {
        const int after = is_last ? SPACE : kind_at(data, kind, i + 1);
        style->sentences += after == SPACE || after == QUOTE;
        break;
    }
    case WIDE_STOP: case WIDE_EXCLAMATION: case WIDE_QUESTION: style->sentences++; break;
    case COLON: style->links += next == '/' && i + 2 < size && unit_at(data, kind, i + 2) == '/'; break;
    case LESS: style->markup += is_small || (next >= 'A' && next <= 'Z') || next == '/' || next == '!'; break;
    case AMPERSAND: style->markup += is_small || next == '#'; break;
    default: break;
    }
}

static ALWAYS_INLINE void read_style(Style *style, const void *data, size_t size, const int kind)
{
    for (size_t i = 0; i < size; i++) {
        const int found = kind_at(data, kind, i);
        style->lanes[i % LANES][found]++;
        style->non_ascii += unit_at(data, kind, i) > 0x7F;
        if (UNLIKELY(found >= CAPITAL)) look_around(style, data, kind, size, i, found);
    }
}

static void style_of(Style *style, Text text)
{
    memset(style, 0, sizeof *style);
    if (text.kind == 1) read_style(style, text.data, text.size, 1);
    else if (text.kind == 2) read_style(style, text.data, text.size, 2);
    else read_style(style, text.data, text.size, 4);
}

static uint64_t times_of(const Style *style, int kind)
{
    uint64_t sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += style->lanes[lane][kind];
    return sum;
}

static uint8_t *put_number(uint8_t *out, uint64_t number)
{
    if (number > LARGEST_NUMBER) number = LARGEST_NUMBER;
    *out++ = (uint8_t)number;
    *out++ = (uint8_t)(number >> 8);
    return out;
}

enum { COUNT = 1, MEAN = 64, SHARE = 65535 };

/* A quotient in steps, rounded half up. */
static uint8_t *put_steps(uint8_t *out, uint64_t numerator, uint64_t denominator, uint64_t unit)
{
    return put_number(out, denominator ? (2 * numerator * unit + denominator) / (2 * denominator) : 0);
}

static uint8_t *put_style(uint8_t *out, const Style *style, uint64_t size, uint64_t words, uint64_t word_characters)
{
    uint64_t times[KINDS], letters = 0, capitals = 0, punctuation = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        times[kind] = times_of(style, kind);
        if (is_letter(kind)) letters += times[kind];
        if (is_capital(kind)) capitals += times[kind];
        if (kind == UNDERSCORE || kind == MARK || (kind >= STOP && kind <= AMPERSAND)) punctuation += times[kind];
    }
    out = put_steps(out, size, 1, COUNT);
    out = put_steps(out, words, 1, COUNT);
    out = put_steps(out, style->links, 1, COUNT);
    out = put_steps(out, words, style->sentences ? style->sentences : 1, MEAN);
    out = put_steps(out, word_characters, words, MEAN);
    out = put_steps(out, capitals, letters, SHARE);
    out = put_steps(out, style->capital_words, words, SHARE);
    out = put_steps(out, times[DIGIT], size, SHARE);
    out = put_steps(out, punctuation, size, SHARE);
    out = put_steps(out, times[SPACE], size, SHARE);
    out = put_steps(out, style->non_ascii, size, SHARE);
    out = put_steps(out, times[EXCLAMATION] + times[WIDE_EXCLAMATION], size, SHARE);
    out = put_steps(out, times[QUESTION] + times[WIDE_QUESTION], size, SHARE);
    out = put_steps(out, times[QUOTE], size, SHARE);
    out = put_steps(out, style->markup, size, SHARE);
    return put_steps(out, times[DEBRIS] + style->pairs, size, SHARE);
}

/* --- hashes --------------------------------------------------------------------------------------- */

static ALWAYS_INLINE uint64_t load_little(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static ALWAYS_INLINE uint64_t rotated(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

static ALWAYS_INLINE void sip_rounds(uint64_t v[4], int count)
{
    for (int i = 0; i < count; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotated(v[1], 13) ^ v[0];
        v[3] = rotated(v[3], 16) ^ v[2];
        v[0] = rotated(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotated(v[3], 21) ^ v[0];
        v[1] = rotated(v[1], 17) ^ v[2];
        v[2] = rotated(v[2], 32);
    }
}

/* SipHash-2-4 (Aumasson & Bernstein 2012). Seven bytes behind the message are read, and make no difference. */
static ALWAYS_INLINE uint64_t siphash(const uint64_t key[2], const uint8_t *bytes, size_t size)
{
    uint64_t v[4] = {key[0] ^ 0x736F6D6570736575ull, key[1] ^ 0x646F72616E646F6Dull, key[0] ^ 0x6C7967656E657261ull,
                     key[1] ^ 0x7465646279746573ull};
    const uint8_t *last = bytes + size / 8 * 8;
    for (; bytes < last; bytes += 8) {
        const uint64_t block = load_little(bytes);
        v[3] ^= block;
        sip_rounds(v, 2);
        v[0] ^= block;
    }
    const uint64_t rest = load_little(last) & (((uint64_t)1 << (8 * (size % 8))) - 1);
    const uint64_t block = rest | (uint64_t)size << 56;
    v[3] ^= block;
    sip_rounds(v, 2);
    v[0] ^= block;
    v[2] ^= 0xFF;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The end of MurmurHash3 (Appleby 2011), 64 bits. */
static ALWAYS_INLINE uint64_t mixed(uint64_t value)
{
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCDull;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53ull;
    return value ^ value >> 33;
}

/* --- signature and features ----------------------------------------------------------------------- */

/* What is worked with, between texts. */
typedef struct {
    Words words;
    uint16_t times[BUCKETS]; /* of a word of a bucket, up to what is told apart; 0 between texts */
    uint64_t filled[BUCKETS / 64]; /* a bit for each bucket with a word; 0 between texts */
    uint64_t least[BINS];    /* of the shingles of a bin */
    uint64_t with_shingles;  /* a bit for each bin that has any */
    uint64_t word_characters;
} SketchBench;

static ALWAYS_INLINE void add_shingle(SketchBench *bench, const SketchKeys *keys, const uint64_t hashes[3])
{
    const uint64_t hash = mixed(keys->summand + hashes[0] * keys->factors[0] + hashes[1] * keys->factors[1] +
                                hashes[2] * keys->factors[2]);
    uint64_t *least = &bench->least[hash >> 58];
    *least = hash < *least ? hash : *least;
    bench->with_shingles |= (uint64_t)1 << (hash >> 58);
}

static ALWAYS_INLINE void add_feature(SketchBench *bench, uint64_t hash)
{
    const size_t bucket = (size_t)(hash >> (64 - BUCKET_BITS));
    const uint16_t times = bench->times[bucket];
    bench->times[bucket] = (uint16_t)(times + (times < LARGEST_NUMBER));
    bench->filled[bucket / 64] |= (uint64_t)1 << (bucket % 64);
}

/* Hash the words that were cut. */
static void hash_words(SketchBench *bench, const SketchKeys *keys)
{
    const Words *words = &bench->words;
    uint64_t hashes[3] = {0, 0, 0};
    memset(bench->least, 0xFF, sizeof bench->least);
    bench->with_shingles = bench->word_characters = 0;
    for (size_t i = 0; i < words->count; i++) {
        const uint8_t *word = words->bytes + words->starts[i];
        const size_t size = words->ends[i] - words->starts[i];
        bench->word_characters += size;
        const uint64_t hash = siphash(keys->words, word, size < LONGEST_HASHED ? size : LONGEST_HASHED);
        if (i < 3) {
            hashes[i] = hash;
        } else {
            hashes[0] = hashes[1];
            hashes[1] = hashes[2];
            hashes[2] = hash;
        }
        add_feature(bench, hash);
        if (i >= 2) add_shingle(bench, keys, hashes);
    }
    if (words->count == 1 || words->count == 2) add_shingle(bench, keys, hashes);
    if (!words->has_wide) return;
    for (size_t i = 0; i < words->count; i++) /* bytes that go on with a character */
        for (size_t at = words->starts[i]; at < words->ends[i]; at++)
            bench->word_characters -= (words->bytes[at] & 0xC0) == 0x80;
}

/* One permutation hashing (Li, Owen & Zhang 2012), densified (Shrivastava 2017), 16 bits each (Li & König 2010). */
static uint8_t *put_minhash(uint8_t *out, const SketchBench *bench, const SketchKeys *keys)
{
    for (size_t bin = 0; bin < BINS; bin++) {
        size_t giver = bin;
        if (!bench->with_shingles) {
            out = put_number(out, 0);
            continue;
        }
        for (size_t asked = 0; !(bench->with_shingles >> giver & 1); asked++) giver = keys->donors[bin][asked];
        out = put_number(out, bench->least[giver] & LARGEST_NUMBER);
    }
    return out;
}

/* A byte for a feature so many buckets ahead, and bytes before it where that is far. */
static uint8_t *put_feature(uint8_t *out, size_t ahead, uint16_t times)
{
    while (ahead > 63) {
        const unsigned step = ahead > 504 ? 3 : ahead > 252 ? 2 : ahead > 126 ? 1 : 0;
        *out++ = (uint8_t)(FIRST_SKIP + step);
        ahead -= (size_t)63 << step;
    }
    const unsigned step = times >= 5 ? 3 : times >= 3 ? 2 : times >= 2 ? 1 : 0;
    *out++ = (uint8_t)(4 * (ahead - 1) + step);
    return out;
}

/* Write the features, and clear them; `distinct`: how many there were. */
static uint8_t *put_features(uint8_t *out, SketchBench *bench, size_t *distinct)
{
    size_t ahead_of = 0; /* the bucket behind the feature before */
    *distinct = 0;
    for (size_t block = 0; block < BUCKETS / 64; block++) {
        for (uint64_t bits = bench->filled[block]; bits; bits &= bits - 1) {
            const size_t bucket = block * 64 + (size_t)TRAILING_ZEROS(bits);
            if (++*distinct <= MOST_BUCKETS) {
                out = put_feature(out, bucket + 1 - ahead_of, bench->times[bucket]);
                ahead_of = bucket + 1;
            }
            bench->times[bucket] = 0;
        }
        bench->filled[block] = 0;
    }
    return out;
}

/* Write the sketch of a text, its words being those of `lowered`, or of the text in lower case where that is the same;
 * there is room for LARGEST_SKETCH bytes. Returns a status. */
static int sketch_text(SketchBench *bench, const SketchKeys *keys, Text text, const Text *lowered, uint8_t *sketch, size_t *size)
{
    Style style;
    size_t distinct;
    words_clear(&bench->words);
    int status = words_add(&bench->words, lowered ? *lowered : text, lowered == NULL);
    if (status == DONE) status = words_cut(&bench->words);
    if (status) return status;
    hash_words(bench, keys);
    style_of(&style, text);
    uint8_t *out = put_features(sketch + SKETCH_HEAD, bench, &distinct);
    *size = (size_t)(out - sketch);
    sketch[0] = SKETCH_FORMAT;
    out = put_number(sketch + 1, distinct);
    out = put_style(out, &style, text.size, bench->words.count, bench->word_characters);
    put_minhash(out, bench, keys);
    return DONE;
}

/* --- reading -------------------------------------------------------------------------------------- */

/* How many features some bytes are. */
static size_t count_features(const uint8_t *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += bytes[i] < FIRST_SKIP;
    return count;
}

/* Write the features that some bytes are: buckets, and how often. Returns DONE, or MALFORMED for a bucket too many. */
static int read_features(const uint8_t *bytes, size_t size, uint16_t *buckets, uint8_t *times)
{
    static const uint8_t least[4] = {1, 2, 3, 5};
    size_t ahead = 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned byte = bytes[i];
        ahead += byte < FIRST_SKIP ? (byte >> 2) + 1 : 63u << (byte - FIRST_SKIP);
        if (UNLIKELY(ahead > BUCKETS)) return MALFORMED;
        if (byte >= FIRST_SKIP) continue;
        *buckets++ = (uint16_t)(ahead - 1);
        *times++ = least[byte & 3];
    }
    return DONE;
}

#endif
