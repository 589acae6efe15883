/* What a backbone is made of: backbone_build.c makes it, backbone.c runs it. */

#ifndef EPAM_BACKBONE_PARTS_H
#define EPAM_BACKBONE_PARTS_H

#include "backbone.h"
#include "depthwise.h"
#include "lanes.h"
#include "matrix.h"

/* A block's inner tensor, after the depthwise convolution, is kept times FOR_SWISH: swish_of_scaled wants it
 * so. What reads it multiplies with TO_SWISH. Both are put into weights. */
#define FOR_SWISH (-LOG2_OF_E)
#define TO_SWISH (-LOG_OF_2)

/* Places that are projected at a time: a multiple of 8 and of 6 rows, in the first cache. */
#define PROJECTED_PLACES 24

typedef struct {
    long channels; /* a place's floats: filled up to GROUP */
    long height;
    long width;
    float *first; /* frame 0; frames −1 and `frames` are zeros, for the shift to read */
} Trunk;

typedef struct {
    long squeezed;
    float *squeeze; /* (inner, squeezed) */
    float *squeeze_bias;
    float *excite; /* (squeezed, inner) */
    float *excite_bias;
} Excitation;

typedef struct {
    Trunk in;
    Trunk out;
    long in_channels;
    long inner_channels;
    long inner_pitch; /* filled up to CHANNEL_STEP */
    long stride;
    long fold;
    int has_shortcut;
    Matrix expand;
    Depthwise depthwise;
    Excitation excitation;
    Matrix project; /* with the shortcut's inputs behind its own */
    long strip_rows; /* of the output, at a time */
    long ring_rows;  /* of the inner tensor that are kept */
} Block;

typedef struct {
    float *ring;        /* rows of a block's inner tensor before the depthwise convolution */
    float *strip;       /* and after it; also the stem's rows of pixels */
    float *projected;   /* what some places bring to the projection */
    const float **rows; /* that a depthwise convolution looks at */
} Scratch;

typedef struct Memory {
    struct Memory *before;
} Memory;

struct Backbone {
    long frames;
    long bands; /* a frame's rows are split into so many tasks */
    long in_channels;
    long stem_stride;
    long height;
    long width;
    long stem_strip_rows;
    Matrix stem;
    Trunk stem_out;
    long block_count;
    Block *blocks;
    Matrix last;
    float *zeros;  /* a row of the inner tensor outside of the picture */
    float *inner;  /* a whole clip's inner tensor, of a block that needs its mean before it can go on */
    float *sums;   /* of each task's share of it, (tasks, inner_pitch) */
    float *hidden; /* the squeezed channels */
    float *scales; /* what each channel of it is multiplied with */
    int threads;
    Scratch *scratch; /* of each thread */
    Memory *memory; /* everything to be freed */
    long memory_bytes;
    long weight_floats;
};

static inline long smallest(long a, long b) { return a < b ? a : b; }
static inline long largest(long a, long b) { return a > b ? a : b; }

#endif
