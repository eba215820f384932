/* Where in a text a pattern may begin, by its first six characters.
 *
 * Shift-and over sets of characters (Baeza-Yates and Gonnet 1992), 64 sets at once: a place is a candidate where
 * some set holds the first character, the second, and so on. Characters are told apart by their lowest eight bits, so
 * that there may be more candidates than need be, but never fewer. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define DEPTH 6
#define END 256 /* what stands behind the last character */
#define MOST_GROUPS 64

typedef struct {
    PyObject_HEAD
    uint64_t sets[END + 1][DEPTH];
    uint64_t groups[MOST_GROUPS];
    uint64_t edge_sets; /* candidates of these count within `edge` characters of either end alone */
    Py_ssize_t edge;
    int group_count;
} Openers;

static PyObject *Openers_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"sets", "groups", "edge_sets", "edge", NULL};
    Py_buffer sets, groups;
    unsigned long long edge_sets;
    Py_ssize_t edge;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$y*y*Kn", names, &sets, &groups, &edge_sets, &edge)) return NULL;
    Openers *self = NULL;
    if ((size_t)sets.len != sizeof self->sets || groups.len % 8 || groups.len > MOST_GROUPS * 8 || edge < 0)
        PyErr_SetString(PyExc_ValueError, "sets or groups have the wrong size");
    else self = (Openers *)type->tp_alloc(type, 0);
    if (self) {
        memcpy(self->sets, sets.buf, sizeof self->sets);
        memcpy(self->groups, groups.buf, (size_t)groups.len);
        self->group_count = (int)(groups.len / 8);
        self->edge_sets = edge_sets;
        self->edge = edge;
    }
    PyBuffer_Release(&sets);
    PyBuffer_Release(&groups);
    return (PyObject *)self;
}

static void Openers_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Add a place to the list of every group that one of its sets belongs to. */
static int add_candidate(const Openers *self, PyObject **lists, Py_ssize_t place, uint64_t found)
{
    PyObject *number = NULL;
    int failed = 0;
    for (int group = 0; group < self->group_count && !failed; group++) {
        if (!(found & self->groups[group])) continue;
        if (number == NULL && (number = PyLong_FromSsize_t(place)) == NULL) return -1;
        if (lists[group] == NULL && (lists[group] = PyList_New(0)) == NULL) failed = 1;
        else failed = PyList_Append(lists[group], number) != 0;
    }
    Py_XDECREF(number);
    return failed ? -1 : 0;
}

static inline Py_ssize_t read_at(const void *data, int kind, Py_ssize_t at)
{
    if (kind == 1) return ((const uint8_t *)data)[at];
    if (kind == 2) return ((const uint16_t *)data)[at] & 0xFF;
    return (Py_ssize_t)(((const uint32_t *)data)[at] & 0xFF);
}

/* For a `kind` that the compiler knows. */
static inline int find_all(const Openers *self, const void *data, int kind, Py_ssize_t size, PyObject **lists)
{
    uint64_t held[DEPTH] = {0}; /* sets that hold the last so many characters; held[0] is not used */
    for (Py_ssize_t at = 0; at < size + DEPTH - 1; at++) {
        const uint64_t *sets = self->sets[at < size ? read_at(data, kind, at) : END];
        uint64_t found = held[DEPTH - 1] & sets[DEPTH - 1];
        for (int depth = DEPTH - 1; depth > 1; depth--) held[depth] = held[depth - 1] & sets[depth - 1];
        held[1] = sets[0];
        if (found) {
            const Py_ssize_t place = at - (DEPTH - 1);
            if (place >= self->edge && place < size - self->edge) found &= ~self->edge_sets;
            if (found && add_candidate(self, lists, place, found)) return -1;
        }
    }
    return 0;
}

PyDoc_STRVAR(find_doc, "find(text)\n--\n\n"
                       "Places, ascending, where a pattern of each group may begin: a tuple with a list, or None, for each.");

static PyObject *Openers_find(Openers *self, PyObject *text)
{
    PyObject *lists[MOST_GROUPS] = {NULL};
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "text must be str");
        return NULL;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(text)) return NULL;
#endif
    const void *data = PyUnicode_DATA(text);
    const Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    const int kind = (int)PyUnicode_KIND(text);
    const int failed = kind == 1   ? find_all(self, data, 1, size, lists)
                       : kind == 2 ? find_all(self, data, 2, size, lists)
                                   : find_all(self, data, 4, size, lists);
    PyObject *result = failed ? NULL : PyTuple_New(self->group_count);
    for (int group = 0; group < self->group_count; group++) {
        if (result) PyTuple_SET_ITEM(result, group, lists[group] ? lists[group] : Py_NewRef(Py_None));
        else Py_XDECREF(lists[group]);
    }
    return result;
}

static PyMethodDef Openers_methods[] = {{"find", (PyCFunction)Openers_find, METH_O, find_doc}, {NULL, NULL, 0, NULL}};

static PyType_Slot Openers_slots[] = {
    {Py_tp_doc, "First characters of the patterns of some groups."},
    {Py_tp_new, Openers_new},
    {Py_tp_dealloc, Openers_dealloc},
    {Py_tp_methods, Openers_methods},
    {0, NULL},
};

static PyType_Spec Openers_spec = {
    .name = "falsetrue.news._openers.Openers",
    .basicsize = sizeof(Openers),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Openers_slots,
};

static int openers_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &Openers_spec, NULL);
    if (type == NULL) return -1;
    const int status = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return status;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, openers_exec}, {0, NULL}};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "falsetrue.news._openers",
    .m_doc = "Where in a text a pattern may begin.", .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__openers(void) { return PyModuleDef_Init(&module_definition); }
