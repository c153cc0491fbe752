/* What the files of the definition share: each function stands in the file of its name or idea. */
#ifndef PQS_REFERENCE_H
#define PQS_REFERENCE_H

#include "arith.h"
#include "pyqsim.h"

/* The value for output (m, n); null values are 0. */
static inline int64_t pqs_value_at(const pqs_values *values, size_t m, size_t n) {
    return values ? values->at[m * values->m_stride + n * values->n_stride] : 0;
}

/* Counter of a random draw: (position, n, m, tag), tag = 256 * step + term. */
typedef struct {
    int64_t position;
    int64_t n;
    int64_t m;
    uint32_t tag;
} pqs_draw;

#define PQS_PRODUCT_TAG (UINT32_C(256) * 255)

uint64_t pqs_random_word(uint64_t seed, pqs_draw draw);

/* A quotient after rounding, and its floor before. */
typedef struct {
    pqs_wide rounded;
    pqs_wide floor;
} pqs_quotient;

pqs_quotient pqs_round_quotient(pqs_wide numerator, int64_t divisor, int shift,
                                const pqs_rounding *rounding, pqs_draw draw);

typedef struct {
    pqs_wide minimum;
    pqs_wide maximum;
} pqs_range;

pqs_range pqs_register_range(const pqs_register *reg);
int64_t pqs_fit(const pqs_register *reg, pqs_range range, pqs_wide value, pqs_wide floor,
                int *overflows);

/* Where the records of a trace go; step and spill are those of the next one. */
typedef struct {
    pqs_trace_record *next;
    int32_t step;
    int32_t spill;
} pqs_tracer;

/* Where the events of one step at output (m, n) go. */
typedef struct {
    pqs_step_events *events;
    int64_t *count;       /* overflows of this output; null: not asked for */
    const int64_t *order; /* k of each position; null: the position itself */
    int64_t m;
    int64_t n;
    pqs_tracer *tracer; /* null: nobody asks */
} pqs_observer;

void pqs_see(pqs_observer *observer, pqs_wide value);
void pqs_note_overflow(pqs_observer *observer, const pqs_register *reg, int64_t position);
int64_t pqs_write(const pqs_register *reg, pqs_range range, pqs_wide value, pqs_wide floor,
                  int64_t position, pqs_observer *observer);

void pqs_record_line(pqs_tracer *tracer, int64_t position, int acted, int64_t before,
                     int64_t value, pqs_wide seen, int64_t after);

/* One line of a trace where somebody asks for it. */
static inline void pqs_record(const pqs_observer *observer, int64_t position, int acted,
                              int64_t before, int64_t value, pqs_wide seen, int64_t after) {
    if (observer->tracer) {
        pqs_record_line(observer->tracer, position, acted, before, value, seen, after);
    }
}

int64_t pqs_narrow_value(const pqs_narrow *step, pqs_range range, int64_t value, pqs_draw draw,
                         pqs_observer *observer);

size_t pqs_accumulate_count(const pqs_accumulate *step, size_t count);
void pqs_accumulate_values(const pqs_accumulate *step, size_t count, const int64_t *values,
                           const int64_t *position, int64_t bias, uint32_t tag, int64_t *out,
                           int64_t *held, pqs_observer *observer);
void pqs_accumulate_positions(const pqs_accumulate *step, size_t count, const int64_t *values,
                              int64_t *position, int64_t *out);

pqs_accumulate pqs_log_blocks(const pqs_accumulate_logs *step);
void pqs_accumulate_log_values(const pqs_accumulate_logs *step, size_t count,
                               const int64_t *values, const int64_t *position, int64_t *out,
                               pqs_observer *observer);

void pqs_products(const pqs_product *product, size_t slots, const int64_t *order,
                  const int64_t *a, const int64_t *b, int64_t a_zero_point, int64_t b_zero_point,
                  int64_t m, int64_t n, int64_t *terms);

size_t pqs_step_output_count(const pqs_step *step, size_t count);
int pqs_reduce_traced(const pqs_product *product, const pqs_step *steps, size_t step_count,
                      size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
                      int64_t m_first, int64_t n_first,
                      const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
                      const pqs_values *a_zero_point, const pqs_values *b_zero_point,
                      const pqs_values *bias,
                      int64_t *out, size_t out_stride,
                      pqs_step_events *events, int64_t *counts, size_t counts_stride,
                      int64_t *scratch, pqs_tracer *tracer);

/* The doors: whether a value is one that the header allows. */
int pqs_register_is_valid(const pqs_register *reg);
int pqs_narrow_is_valid(const pqs_narrow *step);
int pqs_product_is_valid(const pqs_product *product);
int pqs_steps_are_valid(const pqs_step *steps, size_t step_count);
int pqs_output_step_is_valid(const pqs_output_step *step);
int pqs_check_reduce(const pqs_product *product, const pqs_step *steps, size_t step_count,
                     size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
                     const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
                     const int64_t *out, const pqs_step_events *events, const int64_t *scratch);

#endif
