#include "depthwise.h"

#include "lanes.h"

/* What one vector of channels is convolved with. */
typedef struct {
    lanes taps[9];
    lanes bias;
    long channel; /* the first */
    long pitch;   /* from a place to the next */
    long width;
} Column;

/* Slides along `height` output rows at once, stride 1; returns `sums` and what was written.
 *
 * Three columns of the input stay in registers while the window slides, so each is loaded once, and two
 * output rows share two of their three input rows. */
INLINE lanes slide(const Column *column, const float *const *rows, float *out, lanes sums, const int height) {
    const long pitch = column->pitch, width = column->width, channel = column->channel;
    lanes left[4], middle[4], right[4];
    UNROLL for (int row = 0; row < height + 2; row++) {
        left[row] = (lanes){0};
        middle[row] = load(rows[row] + channel);
    }
    for (long x = 0; x < width; x++) {
        UNROLL for (int row = 0; row < height + 2; row++)
            right[row] = x + 1 < width ? load(rows[row] + (x + 1) * pitch + channel) : (lanes){0};
        UNROLL for (int row = 0; row < height; row++) {
            lanes y = column->bias;
            UNROLL for (int tap = 0; tap < 3; tap++) {
                y += column->taps[3 * tap] * left[row + tap];
                y += column->taps[3 * tap + 1] * middle[row + tap];
                y += column->taps[3 * tap + 2] * right[row + tap];
            }
            float *to = out + (row * width + x) * pitch + channel;
            store(to, y);
            __builtin_prefetch(to + height * width * pitch, 1);
            sums += y;
        }
        UNROLL for (int row = 0; row < height + 2; row++) {
            left[row] = middle[row];
            middle[row] = right[row];
        }
    }
    return sums;
}

/* The same along one output row, stride 2: of three columns, one is the last step's. */
INLINE lanes slide_by_two(const Column *column, const float *const *rows, float *out, lanes sums) {
    const long pitch = column->pitch, channel = column->channel;
    lanes left[3] = {{0}, {0}, {0}};
    for (long x = 0; x < column->width / 2; x++) {
        lanes y = column->bias;
        UNROLL for (int tap = 0; tap < 3; tap++) {
            const float *from = rows[tap] + 2 * x * pitch + channel;
            y += column->taps[3 * tap] * left[tap];
            y += column->taps[3 * tap + 1] * load(from);
            left[tap] = load(from + pitch);
            y += column->taps[3 * tap + 2] * left[tap];
        }
        store(out + x * pitch + channel, y);
        __builtin_prefetch(out + (x + column->width / 2) * pitch + channel, 1);
        sums += y;
    }
    return sums;
}

static lanes convolve_column(const Column *column, long stride, const float *const *rows, long out_rows,
                             float *out, lanes sums) {
    const long row_floats = column->width / stride * column->pitch;
    long row = 0;
    if (stride == 2) {
        for (; row < out_rows; row++) sums = slide_by_two(column, rows + 2 * row, out + row * row_floats, sums);
        return sums;
    }
    for (; row + 2 <= out_rows; row += 2) sums = slide(column, rows + row, out + row * row_floats, sums, 2);
    if (row < out_rows) sums = slide(column, rows + row, out + row * row_floats, sums, 1);
    return sums;
}

void convolve_depthwise(const Depthwise *convolution, const float *const *rows, long out_rows, float *out,
                        float *sums) {
    const long channels = convolution->channels;
    /* Channels outermost: what a vector of channels takes of the rows stays in the first cache. */
    for (long channel = 0; channel < channels; channel += LANES) {
        Column column = {.bias = load(convolution->bias + channel), .channel = channel, .pitch = channels,
                         .width = convolution->width};
        UNROLL for (int tap = 0; tap < 9; tap++)
            column.taps[tap] = load(convolution->weights + tap * channels + channel);
        store(sums + channel,
              convolve_column(&column, convolution->stride, rows, out_rows, out, load(sums + channel)));
    }
}
