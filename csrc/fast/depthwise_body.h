/* The line of depthwise.h. The including file defines `vector`, its load, store, add, smaller,
 * larger, subtract, spread (one int32 in every lane), widen_u8, widen_s8 and widen_s16 (elements to
 * lanes), factor (weights as multiply takes them) and multiply(element, factor). */
#include "fast/depthwise.h"
#include "fast/unrolled.h"
#include "pyqsim.h"

#define LANES (sizeof(vector) / 4)
#define TILE 4 /* windows that share the loads of the weights */

ALWAYS_INLINE vector widen(const int element, const char *from) {
    return element == PQS_ELEMENT_UINT8  ? widen_u8(from)
           : element == PQS_ELEMENT_INT8 ? widen_s8(from)
                                         : widen_s16(from);
}

/* `count` windows, LANES channels. */
ALWAYS_INLINE void run_tile(const size_t count, const int element, const int clamps,
                            const pqs_depthwise_windows *of, const char *image,
                            const int32_t *weights, const int32_t *start, int32_t *out) {
    const vector zero_point = spread(of->zero_point);
    const vector minimum = spread(of->minimum), maximum = spread(of->maximum);
    vector acc[TILE];
    UNROLLED
    for (size_t r = 0; r < count; r++) acc[r] = load(start);
    for (size_t i = 0; i < of->rows; i++) {
        const char *at = image + i * of->row_stride;
        for (size_t j = 0; j < of->columns; j++) {
            const vector weight = factor(load(weights));
            UNROLLED
            for (size_t r = 0; r < count; r++) {
                vector x = widen(element, at + r * of->column_step);
                if (clamps) x = subtract(x, zero_point);
                acc[r] = add(acc[r], multiply(x, weight));
                if (clamps) acc[r] = larger(smaller(acc[r], maximum), minimum);
            }
            at += of->column_stride;
            weights += of->channels;
        }
    }
    UNROLLED
    for (size_t r = 0; r < count; r++) store(out + r * of->out_stride, acc[r]);
}

/* Compilers make one loop of each count of windows, element and rule: they are constants in it. */
ALWAYS_INLINE void run_channels(const int element, const int clamps,
                                const pqs_depthwise_windows *of, size_t count, const char *image,
                                size_t channel, int32_t *out) {
    const int32_t *const weights = of->weights + channel, *const start = of->start + channel;
#define RUN(r) run_tile(r, element, clamps, of, image, weights, start, out)
    for (; count >= TILE; count -= TILE) {
        RUN(TILE);
        image += TILE * of->column_step;
        out += TILE * of->out_stride;
    }
    switch (count) {
    case 3: RUN(3); break;
    case 2: RUN(2); break;
    case 1: RUN(1); break;
    default: break;
    }
#undef RUN
}

/* Channels beyond the last full vector are in one that ends with them: some are computed twice. */
ALWAYS_INLINE void run_kind(const int element, const int clamps, const pqs_depthwise_windows *of,
                            size_t count, const char *image, int32_t *out) {
    const size_t bytes = element == PQS_ELEMENT_INT16 ? 2 : 1;
    for (size_t channel = 0; channel < of->channels; channel += LANES) {
        const size_t last = of->channels - LANES;
        const size_t first = channel < last ? channel : last;
        run_channels(element, clamps, of, count, image + first * bytes, first, out + first);
    }
}

static void run_line(const pqs_depthwise_windows *of, size_t count, const char *image,
                     int32_t *out) {
    switch (of->element * 2 + of->clamps) {
    case PQS_ELEMENT_UINT8 * 2: run_kind(PQS_ELEMENT_UINT8, 0, of, count, image, out); break;
    case PQS_ELEMENT_UINT8 * 2 + 1: run_kind(PQS_ELEMENT_UINT8, 1, of, count, image, out); break;
    case PQS_ELEMENT_INT8 * 2: run_kind(PQS_ELEMENT_INT8, 0, of, count, image, out); break;
    case PQS_ELEMENT_INT8 * 2 + 1: run_kind(PQS_ELEMENT_INT8, 1, of, count, image, out); break;
    case PQS_ELEMENT_INT16 * 2: run_kind(PQS_ELEMENT_INT16, 0, of, count, image, out); break;
    default: run_kind(PQS_ELEMENT_INT16, 1, of, count, image, out); break;
    }
}
