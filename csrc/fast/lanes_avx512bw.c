/* The lanes kernel compiled for AVX512BW, where the compiler can. */
#include "fast/lanes.h"

#ifdef __AVX512BW__
#include "fast/lanes_body.h"

pqs_lanes_kernel *const pqs_lanes__avx512bw = run_lanes;
#else
pqs_lanes_kernel *const pqs_lanes__avx512bw = NULL;
#endif
