/* A libFuzzer target for the whole scoring kernel, and for sketches. An input is options, one byte each, and then texts with a '|'
 * between them: terms, stop words, function words, the title and the body of an article. The model that they make
 * scores the article as one text and as two, in every width; all must say the same to the last bit, and what a plain
 * reading of the definition says (here, with Python's own decoding and lower case). The sketch of the article must be the
 * same in every width as well, and be read as what it was made of.
 *
 * `python tests/native/fuzz.py` builds and runs it. */
#define SPARE(needed) 0
#define FIRST_TABLE_BITS 2
#include "kernel.c"
#include "sketching.h"

#define MOST_TERMS 4096
#define MOST_TOKENS 65536
#define PARTS 2

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            if (PyErr_Occurred()) PyErr_Print();                                \
            abort();                                                            \
        }                                                                       \
    } while (0)

const char *__asan_default_options(void) 
{
    return "allocator_may_return_null=1:malloc_context_size=4:quarantine_size_mb=8";
}

/* What is fuzzed is the kernel: what follows runs plainly, and as fast as it can. */
#pragma clang attribute push(__attribute__((no_sanitize("address", "undefined", "coverage"))), apply_to = function)

static PyTypeObject *kernel_type;
static PyObject *no_arguments;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    setenv("PYTHONMALLOC", "malloc", 0);
    Py_InitializeEx(0);
    fill_word_tables();
    fill_kinds();
    kernel_type = (PyTypeObject *)PyType_FromSpec(&Kernel_spec);
    no_arguments = PyTuple_New(0);
    CHECK(kernel_type && no_arguments);
    return 0;
}

/* --- the input ------------------------------------------------------------------------------------ */

typedef struct {
    const uint8_t *at, *end;
} Input;

static unsigned take(Input *input) { return input->at < input->end ? *input->at++ : 0; }

typedef struct {
    uint8_t *bytes; /* exactly `size` of them, so that reading on is seen */
    size_t size;
} Slice;

static Slice copied(const uint8_t *bytes, size_t size)
{
    Slice slice = {malloc(size ? size : 1), size};
    if (size) memcpy(slice.bytes, bytes, size);
    return slice;
}

static Slice take_slice(Input *input)
{
    const uint8_t *from = input->at;
    while (input->at < input->end && *input->at != '|') input->at++;
    const Slice slice = copied(from, (size_t)(input->at - from));
    if (input->at < input->end) input->at++;
    return slice;
}

/* `pad` spaces, then the slice so many times. */
static Slice repeated(Slice slice, size_t pad, size_t times)
{
    Slice longer = {malloc(pad + slice.size * times + 1), pad + slice.size * times};
    memset(longer.bytes, ' ', pad);
    for (size_t i = 0; i < times; i++) memcpy(longer.bytes + pad + i * slice.size, slice.bytes, slice.size);
    longer.bytes = realloc(longer.bytes, longer.size ? longer.size : 1);
    free(slice.bytes);
    return longer;
}

/* --- options -------------------------------------------------------------------------------------- */

enum { NOTHING_WRONG = 0, KINDS_OF_WRONG = 20 };

typedef struct {
    int smallest, largest, lowercase, hashed, alternate_sign, binary, sublinear, norm, has_idf, has_forest;
    int sums, halves, languages, surrogates, strange_numbers, wrong;
    size_t columns, function_count;
    Slice terms, stop_words, function_words, article[PARTS];
    double *idf, *weights[3];
    int32_t feature[8], left[8], right[8], roots[3];
    double threshold[8], value[8];
    size_t nodes, trees;
    uint8_t offsets[16];
} Options;

static size_t lines_of(Slice slice)
{
    size_t lines = 1;
    for (size_t i = 0; i < slice.size; i++) lines += slice.bytes[i] == '\n';
    return lines;
}

static double strange(unsigned which)
{
    const double numbers[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 5e-324, -0.0, 0.0};
    return numbers[which % 8];
}

