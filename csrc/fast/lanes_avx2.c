/* The lanes kernel compiled for AVX2, where the compiler can. */
#include "fast/lanes.h"

#ifdef __AVX2__
#include "fast/lanes_body.h"

pqs_lanes_kernel *const pqs_lanes__avx2 = run_lanes;
#else
pqs_lanes_kernel *const pqs_lanes__avx2 = NULL;
#endif
