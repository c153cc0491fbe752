/* pqs_output of one chain in int32 lanes: the steps lowered once, for all rows. */
#include "fast/output_int32.h"
#include "plan/output_rounding.h"
#include "plan/plan.h"

#include <string.h>

#define MAX_COLUMNS ((size_t)1 << 16)
#define MAX_TABLE ((size_t)1 << 16)
#define PATTERN 1024    /* columns that rows of an odd number are joined to */
#define ALIGNMENT 64
#define COLUMN_BYTES 64 /* of a step's arrays, a column: at most a MULTIPLY's */

/* What lies in the caller's bytes; arrays of numbers follow. */
typedef struct {
    pqs_output_int32_rows *run;
    size_t n;
    size_t width; /* columns after which the numbers repeat: some rows of n, or any where all are alike */
    size_t step_count;
    pqs_output_int32_step steps[PQS_OUTPUT_MAX_STEPS];
} program;

/* Where numbers are laid out. */
typedef struct {
    const pqs_output_int32_kernel *kernel;
    size_t n;
    size_t width;
    size_t padded; /* width, to whole vectors */
    char *free;
} layout;

static size_t aligned(size_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }
static size_t padded(size_t columns) {
    const size_t lanes = PQS_OUTPUT_INT32_LANES;
    return (columns + lanes - 1) / lanes * lanes;
}

/* Zeros, one number a column. */
static void *take(layout *to, size_t element) {
    char *const array = to->free;
    memset(array, 0, to->padded * element);
    to->free += aligned(to->padded * element);
    return array;
}

/* Where the product of a column lies. */
static size_t place_of(const layout *to, size_t column) {
    const size_t lanes = to->kernel->lanes, lane = column % lanes;
    if (!to->kernel->split) return column;
    return column - lane + lane % 2 * (lanes / 2) + lane / 2;
}

/* ---- one step ------------------------------------------------------------------------------- */

/* The caller's proof makes registers of 32 bits and more exact, unless they saturate to less. */
static int lower_register(const pqs_register *reg, pqs_output_int32_step *to) {
    const pqs_range range = pqs_register_range(reg);
    if (reg->bits == 0) return reg->overflow != PQS_OVERFLOW_TRAP;
    switch (reg->overflow) {
    case PQS_OVERFLOW_SATURATE:
    case PQS_OVERFLOW_SATURATE_SYMMETRIC:
        to->minimum = range.minimum > INT32_MIN ? (int32_t)range.minimum : INT32_MIN;
        to->maximum = range.maximum < INT32_MAX ? (int32_t)range.maximum : INT32_MAX;
        to->rule = to->minimum == INT32_MIN && to->maximum == INT32_MAX ? PQS_OUTPUT_EXACT
                                                                        : PQS_OUTPUT_HOLD;
        return 1;
    case PQS_OVERFLOW_WRAP:
        if (reg->bits >= 32) return 1;
        to->rule = PQS_OUTPUT_WRAP;
        to->wrap_shift = 32 - reg->bits;
        to->wrap_mask = reg->is_signed ? 0 : (int32_t)range.maximum;
        return 1;
    default: return 0;
    }
}

static int lower_add(const pqs_output_step *from, layout *at, pqs_output_int32_step *to) {
    int32_t *const words = take(at, sizeof *words);
    for (size_t i = 0; i < at->width; i++) {
        words[i] = (int32_t)(uint32_t)pqs_value_at(&from->data, 0, i % at->n);
    }
    to->form = PQS_OUTPUT_INT32_ADD;
    to->words = words;
    return lower_register(&from->range, to);
}

/* Whether shifts by up to 31 make the step; -1: the multiplier or a shift is too large. */
static int shifts_alone(const pqs_output_step *from, size_t columns) {
    int shifts = 1;
    for (size_t n = 0; n < columns; n++) {
        const int64_t multiplier = pqs_multiplier_at(from, 0, n), shift = pqs_shift_at(from, 0, n);
        if (multiplier < INT32_MIN || multiplier > INT32_MAX) return -1;
        if (shift < -PQS_OUTPUT_MAX_SHIFT || shift > PQS_OUTPUT_MAX_SHIFT) return -1;
        shifts &= multiplier == 1 && -31 <= shift && shift <= 31;
    }
    return shifts;
}