static void take_numbers(Options *options)
{
    options->idf = malloc(options->columns * sizeof(double));
    for (size_t i = 0; i < options->columns; i++) options->idf[i] = 1.0 + (double)(i * 7919 % 101) / 37.0;
    for (int sum = 0; sum < 3; sum++) {
        options->weights[sum] = malloc(options->columns * sizeof(double));
        for (size_t i = 0; i < options->columns; i++)
            options->weights[sum][i] = ((double)((i + 1) * (size_t)(sum + 3) * 2654435761u % 2003) - 1001.0) / 499.0;
    }
    if (options->strange_numbers) {
        options->idf[options->strange_numbers % options->columns] = strange((unsigned)options->strange_numbers);
        options->weights[0][options->columns - 1] = strange((unsigned)options->strange_numbers / 8);
    }
}

static void take_trees(Options *options, Input *input)
{
    options->nodes = 1 + take(input) % 8;
    options->trees = 1 + take(input) % 3;
    for (size_t i = 0; i < options->nodes; i++) {
        const unsigned shape = take(input);
        options->feature[i] = (int32_t)((shape >> 4) % (options->columns + 1)) - 1;
        options->left[i] = (int32_t)(i + (shape & 3));
        options->right[i] = (int32_t)(i + (shape >> 2 & 3));
        options->threshold[i] = 0.0123 + (double)(shape % 5) / 7;
        options->value[i] = (double)i / 7;
    }
    for (size_t i = 0; i < options->trees; i++) options->roots[i] = (int32_t)(take(input) % 9);
}

static void take_options(Options *options, Input *input)
{
    memset(options, 0, sizeof *options);
    const unsigned lengths = take(input), flags = take(input), more = take(input), shape = take(input);
    options->smallest = 1 + (int)(lengths % 3);
    options->largest = options->smallest + (int)(lengths / 4 % (unsigned)(4 - options->smallest));
    options->lowercase = !(flags & 1);
    options->hashed = flags >> 1 & 1;
    options->alternate_sign = flags >> 2 & 1;
    options->binary = flags >> 3 & 1;
    options->sublinear = flags >> 4 & 1;
    options->norm = (int)((flags >> 5) % 3);
    options->has_idf = more & 1;
    options->has_forest = more >> 1 & 1;
    options->halves = more >> 2 & 1;
    options->sums = (int)(more >> 3) % 4;
    options->surrogates = more >> 5 & 1;
    options->languages = (int)(more >> 6);
    if (shape == 255) options->wrong = 1 + (int)(take(input) % (KINDS_OF_WRONG - 1));
    if (shape == 254) options->strange_numbers = 1 + (int)take(input);
    const unsigned columns = take(input), pad = take(input), times = take(input);
    if (options->wrong && options->sums == 0) options->sums = 1;
    Input trees = *input;
    if (options->has_forest) input->at = input->end - input->at > 16 ? input->at + 16 : input->end;
    for (int i = 0; i < 16; i++) options->offsets[i] = (uint8_t)(shape == 253 ? take(input) : 0);
    options->terms = take_slice(input);
    options->stop_words = take_slice(input);
    options->function_words = take_slice(input);
    options->article[0] = take_slice(input);
    options->article[1] = repeated(take_slice(input), pad % 72, 1 + (times > 240 ? times - 240 : 0));
    options->columns = options->hashed ? 1 + columns : lines_of(options->terms);
    options->function_count = options->function_words.size ? lines_of(options->function_words) : 0;
    take_numbers(options);
    if (options->has_forest) take_trees(options, &trees);
}

static void options_free(Options *options)
{
    free(options->terms.bytes);
    free(options->stop_words.bytes);
    free(options->function_words.bytes);
    for (int part = 0; part < PARTS; part++) free(options->article[part].bytes);
    free(options->idf);
    for (int sum = 0; sum < 3; sum++) free(options->weights[sum]);
}

/* --- the kernel ----------------------------------------------------------------------------------- */

static uint8_t function_bit(size_t word, int language) { return (uint8_t)((word + 1) >> language & 1); }

static PyObject *bytes_of(const void *data, size_t size) { return PyBytes_FromStringAndSize(data, (Py_ssize_t)size); }

static PyObject *doubles(const double *numbers, size_t count) { return bytes_of(numbers, count * sizeof *numbers); }

