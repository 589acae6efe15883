#include "head.h"

#include <math.h>
#include <string.h>

#include "lanes.h"

#define BORDER (SPATIAL_TAPS / 2)

static float sigmoid_of(float x) { return 1.0f / (1.0f + expf(-x)); }

static long places_of_frame(const Features *features) { return features->height * features->width; }

static long bordered_places(const Features *features) {
    return (features->height + 2 * BORDER) * (features->width + 2 * BORDER);
}

static long attended_frames(const Features *pose, long frame_step) {
    return (pose->frames + frame_step - 1) / frame_step;
}

long attention_scratch(const Features *pose, long frame_step) {
    return 2 * bordered_places(pose) + attended_frames(pose, frame_step);
}

/* The largest and the mean channel of a place. Features are never negative: zeros change neither. */
static void describe_place(const Features *pose, const float *place, float *largest, float *mean) {
    floats8 most = {0}, sum = {0};
    for (long channel = 0; channel < pose->pitch; channel += 8) {
        const floats8 x = *(const floats8 *)(place + channel);
        const ints8 larger = x > most;
        most = (floats8)(((ints8)x & larger) | ((ints8)most & ~larger));
        sum += x;
    }
    *largest = *mean = 0.0f;
    UNROLL for (int lane = 0; lane < 8; lane++) {
        *largest = most[lane] > *largest ? most[lane] : *largest;
        *mean += sum[lane] / (float)pose->channels;
    }
}

/* Both pictures of a frame, each with a border of zeros, one after the other. */
static void describe_frame(const Features *pose, long frame, float *pictures) {
    const float *place = pose->first + frame * places_of_frame(pose) * pose->pitch;
    const long bordered = bordered_places(pose), step = pose->width + 2 * BORDER;
    memset(pictures, 0, (size_t)(2 * bordered) * sizeof *pictures);
    for (long row = 0; row < pose->height; row++) {
        float *largest = pictures + (row + BORDER) * step + BORDER;
        for (long column = 0; column < pose->width; column++, place += pose->pitch)
            describe_place(pose, place, largest + column, largest + bordered + column);
    }
}

/* `map`: one row of the sum of both pictures' convolutions, before the sigmoid. */
static void convolve_row(const NestedAttention *attention, const Features *pose, const float *pictures, long row,
                         float *map) {
    const long step = pose->width + 2 * BORDER;
    for (long column = 0; column < pose->width; column++) map[column] = attention->spatial_bias;
    for (long picture = 0; picture < 2; picture++)
        for (long i = 0; i < SPATIAL_TAPS * SPATIAL_TAPS; i++) {
            const float tap = attention->spatial[picture * SPATIAL_TAPS * SPATIAL_TAPS + i];
            const float *from = pictures + picture * bordered_places(pose) + (row + i / SPATIAL_TAPS) * step;
            for (long column = 0; column < pose->width; column++)
                map[column] += tap * from[column + i % SPATIAL_TAPS];
        }
}

/* A frame's spatial map; returns its mean. */
static float map_frame(const NestedAttention *attention, const Features *pose, long frame, float *pictures,
                       float *map) {
    const long places = places_of_frame(pose);
    describe_frame(pose, frame, pictures);
    for (long row = 0; row < pose->height; row++)
        convolve_row(attention, pose, pictures, row, map + row * pose->width);
    float sum = 0.0f;
    for (long i = 0; i < places; i++) sum += map[i] = sigmoid_of(map[i]);
    return sum / (float)places;
}

/* The weight of a frame, from the means of those around it. */
static float weigh_frame(const NestedAttention *attention, const float *means, long frames, long frame) {
    float sum = 0.0f;
    for (long i = 0; i < TEMPORAL_TAPS; i++) {
        const long other = frame + i - TEMPORAL_TAPS / 2;
        if (other >= 0 && other < frames) sum += attention->temporal[i] * means[other];
    }
    return sigmoid_of(sum);
}

void attend(const NestedAttention *attention, const Features *pose, long frame_step, float *map,
            float *scratch) {
    const long places = places_of_frame(pose), frames = attended_frames(pose, frame_step);
    float *pictures = scratch, *means = scratch + 2 * bordered_places(pose);
    for (long frame = 0; frame < frames; frame++)
        means[frame] = map_frame(attention, pose, frame * frame_step, pictures, map + frame * places);
    for (long frame = 0; frame < frames; frame++) {
        const float weight = weigh_frame(attention, means, frames, frame);
        for (long i = 0; i < places; i++) map[frame * places + i] *= weight;
    }
}

void pool(const Features *features, const float *map, float *pooled) {
    const long places = features->frames * places_of_frame(features), pitch = features->pitch;
    memset(pooled, 0, (size_t)pitch * sizeof *pooled);
    const float *place = features->first;
    for (long i = 0; i < places; i++, place += pitch) {
        const float weight = (map ? 1.0f + map[i] : 1.0f) / (float)places;
        for (long channel = 0; channel < pitch; channel++) pooled[channel] += weight * place[channel];
    }
}

void classify(const float *weights, const float *bias, long inputs, long classes, const float *pooled,
              float *logits) {
    memcpy(logits, bias, (size_t)classes * sizeof *logits);
    for (long input = 0; input < inputs; input++)
        for (long i = 0; i < classes; i++) logits[i] += pooled[input] * weights[input * classes + i];
}
