/* The scoring kernel as a Python module. See words.h, vocabulary.h and scoring.h for what it does. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "scoring.h"
#include "python_text.h"

/* A thread's scratch above this size is given back after a call, in bytes. */
#define LARGEST_KEPT ((size_t)1 << 26)

typedef struct Bench {
    Scratch scratch;
    struct Bench *next;
} Bench;

typedef struct {
    PyObject_HEAD
    Model model;
    Bench *free; /* guarded by the GIL */
} Kernel;

static PyObject *raise_status(int status)
{
    if (status == NO_MEMORY) return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, status == TOO_LONG    ? "a text or vocabulary is too long"
                                      : status == MALFORMED ? "a list of words or terms that no model has"
                                                            : "not UTF-8");
    return NULL;
}

/* --- buffers -------------------------------------------------------------------------------------- */

/* A copy of `count` items of `size` bytes of a buffer. NULL with an error set where it does not hold that many. */
static void *copy_items(PyObject *object, size_t size, size_t *count)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE)) return NULL;
    void *copy = NULL;
    if ((size_t)view.len % size || (*count != SIZE_MAX && (size_t)view.len / size != *count)) {
        PyErr_SetString(PyExc_ValueError, "an array has the wrong size");
    } else {
        *count = (size_t)view.len / size;
        copy = malloc((size_t)view.len + 1);
        if (copy == NULL) PyErr_NoMemory();
        else memcpy(copy, view.buf, (size_t)view.len);
    }
    PyBuffer_Release(&view);
    return copy;
}

/* NULL with an error set for what is no tuple, which PyArg_ParseTuple would call an error of the system. */
static PyObject *need_tuple(PyObject *object)
{
    if (PyTuple_Check(object)) return object;
    PyErr_Format(PyExc_TypeError, "a tuple is needed, not %.80s", Py_TYPE(object)->tp_name);
    return NULL;
}

/* --- making one ----------------------------------------------------------------------------------- */

/* Read the words of a buffer, a line feed between them, into the vocabulary. */
static int take_words(Vocabulary *vocabulary, PyObject *listed, uint32_t flag, uint32_t *numbers, size_t most)
{
    size_t size = SIZE_MAX;
    uint8_t *bytes = copy_items(listed, 1, &size);
    if (bytes == NULL) return -1;
    size_t lines = size > 0;
    for (size_t i = 0; i < size; i++) lines += bytes[i] == '\n';
    const int status = numbers && lines != most ? MALFORMED : vocabulary_mark(vocabulary, bytes, size, flag, numbers);
    free(bytes);
    if (status) raise_status(status);
    return status ? -1 : 0;
}

static int take_terms(Vocabulary *vocabulary, PyObject *terms)
{
    size_t size = SIZE_MAX;
    int status;
    if (terms == Py_None) return 0;
    uint8_t *bytes = copy_items(terms, 1, &size);
    if (bytes == NULL) return -1;
    Py_BEGIN_ALLOW_THREADS
    status = vocabulary_fill(vocabulary, bytes, size);
    Py_END_ALLOW_THREADS
    free(bytes);
    if (status) raise_status(status);
    return status ? -1 : 0;
}