static PyObject *outputs_of(const Options *options, int wrong)
{
    const int count = wrong == 1 ? 17 : options->sums;
    PyObject *outputs = PyTuple_New(count);
    for (int i = 0; i < count; i++)
        PyTuple_SET_ITEM(outputs, i,
                         wrong == 2 ? PyLong_FromLong(1)
                                    : Py_BuildValue("Ndidd", doubles(options->weights[i % 3],
                                                                     options->columns - (wrong == 3)),
                                                    0.25, wrong == 4 ? 9 : i % 3, 1.5, -0.125));
    return outputs;
}

static PyObject *forest_of(const Options *options, int wrong)
{
    if (!options->has_forest && wrong != 5) return Py_NewRef(Py_None);
    const size_t nodes = options->nodes;
    return Py_BuildValue("(NNNNNN)", bytes_of(options->feature, 4 * nodes), doubles(options->threshold, nodes),
                         bytes_of(options->left, 4 * nodes), bytes_of(options->right, 4 * nodes),
                         doubles(options->value, nodes), bytes_of(options->roots, wrong == 5 ? 3 : 4 * options->trees));
}

static PyObject *make_kernel(const Options *options)
{
    const int wrong = options->wrong;
    uint8_t *bits = malloc(options->function_count * (size_t)options->languages + 1);
    for (size_t i = 0; i < options->function_count; i++)
        for (int language = 0; language < options->languages; language++)
            bits[i * (size_t)options->languages + (size_t)language] = function_bit(i, language);
    PyObject *keywords = Py_BuildValue(
        "{s:N,s:N,s:N,s:N,s:n,s:i,s:i,s:i,s:i,s:n,s:i,s:i,s:i,s:i,s:N,s:N,s:N}", "terms",
        options->hashed != (wrong == 6) ? Py_NewRef(Py_None) : bytes_of(options->terms.bytes, options->terms.size),
        "stop_words",
        wrong == 7 ? PyLong_FromLong(3) : bytes_of(options->stop_words.bytes, options->stop_words.size),
        "function_words", bytes_of(options->function_words.bytes, options->function_words.size), "function_bits",
        bytes_of(bits, options->function_count * (size_t)options->languages + (wrong == 8)), "function_count",
        (Py_ssize_t)options->function_count + (wrong == 9 ? 1 : wrong == 10 ? PY_SSIZE_T_MAX / 8 : 0), "languages",
        wrong == 11 ? 65 : wrong == 12 ? -1 : options->languages, "smallest", wrong == 13 ? 0 : options->smallest,
        "largest", wrong == 14 ? 4 : options->largest, "lowercase", options->lowercase, "hash_columns",
        wrong == 15 ? (Py_ssize_t)-1 : options->hashed ? (Py_ssize_t)options->columns : 0, "alternate_sign",
        options->alternate_sign, "binary", options->binary, "sublinear", options->sublinear, "norm",
        wrong == 16 ? 3 : options->norm, "idf",
        options->has_idf || wrong == 17 ? doubles(options->idf, options->columns - (wrong == 17))
                                        : Py_NewRef(Py_None),
        "outputs", wrong == 18 ? PyList_New(0) : outputs_of(options, wrong), "forest",
        wrong == 19 ? PyLong_FromLong(0) : forest_of(options, wrong));
    free(bits);
    CHECK(keywords);
    PyObject *kernel = Kernel_new(kernel_type, no_arguments, keywords);
    Py_DECREF(keywords);
    return kernel;
}

static int holds(Slice slice, int byte) { return slice.size && memchr(slice.bytes, byte, slice.size); }

/* Whether a kernel may be made of this at all. */
static int is_sound(const Options *options)
{
    if (!options->hashed && holds(options->terms, 0)) return 0;
    if (holds(options->stop_words, 0) || holds(options->stop_words, ' ')) return 0;
    if (holds(options->function_words, 0) || holds(options->function_words, ' ')) return 0;
    for (size_t i = 0; i < options->function_words.size; i++)
        if (options->function_words.bytes[i] == '\n' &&
            (i == 0 || i + 1 == options->function_words.size || options->function_words.bytes[i - 1] == '\n'))
            return 0;
    if (!options->has_forest) return 1;
    const int32_t nodes = (int32_t)options->nodes;
    for (size_t i = 0; i < options->trees; i++)
        if (options->roots[i] >= nodes) return 0;
    for (int32_t i = 0; i < nodes; i++)
        if (options->feature[i] >= 0 && (options->left[i] <= i || options->right[i] <= i || options->left[i] >= nodes ||
                                         options->right[i] >= nodes))
            return 0;
    return 1;
}

