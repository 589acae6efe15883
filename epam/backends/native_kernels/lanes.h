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

/* 2 to the power x; relative error below 2e-7 (of the polynomial: 9e-8). Too large an x gives infinity, too
 * small a one 0 or next to it. */
INLINE lanes power_of_two(lanes x) {
#if !defined(__AVX512F__)
    /* Whole powers are put together from bits, of which there are so many; a NaN stays one. */
    const int_lanes above = x > 127.0f, below = x < -126.0f;
    x = (lanes)(((int_lanes)broadcast(127.0f) & above) | ((int_lanes)x & ~above));
    x = (lanes)(((int_lanes)broadcast(-126.0f) & below) | ((int_lanes)x & ~below));
#endif
    /* Adding 1.5 · 2^23 rounds to an integer, which then is in the lowest bits. */
    const float shift = 12582912.0f;
    const lanes shifted = x + shift;
    const lanes whole = shifted - shift;
    const lanes part = x - whole; /* in [-0.5, 0.5] */
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

#define LOG2_OF_E 1.44269504f
#define LOG_OF_2 0.693147181f

INLINE lanes sigmoid(lanes x) { return 1.0f / (1.0f + power_of_two(x * -LOG2_OF_E)); }

/* Swish of x = −log(2) · z, times −log2(e): whoever makes z and uses the swish multiplies weights with the
 * two constants instead of numbers. The division runs beside the multiplications; a reciprocal that is
 * guessed and mended takes their place. */
INLINE lanes swish_of_scaled(lanes z) { return z / (1.0f + power_of_two(z)); }

#endif
