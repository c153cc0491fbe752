/* The output kernel in int32 lanes for NEON, where the compiler can. */
#include "fast/output_int32.h"

#ifdef __aarch64__
#include "fast/output_int32_128.h"

#include "fast/output_int32_body.h"

const pqs_output_int32_kernel pqs_output_int32__neon = {LANES, SPLIT, run_output};
#else
const pqs_output_int32_kernel pqs_output_int32__neon = {0, 0, NULL};
#endif
