/* Output steps as both of their kernels need them: addends that round, and shifts. */
#ifndef PQS_OUTPUT_ROUNDING_H
#define PQS_OUTPUT_ROUNDING_H

#include "fast/output.h"
#include "reference/reference.h"

int pqs_least_class(uint32_t table, int negative, int odd);

/* addends[PQS_ADDENDS] of a table that rounds up from some class on, everywhere. */
void pqs_addends_of(uint32_t table, int64_t right, int64_t *addends);

/* The total right shift for output (m, n), and the multiplier. */
int64_t pqs_shift_at(const pqs_output_step *step, size_t m, size_t n);
int64_t pqs_multiplier_at(const pqs_output_step *step, size_t m, size_t n);

#endif