/* The arrays of a NARROW: one number a column. */
enum { LEFT, RIGHT, ADDENDS, ARRAYS = ADDENDS + PQS_ADDENDS };

static void numbers_at(const pqs_output_step *from, size_t n, int64_t *numbers) {
    const int64_t shift = pqs_shift_at(from, 0, n);
    numbers[LEFT] = shift < 0 ? -shift : 0;
    numbers[RIGHT] = shift > 0 ? shift : 0;
    pqs_addends_of(from->narrow.rounding.table, numbers[RIGHT], numbers + ADDENDS);
}

/* What 32-bit lanes read is in their order, what 64-bit ones read in that of the products. */
static void put(const layout *at, void *array, int is_shift, size_t column, int64_t number) {
    if (is_shift) {
        ((int32_t *)array)[column] = (int32_t)(uint32_t)number;
    } else {
        ((int64_t *)array)[place_of(at, column)] = number;
    }
}

static int lower_narrow(const pqs_output_step *from, layout *at, pqs_output_int32_step *to) {
    const uint32_t table = from->narrow.rounding.table;
    for (int i = 0; i < 4; i++) {
        if (pqs_least_class(table, i / 2, i % 2) < 0) return 0;
    }
    if (from->narrow.divisor != 1 || from->narrow.rounding.stochastic) return 0;
    const int is_shift = shifts_alone(from, at->n);
    if (is_shift < 0 || !lower_register(&from->narrow.range, to)) return 0;
    to->form = is_shift ? PQS_OUTPUT_INT32_SHIFT : PQS_OUTPUT_INT32_MULTIPLY;
    void *arrays[ARRAYS];
    int64_t any[ARRAYS] = {0};
    for (int a = 0; a < ARRAYS; a++) {
        arrays[a] = take(at, is_shift ? sizeof(int32_t) : sizeof(int64_t));
    }
    int32_t *const words = take(at, sizeof *words);
    for (size_t i = 0; i < at->width; i++) {
        int64_t numbers[ARRAYS];
        numbers_at(from, i % at->n, numbers);
        for (int a = 0; a < ARRAYS; a++) {
            any[a] |= numbers[a];
            put(at, arrays[a], is_shift, i, numbers[a]);
        }
        words[i] = is_shift ? (int32_t)((INT64_C(1) << numbers[RIGHT]) - 1)
                            : (int32_t)pqs_multiplier_at(from, 0, i % at->n);
    }
    to->words = words;
    to->left = any[LEFT] ? arrays[LEFT] : NULL;
    to->right = any[RIGHT] || !is_shift ? arrays[RIGHT] : NULL;
    to->addends[PQS_ADDEND] = arrays[ADDENDS];
    for (int a = PQS_ADDEND + 1; a < PQS_ADDENDS; a++) {
        to->addends[a] = any[ADDENDS + a] ? arrays[ADDENDS + a] : NULL;
    }
    return 1;
}

static const float *floats_of(const pqs_floats *from, layout *at) {
    if (!from->at) return NULL;
    float *const floats = take(at, sizeof *floats);
    for (size_t i = 0; i < at->width; i++) {
        floats[i] = from->at[i % at->n * from->n_stride];
    }
    return floats;
}

/* limit - zero point, a number a column */
static const float *limits_of(const pqs_output_step *from, int64_t limit, layout *at) {
    float *const limits = take(at, sizeof *limits);
    for (size_t i = 0; i < at->width; i++) {
        limits[i] = (float)((pqs_wide)limit - pqs_value_at(&from->data, 0, i % at->n));
    }
    return limits;
}

