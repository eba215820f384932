/* Counting n-grams as a Python module. See counting.h for how. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "counting.h"
#include "python_text.h"

static PyObject *raise_status(int status)
{
    if (status == NO_MEMORY) return PyErr_NoMemory();
    if (status == MALFORMED) PyErr_SetString(PyExc_ValueError, "words that no text can hold");
    else PyErr_SetString(PyExc_OverflowError, "a text, or all of them together, have more words than can be numbered");
    return NULL;
}

/* --- texts and arrays ----------------------------------------------------------------------------- */

/* Do something with a text; returns a status. */
typedef int (*Action)(void *self, Text text);

/* Do it with each of a tuple of texts, without the GIL; a text with a capital sigma is lower-cased by Python first. */
static int for_each_text(PyObject *tuple, Action action, void *self)
{
    const size_t count = (size_t)PyTuple_GET_SIZE(tuple);
    Text *texts = malloc((count + 1) * sizeof *texts);
    int status = texts ? DONE : NO_MEMORY;
    for (size_t i = 0; i < count && !status; i++)
        if (text_of(PyTuple_GET_ITEM(tuple, (Py_ssize_t)i), &texts[i])) status = -1;
    for (size_t i = 0; i < count && !status; i++) {
        Py_BEGIN_ALLOW_THREADS
        while (i < count && (status = action(self, texts[i])) == DONE) i++;
        Py_END_ALLOW_THREADS
        if (status != NEEDS_PYTHON) continue;
        PyObject *lowered = lower_text(PyTuple_GET_ITEM(tuple, (Py_ssize_t)i), &texts[i]);
        status = lowered == NULL ? -1 : action(self, texts[i]);
        Py_XDECREF(lowered);
    }
    free(texts);
    if (status > 0) raise_status(status);
    return status ? -1 : 0;
}

/* A view of `count` items of `size` bytes; -1 with an error set where it does not hold that many. */
static int view_items(PyObject *object, Py_buffer *view, size_t size, size_t count, int flags)
{
    if (PyObject_GetBuffer(object, view, flags)) return -1;
    if ((size_t)view->len == size * count && (uintptr_t)view->buf % size == 0) return 0;
    PyErr_SetString(PyExc_ValueError, "an array has the wrong size");
    return -1;
}

static void release_all(Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++)
        if (views[i].obj) PyBuffer_Release(&views[i]);
}

static PyObject *bytes_of(const void *data, size_t size) { return PyBytes_FromStringAndSize(data, (Py_ssize_t)size); }

static PyObject *new_bytes(size_t count, size_t size) { return bytes_of(NULL, count * size); }

/* Stop words, a line feed between them. */
static int take_stop_words(Vocabulary *vocabulary, Py_buffer *listed)
{
    const int status = vocabulary_mark(vocabulary, listed->buf, (size_t)listed->len, IS_STOP, NULL);
    if (status) raise_status(status);
    return status ? -1 : 0;
}

static int take_weighing(Weighing *weighing, PyObject *idf, Py_buffer *view, int norm, size_t columns)
{
    weighing->norm = norm;
    if (norm < NORM_NONE || norm > NORM_L2) {
        PyErr_SetString(PyExc_ValueError, "a norm that there is not");
        return -1;
    }
    weighing_begin(weighing);
    if (idf == Py_None) return 0;
    if (view_items(idf, view, sizeof(double), columns, PyBUF_SIMPLE)) return -1;
    weighing->idf = view->buf;
    return 0;
}

static int options_are_sound(int smallest, int largest)
{
    if (smallest >= 1 && largest >= smallest && largest <= LONGEST_NGRAM) return 1;
    PyErr_SetString(PyExc_ValueError, "n-grams have one to three words");
    return 0;
}

/* --- Counter -------------------------------------------------------------------------------------- */

enum { ADDING, KEPT, COUNTED };

typedef struct {
    PyObject_HEAD
    Counter counter;
    int stage;
    int busy; /* guarded by the GIL */
} CounterObject;

