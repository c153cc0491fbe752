/* The merge kernel in plain C. */
#include "fast/merge_body.h"

pqs_merge_kernel *const pqs_merge__portable = run_merge;
