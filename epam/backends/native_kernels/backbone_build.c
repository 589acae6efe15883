#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backbone_parts.h"

/* What a strip of a block's inner tensor may take: with the weights and the strip after it, it is to stay
 * in the second cache (1 MB on the machine that this was tuned on, nowhere below 256 KB). */
#define STRIP_BYTES (192 * 1024)

#define LARGE_PAGE ((size_t)2 << 20)

/* Tasks a thread, so that none waits long for the last. */
#define TASKS_PER_THREAD 4

/* Zeros, aligned to a cache line, freed with the backbone; NULL where there is no memory. */
static float *allocate(Backbone *backbone, long floats) {
    const size_t header = 64, wanted = header + (size_t)floats * sizeof(float);
    /* Large pages, where the system has them, spare looking up hundreds of small ones for each frame. */
    const size_t page = wanted < LARGE_PAGE ? header : LARGE_PAGE, bytes = ROUND_UP(wanted, page);
    Memory *memory = aligned_alloc(page, bytes);
    if (!memory) return NULL;
#if defined(MADV_HUGEPAGE)
    if (page == LARGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    memset(memory, 0, bytes);
    backbone->memory_bytes += (long)bytes;
    memory->before = backbone->memory;
    backbone->memory = memory;
    return (float *)((char *)memory + header);
}

static float *allocate_weights(Backbone *backbone, long floats) {
    backbone->weight_floats += floats;
    return allocate(backbone, floats);
}

/* A copy that is filled up with zeros. */
static float *copy_filled(Backbone *backbone, const float *from, long count, long filled) {
    float *to = allocate_weights(backbone, filled);
    if (to) memcpy(to, from, (size_t)count * sizeof *to);
    return to;
}

static void scale(float *numbers, long count, float factor) {
    for (long i = 0; i < count; i++) numbers[i] *= factor;
}

static float *copy_transposed(Backbone *backbone, const float *from, long rows, long columns, long pitch) {
    float *to = allocate_weights(backbone, columns * pitch);
    if (!to) return NULL;
    for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++)
            to[column * pitch + row] = from[row * columns + column];
    return to;
}

/* Each returns whether there was memory. */

static int build_matrix(Backbone *backbone, Matrix *matrix, const float *weights, const float *bias,
                        long outputs, long inputs) {
    float *packed = allocate_weights(backbone, packed_floats(outputs, inputs));
    float *filled = copy_filled(backbone, bias, outputs, ROUND_UP(outputs, GROUP));
    if (!packed || !filled) return 0;
    pack_matrix(weights, outputs, inputs, packed);
    *matrix = (Matrix){packed, filled, outputs};
    return 1;
}

/* The projection and, if there is one, the shortcut as one matrix: their outputs are added anyway. */
static int build_projection(Backbone *backbone, Matrix *matrix, const BlockWeights *weights) {
    const long outputs = weights->out_channels, inner = weights->inner_channels;
    const long seen = weights->shortcut ? weights->in_channels : 0;
    float *joined = malloc((size_t)(outputs * (inner + seen + 1)) * sizeof *joined);
    if (!joined) return 0;
    float *bias = joined + outputs * (inner + seen);
    for (long i = 0; i < outputs; i++) {
        float *row = joined + i * (inner + seen);
        memcpy(row, weights->project + i * inner, (size_t)inner * sizeof *row);
        scale(row, inner, TO_SWISH);
        bias[i] = weights->project_bias[i];
        if (!weights->shortcut) continue;
        memcpy(row + inner, weights->shortcut + i * seen, (size_t)seen * sizeof *row);
        bias[i] += weights->shortcut_bias[i];
    }
    const int done = build_matrix(backbone, matrix, joined, bias, outputs, inner + seen);
    free(joined);
    return done;
}

static int build_depthwise(Backbone *backbone, Block *block, const BlockWeights *weights) {
    const long inner = weights->inner_channels, pitch = block->inner_pitch;
    float *taps = copy_transposed(backbone, weights->depthwise, inner, 9, pitch);
    float *bias = copy_filled(backbone, weights->depthwise_bias, inner, pitch);
    if (!taps || !bias) return 0;
    scale(taps, 9 * pitch, FOR_SWISH);
    scale(bias, pitch, FOR_SWISH);
    block->depthwise = (Depthwise){taps, bias, pitch, block->stride, block->in.width};
    return 1;
}

