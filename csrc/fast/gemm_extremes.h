/* The smallest and largest prefix of a panel, for gemm.h, in plain C: a panel that is not whole. */

static void some_extremes(size_t rows, size_t columns, const int32_t *lanes, size_t stride,
                          const int32_t *corrections, int32_t *least, int32_t *most) {
    *least = INT32_MAX, *most = INT32_MIN;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const uint32_t lane = (uint32_t)lanes[r * stride + c];
            const int32_t x = (int32_t)(lane + (uint32_t)corrections[c]);
            *least = x < *least ? x : *least;
            *most = x > *most ? x : *most;
        }
    }
}
