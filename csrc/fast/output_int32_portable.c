/* The output kernel in int32 lanes in plain C. */
#include "fast/output_int32.h"

#include "fast/output_int32_plain.h"

#include "fast/output_int32_body.h"

const pqs_output_int32_kernel pqs_output_int32__portable = {LANES, SPLIT, run_output};
