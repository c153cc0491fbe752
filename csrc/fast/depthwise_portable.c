/* Depthwise windows in plain C, any number of channels. */
#include "fast/depthwise.h"
#include "pyqsim.h"

#define CHANNELS 16

static inline int32_t element_at(const int element, const char *image, size_t c) {
    return element == PQS_ELEMENT_UINT8  ? ((const uint8_t *)image)[c]
           : element == PQS_ELEMENT_INT8 ? ((const int8_t *)image)[c]
                                         : ((const int16_t *)image)[c];
}

/* One window, at most CHANNELS channels. */
static inline void run_window(const int element, const int clamps, const pqs_depthwise_windows *of,
                              size_t channels, const char *image, const int32_t *weights,
                              const int32_t *start, int32_t *out) {
    int32_t acc[CHANNELS];
    for (size_t c = 0; c < channels; c++) acc[c] = start[c];
    for (size_t i = 0; i < of->rows; i++) {
        const char *at = image + i * of->row_stride;
        for (size_t j = 0; j < of->columns; j++) {
            for (size_t c = 0; c < channels; c++) {
                const int32_t x = element_at(element, at, c) - (clamps ? of->zero_point : 0);
                const int32_t sum = (int32_t)((uint32_t)acc[c] + (uint32_t)(x * weights[c]));
                const int32_t held = sum < of->maximum ? sum : of->maximum;
                acc[c] = !clamps ? sum : held > of->minimum ? held : of->minimum;
            }
            at += of->column_stride;
            weights += of->channels;
        }
    }
    for (size_t c = 0; c < channels; c++) out[c] = acc[c];
}

static inline void run_kind(const int element, const int clamps, const pqs_depthwise_windows *of,
                            size_t count, const char *image, int32_t *out) {
    const size_t bytes = element == PQS_ELEMENT_INT16 ? 2 : 1;
    for (size_t m = 0; m < count; m++) {
        for (size_t first = 0; first < of->channels; first += CHANNELS) {
            const size_t left = of->channels - first;
            run_window(element, clamps, of, left < CHANNELS ? left : CHANNELS,
                       image + m * of->column_step + first * bytes, of->weights + first,
                       of->start + first, out + m * of->out_stride + first);
        }
    }
}

static void run_line(const pqs_depthwise_windows *of, size_t count, const char *image,
                     int32_t *out) {
    switch (of->element) {
    case PQS_ELEMENT_UINT8: run_kind(PQS_ELEMENT_UINT8, of->clamps, of, count, image, out); break;
    case PQS_ELEMENT_INT8: run_kind(PQS_ELEMENT_INT8, of->clamps, of, count, image, out); break;
    default: run_kind(PQS_ELEMENT_INT16, of->clamps, of, count, image, out); break;
    }
}

const pqs_depthwise_kernel pqs_depthwise__portable = {1, run_line};
