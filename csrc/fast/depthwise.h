/* Windows of one line of a depthwise convolution: channels in int32 lanes, tap after tap.
 *
 * depthwise_<isa>.c defines a vector and includes depthwise_body.h, the one loop there is. Lines,
 * doors and the choice of the kernel are plan/depthwise.c's. */
#ifndef PQS_FAST_DEPTHWISE_H
#define PQS_FAST_DEPTHWISE_H

#include <stddef.h>
#include <stdint.h>

/* All strides in bytes but for out's. */
typedef struct {
    int element; /* enum pqs_element, of the image */
    int clamps;
    size_t rows; /* of a window */
    size_t columns;
    size_t row_stride;    /* from tap to tap */
    size_t column_stride;
    size_t column_step;   /* from window to window */
    size_t channels;
    const int32_t *weights; /* [row][column][channel]; int16 holds them */
    const int32_t *start;   /* [channel] */
    int32_t zero_point;     /* clamps: subtracted from every element; int16 holds the difference */
    int32_t minimum;        /* clamps; int32 holds minimum and maximum plus any product */
    int32_t maximum;
    size_t out_stride;
} pqs_depthwise_windows;

/* out[m][c] = start[c], then for each row and column of the window, ascending, plus
 * (image - zero_point) * weight: mod 2^32, or clamped to [minimum, maximum] every time. */
typedef void pqs_depthwise_line(const pqs_depthwise_windows *of, size_t count, const char *image,
                                int32_t *out);

typedef struct {
    size_t lanes; /* the fewest channels it works on */
    pqs_depthwise_line *line; /* NULL where the compiler could not build it */
} pqs_depthwise_kernel;

extern const pqs_depthwise_kernel pqs_depthwise__portable;
extern const pqs_depthwise_kernel pqs_depthwise__neon;
extern const pqs_depthwise_kernel pqs_depthwise__avx2;
extern const pqs_depthwise_kernel pqs_depthwise__avx512bw;

#endif