/* The words that the model knows, and the lexicon made of them. */
static int take_lexicon(Model *model, PyObject *terms, PyObject *stop_words, PyObject *functions, const double *idf,
                        size_t idf_count)
{
    Vocabulary vocabulary;
    const Py_ssize_t function_size = PyObject_Length(functions);
    if (function_size < 0) return -1;
    if (model->function_words > (size_t)function_size) { /* before room is made for so many */
        raise_status(MALFORMED);
        return -1;
    }
    int status = vocabulary_begin(&vocabulary, model->smallest, model->largest), failed = status;
    uint32_t *numbers = calloc(model->function_words + 1, sizeof *numbers);
    if (status || numbers == NULL) {
        raise_status(NO_MEMORY);
        failed = 1;
    }
    const Py_ssize_t stop_size = PyObject_Length(stop_words);
    model->has_stop_words = stop_size > 0;
    failed = failed || stop_size < 0 || take_terms(&vocabulary, terms) ||
             take_words(&vocabulary, stop_words, IS_STOP, NULL, 0) ||
             take_words(&vocabulary, functions, IS_FUNCTION, numbers, model->function_words);
    if (!failed && idf && idf_count != (model->hashed ? model->columns : vocabulary.columns)) {
        PyErr_SetString(PyExc_ValueError, "idf has not one number for each column");
        failed = 1;
    }
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = lexicon_freeze(&model->lexicon, &vocabulary, model->hashed ? 0 : 1 + (size_t)model->sums,
                                model->hashed ? NULL : idf, numbers, model->function_words);
        Py_END_ALLOW_THREADS
        model->function_row = calloc(vocabulary.word_count + 1, sizeof *model->function_row);
        if (model->function_row == NULL) status = NO_MEMORY;
        if (status) raise_status(status);
        else for (size_t i = 0; i < model->function_words; i++) model->function_row[numbers[i]] = (uint32_t)i;
        failed = status != DONE;
        if (!model->hashed) model->columns = vocabulary.columns;
        model->entries = model->hashed ? model->columns : vocabulary.word_count + vocabulary.ngram_count;
    }
    free(numbers);
    vocabulary_free(&vocabulary);
    return failed ? -1 : 0;
}

/* By column, the entry whose numbers are to be filled in; NULL for a column that no text can have. */
static double *numbers_of_entry(const Model *model, size_t entry)
{
    if (model->hashed) return model->hashed_values + entry * (size_t)(1 + model->sums);
    return values_of(&model->lexicon, entry);
}

static size_t column_of(const Model *model, size_t entry)
{
    return model->hashed ? entry : (size_t)model->lexicon.column[entry];
}

/* Write a number by column beside every entry: the idf (`at` 0) or a weight. None: 1 everywhere. */
static int spread(Model *model, PyObject *object, int at)
{
    Py_buffer view = {0};
    if (object != Py_None) {
        if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE)) return -1;
        if ((size_t)view.len != model->columns * sizeof(double)) {
            PyBuffer_Release(&view);
            PyErr_SetString(PyExc_ValueError, "an array has not one number for each column");
            return -1;
        }
    }
    for (size_t entry = 0; entry < model->entries; entry++) {
        if (!model->hashed && model->lexicon.column[entry] < 0) continue;
        double value = 1.0;
        if (view.obj) memcpy(&value, (const char *)view.buf + column_of(model, entry) * sizeof value, sizeof value);
        numbers_of_entry(model, entry)[at] = value;
    }
    if (view.obj) PyBuffer_Release(&view);
    return 0;
}

static int take_outputs(Model *model, PyObject *outputs)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(outputs); i++) {
        PyObject *weights;
        const int at = model->outputs++;
        PyObject *output = need_tuple(PyTuple_GET_ITEM(outputs, i));
        if (output == NULL || !PyArg_ParseTuple(output, "Odidd", &weights, &model->intercepts[at], &model->links[at],
                                                &model->slopes[at], &model->offsets[at]))
            return -1;
        if (model->links[at] < LINK_NONE || model->links[at] > LINK_CLIP) {
            PyErr_SetString(PyExc_ValueError, "a link that no model has");
            return -1;
        }
        if (spread(model, weights, 1 + (int)i)) return -1;
    }
    return 0;
}

