/* Depthwise convolutions in int32 lanes against a loop, on a machine that runs no Python.
 *
 * depthwise_check ISA...: for each (a number of enum pqs_isa) random calls of both kinds.
 * Prints how many ran; exits with 1 at the first difference, with 2 if an ISA has no kernel. */
#include "draws.h"
#include "pyqsim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 600
#define MAX_CHANNELS 40
#define MAX_TAPS 9
#define MAX_SIDE 12
#define MAX_IMAGE (2 * MAX_SIDE * MAX_SIDE * MAX_CHANNELS)

static size_t size_between(int64_t low, int64_t high) { return (size_t)between(low, high); }

typedef struct {
    pqs_depthwise_plan plan;
    size_t height, width, rows, columns, stride[2], dilation[2], out_rows, out_columns;
    int64_t image[MAX_IMAGE];
    char stored[MAX_IMAGE * 2]; /* the image in its own type */
    int32_t weights[MAX_TAPS * MAX_CHANNELS];
    int32_t start[MAX_CHANNELS];
} call;

static size_t element_bytes(const call *c) { return c->plan.a_element == PQS_ELEMENT_INT16 ? 2 : 1; }

static void draw(call *c, int kind, int isa) {
    static const int64_t lows[] = {0, -128, -32768}, highs[] = {255, 127, 32767};
    const int clamps = kind == PQS_GEMM_CLAMP, element = (int)below(3);
    const size_t channels = size_between(1, MAX_CHANNELS);
    c->plan = (pqs_depthwise_plan){.kind = kind,
                                   .isa = isa,
                                   .a_element = element,
                                   .channels = channels,
                                   .bits = (int32_t)between(2, 32),
                                   .is_signed = (int32_t)below(2)};
    if (clamps && element != PQS_ELEMENT_INT16) c->plan.a_zero_point = (int32_t)between(-128, 255);
    c->plan.maximum = (int32_t)between(1, INT32_C(1) << between(1, 29));
    c->plan.minimum = -c->plan.maximum - (int32_t)below(2);
    c->rows = size_between(1, 3), c->columns = size_between(1, 3);
    for (int i = 0; i < 2; i++) c->stride[i] = size_between(1, 3), c->dilation[i] = size_between(1, 2);
    const size_t down = (c->rows - 1) * c->dilation[0] + 1;
    const size_t across = (c->columns - 1) * c->dilation[1] + 1;
    c->height = size_between((int64_t)down, MAX_SIDE), c->width = size_between((int64_t)across, MAX_SIDE);
    c->out_rows = (c->height - down) / c->stride[0] + 1;
    c->out_columns = (c->width - across) / c->stride[1] + 1;
    for (size_t i = 0; i < 2 * c->height * c->width * channels; i++) {
        c->image[i] = below(4) ? between(lows[element], highs[element]) : lows[element];
        const int16_t wide = (int16_t)c->image[i];
        const uint8_t narrow = (uint8_t)c->image[i];
        memcpy(c->stored + i * element_bytes(c),
               element_bytes(c) == 2 ? (const void *)&wide : (const void *)&narrow, element_bytes(c));
    }
    const int64_t reach = clamps ? 128 : 32768; /* 2^29 + 2^15 * 2^7 stays below 2^31 */
    for (size_t i = 0; i < c->rows * c->columns * channels; i++) {
        c->weights[i] = (int32_t)between(-reach, reach - 1);
    }
    for (size_t i = 0; i < channels; i++) {
        c->start[i] = clamps ? 0 : (int32_t)between(-100000, 100000);
    }
}

/* The definition, in 64 bits. */
static int64_t expected(const call *c, size_t window, size_t channel) {
    const size_t column = window % c->out_columns, line = window / c->out_columns;
    const size_t row = line % c->out_rows, batch = line / c->out_rows;
    int64_t sum = c->start[channel];
    for (size_t i = 0; i < c->rows; i++) {
        for (size_t j = 0; j < c->columns; j++) {
            const size_t y = row * c->stride[0] + i * c->dilation[0];
            const size_t x = column * c->stride[1] + j * c->dilation[1];
            const size_t at = ((batch * c->height + y) * c->width + x) * c->plan.channels + channel;
            sum += (c->image[at] - c->plan.a_zero_point) *
                   c->weights[(i * c->columns + j) * c->plan.channels + channel];
            if (c->plan.kind != PQS_GEMM_CLAMP) continue;
            sum = sum > c->plan.maximum ? c->plan.maximum : sum;
            sum = sum < c->plan.minimum ? c->plan.minimum : sum;
        }
    }
    if (c->plan.kind == PQS_GEMM_CLAMP) return sum;
    const int64_t half = INT64_C(1) << (c->plan.bits - 1), low = sum & (2 * half - 1);
    return c->plan.is_signed && low >= half ? low - 2 * half : low;
}

static int check(const call *c) {
    const size_t bytes = element_bytes(c), pixel = c->plan.channels * bytes;
    const pqs_windows windows = {.image = c->stored,
                                 .out_rows = c->out_rows,
                                 .out_columns = c->out_columns,
                                 .rows = c->rows,
                                 .columns = c->columns,
                                 .bytes = pixel,
                                 .batch_stride = c->height * c->width * pixel,
                                 .row_step = c->stride[0] * c->width * pixel,
                                 .column_step = c->stride[1] * pixel,
                                 .row_stride = c->dilation[0] * c->width * pixel,
                                 .column_stride = c->dilation[1] * pixel};
    const size_t all = 2 * c->out_rows * c->out_columns, first = all / 5, count = all - first;
    int32_t *const out = malloc(count * c->plan.channels * sizeof *out);
    if (!out) exit(3);
    int wrong = pqs_depthwise_run(&c->plan, &windows, c->weights, c->start, first, count, out,
                                  c->plan.channels) != PQS_OK;
    for (size_t i = 0; i < count * c->plan.channels && !wrong; i++) {
        const int64_t want = expected(c, first + i / c->plan.channels, i % c->plan.channels);
        const int is_signed = c->plan.is_signed || c->plan.kind == PQS_GEMM_CLAMP;
        const int64_t got = is_signed ? out[i] : (int64_t)(uint32_t)out[i];
        wrong = got != want;
        if (wrong) printf("output %zu => observed: %" PRId64 " expected: %" PRId64 "\n", i, got, want);
    }
    free(out);
    return wrong;
}

int main(int argc, char **argv) {
    static call c;
    static const int kinds[] = {PQS_GEMM_INT16, PQS_GEMM_CLAMP};
    for (int i = 1; i < argc; i++) {
        const int isa = atoi(argv[i]);
        for (int kind = 0; kind < 2; kind++) {
            pqs_depthwise_plan probe = {.kind = kinds[kind], .isa = isa, .channels = MAX_CHANNELS,
                                        .bits = 32};
            const int found = pqs_depthwise_isa(&probe);
            if (found == PQS_ISA_AUTO) return 2;
            for (int j = 0; j < CALLS; j++) {
                draw(&c, kinds[kind], isa);
                if (!check(&c)) continue;
                printf("ISA %d, kind %d, channels %zu, taps %zux%zu, element %d\n", isa, kinds[kind],
                       c.plan.channels, c.rows, c.columns, (int)c.plan.a_element);
                return 1;
            }
            printf("depthwise ISA %d, kind %d on ISA %d: %d calls\n", isa, kinds[kind], found, CALLS);
        }
    }
    return 0;
}
