/* Python's strings as texts. */
#ifndef FALSETRUE_PYTHON_TEXT_H
#define FALSETRUE_PYTHON_TEXT_H

#include "words.h"

/* Characters up to which a call keeps the lock of the interpreter: to let go of it wakes whoever waits for it, in vain
 * where it is taken back at once, and that costs more than a short text does. */
#define KEPT_CHARACTERS 32768

static inline PyThreadState *let_others_run(size_t characters)
{
    return characters > KEPT_CHARACTERS ? PyEval_SaveThread() : NULL;
}

static inline void go_on(PyThreadState *state)
{
    if (state) PyEval_RestoreThread(state);
}

/* The text of a string, where it lies; -1 with an error set for what is none. */
static int text_of(PyObject *object, Text *text)
{
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "texts must be str, not %.80s", Py_TYPE(object)->tp_name);
        return -1;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object)) return -1;
#endif
    text->data = PyUnicode_DATA(object);
    text->size = (size_t)PyUnicode_GET_LENGTH(object);
    text->kind = (int)PyUnicode_KIND(object);
    return 0;
}

/* The same in the lower case that Python makes: of a capital sigma it depends on what stands around it. Returns what the
 * text lies in, NULL with an error set. It is that of str itself, whatever a subclass makes of it. */
static PyObject *lower_text(PyObject *string, Text *text)
{
    PyObject *lowered = PyObject_CallMethod((PyObject *)&PyUnicode_Type, "lower", "O", string);
    if (lowered && text_of(lowered, text)) Py_CLEAR(lowered);
    return lowered;
}

#endif
