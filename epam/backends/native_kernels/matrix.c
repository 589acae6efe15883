#include "matrix.h"

#include "lanes.h"

/* A tile is some rows by some groups of columns, all its sums in registers while it walks down the inputs.
 * On AVX-512, 8 rows by 48 columns take 24 of 32 registers and 6 by 56 take 24; with 16 registers of
 * 8 floats (or 32 of 4), 6 by 16 take 12 (or 24). */
#if defined(__AVX512F__)
#define MOST_GROUPS 7
#define MOST_ROWS 8
#define ROWS_OF_WIDEST 6
#else
#define MOST_GROUPS 2
#define MOST_ROWS 6
#define ROWS_OF_WIDEST 6
#endif

/* Width in groups of the next tile, `left` groups being left of `all`. */
static long tile_groups(long all, long left) {
    /* Six is a whole number of registers of 16, and leaves room for two more rows. */
    if (MOST_GROUPS > 6 && all % 6 == 0) return 6;
    long tiles = (left + MOST_GROUPS - 1) / MOST_GROUPS;
    return (left + tiles - 1) / tiles;
}

long packed_floats(long outputs, long inputs) { return ROUND_UP(outputs, GROUP) * inputs; }

void pack_matrix(const float *weights, long outputs, long inputs, float *packed) {
    long all = ROUND_UP(outputs, GROUP) / GROUP;
    for (long done = 0, width; done < all; done += width) {
        width = tile_groups(all, all - done);
        for (long input = 0; input < inputs; input++)
            for (long column = done * GROUP; column < (done + width) * GROUP; column++)
                *packed++ = column < outputs ? weights[column * inputs + input] : 0.0f;
    }
}

typedef struct {
    const Part *parts;
    long part_count;
    long pitch;
    const float *weights;
    const float *bias;
    const float *added;
    long added_pitch;
    float *out;
    long out_pitch;
} Tile;

/* A NaN stays one: wrong input must not make plausible logits. */

INLINE floats16 relu16(floats16 x) {
#if defined(__AVX512F__)
    return (floats16)_mm512_max_ps(_mm512_setzero_ps(), (__m512)x);
#else
    return (floats16)((ints16)x & ~(x < 0.0f));
#endif
}

INLINE floats8 relu8(floats8 x) { return (floats8)((ints8)x & ~(x < 0.0f)); }

/* `wide` columns of 16 and, if `narrow`, 8 more: the compiler makes one function of each combination. */
INLINE void compute_tile(const Tile *tile, const int rows, const int wide, const int narrow) {
    floats16 sums[MOST_ROWS][MOST_GROUPS / 2 + 1];
    floats8 last_sums[MOST_ROWS];
    UNROLL for (int row = 0; row < rows; row++) {
        UNROLL for (int i = 0; i < wide; i++) sums[row][i] = *(const floats16 *)(tile->bias + 16 * i);
        if (narrow) last_sums[row] = *(const floats8 *)(tile->bias + 16 * wide);
    }
    const float *weights = tile->weights;
    const long pitch = tile->pitch;
    for (const Part *part = tile->parts; part < tile->parts + tile->part_count; part++) {
        const float *inputs = part->start;
        for (long left = part->depth; left > 0; left--) {
            floats16 columns[MOST_GROUPS / 2 + 1];
            floats8 last_columns = {0};
            UNROLL for (int i = 0; i < wide; i++) columns[i] = *(const floats16 *)(weights + 16 * i);
            if (narrow) last_columns = *(const floats8 *)(weights + 16 * wide);
            UNROLL for (int row = 0; row < rows; row++) {
                const float x = inputs[row * pitch];
                UNROLL for (int i = 0; i < wide; i++) sums[row][i] += columns[i] * x;
                if (narrow) last_sums[row] += last_columns * x;
            }
            inputs++;
            weights += 16 * wide + 8 * narrow;
        }
    }
    UNROLL for (int row = 0; row < rows; row++) {
        float *out = tile->out + row * tile->out_pitch;
        const float *added = tile->added ? tile->added + row * tile->added_pitch : 0;
        UNROLL for (int i = 0; i < wide; i++) {
            floats16 y = sums[row][i];
            if (added) y += *(const floats16 *)(added + 16 * i);
            *(floats16 *)(out + 16 * i) = relu16(y);
        }
        if (narrow) {
            floats8 y = last_sums[row];
            if (added) y += *(const floats8 *)(added + 16 * wide);
            *(floats8 *)(out + 16 * wide) = relu8(y);
        }
    }
}

#define TILE(rows, groups) \
    static void tile_##rows##_##groups(const Tile *tile) { compute_tile(tile, rows, groups / 2, groups % 2); }
#define TILES(groups) \
    TILE(1, groups) TILE(2, groups) TILE(3, groups) TILE(4, groups) TILE(5, groups) TILE(6, groups)
#define TALL_TILES(groups) TILE(7, groups) TILE(8, groups)
#define NAMES(groups) \
    tile_1_##groups, tile_2_##groups, tile_3_##groups, tile_4_##groups, tile_5_##groups, tile_6_##groups
#define TALL_NAMES(groups) tile_7_##groups, tile_8_##groups

TILES(1)
TILES(2)
#if defined(__AVX512F__)
TILES(3) TILES(4) TILES(5) TILES(6) TILES(7)
TALL_TILES(1) TALL_TILES(2) TALL_TILES(3) TALL_TILES(4) TALL_TILES(5) TALL_TILES(6)
#endif

typedef void (*TileFunction)(const Tile *);

static const TileFunction TILE_FUNCTIONS[MOST_GROUPS][MOST_ROWS] = {
#if defined(__AVX512F__)
    {NAMES(1), TALL_NAMES(1)}, {NAMES(2), TALL_NAMES(2)}, {NAMES(3), TALL_NAMES(3)},
    {NAMES(4), TALL_NAMES(4)}, {NAMES(5), TALL_NAMES(5)}, {NAMES(6), TALL_NAMES(6)},
    {NAMES(7)},
#else
    {NAMES(1)},
    {NAMES(2)},
#endif
};

/* One block of rows through all columns. */
static void multiply_rows(Tile tile, long rows, long all, long inputs) {
    for (long done = 0, width; done < all; done += width) {
        width = tile_groups(all, all - done);
        TILE_FUNCTIONS[width - 1][rows - 1](&tile);
        tile.weights += width * GROUP * inputs;
        tile.bias += width * GROUP;
        tile.out += width * GROUP;
        if (tile.added) tile.added += width * GROUP;
    }
}

void multiply(const Part *parts, long part_count, long pitch, long rows, const Matrix *matrix,
              const float *added, long added_pitch, float *out, long out_pitch) {
    long all = ROUND_UP(matrix->outputs, GROUP) / GROUP, inputs = 0;
    long most_rows = tile_groups(all, all) == MOST_GROUPS ? ROWS_OF_WIDEST : MOST_ROWS;
    Part moved[MOST_PARTS];
    for (long i = 0; i < part_count; i++) {
        moved[i] = parts[i];
        inputs += parts[i].depth;
    }
    for (long done = 0, count; done < rows; done += count) {
        /* Blocks of nearly equal height: a last one of a single row would use an eighth of the machine. */
        long blocks = (rows - done + most_rows - 1) / most_rows;
        count = (rows - done + blocks - 1) / blocks;
        Tile tile = {moved, part_count, pitch, matrix->weights, matrix->bias,
                     added ? added + done * added_pitch : 0, added_pitch, out + done * out_pitch, out_pitch};
        multiply_rows(tile, count, all, inputs);
        for (long i = 0; i < part_count; i++) moved[i].start += count * pitch;
    }
}
