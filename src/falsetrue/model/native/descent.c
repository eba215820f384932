/* Dual coordinate descent for logistic regression, as a Python module.
 *
 * Yu, Huang and Lin (2011), "Dual coordinate descent methods for logistic regression and maximum entropy models",
 * Machine Learning 85:41-75: the dual of
 *     |w|^2 / 2 + sum_i u_i log(1 + exp(-y_i (x_i w + b)))
 * has a number a_i in (0, u_i) for each row, and w = sum_i a_i y_i x_i. Rows are visited one after the other and the
 * dual is solved for a_i alone. Here a_i = u_i / (1 + exp(-l_i)) is kept as its logit l_i, which is exact near both
 * ends. The intercept is not penalised, but held near where it was (Rockafellar, 1976, "Augmented Lagrangians and
 * applications of the proximal point algorithm in convex programming"): within an epoch it moves like the weight of a
 * column that holds sqrt(`pull`) everywhere, and between epochs the caller lets it go. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#define MOST_STEPS 100
#define CLOSE_ENOUGH 1e-6

typedef struct {
    const int64_t *ends; /* by row, where it begins; and where the last one ends */
    const int32_t *columns;
    const double *values;
} Matrix;

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

/* The logistic function, and its derivative. */
static double logistic(double x, double *derivative)
{
    const double small = exp(-fabs(x)), sum = 1 + small;
    *derivative = small / (sum * sum);
    return x >= 0 ? 1 / sum : small / sum;
}

/* A row times the weights; `square` gets that of its length. */
static double row_dot(const Matrix *x, size_t row, const double *weights, double *square)
{
    const size_t end = (size_t)x->ends[row + 1];
    size_t at = (size_t)x->ends[row];
    double even = 0, odd = 0, even_square = 0, odd_square = 0;
    for (; at + 1 < end; at += 2) {
        const double first = x->values[at], second = x->values[at + 1];
        even += first * weights[x->columns[at]];
        odd += second * weights[x->columns[at + 1]];
        even_square += first * first;
        odd_square += second * second;
    }
    if (at < end) {
        even += x->values[at] * weights[x->columns[at]];
        even_square += x->values[at] * x->values[at];
    }
    *square = even_square + odd_square;
    return even + odd;
}

static void row_add(const Matrix *x, size_t row, double factor, double *weights)
{
    for (size_t at = (size_t)x->ends[row]; at < (size_t)x->ends[row + 1]; at++)
        weights[x->columns[at]] += factor * x->values[at];
}

/* The root l of curvature * (bound * logistic(l) - before) + margin + l, by Newton's method between bounds. */
static double solve(double logit, double curvature, double bound, double before, double margin)
{
    double low = -margin - curvature * (bound - before), high = -margin + curvature * before;
    if (!(logit >= low && logit <= high)) logit = (low + high) / 2;
    for (int step = 0; step < MOST_STEPS; step++) {
        double slope;
        const double value = curvature * (bound * logistic(logit, &slope) - before) + margin + logit;
        if (value < 0) low = logit;
        else high = logit;
        double next = logit - value / (1 + curvature * bound * slope);
        if (!(next >= low && next <= high)) next = (low + high) / 2;
        const double moved = fabs(next - logit);
        logit = next;
        if (moved < CLOSE_ENOUGH) break;
    }
    return logit;
}

/* The duality gap of a row's loss: bound times the divergence (Kullback and Leibler) of two chances. */
static double gap_of(double logit, double margin, double bound)
{
    double slope;
    const double chance = logistic(logit, &slope), other = logistic(-logit, &slope);
    return bound * (chance * (softplus(margin) - softplus(-logit)) + other * (softplus(-margin) - softplus(logit)));
}

typedef struct {
    Matrix x;
    const double *signs, *bounds;
    const uint32_t *order;
    size_t rows;
    double *logits, *weights;
    double intercept, pull, gap, loss;
} Descent;

static void epoch(Descent *descent)
{
    for (size_t i = 0; i < descent->rows; i++) {
        const size_t row = descent->order[i];
        const double bound = descent->bounds[row], sign = descent->signs[row];
        if (bound <= 0) continue;
        double slope, square, logit = descent->logits[row];
        const double before = bound * logistic(logit, &slope);
        const double margin = sign * (row_dot(&descent->x, row, descent->weights, &square) + descent->intercept);
        descent->gap += gap_of(logit, margin, bound);
        descent->loss += bound * softplus(-margin);
        logit = solve(logit, square + descent->pull, bound, before, margin);
        const double change = sign * (bound * logistic(logit, &slope) - before);
        descent->logits[row] = logit;
        descent->intercept += change * descent->pull;
        row_add(&descent->x, row, change, descent->weights);
    }
}

