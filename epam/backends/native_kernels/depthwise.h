/* Depthwise 3 × 3 convolution of rows of a picture, channels last. */

#ifndef EPAM_DEPTHWISE_H
#define EPAM_DEPTHWISE_H

/* Pictures that a depthwise convolution reads or writes have their channels filled up to a multiple of
 * this, with zeros: no vector is cut. */
#define CHANNEL_STEP 16

typedef struct {
    const float *weights; /* (9, channels): the taps from the top left to the bottom right */
    const float *bias;    /* (channels) */
    long channels;        /* filled up */
    long stride;          /* 1 or 2 */
    long width;           /* of the input; even where the stride is 2 */
} Depthwise;

/* `out_rows` rows of the output, (out_rows, width / stride, channels), from rows of the input.
 *
 * `rows` has the (out_rows − 1) · stride + 3 input rows that they look at, each (width, channels); a row
 * outside of the picture is one of zeros. The output's sum of each channel is added to `sums`. */
void convolve_depthwise(const Depthwise *convolution, const float *const *rows, long out_rows, float *out,
                        float *sums);

#endif
