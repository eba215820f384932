/* Making and reading sketches, as a Python module. See sketching.h for what they are. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sketching.h"
#include "python_text.h"

/* Texts that are read between two looks at Python. */
#define GROUP 64

typedef struct {
    PyObject_HEAD
    SketchKeys keys;
} Sketcher;

/* --- making one ----------------------------------------------------------------------------------- */

static int copy_exactly(PyObject *object, void *to, size_t size)
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE)) return -1;
    const int fits = (size_t)view.len == size;
    if (fits) memcpy(to, view.buf, size);
    else PyErr_SetString(PyExc_ValueError, "a key or table has the wrong size");
    PyBuffer_Release(&view);
    return fits ? 0 : -1;
}

/* Whether every bin asks all others, so that one with a value is found. */
static int are_sound(const SketchKeys *keys)
{
    for (size_t bin = 0; bin < BINS; bin++) {
        uint64_t asked = (uint64_t)1 << bin;
        for (size_t i = 0; i < BINS - 1; i++) {
            if (keys->donors[bin][i] >= BINS) return 0;
            asked |= (uint64_t)1 << keys->donors[bin][i];
        }
        if (asked != UINT64_MAX) return 0;
    }
    return 1;
}

static PyObject *Sketcher_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"word_key", "shingle_keys", "donors", NULL};
    PyObject *word_key, *shingle_keys, *donors;
    uint8_t bytes[16];
    uint64_t numbers[4];
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$OOO", names, &word_key, &shingle_keys, &donors)) return NULL;
    Sketcher *self = (Sketcher *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    SketchKeys *keys = &self->keys;
    if (copy_exactly(word_key, bytes, sizeof bytes) || copy_exactly(shingle_keys, numbers, sizeof numbers) ||
        copy_exactly(donors, keys->donors, sizeof keys->donors))
        goto fail;
    if (!are_sound(keys)) {
        PyErr_SetString(PyExc_ValueError, "a table of donors must name every other bin for each");
        goto fail;
    }
    keys->words[0] = load_little(bytes);
    keys->words[1] = load_little(bytes + 8);
    keys->summand = numbers[0];
    memcpy(keys->factors, numbers + 1, sizeof keys->factors);
    return (PyObject *)self;
fail:
    Py_DECREF(self);
    return NULL;
}

static void Sketcher_dealloc(Sketcher *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* --- sketching ------------------------------------------------------------------------------------ */

/* Of up to so many texts, where they lie and what came of them. */
typedef struct {
    Text texts[GROUP];
    size_t sizes[GROUP];
    uint8_t sketches[GROUP][LARGEST_SKETCH];
} Group;

static void raise_status(int status)
{
    if (status == NO_MEMORY) PyErr_NoMemory();
    else PyErr_SetString(PyExc_ValueError, "a text is too long");
}

/* One whose lower case only Python knows. */
static int sketch_lowered(SketchBench *bench, const SketchKeys *keys, PyObject *string, Group *group, size_t i)
{
    Text lowered;
    PyObject *owner = lower_text(string, &lowered);
    if (owner == NULL) return -1;
    const int status = sketch_text(bench, keys, group->texts[i], &lowered, group->sketches[i], &group->sizes[i]);
    Py_DECREF(owner);
    if (status) raise_status(status);
    return status ? -1 : 0;
}

/* Sketch `count` texts of a tuple from `begin`. */
static int sketch_group(SketchBench *bench, const SketchKeys *keys, PyObject *tuple, size_t begin, size_t count, Group *group)
{
    size_t characters = 0;
    for (size_t i = 0; i < count; i++) {
        if (text_of(PyTuple_GET_ITEM(tuple, (Py_ssize_t)(begin + i)), &group->texts[i])) return -1;
        characters += group->texts[i].size;
    }
    for (size_t i = 0; i < count; i++) {
        int status = DONE;
        PyThreadState *state = let_others_run(characters);
        while (i < count && !(status = sketch_text(bench, keys, group->texts[i], NULL, group->sketches[i], &group->sizes[i])))
            i++;
        go_on(state);
        if (status == DONE) break;
        if (status != NEEDS_PYTHON) {
            raise_status(status);
            return -1;
        }
        if (sketch_lowered(bench, keys, PyTuple_GET_ITEM(tuple, (Py_ssize_t)(begin + i)), group, i)) return -1;
    }
    return 0;
}

static PyObject *sketch_tuple(Sketcher *self, PyObject *tuple)
{
    const size_t count = (size_t)PyTuple_GET_SIZE(tuple);
    PyObject *made = PyList_New((Py_ssize_t)count);
    SketchBench *bench = calloc(1, sizeof *bench);
    Group *group = malloc(sizeof *group);
    if (made && !(bench && group)) {
        PyErr_NoMemory();
        Py_CLEAR(made);
    }
    for (size_t begin = 0; made && begin < count; begin += GROUP) {
        const size_t size = count - begin < GROUP ? count - begin : GROUP;
        if (sketch_group(bench, &self->keys, tuple, begin, size, group)) Py_CLEAR(made);
        for (size_t i = 0; made && i < size; i++) {
            PyObject *sketch = PyBytes_FromStringAndSize((const char *)group->sketches[i], (Py_ssize_t)group->sizes[i]);
            if (sketch == NULL) Py_CLEAR(made);
            else PyList_SET_ITEM(made, (Py_ssize_t)(begin + i), sketch);
        }
    }
    if (bench) words_free(&bench->words);
    free(bench);
    free(group);
    return made;
}

PyDoc_STRVAR(sketch_doc,
             "sketch(texts)\n--\n\n"
             "The sketches (bytes) of a sequence of str; of many characters without the GIL.\n\n"
             "Raises TypeError for what is no str and ValueError for a text that is too long.");

static PyObject *Sketcher_sketch(Sketcher *self, PyObject *texts)
{
    PyObject *tuple = PySequence_Tuple(texts); /* keeps every text alive, whatever becomes of the list */
    if (tuple == NULL) return NULL;
    PyObject *made = sketch_tuple(self, tuple);
    Py_DECREF(tuple);
    return made;
}

/* --- reading -------------------------------------------------------------------------------------- */

/* Bytes of a sketch behind its head; -1 with an error set for what is none. */
static Py_ssize_t tail_of(PyObject *content, Py_ssize_t head, const uint8_t **tail)
{
    if (!PyBytes_Check(content)) {
        PyErr_Format(PyExc_TypeError, "sketches must be bytes, not %.80s", Py_TYPE(content)->tp_name);
        return -1;
    }
    if (head < 0 || PyBytes_GET_SIZE(content) < head) {
        PyErr_SetString(PyExc_ValueError, "a sketch is shorter than its head");
        return -1;
    }
    *tail = (const uint8_t *)PyBytes_AS_STRING(content) + head;
    return PyBytes_GET_SIZE(content) - head;
}

/* Where the features of each begin, and behind them how many there are in all; -1 with an error set. */
static int count_all(PyObject *contents, Py_ssize_t head, int64_t *begins)
{
    int64_t count = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(contents); i++) {
        const uint8_t *tail = NULL;
        const Py_ssize_t size = tail_of(PyTuple_GET_ITEM(contents, i), head, &tail);
        if (size < 0) return -1;
        begins[i] = count;
        count += (int64_t)count_features(tail, (size_t)size);
    }
    begins[PyTuple_GET_SIZE(contents)] = count;
    return 0;
}