/* --- the module ----------------------------------------------------------------------------------- */

enum { ENDS, COLUMNS, VALUES, SIGNS, BOUNDS, ORDER, LOGITS, WEIGHTS, ARRAYS };

static int sizes_are_sound(const Py_buffer *views)
{
    const Py_ssize_t rows = views[SIGNS].len / 8, held = views[VALUES].len / 8, columns = views[WEIGHTS].len / 8;
    const int64_t *ends = views[ENDS].buf;
    const int32_t *column = views[COLUMNS].buf;
    const uint32_t *order = views[ORDER].buf;
    int sound = views[ENDS].len == 8 * (rows + 1) && views[COLUMNS].len == 4 * held && views[BOUNDS].len == 8 * rows &&
                views[ORDER].len == 4 * rows && views[LOGITS].len == 8 * rows && rows <= UINT32_MAX && ends[0] == 0 && ends[rows] == held;
    for (Py_ssize_t i = 0; sound && i < rows; i++) sound = ends[i] <= ends[i + 1] && (Py_ssize_t)order[i] < rows;
    for (Py_ssize_t i = 0; sound && i < held; i++) sound = column[i] >= 0 && column[i] < columns;
    if (!sound) PyErr_SetString(PyExc_ValueError, "arrays that do not fit together");
    return sound;
}

PyDoc_STRVAR(epoch_doc,
             "epoch(ends, columns, values, signs, bounds, order, logits, weights, intercept, pull)\n--\n\n"
             "Visit every row once, in ``order`` (uint32), without the GIL.\n\n"
             "``ends`` (int64), ``columns`` (int32) and ``values`` (float64) are a sparse matrix by rows; ``signs``,\n"
             "``bounds`` (how often the loss of a row counts) and ``logits`` are float64 by row, ``weights`` float64\n"
             "by column. ``logits`` and ``weights`` are moved. Returns the intercept, and the\n"
             "duality gap and the loss of the rows as they were found, summed. Raises ValueError for other arrays.");

static PyObject *descent_epoch(PyObject *module, PyObject *args)
{
    PyObject *objects[ARRAYS], *result = NULL;
    Py_buffer views[ARRAYS];
    Descent descent;
    int failed = 0;
    (void)module;
    memset(views, 0, sizeof views);
    memset(&descent, 0, sizeof descent);
    if (!PyArg_ParseTuple(args, "OOOOOOOOdd", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4], &objects[5],
                          &objects[6], &objects[7], &descent.intercept, &descent.pull))
        return NULL;
    for (int i = 0; i < ARRAYS && !failed; i++)
        failed = PyObject_GetBuffer(objects[i], &views[i], i >= LOGITS ? PyBUF_WRITABLE : PyBUF_SIMPLE) != 0;
    if (!failed && sizes_are_sound(views)) {
        descent.x = (Matrix){views[ENDS].buf, views[COLUMNS].buf, views[VALUES].buf};
        descent.signs = views[SIGNS].buf;
        descent.bounds = views[BOUNDS].buf;
        descent.order = views[ORDER].buf;
        descent.rows = (size_t)views[SIGNS].len / 8;
        descent.logits = views[LOGITS].buf;
        descent.weights = views[WEIGHTS].buf;
        Py_BEGIN_ALLOW_THREADS
        epoch(&descent);
        Py_END_ALLOW_THREADS
        result = Py_BuildValue("(ddd)", descent.intercept, descent.gap, descent.loss);
    }
    for (int i = 0; i < ARRAYS; i++)
        if (views[i].obj) PyBuffer_Release(&views[i]);
    return result;
}

static PyMethodDef functions[] = {{"epoch", descent_epoch, METH_VARARGS, epoch_doc}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef_Slot module_slots[] = {{0, NULL}};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, .m_name = "falsetrue.model._descent",
    .m_doc = "Dual coordinate descent for logistic regression, without the GIL.", .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__descent(void) { return PyModuleDef_Init(&module_definition); }