/* Trees from parallel arrays by node; every index is checked, and children must stand behind their parent. */
static int take_forest(Model *model, PyObject *forest)
{
    PyObject *objects[6];
    int32_t *feature = NULL, *left = NULL, *right = NULL, *roots = NULL, *by_column = NULL;
    double *threshold = NULL, *value = NULL;
    size_t nodes = SIZE_MAX, trees = SIZE_MAX;
    int result = -1;
    if (need_tuple(forest) == NULL || !PyArg_ParseTuple(forest, "OOOOOO", &objects[0], &objects[1], &objects[2],
                                                        &objects[3], &objects[4], &objects[5]))
        return -1;
    if (!(feature = copy_items(objects[0], 4, &nodes)) || !(threshold = copy_items(objects[1], 8, &nodes)) ||
        !(left = copy_items(objects[2], 4, &nodes)) || !(right = copy_items(objects[3], 4, &nodes)) ||
        !(value = copy_items(objects[4], 8, &nodes)) || !(roots = copy_items(objects[5], 4, &trees)))
        goto end;
    model->nodes = calloc(nodes + 1, sizeof *model->nodes);
    model->roots = calloc(trees + 1, sizeof *model->roots);
    model->tested = malloc((model->entries + 1) * sizeof *model->tested);
    by_column = malloc((model->columns + 1) * sizeof *by_column);
    if (!model->nodes || !model->roots || !model->tested || !by_column) {
        PyErr_NoMemory();
        goto end;
    }
    memset(by_column, 0xFF, (model->columns + 1) * sizeof *by_column);
    PyErr_SetString(PyExc_ValueError, "the trees do not fit together");
    for (size_t i = 0; i < trees; i++) {
        if (roots[i] < 0 || (size_t)roots[i] >= nodes) goto end;
        model->roots[i] = (uint32_t)roots[i];
    }
    for (size_t i = 0; i < nodes; i++) {
        Node *node = &model->nodes[i];
        *node = (Node){.threshold = threshold[i], .test = -1, .value = value[i]};
        if (feature[i] < 0) continue;
        if ((size_t)feature[i] >= model->columns || left[i] <= (int64_t)i || right[i] <= (int64_t)i ||
            (size_t)left[i] >= nodes || (size_t)right[i] >= nodes)
            goto end;
        if (by_column[feature[i]] < 0) by_column[feature[i]] = (int32_t)model->tested_count++;
        node->test = by_column[feature[i]];
        node->child[0] = (uint32_t)left[i];
        node->child[1] = (uint32_t)right[i];
    }
    if (trees == 0) goto end;
    for (size_t entry = 0; entry < model->entries; entry++) {
        const int32_t column = model->hashed ? (int32_t)entry : model->lexicon.column[entry];
        model->tested[entry] = column < 0 ? -1 : by_column[column];
    }
    PyErr_Clear();
    model->trees = trees;
    model->outputs = 1;
    result = 0;
end:
    free(by_column);
    free(feature);
    free(threshold);
    free(left);
    free(right);
    free(value);
    free(roots);
    return result;
}