static int build_excitation(Backbone *backbone, Block *block, const BlockWeights *weights) {
    const long inner = weights->inner_channels, pitch = block->inner_pitch;
    const long squeezed = weights->squeezed_channels;
    Excitation *excitation = &block->excitation;
    if (squeezed == 0) return 1;
    *excitation = (Excitation){squeezed, copy_transposed(backbone, weights->squeeze, squeezed, inner, squeezed),
                               copy_filled(backbone, weights->squeeze_bias, squeezed, squeezed),
                               copy_transposed(backbone, weights->excite, inner, squeezed, pitch),
                               copy_filled(backbone, weights->excite_bias, inner, pitch)};
    return excitation->squeeze && excitation->squeeze_bias && excitation->excite && excitation->excite_bias;
}

static int build_trunk(Backbone *backbone, Trunk *trunk, long channels, long height, long width) {
    *trunk = (Trunk){ROUND_UP(channels, GROUP), height, width, NULL};
    const long frame_floats = height * width * trunk->channels;
    trunk->first = allocate(backbone, (backbone->frames + 2) * frame_floats);
    if (trunk->first) trunk->first += frame_floats;
    return trunk->first != NULL;
}

/* As many rows at a time as the cache has room for, in pairs, the strips of a picture nearly equal. */
static void choose_strips(Block *block) {
    const long row_bytes = block->in.width * block->inner_pitch * (long)sizeof(float);
    const long most = largest(2, (STRIP_BYTES / row_bytes - 2) / block->stride);
    const long strips = (block->out.height + most - 1) / most;
    block->strip_rows = ROUND_UP((block->out.height + strips - 1) / strips, 2);
    block->ring_rows = smallest(block->in.height, block->strip_rows * block->stride + 2);
}

/* `spare` is a trunk of the output's shape that nobody needs any more, or none (its first frame is NULL). */
static int build_block(Backbone *backbone, Block *block, const BlockWeights *weights, Trunk in, Trunk spare) {
    block->in = in;
    block->in_channels = weights->in_channels;
    block->inner_channels = weights->inner_channels;
    block->inner_pitch = ROUND_UP(weights->inner_channels, CHANNEL_STEP);
    block->stride = weights->stride;
    block->fold = weights->fold;
    block->has_shortcut = weights->shortcut != NULL;
    block->out = spare;
    if (!spare.first && !build_trunk(backbone, &block->out, weights->out_channels, in.height / weights->stride,
                                     in.width / weights->stride))
        return 0;
    choose_strips(block);
    return build_matrix(backbone, &block->expand, weights->expand, weights->expand_bias,
                        weights->inner_channels, weights->in_channels) &&
           build_depthwise(backbone, block, weights) && build_excitation(backbone, block, weights) &&
           build_projection(backbone, &block->project, weights);
}

static int build_blocks(Backbone *backbone, const BackboneWeights *weights) {
    backbone->blocks = calloc((size_t)weights->block_count, sizeof *backbone->blocks);
    if (!backbone->blocks) return 0;
    const Trunk none = {0};
    Trunk in = backbone->stem_out, spare = none;
    for (long i = 0; i < weights->block_count; i++) {
        /* Blocks of one shape write to two trunks in turn; one with a shortcut starts another shape. */
        const int changes_shape = weights->blocks[i].shortcut != NULL;
        if (!build_block(backbone, &backbone->blocks[i], &weights->blocks[i], in, changes_shape ? none : spare))
            return 0;
        spare = changes_shape ? none : in;
        in = backbone->blocks[i].out;
    }
    backbone->block_count = weights->block_count;
    return 1;
}

/* Floats that the largest block needs of each. */
typedef struct {
    long ring;
    long strip;
    long projected;
    long rows;
    long zeros;
    long inner;
    long pitch;
    long squeezed;
} Needs;

