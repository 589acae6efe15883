/* Rows of channels times a packed weight matrix, plus bias, plus what is added, then ReLU. */

#ifndef EPAM_MATRIX_H
#define EPAM_MATRIX_H

/* Output channels come in groups of this many; the last one is filled up with zero weights. */
#define GROUP 8

#define ROUND_UP(x, step) (((x) + (step) - 1) / (step) * (step))

/* Some of a row's inputs, `depth` next to each other: the first row's are at `start`. */
typedef struct {
    const float *start;
    long depth;
} Part;

/* A packed matrix of `outputs` columns, and a bias for each, both filled up to whole groups. */
typedef struct {
    const float *weights;
    const float *bias;
    long outputs;
} Matrix;

/* A row's inputs are in at most so many parts. */
#define MOST_PARTS 256

/* Floats that pack_matrix writes. */
long packed_floats(long outputs, long inputs);

/* Pack `weights` (outputs, inputs) in the order in which multiply reads them. */
void pack_matrix(const float *weights, long outputs, long inputs, float *packed);

/* out = relu(x · weights + bias + added), row by row.
 *
 * A row's inputs are the parts one after the other, and the next row's are `pitch` floats further on in
 * each part. `added` may be NULL. Writes whole groups: what fills up the last one becomes 0. */
void multiply(const Part *parts, long part_count, long pitch, long rows, const Matrix *matrix,
              const float *added, long added_pitch, float *out, long out_pitch);

#endif
