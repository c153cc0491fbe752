/* Depthwise convolutions: the door, and windows line by line. */
#include "plan/gemm.h"

static int in_range(const pqs_depthwise_plan *plan) {
    const int sums = plan->kind == PQS_GEMM_INT16;
    return (sums || plan->kind == PQS_GEMM_CLAMP) && plan->a_element >= PQS_ELEMENT_UINT8 &&
           plan->a_element <= PQS_ELEMENT_INT16 && plan->channels &&
           (sums ? plan->bits >= 1 && plan->bits <= 32 : plan->minimum <= plan->maximum);
}

int pqs_depthwise_isa(const pqs_depthwise_plan *plan) {
    int found = PQS_ISA_AUTO;
    if (plan && in_range(plan)) pqs_depthwise_for(plan->isa, plan->channels, &found);
    return found;
}

/* Bytes of the images from the first tap of window 0 to the last of window last. */
static size_t image_bytes(const pqs_windows *of, size_t last) {
    return last / of->out_columns / of->out_rows * of->batch_stride +
           (of->out_rows - 1) * of->row_step + (of->out_columns - 1) * of->column_step +
           (of->rows - 1) * of->row_stride + (of->columns - 1) * of->column_stride + of->bytes;
}

int pqs_depthwise_run(const pqs_depthwise_plan *plan, const pqs_windows *windows,
                      const int32_t *weights, const int32_t *start, size_t first, size_t count,
                      int32_t *out, size_t out_stride) {
    if (!plan || !windows || (count && (!windows->image || !weights || !start || !out))) {
        return PQS_ERROR_NULL;
    }
    if (!in_range(plan)) return PQS_ERROR_DATAPATH;
    const size_t bytes = plan->a_element == PQS_ELEMENT_INT16 ? 2 : 1;
    if (windows->bytes != plan->channels * bytes || out_stride < plan->channels) {
        return PQS_ERROR_OPERAND;
    }
    const pqs_depthwise_kernel *const kernel =
        pqs_depthwise_for(plan->isa, plan->channels, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    if (!count) return PQS_OK;
    if (!windows->rows || !windows->columns || !windows->out_rows || !windows->out_columns) {
        return PQS_ERROR_OPERAND;
    }
    const size_t out_bytes = ((count - 1) * out_stride + plan->channels) * sizeof *out;
    if (pqs_overlap(windows->image, image_bytes(windows, first + count - 1), out, out_bytes)) {
        return PQS_ERROR_OVERLAP;
    }
    const pqs_depthwise_windows now = {.element = plan->a_element,
                                       .clamps = plan->kind == PQS_GEMM_CLAMP,
                                       .rows = windows->rows,
                                       .columns = windows->columns,
                                       .row_stride = windows->row_stride,
                                       .column_stride = windows->column_stride,
                                       .column_step = windows->column_step,
                                       .channels = plan->channels,
                                       .weights = weights,
                                       .start = start,
                                       .zero_point = plan->a_zero_point,
                                       .minimum = plan->minimum,
                                       .maximum = plan->maximum,
                                       .out_stride = out_stride};
    for (size_t m = first, stop = first + count, here; m < stop; m += here) {
        const size_t column = m % windows->out_columns, line = m / windows->out_columns;
        const size_t row = line % windows->out_rows, batch = line / windows->out_rows;
        const size_t left = windows->out_columns - column;
        here = left < stop - m ? left : stop - m;
        kernel->line(&now, here,
                     (const char *)windows->image + batch * windows->batch_stride +
                         row * windows->row_step + column * windows->column_step,
                     out);
        if (!now.clamps) {
            pqs_keep_bits(plan->bits, plan->is_signed, here, plan->channels, out, out_stride);
        }
        out += here * out_stride;
    }
    return PQS_OK;
}