static void Kernel_dealloc(Kernel *self)
{
    for (Bench *bench = self->free, *next; bench; bench = next) {
        next = bench->next;
        scratch_free(&bench->scratch);
        free(bench);
    }
    lexicon_free(&self->model.lexicon);
    free(self->model.hashed_values);
    free(self->model.nodes);
    free(self->model.roots);
    free(self->model.tested);
    free(self->model.function_bits);
    free(self->model.function_row);
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *Kernel_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"terms",        "stop_words",     "function_words", "function_bits", "function_count",
                            "languages",    "smallest",       "largest",        "lowercase",     "hash_columns",
                            "alternate_sign", "binary",       "sublinear",      "norm",          "idf",
                            "outputs",      "forest",         NULL};
    PyObject *terms, *stop_words, *function_words, *function_bits, *idf, *outputs, *forest;
    int smallest, largest, lowercase, alternate_sign, binary, sublinear, norm, languages;
    Py_ssize_t functions;
    unsigned int hash_columns;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$OOOOniiipIpppiOO!O", names, &terms, &stop_words, &function_words,
                                     &function_bits, &functions, &languages, &smallest, &largest, &lowercase,
                                     &hash_columns, &alternate_sign, &binary, &sublinear, &norm, &idf, &PyTuple_Type,
                                     &outputs, &forest))
        return NULL;
    if (smallest < 1 || largest < smallest || largest > LONGEST_NGRAM || languages < 0 || languages > MOST_LANGUAGES ||
        functions < 0 || norm < NORM_NONE || norm > NORM_L2 || (terms == Py_None) != (hash_columns > 0) ||
        hash_columns > INT32_MAX ||
        PyTuple_GET_SIZE(outputs) + (forest != Py_None) > MOST_OUTPUTS) {
        PyErr_SetString(PyExc_ValueError, "options that no model has");
        return NULL;
    }
    Kernel *self = (Kernel *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    Model *model = &self->model;
    model->smallest = smallest;
    model->largest = largest;
    model->lowercase = lowercase;
    model->hashed = hash_columns > 0;
    model->hash_columns = hash_columns;
    model->columns = hash_columns;
    model->alternate_sign = alternate_sign;
    model->binary = binary;
    model->sublinear = sublinear;
    model->norm = norm;
    model->languages = languages;
    model->function_words = (size_t)functions;
    model->sums = (int)PyTuple_GET_SIZE(outputs);
    for (int count = 1; count < LOGARITHMS; count++) model->logarithm[count] = log(count) + 1.0;
    double *idf_copy = NULL;
    size_t bits = (size_t)functions * (size_t)languages;
    if ((model->function_bits = copy_items(function_bits, 1, &bits)) == NULL) goto fail;
    size_t idf_count = SIZE_MAX;
    if (idf != Py_None && (idf_copy = copy_items(idf, sizeof(double), &idf_count)) == NULL) goto fail;
    if (take_lexicon(model, terms, stop_words, function_words, idf_copy, idf_count)) goto fail;
    if (model->hashed) {
        model->hashed_values = calloc(model->columns, (size_t)(1 + model->sums) * sizeof(double));
        if (model->hashed_values == NULL) {
            PyErr_NoMemory();
            goto fail;
        }
    }
    if (spread(model, idf, 0)) goto fail;
    if (forest != Py_None && take_forest(model, forest)) goto fail;
    if (take_outputs(model, outputs)) goto fail;
    free(idf_copy);
    return (PyObject *)self;
fail:
    free(idf_copy);
    Py_DECREF(self);
    return NULL;
}

/* --- scoring -------------------------------------------------------------------------------------- */

/* One to work at. The GIL is held. */
static Bench *take_bench(Kernel *self)
{
    Bench *bench = self->free;
    if (bench) self->free = bench->next;
    else bench = calloc(1, sizeof *bench);
    if (bench && scratch_begin(&self->model, &bench->scratch)) {
        scratch_free(&bench->scratch);
        free(bench);
        bench = NULL;
    }
    if (bench == NULL) PyErr_NoMemory();
    return bench;
}

static void give_bench(Kernel *self, Bench *bench)
{
    if (scratch_size(&bench->scratch) > LARGEST_KEPT) {
        scratch_free(&bench->scratch);
        free(bench);
        return;
    }
    bench->next = self->free;
    self->free = bench;
}

/* Where the answers go. */
typedef struct {
    Py_buffer outputs, integers;
    size_t output_step, integer_step;
    int halves;
} Answers;

static void answers_release(Answers *answers)
{
    if (answers->outputs.obj) PyBuffer_Release(&answers->outputs);
    if (answers->integers.obj) PyBuffer_Release(&answers->integers);
}

static int answers_begin(Kernel *self, Answers *answers, PyObject *outputs, PyObject *integers, int halves, size_t count)
{
    memset(answers, 0, sizeof *answers);
    answers->halves = halves;
    answers->output_step = (size_t)self->model.outputs * (halves ? 3 : 1);
    answers->integer_step = 2 + (size_t)self->model.languages;
    if (PyObject_GetBuffer(outputs, &answers->outputs, PyBUF_WRITABLE)) return -1;
    if (integers != Py_None && PyObject_GetBuffer(integers, &answers->integers, PyBUF_WRITABLE)) return -1;
    if ((size_t)answers->outputs.len != count * answers->output_step * sizeof(double) ||
        (uintptr_t)answers->outputs.buf % sizeof(double) ||
        (integers != Py_None && ((size_t)answers->integers.len != count * answers->integer_step * sizeof(int64_t) ||
                                 (uintptr_t)answers->integers.buf % sizeof(int64_t)))) {
        PyErr_SetString(PyExc_ValueError, "an array for the answers has the wrong size");
        return -1;
    }
    return 0;
}