/* --- the definition, read plainly ----------------------------------------------------------------- */

typedef struct {
    uint8_t joined[4 * MOST_TOKENS]; /* the words with a space behind each */
    size_t joined_size;
    size_t begin[MOST_TOKENS], end[MOST_TOKENS], count;
} Tokens;

static Tokens tokens; /* large; one is enough */
static int64_t counts[2][MOST_TERMS];
static uint8_t is_present[MOST_TERMS];

static void put_character_plainly(Py_UCS4 c)
{
    uint8_t *out = tokens.joined + tokens.joined_size;
    const int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    const int leads[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (uint8_t)(leads[more] | c >> (6 * more));
    for (int i = 1; i <= more; i++) out[i] = (uint8_t)(0x80 | (c >> (6 * (more - i)) & 0x3F));
    tokens.joined_size += (size_t)more + 1;
}

static void tokenise(PyObject *text, int lowercase)
{
    PyObject *lowered = lowercase ? PyObject_CallMethod(text, "lower", NULL) : Py_NewRef(text);
    CHECK(lowered);
    const Py_ssize_t length = PyUnicode_GET_LENGTH(lowered);
    for (Py_ssize_t i = 0, run = 0; i <= length; i++) {
        if (i < length && is_word(PyUnicode_READ_CHAR(lowered, i))) {
            run++;
            continue;
        }
        if (run >= 2) {
            tokens.begin[tokens.count] = tokens.joined_size;
            for (Py_ssize_t at = i - run; at < i; at++) put_character_plainly(PyUnicode_READ_CHAR(lowered, at));
            tokens.end[tokens.count++] = tokens.joined_size;
            tokens.joined[tokens.joined_size++] = ' ';
        }
        run = 0;
    }
    Py_DECREF(lowered);
}

static int equal(const uint8_t *one, const uint8_t *other, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (one[i] != other[i]) return 0;
    return 1;
}

/* The last line that says just this, from 0; -1 where none does. */
static int64_t line_of(Slice lines, const uint8_t *bytes, size_t size)
{
    int64_t found = -1, number = 0;
    for (size_t begin = 0; begin <= lines.size; number++) {
        size_t end = begin;
        while (end < lines.size && lines.bytes[end] != '\n') end++;
        if (end - begin == size && equal(lines.bytes + begin, bytes, size)) found = number;
        begin = end + 1;
    }
    return found;
}

/* Whether a word stands in some term. */
static int is_part(Slice terms, const uint8_t *bytes, size_t size)
{
    for (size_t begin = 0; begin <= terms.size;) {
        size_t end = begin;
        while (end < terms.size && terms.bytes[end] != '\n' && terms.bytes[end] != ' ') end++;
        if (end - begin == size && equal(terms.bytes + begin, bytes, size)) return 1;
        begin = end + 1;
    }
    return 0;
}

/* MurmurHash3 as its author's text has it, a byte at a time. */
static int32_t plain_murmur3(const uint8_t *bytes, size_t size)
{
    uint32_t h = 0, k = 0;
    for (size_t i = 0; i < size; i++) {
        k |= (uint32_t)bytes[i] << (8 * (i % 4));
        if (i % 4 == 3 || i + 1 == size) {
            k *= 0xCC9E2D51u;
            k = (k << 15) | (k >> 17);
            k *= 0x1B873593u;
            h ^= k;
            if (i % 4 == 3) h = ((h << 13) | (h >> 19)) * 5 + 0xE6546B64u;
            k = 0;
        }
    }
    h ^= (uint32_t)size;
    h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13)) * 0xC2B2AE35u;
    return (int32_t)(h ^ (h >> 16));
}