static int lower_float_scale(const pqs_output_step *from, layout *at,
                             pqs_output_int32_step *to) {
    to->form = PQS_OUTPUT_INT32_FLOAT;
    to->scale = floats_of(&from->scale, at);
    to->second = floats_of(&from->second, at);
    to->addend = floats_of(&from->addend, at);
    to->last = floats_of(&from->last, at);
    if (from->clamp_before) {
        to->low = limits_of(from, from->minimum, at);
        to->high = limits_of(from, from->maximum, at);
    }
    if (from->zero_point_before) {
        float *const zero_points = take(at, sizeof *zero_points);
        int32_t *const words = take(at, sizeof *words);
        for (size_t i = 0; i < at->width; i++) {
            const int64_t zero_point = pqs_value_at(&from->data, 0, i % at->n);
            zero_points[i] = (float)zero_point;
            words[i] = (int32_t)(uint32_t)zero_point;
        }
        to->zero_point = zero_points;
        to->words = words;
    }
    return 1;
}

static int lower_double_scale(const pqs_output_step *from, layout *at,
                              pqs_output_int32_step *to) {
    double *const scale = take(at, sizeof *scale);
    for (size_t i = 0; i < at->width; i++) {
        scale[i] = from->double_scale.at[i % at->n * from->double_scale.n_stride];
    }
    to->form = PQS_OUTPUT_INT32_DOUBLE;
    to->double_scale = scale;
    return 1;
}

static int lower_clamp(const pqs_output_step *from, pqs_output_int32_step *to) {
    if (from->minimum > INT32_MAX || from->maximum < INT32_MIN) return 0;
    to->form = PQS_OUTPUT_INT32_CLAMP;
    to->rule = PQS_OUTPUT_HOLD;
    to->minimum = from->minimum > INT32_MIN ? (int32_t)from->minimum : INT32_MIN;
    to->maximum = from->maximum < INT32_MAX ? (int32_t)from->maximum : INT32_MAX;
    return 1;
}

static int lower_lookup(const pqs_output_step *from, layout *at, pqs_output_int32_step *to) {
    if (from->table_size > MAX_TABLE) return 0;
    int32_t *const table = (int32_t *)(void *)at->free;
    at->free += aligned(from->table_size * sizeof *table);
    for (size_t i = 0; i < from->table_size; i++) table[i] = (int32_t)(uint32_t)from->table[i];
    to->form = PQS_OUTPUT_INT32_LOOKUP;
    to->lookup = table;
    to->lookup_mask = (int32_t)(from->table_size - 1);
    return 1;
}

static int lower_step(const pqs_output_step *from, layout *at, pqs_output_int32_step *to) {
    memset(to, 0, sizeof *to); /* EXACT, and no arrays */
    switch (from->kind) {
    case PQS_OUTPUT_ADD: return lower_add(from, at, to);
    case PQS_OUTPUT_NARROW: return lower_narrow(from, at, to);
    case PQS_OUTPUT_FLOAT_SCALE: return lower_float_scale(from, at, to);
    case PQS_OUTPUT_DOUBLE_SCALE: return lower_double_scale(from, at, to);
    case PQS_OUTPUT_CLAMP: return lower_clamp(from, to);
    case PQS_OUTPUT_LOOKUP: return lower_lookup(from, at, to);
    default: return 0;
    }
}

