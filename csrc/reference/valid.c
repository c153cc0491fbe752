/* The doors: what the header allows, checked once before any work. */
#include "reference/reference.h"

static int between(int64_t value, int64_t low, int64_t high) {
    return low <= value && value <= high;
}

int pqs_register_is_valid(const pqs_register *reg) {
    if (!between(reg->overflow, PQS_OVERFLOW_WRAP, PQS_OVERFLOW_SIGN_MAGNITUDE_WRAP)) return 0;
    if (reg->bits == 0) return 1;
    return between(reg->bits, reg->is_signed ? 2 : 1, reg->is_signed ? 64 : 63) &&
           between(reg->saturated_bits, 0, reg->bits);
}

static int rounding_is_valid(const pqs_rounding *rounding, int64_t divisor, int32_t shift) {
    if (!rounding->stochastic) return rounding->table <= 0xFFFF;
    return between(rounding->random_bits, 0, 64) && divisor == 1 && shift <= 64;
}

int pqs_narrow_is_valid(const pqs_narrow *step) {
    return step->divisor >= 1 && between(step->shift, -127, 128) &&
           rounding_is_valid(&step->rounding, step->divisor, step->shift) &&
           pqs_register_is_valid(&step->range);
}

static int accumulate_is_valid(const pqs_accumulate *step) {
    if (!pqs_register_is_valid(&step->range) || step->group > INT32_MAX ||
        step->interleave < 1 || step->interleave > INT32_MAX) {
        return 0;
    }
    if (!step->spill_count) return 1;
    if (!step->spill || step->spill_count > 256 || !step->group || step->interleave != 1) return 0;
    for (size_t j = 0; j < step->spill_count; j++) {
        if (!pqs_narrow_is_valid(&step->spill[j])) return 0;
    }
    return 1;
}

static int step_is_valid(const pqs_step *step) {
    switch (step->kind) {
    case PQS_STEP_NARROW: return pqs_narrow_is_valid(&step->narrow);
    case PQS_STEP_ACCUMULATE: return accumulate_is_valid(&step->accumulate);
    case PQS_STEP_ACCUMULATE_LOGS:
        return pqs_register_is_valid(&step->accumulate_logs.range) &&
               step->accumulate_logs.group <= INT32_MAX &&
               between(step->accumulate_logs.guard_bits, 0, 32);
    default: return 0;
    }
}

int pqs_steps_are_valid(const pqs_step *steps, size_t step_count) {
    for (size_t i = 0; i < step_count; i++) {
        if (!step_is_valid(&steps[i])) return 0;
    }
    return step_count <= 200;
}

int pqs_product_is_valid(const pqs_product *product) {
    switch (product->kind) {
    case PQS_PRODUCT_MULTIPLY: return 1;
    case PQS_PRODUCT_SHIFT:
        return between(product->shifting, PQS_SHIFTING_A, PQS_SHIFTING_BOTH) &&
               between(product->drop, 0, 64) &&
               rounding_is_valid(&product->rounding, 1, product->drop);
    case PQS_PRODUCT_ADD_LOGS: return between(product->guard_bits, 0, 32);
    case PQS_PRODUCT_LOOKUP: return product->table && product->table_a && product->table_b;
    default: return 0;
    }
}

int pqs_output_step_is_valid(const pqs_output_step *step) {
    if (!between(step->index, 0, 50)) return 0;
    switch (step->kind) {
    case PQS_OUTPUT_ADD:
    case PQS_OUTPUT_MERGE: return step->data.at && pqs_register_is_valid(&step->range);
    case PQS_OUTPUT_NARROW:
        return pqs_narrow_is_valid(&step->narrow) &&
               (step->data.at || !step->multiplier_from_data) &&
               between(step->shift_part, PQS_SHIFT_NONE, PQS_SHIFT_RIGHT) &&
               (step->shift_data.at || step->shift_part == PQS_SHIFT_NONE);
    case PQS_OUTPUT_FLOAT_SCALE:
        if (step->clamp_before && step->zero_point_before) return 0;
        return step->scale.at &&
               (step->data.at || !(step->clamp_before || step->zero_point_before));
    case PQS_OUTPUT_DOUBLE_SCALE: return step->double_scale.at != NULL;
    case PQS_OUTPUT_CLAMP: return step->minimum <= step->maximum;
    case PQS_OUTPUT_LOOKUP:
        return step->table && step->table_size && !(step->table_size & (step->table_size - 1));
    case PQS_OUTPUT_FROM_LOGS: return between(step->guard_bits, 0, 32);
    case PQS_OUTPUT_THRESHOLDS: return step->table || !step->table_size;
    default: return 0;
    }
}
