/* The output kernel in int32 lanes for AVX512BW, where the compiler can. */
#include "fast/output_int32.h"

#ifdef __AVX512BW__
#include "fast/output_int32_512.h"

#include "fast/output_int32_body.h"

const pqs_output_int32_kernel pqs_output_int32__avx512bw = {LANES, SPLIT, run_output};
#else
const pqs_output_int32_kernel pqs_output_int32__avx512bw = {0, 0, NULL};
#endif
