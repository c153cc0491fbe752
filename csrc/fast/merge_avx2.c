/* The merge kernel compiled for AVX2, where the compiler can. */
#include "fast/merge.h"

#ifdef __AVX2__
#include "fast/merge_body.h"

pqs_merge_kernel *const pqs_merge__avx2 = run_merge;
#else
pqs_merge_kernel *const pqs_merge__avx2 = NULL;
#endif