static int read_all(PyObject *contents, Py_ssize_t head, const int64_t *begins, uint16_t *buckets, uint8_t *times)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(contents); i++) {
        const uint8_t *tail = NULL;
        const Py_ssize_t size = tail_of(PyTuple_GET_ITEM(contents, i), head, &tail);
        if (read_features(tail, (size_t)size, buckets + begins[i], times + begins[i]) == DONE) continue;
        PyErr_SetString(PyExc_ValueError, "a sketch has a feature beyond the last bucket");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(read_features_doc,
             "read_features(contents, head)\n--\n\n"
             "The features of n sketches (a sequence of bytes), which begin behind `head` bytes of each.\n\n"
             "Returns where those of each begin (int64, n + 1), their buckets (uint16) and how often (uint8).\n"
             "Raises ValueError for damaged ones.");

static PyObject *sketching_read_features(PyObject *module, PyObject *args)
{
    PyObject *sequence, *begins = NULL, *buckets = NULL, *times = NULL, *read = NULL;
    Py_ssize_t head;
    (void)module;
    if (!PyArg_ParseTuple(args, "On", &sequence, &head)) return NULL;
    PyObject *contents = PySequence_Tuple(sequence);
    if (contents == NULL) return NULL;
    begins = PyBytes_FromStringAndSize(NULL, (PyTuple_GET_SIZE(contents) + 1) * (Py_ssize_t)sizeof(int64_t));
    int64_t *at = begins ? (int64_t *)(void *)PyBytes_AS_STRING(begins) : NULL;
    if (at == NULL || count_all(contents, head, at)) goto end;
    const Py_ssize_t count = (Py_ssize_t)at[PyTuple_GET_SIZE(contents)];
    buckets = PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(uint16_t));
    times = PyBytes_FromStringAndSize(NULL, count);
    if (buckets && times && !read_all(contents, head, at, (uint16_t *)(void *)PyBytes_AS_STRING(buckets),
                                      (uint8_t *)PyBytes_AS_STRING(times)))
        read = PyTuple_Pack(3, begins, buckets, times);
end:
    Py_XDECREF(begins);
    Py_XDECREF(buckets);
    Py_XDECREF(times);
    Py_DECREF(contents);
    return read;
}

/* --- the module ----------------------------------------------------------------------------------- */

static PyMethodDef Sketcher_methods[] = {
    {"sketch", (PyCFunction)Sketcher_sketch, METH_O, sketch_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot Sketcher_slots[] = {
    {Py_tp_doc, "Makes sketches under secret keys; may be called from several threads at once."},
    {Py_tp_new, Sketcher_new},
    {Py_tp_dealloc, Sketcher_dealloc},
    {Py_tp_methods, Sketcher_methods},
    {0, NULL},
};

static PyType_Spec Sketcher_spec = {
    .name = "falsetrue.features._sketching.Sketcher",
    .basicsize = sizeof(Sketcher),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Sketcher_slots,
};

static int sketching_exec(PyObject *module)
{
    fill_word_tables();
    fill_kinds();
    PyObject *type = PyType_FromModuleAndSpec(module, &Sketcher_spec, NULL);
    if (type == NULL) return -1;
    return PyModule_AddType(module, (PyTypeObject *)type) ? -1 : (Py_DECREF(type), 0);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, sketching_exec}, {0, NULL}};

static PyMethodDef module_methods[] = {
    {"read_features", sketching_read_features, METH_VARARGS, read_features_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "falsetrue.features._sketching",
    .m_doc = "Sketches of texts that cannot be read back.", .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__sketching(void) { return PyModuleDef_Init(&module_definition); }