static Answer answer_at(const Answers *answers, size_t i)
{
    return (Answer){
        .outputs = (double *)answers->outputs.buf + i * answers->output_step,
        .integers = answers->integers.obj ? (int64_t *)answers->integers.buf + i * answers->integer_step : NULL,
        .halves = answers->halves,
    };
}

/* The same with the lower case that Python makes: of a capital sigma it depends on what stands around it. */
static int score_lowered(Kernel *self, Scratch *scratch, PyObject *const *parts, int part_count, Answer *answer)
{
    PyObject *lowered[2] = {NULL, NULL};
    Text texts[2];
    int status = -1;
    for (int part = 0; part < part_count; part++) {
        if ((lowered[part] = lower_text(parts[part], &texts[part])) == NULL) goto end;
    }
    status = score_text(&self->model, scratch, texts, part_count, answer);
end:
    Py_XDECREF(lowered[0]);
    Py_XDECREF(lowered[1]);
    return status;
}

static int score_tuple(Kernel *self, PyObject *tuple, Answers *answers)
{
    const size_t count = (size_t)PyTuple_GET_SIZE(tuple);
    Text *texts = malloc((count + 1) * sizeof *texts);
    Bench *bench = texts ? take_bench(self) : NULL;
    int status = DONE;
    if (bench == NULL) {
        free(texts);
        if (!PyErr_Occurred()) PyErr_NoMemory();
        return -1;
    }
    size_t characters = 0;
    for (size_t i = 0; i < count; i++) {
        if (text_of(PyTuple_GET_ITEM(tuple, i), &texts[i])) { status = -1; goto end; }
        characters += texts[i].size;
    }
    for (size_t i = 0; i < count && !status;) {
        PyThreadState *state = let_others_run(characters);
        while (i < count) {
            Answer answer = answer_at(answers, i);
            status = score_text(&self->model, &bench->scratch, &texts[i], 1, &answer);
            if (status) break;
            i++;
        }
        go_on(state);
        if (status == NEEDS_PYTHON) {
            Answer answer = answer_at(answers, i);
            PyObject *text = PyTuple_GET_ITEM(tuple, i);
            status = score_lowered(self, &bench->scratch, &text, 1, &answer);
            i++;
        }
    }
    if (status > 0) raise_status(status);
end:
    free(texts);
    give_bench(self, bench);
    return status ? -1 : 0;
}

PyDoc_STRVAR(score_doc,
             "score(texts, outputs, integers, halves)\n--\n\n"
             "Score n texts (a sequence of str) without the GIL.\n\n"
             "``outputs`` is a writable buffer of float64, shape (n, 3 if halves else 1, outputs), for what is said of\n"
             "the whole text and of the first and second half of its words; ``integers`` one of int64, shape\n"
             "(n, 2 + languages), for words, words that are part of a term, and function words of each language, or\n"
             "None. Raises TypeError for what is no str and ValueError for buffers of another size.");

