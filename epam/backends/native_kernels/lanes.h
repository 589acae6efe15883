/* Vectors of floats as GCC and Clang have them on every processor, and the sigmoid on them.
 *
 * Nothing here names a processor but where a machine instruction replaces several steps. */

#ifndef EPAM_LANES_H
#define EPAM_LANES_H

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

/* Aligned as a float is: rows start anywhere. */
typedef float floats16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float floats8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int ints16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int ints8 __attribute__((vector_size(32), aligned(4), may_alias));

/* What one register holds, or nearly so: with 16 floats, a processor of 256 bits runs out of registers. */
#if defined(__AVX512F__)
typedef floats16 lanes;
typedef ints16 int_lanes;
#define LANES 16
#else
typedef floats8 lanes;
typedef ints8 int_lanes;
#define LANES 8
#endif

#define INLINE static inline __attribute__((always_inline))

/* Loops over registers have constant bounds and must leave no loop behind. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

INLINE lanes load(const float *from) { return *(const lanes *)from; }

INLINE void store(float *to, lanes x) { *(lanes *)to = x; }

INLINE lanes broadcast(float x) { return (lanes){} + x; }

/* At most the limit; a NaN stays one. */
INLINE lanes at_most(lanes x, lanes limit) {
#if defined(__AVX512F__)
    return (lanes)_mm512_min_ps((__m512)limit, (__m512)x);
#else
    const int_lanes above = x > limit;
    return (lanes)(((int_lanes)limit & above) | ((int_lanes)x & ~above));
#endif
}

/* 2 to the power x, x not above 126; relative error below 2e-7 (of the polynomial: 9e-8). */
INLINE lanes power_of_two(lanes x) {
    /* Adding 1.5 · 2^23 rounds to an integer, which then is in the lowest bits. */
    const float shift = 12582912.0f;
#if !defined(__AVX512F__)
    x = -at_most(-x, broadcast(126.0f));
#endif
    lanes shifted = x + shift;
    lanes whole = shifted - shift;
    lanes part = x - whole; /* in [-0.5, 0.5] */
    lanes y = broadcast(1.3264727e-3f);
    y = y * part + 9.671513e-3f;
    y = y * part + 5.5507336e-2f;
    y = y * part + 2.4022242e-1f;
    y = y * part + 6.93147e-1f;
    y = y * part + 1.0f;
#if defined(__AVX512F__)
    return (lanes)_mm512_scalef_ps((__m512)y, (__m512)whole);
#else
    return (lanes)((int_lanes)y + ((int_lanes)shifted << 23));
#endif
}

/* 1 / x for x in [1, 2^125]; relative error below 2e-7. */
INLINE lanes reciprocal(lanes x) {
#if defined(__AVX512F__)
    lanes guess = (lanes)_mm512_rcp14_ps((__m512)x);
    return guess + guess * (1.0f - x * guess);
#else
    return 1.0f / x;
#endif
}

INLINE lanes sigmoid(lanes x) {
    const float log2_of_e = 1.44269504f;
    return reciprocal(1.0f + power_of_two(at_most(x * -log2_of_e, broadcast(100.0f))));
}

INLINE lanes swish(lanes x) { return x * sigmoid(x); }

#endif
