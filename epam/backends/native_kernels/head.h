/* What follows the backbones, small as it is: the nested attention, the mean over a clip, the last layer. */

#ifndef EPAM_HEAD_H
#define EPAM_HEAD_H

/* Features of one clip: (frames, height, width, pitch), of which `channels` are real and the rest zeros. */
typedef struct {
    const float *first;
    long frames;
    long height;
    long width;
    long channels;
    long pitch;
} Features;

#define SPATIAL_TAPS 7
#define TEMPORAL_TAPS 7

typedef struct {
    const float *spatial; /* (2, 7, 7): for the channels' maximum and for their mean; norm folded */
    float spatial_bias;
    const float *temporal; /* (7) */
} NestedAttention;

/* Floats that attend works in. */
long attention_scratch(const Features *pose, long frame_step);

/* `map` (frames / frame_step, height, width): what the nested attention makes of every frame_step-th frame. */
void attend(const NestedAttention *attention, const Features *pose, long frame_step, float *map,
            float *scratch);

/* Mean of each channel over all places, each place multiplied with 1 + map if there is one: (pitch). */
void pool(const Features *features, const float *map, float *pooled);

/* logits = pooled · weights (inputs, classes) + bias. */
void classify(const float *weights, const float *bias, long inputs, long classes, const float *pooled,
              float *logits);

#endif
