/* The merge kernel compiled for AVX512BW, where the compiler can. */
#include "fast/merge.h"

#ifdef __AVX512BW__
#include "fast/merge_body.h"

pqs_merge_kernel *const pqs_merge__avx512bw = run_merge;
#else
pqs_merge_kernel *const pqs_merge__avx512bw = NULL;
#endif