static Needs find_needs(const Backbone *backbone) {
    const long planes = backbone->in_channels * ((backbone->stem_strip_rows - 1) * backbone->stem_stride + 3);
    Needs needs = {.strip = planes * (backbone->width + 2)};
    for (long i = 0; i < backbone->block_count; i++) {
        const Block *block = &backbone->blocks[i];
        const long row_floats = block->in.width * block->inner_pitch;
        const long out_row_floats = block->out.width * block->inner_pitch;
        needs.ring = largest(needs.ring, block->ring_rows * row_floats);
        needs.strip = largest(needs.strip, block->strip_rows * out_row_floats);
        needs.projected = largest(needs.projected, PROJECTED_PLACES * (block->inner_pitch + block->in.channels));
        needs.rows = largest(needs.rows, (block->strip_rows - 1) * block->stride + 3);
        needs.zeros = largest(needs.zeros, row_floats);
        needs.pitch = largest(needs.pitch, block->inner_pitch);
        needs.squeezed = largest(needs.squeezed, block->excitation.squeezed);
        if (block->excitation.squeezed)
            needs.inner = largest(needs.inner, backbone->frames * block->out.height * out_row_floats);
    }
    return needs;
}

static int allocate_to(Backbone *backbone, float **to, long floats) {
    *to = allocate(backbone, floats);
    return *to != NULL;
}

static int build_scratch(Backbone *backbone, Scratch *scratch, const Needs *needs) {
    float *rows;
    /* A pointer is no larger than two floats. */
    const int done = allocate_to(backbone, &scratch->ring, needs->ring) &&
                     allocate_to(backbone, &scratch->strip, needs->strip) &&
                     allocate_to(backbone, &scratch->projected, needs->projected) &&
                     allocate_to(backbone, &rows, 2 * needs->rows);
    if (done) scratch->rows = (const float **)rows;
    return done;
}

/* What all threads together, and what each of them, write to in passing. */
static int build_buffers(Backbone *backbone) {
    const Needs needs = find_needs(backbone);
    backbone->scratch = calloc((size_t)backbone->threads, sizeof *backbone->scratch);
    int done = backbone->scratch && allocate_to(backbone, &backbone->zeros, needs.zeros) &&
               allocate_to(backbone, &backbone->inner, needs.inner) &&
               allocate_to(backbone, &backbone->sums, backbone->frames * backbone->bands * needs.pitch) &&
               allocate_to(backbone, &backbone->hidden, needs.squeezed) &&
               allocate_to(backbone, &backbone->scales, needs.pitch);
    for (int i = 0; done && i < backbone->threads; i++)
        done = build_scratch(backbone, &backbone->scratch[i], &needs);
    return done;
}

static int build_parts(Backbone *backbone, const BackboneWeights *weights) {
    const long stride = weights->stem_stride;
    const long height = backbone->height / stride, width = backbone->width / stride;
    const long row_bytes = weights->in_channels * (backbone->width + 2) * stride * (long)sizeof(float);
    const long tail = weights->blocks[weights->block_count - 1].out_channels;
    backbone->stem_strip_rows = smallest(height, largest(1, STRIP_BYTES / row_bytes - 2));
    return build_matrix(backbone, &backbone->stem, weights->stem, weights->stem_bias, weights->stem_channels,
                        weights->in_channels * 9) &&
           build_trunk(backbone, &backbone->stem_out, weights->stem_channels, height, width) &&
           build_blocks(backbone, weights) &&
           build_matrix(backbone, &backbone->last, weights->last, weights->last_bias, weights->out_channels,
                        tail) &&
           build_buffers(backbone);
}

Backbone *build_backbone(const BackboneWeights *weights, long frames, long height, long width, int threads) {
    if (weights->in_channels * 3 > MOST_PARTS) return NULL;
    Backbone *backbone = calloc(1, sizeof *backbone);
    if (!backbone) return NULL;
    backbone->frames = frames;
    backbone->bands = (TASKS_PER_THREAD * threads + frames - 1) / frames;
    backbone->in_channels = weights->in_channels;
    backbone->stem_stride = weights->stem_stride;
    backbone->height = height;
    backbone->width = width;
    backbone->threads = threads;
    if (build_parts(backbone, weights)) return backbone;
    free_backbone(backbone);
    return NULL;
}

void free_backbone(Backbone *backbone) {
    while (backbone->memory) {
        Memory *memory = backbone->memory;
        backbone->memory = memory->before;
        free(memory);
    }
    free(backbone->blocks);
    free(backbone->scratch);
    free(backbone);
}