static void drop_stop_words(const Options *options)
{
    size_t kept = 0;
    for (size_t i = 0; i < tokens.count; i++) {
        const uint8_t *bytes = tokens.joined + tokens.begin[i];
        const size_t size = tokens.end[i] - tokens.begin[i];
        if (line_of(options->stop_words, bytes, size) >= 0) continue;
        tokens.begin[kept] = tokens.begin[i];
        tokens.end[kept++] = tokens.end[i];
    }
    tokens.count = kept;
}

static void count_terms(const Options *options)
{
    uint8_t *term = malloc(tokens.joined_size + 1);
    memset(counts[0], 0, options->columns * sizeof counts[0][0]);
    memset(counts[1], 0, options->columns * sizeof counts[1][0]);
    memset(is_present, 0, options->columns);
    for (size_t i = 0; i < tokens.count; i++) {
        size_t size = 0;
        for (size_t length = 1; length <= (size_t)options->largest && i + length <= tokens.count; length++) {
            const size_t last = i + length - 1;
            if (length > 1) term[size++] = ' ';
            memcpy(term + size, tokens.joined + tokens.begin[last], tokens.end[last] - tokens.begin[last]);
            size += tokens.end[last] - tokens.begin[last];
            if (length < (size_t)options->smallest) continue;
            int64_t column, step = 1;
            if (options->hashed) {
                const int64_t hash = plain_murmur3(term, size), columns = (int64_t)options->columns;
                column = hash == INT32_MIN ? (INT32_MAX - (columns - 1)) % columns : llabs(hash) % columns;
                if (options->alternate_sign && hash < 0) step = -1;
            } else {
                column = line_of(options->terms, term, size);
            }
            if (column < 0) continue;
            counts[i >= tokens.count / 2][column] += step;
            is_present[column] = 1;
        }
    }
    free(term);
}

static void check_close(double ours, double theirs)
{
    CHECK(fabs(ours - theirs) <= 1e-9 * (1 + fabs(theirs)));
}

static double plain_link(int link, double value)
{
    if (link == LINK_SIGMOID) return 1 / (1 + exp(-value));
    return link == LINK_CLIP ? (fmax(-1, fmin(1, value)) + 1) / 2 : value;
}

/* What is to be said of a part of the words: 0 all, 1 the first half, 2 the second. */
static void check_said(const Options *options, int part, const double *said)
{
    double values[MOST_TERMS], norm = 0, sums[3] = {0};
    for (size_t i = 0; i < options->columns; i++) {
        const int64_t count = part == 0 ? counts[0][i] + counts[1][i] : counts[part - 1][i];
        values[i] = 0;
        if (part ? count == 0 : !is_present[i]) continue;
        values[i] = options->binary ? 1 : options->sublinear ? log((double)count) + 1 : (double)count;
        if (options->has_idf) values[i] *= options->idf[i];
        norm += options->norm == NORM_L2 ? values[i] * values[i] : fabs(values[i]);
    }
    norm = options->norm == NORM_NONE || norm == 0 ? 1 : options->norm == NORM_L2 ? sqrt(norm) : norm;
    if (options->has_forest) {
        double sum = 0;
        for (size_t tree = 0; tree < options->trees; tree++) {
            int32_t node = options->roots[tree];
            while (options->feature[node] >= 0)
                node = (float)(values[options->feature[node]] / norm) <= options->threshold[node] ? options->left[node]
                                                                                                  : options->right[node];
            sum += options->value[node];
        }
        check_close(*said++, sum / (double)options->trees);
    }
    for (int i = 0; i < options->sums; i++) {
        for (size_t column = 0; column < options->columns; column++)
            sums[i] += values[column] / norm * options->weights[i][column];
        check_close(said[i], plain_link(i, 1.5 * (sums[i] + 0.25) - 0.125));
    }
}

