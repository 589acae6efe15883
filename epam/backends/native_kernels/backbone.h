/* X-ShiftNet for one clip: channels last, frame by frame, every block's inner tensor kept in the cache. */

#ifndef EPAM_BACKBONE_H
#define EPAM_BACKBONE_H

#include "workers.h"

/* A block's weights as PyTorch has them, norms folded; all are copied. */
typedef struct {
    long in_channels;
    long inner_channels;
    long out_channels;
    long stride;            /* 1 or 2 */
    long fold;              /* channels of one fold of the temporal shift; 0: no shift */
    long squeezed_channels; /* 0: no squeeze-and-excitation */
    const float *expand;    /* (inner, in) */
    const float *expand_bias;
    const float *depthwise; /* (inner, 9) */
    const float *depthwise_bias;
    const float *project;   /* (out, inner) */
    const float *project_bias;
    const float *shortcut;  /* (out, in), or NULL: the input itself */
    const float *shortcut_bias;
    const float *squeeze;   /* (squeezed, inner) */
    const float *squeeze_bias;
    const float *excite;    /* (inner, squeezed) */
    const float *excite_bias;
} BlockWeights;

typedef struct {
    long in_channels;
    long stem_channels;
    long stem_stride;
    const float *stem; /* (stem, in, 3, 3) */
    const float *stem_bias;
    long block_count;
    const BlockWeights *blocks;
    long out_channels;
    const float *last; /* (out, channels of the last block) */
    const float *last_bias;
} BackboneWeights;

typedef struct Backbone Backbone;

/* For clips (in_channels, frames, height, width), of sizes that the strides divide; NULL without memory. */
Backbone *build_backbone(const BackboneWeights *weights, long frames, long height, long width,
                         int threads);

/* Channels of a place in the features: out_channels, filled up with zeros. */
long feature_pitch(const Backbone *backbone);

/* What the packed weights take, zeros that fill them up included. */
long weights_bytes(const Backbone *backbone);

/* What it holds besides, from clip to clip: each block's tensors and every thread's own. */
long working_bytes(const Backbone *backbone);

/* `clip` (in_channels, frames, height, width) to `features` (frames, height / s, width / s, feature_pitch). */
void run_backbone(Backbone *backbone, Workers *workers, const float *clip, float *features);

void free_backbone(Backbone *backbone);

#endif