static PyObject *Kernel_score(Kernel *self, PyObject *args)
{
    PyObject *texts, *outputs, *integers;
    int halves;
    if (!PyArg_ParseTuple(args, "OOOp", &texts, &outputs, &integers, &halves)) return NULL;
    PyObject *tuple = PySequence_Tuple(texts); /* keeps every text alive, whatever becomes of the list */
    if (tuple == NULL) return NULL;
    Answers answers;
    int failed = answers_begin(self, &answers, outputs, integers, halves, (size_t)PyTuple_GET_SIZE(tuple)) ||
                 score_tuple(self, tuple, &answers);
    answers_release(&answers);
    Py_DECREF(tuple);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

/* --- Arrow strings -------------------------------------------------------------------------------- */

typedef struct {
    Py_buffer data;
    int64_t *offsets; /* a copy, so that what was checked stays true whoever writes where they came from */
} Strings;

static void strings_release(Strings *strings)
{
    if (strings->data.obj) PyBuffer_Release(&strings->data);
    free(strings->offsets);
}

static int64_t read_offset(const Py_buffer *offsets, int wide, size_t i)
{
    int64_t offset;
    int32_t narrow;
    if (wide) {
        memcpy(&offset, (const char *)offsets->buf + 8 * i, 8);
        return offset;
    }
    memcpy(&narrow, (const char *)offsets->buf + 4 * i, 4);
    return narrow;
}

/* Copy the offsets of `count` strings from `begin`, and check every one. */
static int copy_offsets(Strings *strings, const Py_buffer *offsets, int wide, size_t begin, size_t count)
{
    const size_t held = (size_t)offsets->len / (wide ? 8 : 4);
    if (count == 0) return 0;
    int sound = held > begin && held - begin > count;
    strings->offsets = sound ? malloc((count + 1) * sizeof *strings->offsets) : NULL;
    if (sound && strings->offsets == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int64_t least = 0;
    for (size_t i = 0; sound && i <= count; i++) {
        const int64_t offset = read_offset(offsets, wide, begin + i);
        sound = offset >= least && offset <= (int64_t)strings->data.len;
        strings->offsets[i] = least = offset;
    }
    if (!sound) PyErr_SetString(PyExc_ValueError, "offsets that lie outside the data");
    return sound ? 0 : -1;
}

/* Strings `begin` to `begin + count` of a column. */
static int strings_begin(Strings *strings, PyObject *column, size_t begin, size_t count)
{
    PyObject *data, *offsets;
    Py_buffer view;
    int wide;
    memset(strings, 0, sizeof *strings);
    if (need_tuple(column) == NULL || !PyArg_ParseTuple(column, "OOp", &data, &offsets, &wide)) return -1;
    if (PyObject_GetBuffer(data, &strings->data, PyBUF_SIMPLE) || PyObject_GetBuffer(offsets, &view, PyBUF_SIMPLE))
        return -1;
    const int failed = copy_offsets(strings, &view, wide, begin, count);
    PyBuffer_Release(&view);
    return failed;
}

static Text string_at(const Strings *strings, size_t i)
{
    const int64_t from = strings->offsets[i];
    return (Text){(const uint8_t *)strings->data.buf + from, (size_t)(strings->offsets[i + 1] - from), 0};
}

static int score_utf8_lowered(Kernel *self, Scratch *scratch, const Text *texts, int part_count, Answer *answer)
{
    PyObject *parts[2] = {NULL, NULL};
    int status = -1;
    for (int part = 0; part < part_count; part++) {
        parts[part] = PyUnicode_DecodeUTF8(texts[part].data, (Py_ssize_t)texts[part].size, NULL);
        if (parts[part] == NULL) {
            if (PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
                PyErr_Clear();
                status = NOT_UTF8;
            }
            goto end;
        }
    }
    status = score_lowered(self, scratch, parts, part_count, answer);
end:
    Py_XDECREF(parts[0]);
    Py_XDECREF(parts[1]);
    return status;
}

/* So that nobody reads what was in memory before. */
static void answer_nothing(const Answers *answers, size_t i)
{
    const Answer answer = answer_at(answers, i);
    memset(answer.outputs, 0, answers->output_step * sizeof *answer.outputs);
    if (answer.integers) memset(answer.integers, 0, answers->integer_step * sizeof *answer.integers);
}

static int score_strings(Kernel *self, const Strings *columns, int part_count, size_t count, const Answers *answers,
                         PyObject *refused)
{
    Bench *bench = take_bench(self);
    int status = bench ? DONE : -1;
    for (size_t i = 0; i < count && !status;) {
        Text texts[2];
        Answer answer;
        Py_BEGIN_ALLOW_THREADS
        while (i < count) {
            for (int part = 0; part < part_count; part++) texts[part] = string_at(&columns[part], i);
            answer = answer_at(answers, i);
            status = score_text(&self->model, &bench->scratch, texts, part_count, &answer);
            if (status) break;
            i++;
        }
        Py_END_ALLOW_THREADS
        if (status == NEEDS_PYTHON) {
            status = score_utf8_lowered(self, &bench->scratch, texts, part_count, &answer);
            if (status == DONE) i++;
        }
        if (status == NOT_UTF8) {
            answer_nothing(answers, i);
            PyObject *number = PyLong_FromSize_t(i++);
            status = number == NULL || PyList_Append(refused, number) ? -1 : DONE;
            Py_XDECREF(number);
        }
    }
    if (status > 0) raise_status(status);
    if (bench) give_bench(self, bench);
    return status ? -1 : 0;
}

PyDoc_STRVAR(score_utf8_doc,
             "score_utf8(columns, begin, count, outputs, integers, halves)\n--\n\n"
             "As ``score``, for strings as Arrow keeps them.\n\n"
             "``columns`` is a tuple of one or two (data, offsets, wide): UTF-8, and offsets of int64 if ``wide``, else\n"
             "of int32; with two, a text is a string of the first, something that is no word, and one of the second.\n"
             "Returns a list of the rows, counted from ``begin``, that are not UTF-8; their answers are 0.\n"
             "Raises ValueError where offsets lie outside the data.");

static PyObject *Kernel_score_utf8(Kernel *self, PyObject *args)
{
    PyObject *columns, *outputs, *integers;
    Py_ssize_t begin, count;
    int halves;
    if (!PyArg_ParseTuple(args, "O!nnOOp", &PyTuple_Type, &columns, &begin, &count, &outputs, &integers, &halves))
        return NULL;
    const Py_ssize_t parts = PyTuple_GET_SIZE(columns);
    if (parts < 1 || parts > 2 || begin < 0 || count < 0) {
        PyErr_SetString(PyExc_ValueError, "one or two columns, and rows from 0");
        return NULL;
    }
    Strings strings[2];
    memset(strings, 0, sizeof strings);
    Answers answers;
    memset(&answers, 0, sizeof answers);
    PyObject *refused = PyList_New(0);
    int failed = refused == NULL;
    for (Py_ssize_t part = 0; part < parts && !failed; part++)
        failed = strings_begin(&strings[part], PyTuple_GET_ITEM(columns, part), (size_t)begin, (size_t)count) != 0;
    failed = failed || answers_begin(self, &answers, outputs, integers, halves, (size_t)count) ||
             score_strings(self, strings, (int)parts, (size_t)count, &answers, refused);
    answers_release(&answers);
    strings_release(&strings[0]);
    strings_release(&strings[1]);
    if (failed) Py_CLEAR(refused);
    return refused;
}

/* --- the module ----------------------------------------------------------------------------------- */

static PyObject *Kernel_columns(Kernel *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(self->model.columns);
}

static PyMethodDef Kernel_methods[] = {
    {"score", (PyCFunction)Kernel_score, METH_VARARGS, score_doc},
    {"score_utf8", (PyCFunction)Kernel_score_utf8, METH_VARARGS, score_utf8_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Kernel_properties[] = {
    {"columns", (getter)Kernel_columns, NULL, "Number of columns of the vectorizer.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Kernel_slots[] = {
    {Py_tp_doc, "A compiled model: a vectorizer of word n-grams with weighted sums or trees over its values."},
    {Py_tp_new, Kernel_new},
    {Py_tp_dealloc, Kernel_dealloc},
    {Py_tp_methods, Kernel_methods},
    {Py_tp_getset, Kernel_properties},
    {0, NULL},
};

static PyType_Spec Kernel_spec = {
    .name = "falsetrue.features._kernel.Kernel",
    .basicsize = sizeof(Kernel),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Kernel_slots,
};

static int kernel_exec(PyObject *module)
{
    fill_word_tables();
    PyObject *type = PyType_FromModuleAndSpec(module, &Kernel_spec, NULL);
    if (type == NULL) return -1;
    return PyModule_AddType(module, (PyTypeObject *)type) ? -1 : (Py_DECREF(type), 0);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, kernel_exec}, {0, NULL}};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "falsetrue.features._kernel",
    .m_doc = "The scoring kernel: texts to scores in one pass, without the GIL.", .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module_definition); }