static void check_definition(const Options *options, PyObject *const *article, const double *said,
                             const int64_t *integers)
{
    tokens.joined_size = tokens.count = 0;
    for (int part = 0; part < PARTS; part++) tokenise(article[part], options->lowercase);
    int64_t known = 0, found[4] = {0};
    for (size_t i = 0; i < tokens.count; i++) {
        const uint8_t *bytes = tokens.joined + tokens.begin[i];
        const size_t size = tokens.end[i] - tokens.begin[i];
        known += options->hashed || is_part(options->terms, bytes, size);
        const int64_t row = options->function_count ? line_of(options->function_words, bytes, size) : -1;
        for (int language = 0; row >= 0 && language < options->languages; language++)
            found[language] += function_bit((size_t)row, language);
    }
    CHECK(integers[0] == (int64_t)tokens.count);
    CHECK(integers[1] == known);
    for (int language = 0; language < options->languages; language++) CHECK(integers[2 + language] == found[language]);
    drop_stop_words(options);
    count_terms(options);
    /* The logarithm of a count below 1 is not compared: which of its infinities come first is anybody's choice. */
    if (options->strange_numbers || (options->hashed && options->sublinear && options->alternate_sign)) return;
    const int each = options->sums + options->has_forest;
    for (int part = 0; part <= (options->halves ? 2 : 0); part++) check_said(options, part, said + part * each);
}

/* --- scoring -------------------------------------------------------------------------------------- */

typedef struct {
    size_t output_count, integer_count;
    double outputs[3 * 4];
    int64_t integers[2 + 4];
} Said;

static Said nothing_said(const Options *options)
{
    Said said;
    memset(&said, 0x5A, sizeof said);
    said.output_count = (size_t)(options->sums + options->has_forest) * (options->halves ? 3 : 1);
    said.integer_count = 2 + (size_t)options->languages;
    return said;
}

static int same(const Said *one, const Said *other)
{
    return memcmp(one->outputs, other->outputs, sizeof one->outputs) == 0 &&
           memcmp(one->integers, other->integers, sizeof one->integers) == 0;
}

static PyObject *view(void *data, size_t size)
{
    return PyMemoryView_FromMemory(data, (Py_ssize_t)size, PyBUF_WRITE);
}

/* Through `score`. */
static Said ask_texts(PyObject *kernel, const Options *options, PyObject *text)
{
    Said said = nothing_said(options);
    PyObject *arguments = Py_BuildValue("([O]NNi)", text, view(said.outputs, 8 * said.output_count),
                                        view(said.integers, 8 * said.integer_count), options->halves);
    PyObject *answer = Kernel_score((Kernel *)kernel, arguments);
    CHECK(answer);
    Py_DECREF(answer);
    Py_DECREF(arguments);
    return said;
}

static PyObject *column_of_one(Slice slice, int wide)
{
    const int64_t offsets[2] = {0, (int64_t)slice.size};
    const int32_t narrow[2] = {0, (int32_t)slice.size};
    return Py_BuildValue("NNi", view(slice.bytes, slice.size), wide ? bytes_of(offsets, 16) : bytes_of(narrow, 8), wide);
}

/* Through `score_utf8`; returns whether it took them for UTF-8. */
static int ask_strings(PyObject *kernel, const Options *options, const Slice *parts, int count, Said *said)
{
    *said = nothing_said(options);
    PyObject *columns = count == 1 ? Py_BuildValue("(N)", column_of_one(parts[0], 0))
                                   : Py_BuildValue("(NN)", column_of_one(parts[0], 1), column_of_one(parts[1], 0));
    PyObject *arguments = Py_BuildValue("NiiNNi", columns, 0, 1, view(said->outputs, 8 * said->output_count),
                                        view(said->integers, 8 * said->integer_count), options->halves);
    PyObject *refused = Kernel_score_utf8((Kernel *)kernel, arguments);
    CHECK(refused);
    const int taken = PyList_GET_SIZE(refused) == 0;
    Py_DECREF(refused);
    Py_DECREF(arguments);
    return taken;
}

