/* The output kernel in int32 lanes for AVX2, where the compiler can. */
#include "fast/output_int32.h"

#ifdef __AVX2__
#include "fast/output_int32_256.h"

#include "fast/output_int32_body.h"

const pqs_output_int32_kernel pqs_output_int32__avx2 = {LANES, SPLIT, run_output};
#else
const pqs_output_int32_kernel pqs_output_int32__avx2 = {0, 0, NULL};
#endif
