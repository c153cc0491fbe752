/* Loops whose count is a constant, and functions that make it one. */
#ifndef PQS_FAST_UNROLLED_H
#define PQS_FAST_UNROLLED_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Accumulators stay in registers only where no loop over them is left. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 6")
#endif

#endif