/* Straight from code points, in so many bytes each; with a scratch that knows no text yet. */
static int ask_units(const Model *model, const Options *options, PyObject *const *article, int kind, Said *said)
{
    Scratch scratch = {0};
    Text texts[PARTS];
    *said = nothing_said(options);
    for (int part = 0; part < PARTS; part++) {
        const size_t size = (size_t)PyUnicode_GET_LENGTH(article[part]);
        void *data = malloc(size * (size_t)kind + !size);
        for (size_t i = 0; i < size; i++) {
            const Py_UCS4 c = PyUnicode_READ_CHAR(article[part], i);
            if (kind == 1) ((uint8_t *)data)[i] = (uint8_t)c;
            else if (kind == 2) ((uint16_t *)data)[i] = (uint16_t)c;
            else ((uint32_t *)data)[i] = c;
        }
        texts[part] = (Text){data, size, kind};
    }
    Answer answer = {said->outputs, said->integers, options->halves};
    CHECK(scratch_begin(model, &scratch) == DONE);
    const int status = score_text(model, &scratch, texts, PARTS, &answer);
    for (size_t i = 0; i < model->entries; i++) CHECK(scratch.counts[i] == 0);
    for (size_t i = 0; i < model->tested_count; i++) CHECK(scratch.tested[i] == 0);
    scratch_free(&scratch);
    for (int part = 0; part < PARTS; part++) free((void *)texts[part].data);
    return status;
}

/* The sketch of a text of so many bytes a character. */
static size_t sketch_units(const SketchKeys *keys, PyObject *string, int kind, PyObject *lowered, uint8_t *sketch)
{
    SketchBench bench;
    memset(&bench, 0, sizeof bench);
    const size_t length = (size_t)PyUnicode_GET_LENGTH(string);
    uint8_t *data = malloc(length * (size_t)kind + !length);
    for (size_t i = 0; i < length; i++) PyUnicode_WRITE(kind, data, i, PyUnicode_READ_CHAR(string, i));
    Text lower = {PyUnicode_DATA(lowered), (size_t)PyUnicode_GET_LENGTH(lowered), (int)PyUnicode_KIND(lowered)};
    const Text text = {data, length, kind};
    size_t size = 0;
    int status = sketch_text(&bench, keys, text, NULL, sketch, &size);
    CHECK(status == DONE || status == NEEDS_PYTHON);
    if (status == NEEDS_PYTHON) status = sketch_text(&bench, keys, text, &lower, sketch, &size);
    CHECK(status == DONE && size >= SKETCH_HEAD && size <= LARGEST_SKETCH);
    for (size_t i = 0; i < BUCKETS; i++) CHECK(bench.times[i] == 0 && bench.filled[i / 64] == 0);
    words_free(&bench.words);
    free(data);
    return size;
}

static void sketch_string(PyObject *string)
{
    SketchKeys keys = {{1, 2}, 3, {5, 7, 11}, {{0}}};
    for (int bin = 0; bin < BINS; bin++)
        for (int i = 0; i < BINS - 1; i++) keys.donors[bin][i] = (uint8_t)((bin + i + 1) % BINS);
    PyObject *lowered = PyObject_CallMethod(string, "lower", NULL);
    uint8_t first[LARGEST_SKETCH], other[LARGEST_SKETCH];
    CHECK(lowered);
    const int needed = (int)PyUnicode_KIND(string);
    const size_t size = sketch_units(&keys, string, needed, lowered, first);
    for (int kind = 2 * needed; kind <= 4; kind *= 2) {
        CHECK(sketch_units(&keys, string, kind, lowered, other) == size);
        CHECK(memcmp(first, other, size) == 0);
    }
    Py_DECREF(lowered);
    uint16_t buckets[MOST_BUCKETS];
    uint8_t times[MOST_BUCKETS];
    const size_t distinct = first[1] | (size_t)first[2] << 8, kept = distinct < MOST_BUCKETS ? distinct : MOST_BUCKETS;
    CHECK(count_features(first + SKETCH_HEAD, size - SKETCH_HEAD) == kept);
    CHECK(read_features(first + SKETCH_HEAD, size - SKETCH_HEAD, buckets, times) == DONE);
    for (size_t i = 1; i < kept; i++) CHECK(buckets[i - 1] < buckets[i]);
    CHECK(kept == 0 || buckets[kept - 1] < BUCKETS);
}

/* Any bytes as features. */
static void read_any(Slice bytes)
{
    const size_t count = count_features(bytes.bytes, bytes.size);
    uint16_t *buckets = malloc(count * sizeof *buckets + !count);
    uint8_t *times = malloc(count + !count);
    read_features(bytes.bytes, bytes.size, buckets, times);
    free(buckets);
    free(times);
}

