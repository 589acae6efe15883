#include "depthwise.h"

#include "lanes.h"

typedef struct {
    const Depthwise *convolution;
    lanes taps[9];
    lanes bias;
    lanes sums;
    long channel;
} Column;

INLINE lanes finish(lanes y, lanes *sums, const int after) {
    if (after == APPLY_SWISH) return swish(y);
    *sums += y;
    return y;
}

/* One vector of channels along `height` output rows at once, stride 1: height + 2 input rows.
 *
 * Three columns of the input stay in registers while the window slides, so each is loaded once, and two
 * output rows share two of their three input rows. */
INLINE lanes slide(const Depthwise *convolution, const lanes taps[9], lanes bias, const float *const *rows,
                   long channel, float *out, lanes sums, const int height, const int after) {
    const long step = convolution->channels, width = convolution->width;
    lanes left[4], middle[4], right[4];
    UNROLL for (int row = 0; row < height + 2; row++) {
        left[row] = (lanes){};
        middle[row] = load(rows[row] + channel);
    }
    for (long x = 0; x < width; x++) {
        UNROLL for (int row = 0; row < height + 2; row++)
            right[row] = x + 1 < width ? load(rows[row] + (x + 1) * step + channel) : (lanes){};
        UNROLL for (int row = 0; row < height; row++) {
            lanes y = bias;
            UNROLL for (int tap = 0; tap < 3; tap++) {
                y += taps[3 * tap] * left[row + tap];
                y += taps[3 * tap + 1] * middle[row + tap];
                y += taps[3 * tap + 2] * right[row + tap];
            }
            store(out + (row * width + x) * step + channel, finish(y, &sums, after));
        }
        UNROLL for (int row = 0; row < height + 2; row++) {
            left[row] = middle[row];
            middle[row] = right[row];
        }
    }
    return sums;
}

/* One vector of channels along one output row, stride 2: of three columns, one is the last step's. */
INLINE lanes slide_by_two(const Depthwise *convolution, const lanes taps[9], lanes bias,
                          const float *const *rows, long channel, float *out, lanes sums, const int after) {
    const long step = convolution->channels, out_width = convolution->width / 2;
    lanes left[3] = {{0}, {0}, {0}};
    for (long x = 0; x < out_width; x++) {
        lanes y = bias;
        UNROLL for (int tap = 0; tap < 3; tap++) {
            const float *from = rows[tap] + 2 * x * step + channel;
            y += taps[3 * tap] * left[tap];
            y += taps[3 * tap + 1] * load(from);
            left[tap] = load(from + step);
            y += taps[3 * tap + 2] * left[tap];
        }
        store(out + x * step + channel, finish(y, &sums, after));
    }
    return sums;
}

INLINE void convolve(const Depthwise *convolution, const float *const *rows, long out_rows, float *out,
                     float *all_sums, const int after) {
    const long channels = convolution->channels;
    /* Channels outermost: what a vector of channels takes of the rows stays in the first cache. */
    for (long channel = 0; channel < channels; channel += LANES) {
        lanes taps[9], bias = load(convolution->bias + channel), sums = (lanes){};
        UNROLL for (int tap = 0; tap < 9; tap++) taps[tap] = load(convolution->weights + tap * channels + channel);
        long row = 0;
        if (convolution->stride == 1) {
            const long row_floats = convolution->width * channels;
            for (; row + 2 <= out_rows; row += 2)
                sums = slide(convolution, taps, bias, rows + row, channel, out + row * row_floats, sums, 2, after);
            if (row < out_rows)
                sums = slide(convolution, taps, bias, rows + row, channel, out + row * row_floats, sums, 1, after);
        } else {
            const long row_floats = convolution->width / 2 * channels;
            for (; row < out_rows; row++)
                sums = slide_by_two(convolution, taps, bias, rows + 2 * row, channel, out + row * row_floats,
                                    sums, after);
        }
        if (after == KEEP_SUMS) store(all_sums + channel, load(all_sums + channel) + sums);
    }
}

void convolve_depthwise(const Depthwise *convolution, const float *const *rows, long out_rows, float *out,
                        float *sums) {
    if (convolution->after == APPLY_SWISH)
        convolve(convolution, rows, out_rows, out, sums, APPLY_SWISH);
    else
        convolve(convolution, rows, out_rows, out, sums, KEEP_SUMS);
}