/* A shift by nothing into a register that holds all. */
static int does_nothing(const pqs_output_int32_step *step) {
    return step->form == PQS_OUTPUT_INT32_SHIFT && step->rule == PQS_OUTPUT_EXACT &&
           !step->left && !step->right;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int differs_by_row(const pqs_output_step *step) {
    return step->data.m_stride || step->shift_data.m_stride || step->scale.m_stride ||
           step->second.m_stride || step->addend.m_stride || step->last.m_stride ||
           step->double_scale.m_stride;
}

static int differs_by_column(const pqs_output_step *step) {
    return step->data.n_stride || step->shift_data.n_stride || step->scale.n_stride ||
           step->second.n_stride || step->addend.n_stride || step->last.n_stride ||
           step->double_scale.n_stride;
}

/* Columns that differ, and how many to lay out: rows are joined so that vectors are full. */
static void choose_width(const pqs_output_step *steps, size_t step_count, size_t m, size_t n,
                         layout *to) {
    const size_t lanes = PQS_OUTPUT_INT32_LANES;
    int differ = 0;
    for (size_t s = 0; s < step_count; s++) differ |= differs_by_column(&steps[s]);
    to->n = n && differ ? n : 1;
    size_t rows = to->n == 1 ? 4 * lanes : lanes;
    while (to->n != 1 && rows > 1 && to->n * rows / 2 % lanes == 0) rows /= 2;
    if (to->n * rows > PATTERN) rows = 1;
    const size_t there = to->n == 1 ? m * n : m;
    to->width = to->n * (rows < there ? rows : there ? there : 1);
    to->padded = padded(to->width);
}

int pqs_output_int32_size(const pqs_output_step *steps, size_t step_count, size_t m, size_t n,
                          size_t *bytes) {
    if (!bytes || (step_count && !steps)) return PQS_ERROR_NULL;
    if (step_count > PQS_OUTPUT_MAX_STEPS || n > MAX_COLUMNS) return PQS_ERROR_NO_KERNEL;
    layout to;
    choose_width(steps, step_count, m, n, &to);
    *bytes = ALIGNMENT + aligned(sizeof(program));
    for (size_t s = 0; s < step_count; s++) {
        *bytes += ARRAYS * ALIGNMENT + to.padded * COLUMN_BYTES;
        if (steps[s].kind != PQS_OUTPUT_LOOKUP) continue;
        if (steps[s].table_size > MAX_TABLE) return PQS_ERROR_NO_KERNEL;
        *bytes += aligned(steps[s].table_size * sizeof(int32_t));
    }
    return PQS_OK;
}

/* Where the program lies in the caller's bytes. */
static char *start_of(void *bytes) {
    return (char *)bytes + (ALIGNMENT - (uintptr_t)bytes % ALIGNMENT) % ALIGNMENT;
}

int pqs_output_int32_lower(int isa, const pqs_output_step *steps, size_t step_count, size_t m,
                           size_t n, void *bytes) {
    if (!bytes || (step_count && !steps)) return PQS_ERROR_NULL;
    layout to = {.kernel = pqs_output_int32_for(isa)};
    if (!to.kernel || step_count > PQS_OUTPUT_MAX_STEPS || n > MAX_COLUMNS) {
        return PQS_ERROR_NO_KERNEL;
    }
    for (size_t s = 0; s < step_count; s++) {
        if (!pqs_output_step_is_valid(&steps[s])) return PQS_ERROR_DATAPATH;
        if (differs_by_row(&steps[s])) return PQS_ERROR_NO_KERNEL;
    }
    choose_width(steps, step_count, m, n, &to);
    program *const made = (program *)(void *)start_of(bytes);
    to.free = (char *)made + aligned(sizeof *made);
    made->run = to.kernel->run;
    made->n = n;
    made->width = to.width;
    made->step_count = 0;
    for (size_t s = 0; s < step_count; s++) {
        pqs_output_int32_step *const step = &made->steps[made->step_count];
        if (!lower_step(&steps[s], &to, step)) return PQS_ERROR_NO_KERNEL;
        made->step_count += !does_nothing(step);
    }
    return PQS_OK;
}

int pqs_output_int32_run(const void *bytes, size_t m, int32_t *values) {
    if (!bytes || (m && !values)) return PQS_ERROR_NULL;
    const program *const made = (const program *)(void *)start_of((void *)(uintptr_t)bytes);
    const size_t count = m * made->n, lines = count / made->width, done = lines * made->width;
    made->run(made->steps, made->step_count, lines, made->width, made->width, values);
    made->run(made->steps, made->step_count, 1, count - done, made->width, values + done);
    return PQS_OK;
}