static void score_article(PyObject *kernel, const Options *options)
{
    PyObject *article[PARTS] = {NULL, NULL};
    Said strings;
    const int taken = ask_strings(kernel, options, options->article, PARTS, &strings);
    for (int part = 0; part < PARTS; part++)
        article[part] = PyUnicode_DecodeUTF8((const char *)options->article[part].bytes,
                                             (Py_ssize_t)options->article[part].size, NULL);
    CHECK(taken == (article[0] && article[1]));
    PyErr_Clear();
    if (!taken) {
        Py_XDECREF(article[0]);
        Py_XDECREF(article[1]);
        return;
    }
    if (options->surrogates) { /* that UTF-8 cannot say, but a str can */
        PyObject *sign = PyUnicode_FromString("^"), *half = PyUnicode_FromOrdinal(0xDC80);
        for (int part = 0; part < PARTS; part++) Py_SETREF(article[part], PyUnicode_Replace(article[part], sign, half, -1));
        Py_DECREF(sign);
        Py_DECREF(half);
    }
    PyObject *whole = PyUnicode_FromFormat("%U\n%U", article[0], article[1]);
    const Said said = ask_texts(kernel, options, whole);
    const int has_surrogates = PyUnicode_FindChar(whole, 0xDC80, 0, PyUnicode_GET_LENGTH(whole), 1) >= 0;
    if (!has_surrogates) {
        Said one;
        Py_ssize_t size;
        const char *bytes = PyUnicode_AsUTF8AndSize(whole, &size);
        Slice copy = copied((const uint8_t *)bytes, (size_t)size);
        CHECK(ask_strings(kernel, options, &copy, 1, &one));
        free(copy.bytes);
        CHECK(same(&strings, &one));
        CHECK(same(&strings, &said));
    }
    const int needed = (int)PyUnicode_KIND(whole);
    for (int kind = needed; kind <= 4; kind *= 2) {
        Said units;
        const int status = ask_units(&((Kernel *)kernel)->model, options, article, kind, &units);
        CHECK(status == DONE || (status == NEEDS_PYTHON && options->lowercase));
        CHECK(status == NEEDS_PYTHON || same(&units, &said));
    }
    check_definition(options, article, said.outputs, said.integers);
    sketch_string(whole);
    Py_DECREF(whole);
    Py_DECREF(article[0]);
    Py_DECREF(article[1]);
}

/* Offsets that anybody may have made up. */
static void score_offsets(PyObject *kernel, const Options *options)
{
    Said said = nothing_said(options);
    int32_t offsets[4];
    memcpy(offsets, options->offsets, sizeof offsets);
    const Slice text = options->article[1];
    const int begin = 1, count = 2, sound = offsets[1] >= 0 && offsets[1] <= offsets[2] && offsets[2] <= offsets[3] &&
                                            offsets[3] <= (int64_t)text.size;
    double outputs[2 * 12];
    PyObject *arguments = Py_BuildValue("((NNi))iiNOi", view(text.bytes, text.size), bytes_of(offsets, 16), 0, begin,
                                        count, view(outputs, 2 * 8 * said.output_count), Py_None, options->halves);
    PyObject *refused = arguments ? Kernel_score_utf8((Kernel *)kernel, arguments) : NULL;
    CHECK(refused ? sound : !sound && PyErr_ExceptionMatches(PyExc_ValueError));
    PyErr_Clear();
    Py_XDECREF(refused);
    Py_DECREF(arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Options options;
    Input input = {data, data + size};
    take_options(&options, &input);
    if (options.columns <= MOST_TERMS && options.article[1].size + options.article[0].size < MOST_TOKENS) {
        PyObject *kernel = make_kernel(&options);
        if (options.wrong)
            CHECK(kernel == NULL);
        else
            CHECK((kernel != NULL) == is_sound(&options));
        if (kernel == NULL)
            CHECK(PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
                  (options.wrong == 10 && PyErr_ExceptionMatches(PyExc_MemoryError)));
        PyErr_Clear();
        if (kernel) {
            score_offsets(kernel, &options);
            score_article(kernel, &options);
            read_any(options.article[0]);
            Py_DECREF(kernel);
        }
    }
    options_free(&options);
    return 0;
}

#pragma clang attribute pop