static PyObject *Counter_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"stop_words", "lowercase", "largest", NULL};
    Py_buffer stop_words;
    int lowercase, largest;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$y*pi", names, &stop_words, &lowercase, &largest)) return NULL;
    CounterObject *self = options_are_sound(1, largest) ? (CounterObject *)type->tp_alloc(type, 0) : NULL;
    if (self && counter_begin(&self->counter, lowercase, largest)) {
        PyErr_NoMemory();
        Py_CLEAR(self);
    }
    if (self && take_stop_words(&self->counter.vocabulary, &stop_words)) Py_CLEAR(self);
    PyBuffer_Release(&stop_words);
    return (PyObject *)self;
}

static void Counter_dealloc(CounterObject *self)
{
    counter_free(&self->counter);
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* Whether it may be worked on: nobody else does, and it has come so far and no farther. */
static int begin_work(CounterObject *self, int stage)
{
    if (!self->busy && self->stage == stage) return self->busy = 1;
    PyErr_SetString(PyExc_RuntimeError, self->busy ? "a counter serves one thread" : "a counter counts once");
    return 0;
}

static int count_text(void *counter, Text text) { return counter_add(counter, text); }

PyDoc_STRVAR(add_doc, "add(texts)\n--\n\nRead the words of more texts (a sequence of str).");

static PyObject *Counter_add(CounterObject *self, PyObject *texts)
{
    PyObject *tuple = PySequence_Tuple(texts); /* keeps every text alive, whatever becomes of the list */
    if (tuple == NULL) return NULL;
    int failed = !begin_work(self, ADDING);
    if (!failed) {
        failed = for_each_text(tuple, count_text, &self->counter);
        self->busy = 0;
    }
    Py_DECREF(tuple);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(keep_doc,
             "keep(fewest)\n--\n\nDrop the words that stand in fewer than ``fewest`` texts. Returns the others as UTF-8,\n"
             "a line feed behind each, in the order in which they came.");

static PyObject *Counter_keep(CounterObject *self, PyObject *argument)
{
    const unsigned long fewest = PyLong_AsUnsignedLong(argument);
    if (fewest == (unsigned long)-1 && PyErr_Occurred()) return NULL;
    if (!begin_work(self, ADDING)) return NULL;
    uint8_t *spelled;
    size_t size;
    const int status = counter_keep(&self->counter, fewest > UINT32_MAX ? UINT32_MAX : (uint32_t)fewest, &spelled, &size);
    self->busy = 0;
    if (status) return raise_status(status);
    self->stage = KEPT;
    PyObject *words = PyBytes_FromStringAndSize((char *)spelled, (Py_ssize_t)size);
    free(spelled);
    return words;
}

/* Count n-grams of every length; what is found goes into `found`. */
static int count_all(Counter *counter, const uint32_t *ranks, uint32_t *texts, uint32_t *times, uint32_t fewest)
{
    counter_renumber(counter, ranks, texts, times);
    for (int length = 2; length <= counter->largest; length++) {
        const int status = counter_count(counter, length, fewest);
        if (status) return status;
    }
    return DONE;
}

/* The keys of the n-grams, and in how many texts and how often each is there, by entry; the tables are given back. */
static PyObject *take_ngrams(Counter *counter, PyObject *word_texts, PyObject *word_times)
{
    Vocabulary *vocabulary = &counter->vocabulary;
    const size_t count = vocabulary->ngram_count;
    PyObject *keys = new_bytes(count, 8), *texts = new_bytes(count, 4), *times = new_bytes(count, 4), *result = NULL;
    if (keys && texts && times) {
        uint64_t *key = (uint64_t *)(void *)PyBytes_AS_STRING(keys);
        for (size_t at = 0; count && at < slots_of(vocabulary->ngrams_shift); at++) {
            const NgramSlot *slot = &vocabulary->ngrams[at];
            if (slot->key != EMPTY_NGRAM) key[slot->entry] = slot->key;
        }
        for (size_t entry = 0; entry < count; entry++) {
            ((uint32_t *)(void *)PyBytes_AS_STRING(texts))[entry] = counter->of_ngrams[entry].texts;
            ((uint32_t *)(void *)PyBytes_AS_STRING(times))[entry] = counter->of_ngrams[entry].times;
        }
        const size_t pairs = counter->largest > 2 ? counter->first_entry[3] : count;
        result = Py_BuildValue("(OOOOOn)", word_texts, word_times, keys, texts, times, (Py_ssize_t)pairs);
    }
    Py_XDECREF(keys);
    Py_XDECREF(texts);
    Py_XDECREF(times);
    vocabulary_free(vocabulary);
    vocabulary->ngram_count = count;
    free(counter->of_ngrams);
    counter->of_ngrams = NULL;
    return result;
}

PyDoc_STRVAR(count_doc,
             "count(ranks, fewest)\n--\n\n"
             "Number the words that were kept by ``ranks`` (uint32, a permutation) and count their n-grams.\n\n"
             "Returns buffers: in how many texts each word stands and how often, uint32 by rank; the keys of n-grams\n"
             "that may stand in ``fewest`` texts, uint64, those of two words first; in how many texts each does stand\n"
             "and how often, uint32; and how many of them have two words. A key is the rank of the first word, or the\n"
             "entry of the first two with bit 31 set, shifted left by 32, and the rank of the last word.");

static PyObject *Counter_count(CounterObject *self, PyObject *args)
{
    PyObject *ranks, *result = NULL;
    unsigned int fewest;
    Py_buffer view = {0};
    if (!PyArg_ParseTuple(args, "OI", &ranks, &fewest) || !begin_work(self, KEPT)) return NULL;
    const size_t count = self->counter.kept_count;
    PyObject *texts = new_bytes(count, 4), *times = new_bytes(count, 4);
    if (texts && times && !view_items(ranks, &view, 4, count, PyBUF_SIMPLE)) {
        const uint32_t *rank = view.buf;
        size_t sound = 0;
        while (sound < count && rank[sound] < count) sound++;
        if (sound < count) {
            PyErr_SetString(PyExc_ValueError, "a rank beyond the words");
        } else {
            int status;
            memset(PyBytes_AS_STRING(texts), 0, 4 * count);
            memset(PyBytes_AS_STRING(times), 0, 4 * count);
            self->stage = COUNTED;
            Py_BEGIN_ALLOW_THREADS
            status = count_all(&self->counter, rank, (uint32_t *)(void *)PyBytes_AS_STRING(texts),
                               (uint32_t *)(void *)PyBytes_AS_STRING(times), fewest);
            Py_END_ALLOW_THREADS
            result = status ? raise_status(status) : take_ngrams(&self->counter, texts, times);
        }
    }
    if (view.obj) PyBuffer_Release(&view);
    Py_XDECREF(texts);
    Py_XDECREF(times);
    self->busy = 0;
    return result;
}

/* Write all rows; a status, or TOO_LONG where there is no room for them. */
static int write_rows(const Counter *counter, const int32_t *of_words, const int32_t *of_ngrams, const Weighing *weighing,
                      int64_t *ends, int32_t *columns, double *values, size_t room)
{
    Row row = {0};
    size_t written = 0;
    int status = DONE;
    for (size_t text = 0; text < counter->texts && !status; text++) {
        status = counter_row(counter, text, of_words, of_ngrams, &row);
        const size_t distinct = status ? 0 : row_distinct(&row);
        if (distinct > room - written) status = TOO_LONG;
        if (status) break;
        row_write(&row, weighing, columns + written, values + written);
        written += distinct;
        ends[text] = (int64_t)written;
    }
    row_free(&row);
    return status;
}

static int columns_are_sound(const int32_t *columns, size_t count, size_t most)
{
    for (size_t i = 0; i < count; i++)
        if (columns[i] >= 0 && (size_t)columns[i] >= most) {
            PyErr_SetString(PyExc_ValueError, "a column beyond the last");
            return 0;
        }
    return 1;
}

PyDoc_STRVAR(rows_doc,
             "rows(of_words, of_ngrams, count, idf, binary, sublinear, norm, ends, columns, values)\n--\n\n"
             "Write the values of terms, text by text and in the order of their columns.\n\n"
             "``of_words`` and ``of_ngrams`` are the columns of words by rank and of n-grams by entry, int32, -1 for\n"
             "none; ``count`` how many columns there are; ``idf`` is float64 by column or None; ``norm`` 0, 1 or 2.\n"
             "``ends`` (int64, by text), ``columns`` (int32) and ``values`` (float64) are filled in.\n"
             "Raises ValueError for arrays of another size, OverflowError where there are more values.");

static PyObject *Counter_rows(CounterObject *self, PyObject *args)
{
    PyObject *objects[5], *idf;
    Py_buffer views[6];
    Py_ssize_t count;
    int binary, sublinear, norm, status = -1;
    memset(views, 0, sizeof views);
    if (!PyArg_ParseTuple(args, "OOnOppiOOO", &objects[0], &objects[1], &count, &idf, &binary, &sublinear, &norm,
                          &objects[2], &objects[3], &objects[4]) || !begin_work(self, COUNTED))
        return NULL;
    const Counter *counter = &self->counter;
    const size_t words = counter->kept_count, ngrams = counter->vocabulary.ngram_count;
    const Py_ssize_t room = PyObject_Length(objects[4]);
    Weighing weighing = {.binary = binary, .sublinear = sublinear};
    if (count >= 0 && room >= 0 && !view_items(objects[0], &views[0], 4, words, PyBUF_SIMPLE) &&
        !view_items(objects[1], &views[1], 4, ngrams, PyBUF_SIMPLE) &&
        !view_items(objects[2], &views[2], 8, counter->texts, PyBUF_WRITABLE) &&
        !view_items(objects[3], &views[3], 4, (size_t)room, PyBUF_WRITABLE) &&
        !view_items(objects[4], &views[4], 8, (size_t)room, PyBUF_WRITABLE) &&
        !take_weighing(&weighing, idf, &views[5], norm, (size_t)count) &&
        columns_are_sound(views[0].buf, words, (size_t)count) && columns_are_sound(views[1].buf, ngrams, (size_t)count)) {
        Py_BEGIN_ALLOW_THREADS
        status = write_rows(counter, views[0].buf, views[1].buf, &weighing, views[2].buf, views[3].buf, views[4].buf,
                            (size_t)room);
        Py_END_ALLOW_THREADS
        if (status) raise_status(status);
    }
    release_all(views, 6);
    self->busy = 0;
    if (status) return NULL;
    Py_RETURN_NONE;
}

static PyObject *Counter_texts(CounterObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(self->counter.texts);
}

static PyObject *Counter_longest(CounterObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(self->counter.longest);
}

static PyMethodDef Counter_methods[] = {
    {"add", (PyCFunction)Counter_add, METH_O, add_doc},
    {"keep", (PyCFunction)Counter_keep, METH_O, keep_doc},
    {"count", (PyCFunction)Counter_count, METH_VARARGS, count_doc},
    {"rows", (PyCFunction)Counter_rows, METH_VARARGS, rows_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Counter_properties[] = {
    {"texts", (getter)Counter_texts, NULL, "Number of texts read.", NULL},
    {"longest", (getter)Counter_longest, NULL, "Words of a text, at most, without stop words.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Counter_slots[] = {
    {Py_tp_doc, "Counts the n-grams of many texts: add, keep, count, rows, in that order."},
    {Py_tp_new, Counter_new},
    {Py_tp_dealloc, Counter_dealloc},
    {Py_tp_methods, Counter_methods},
    {Py_tp_getset, Counter_properties},
    {0, NULL},
};

static PyType_Spec Counter_spec = {
    .name = "falsetrue.features._counting.Counter",
    .basicsize = sizeof(CounterObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Counter_slots,
};

/* --- Matcher -------------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    Vocabulary vocabulary;
    int lowercase;
} MatcherObject;

static PyObject *Matcher_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"terms", "stop_words", "lowercase", "smallest", "largest", NULL};
    Py_buffer terms, stop_words;
    int lowercase, smallest, largest, status = DONE;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$y*y*pii", names, &terms, &stop_words, &lowercase, &smallest, &largest))
        return NULL;
    MatcherObject *self = options_are_sound(smallest, largest) ? (MatcherObject *)type->tp_alloc(type, 0) : NULL;
    if (self) {
        self->lowercase = lowercase;
        status = vocabulary_begin(&self->vocabulary, smallest, largest);
        if (!status) status = vocabulary_fill(&self->vocabulary, terms.buf, (size_t)terms.len);
        if (status) raise_status(status);
        if (status || take_stop_words(&self->vocabulary, &stop_words)) Py_CLEAR(self);
    }
    PyBuffer_Release(&terms);
    PyBuffer_Release(&stop_words);
    return (PyObject *)self;
}

static void Matcher_dealloc(MatcherObject *self)
{
    vocabulary_free(&self->vocabulary);
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* Rows as they come. */
typedef struct {
    Matcher matcher;
    Weighing weighing;
    int64_t *ends;
    int32_t *columns;
    double *values;
    size_t texts, texts_room, size, columns_room, values_room;
} Found;

static int match_text(void *self, Text text)
{
    Found *found = self;
    int status = matcher_match(&found->matcher, text);
    if (status) return status;
    const size_t size = found->size + row_distinct(&found->matcher.row);
    if (regrow(&found->ends, &found->texts_room, found->texts + 1, sizeof *found->ends) ||
        regrow(&found->columns, &found->columns_room, size, sizeof *found->columns) ||
        regrow(&found->values, &found->values_room, size, sizeof *found->values))
        return NO_MEMORY;
    row_write(&found->matcher.row, &found->weighing, found->columns + found->size, found->values + found->size);
    found->size = size;
    found->ends[found->texts++] = (int64_t)size;
    return DONE;
}

PyDoc_STRVAR(match_doc,
             "match(texts, idf, binary, sublinear, norm)\n--\n\n"
             "The values of the terms that texts hold, as bytes: where each text ends (int64), the columns (int32) of\n"
             "each text in ascending order, and the values (float64). For the others see ``Counter.rows``.");

static PyObject *Matcher_match(MatcherObject *self, PyObject *args)
{
    PyObject *texts, *idf, *tuple = NULL, *result = NULL;
    Py_buffer view = {0};
    int norm;
    Found found = {.matcher = {.vocabulary = &self->vocabulary, .lowercase = self->lowercase}};
    if (!PyArg_ParseTuple(args, "OOppi", &texts, &idf, &found.weighing.binary, &found.weighing.sublinear, &norm)) return NULL;
    if (!take_weighing(&found.weighing, idf, &view, norm, self->vocabulary.columns) &&
        (tuple = PySequence_Tuple(texts)) && !for_each_text(tuple, match_text, &found))
        result = Py_BuildValue("(NNN)", bytes_of(found.ends, found.texts * sizeof *found.ends),
                               bytes_of(found.columns, found.size * sizeof *found.columns),
                               bytes_of(found.values, found.size * sizeof *found.values));
    matcher_free(&found.matcher);
    free(found.ends);
    free(found.columns);
    free(found.values);
    Py_XDECREF(tuple);
    if (view.obj) PyBuffer_Release(&view);
    return result;
}

static PyMethodDef Matcher_methods[] = {
    {"match", (PyCFunction)Matcher_match, METH_VARARGS, match_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot Matcher_slots[] = {
    {Py_tp_doc, "Finds the terms of a vocabulary in texts."},
    {Py_tp_new, Matcher_new},
    {Py_tp_dealloc, Matcher_dealloc},
    {Py_tp_methods, Matcher_methods},
    {0, NULL},
};

static PyType_Spec Matcher_spec = {
    .name = "falsetrue.features._counting.Matcher",
    .basicsize = sizeof(MatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Matcher_slots,
};

/* --- the module ----------------------------------------------------------------------------------- */

static int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL) return -1;
    const int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}

static int counting_exec(PyObject *module)
{
    fill_word_tables();
    return add_type(module, &Counter_spec) || add_type(module, &Matcher_spec) ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, counting_exec}, {0, NULL}};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "falsetrue.features._counting",
    .m_doc = "Counting n-grams for fitting, without the GIL.", .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__counting(void) { return PyModuleDef_Init(&module_definition); }
