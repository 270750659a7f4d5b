/* Which number has a text among the distinct ones seen so far? A hash table over their bytes. */
#ifndef NUMBERING_H
#define NUMBERING_H

#include "layout.h"

/* Texts are numbered so many at a time, while the memory that they need is fetched. */
#define BATCH 64

/* Texts in order of first appearance, and which of them each row has. The caller gives room for
 * whatever a call can add; members have 8 bytes each. */
struct numbering {
    uint8_t *blob; /* UTF-8 of the texts */
    int64_t *offsets; /* [count + 1] into blob */
    int32_t *codes; /* [rows], MISSING where there is no value */
    struct slot *table; /* [mask + 1], a power of 2, zeros at first; none where all texts differ */
    int64_t mask;
    int64_t count;
    int64_t rows;
    int64_t seed;
};

struct slot {
    uint32_t tag;
    int32_t number; /* of the text, from 1; 0 for none */
};

/* A text that waits for its number; `start` is NULL where a value is missing. */
struct piece {
    const uint8_t *start;
    int64_t length;
    uint64_t hashed;
};

static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t mix(uint64_t one, uint64_t other) {
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hash a text: whoever does not know the seed cannot make texts that collide. */
static inline uint64_t hash(const uint8_t *text, int64_t length, uint64_t seed) {
    uint64_t state = seed ^ 0x9E3779B97F4A7C15u, rest = 0;
    for (; length >= 8; length -= 8, text += 8) state = mix(state ^ load(text), seed ^ 0xD1B54A32D192ED03u);
    for (int64_t at = 0; at < length; at++) rest |= (uint64_t)text[at] << 8 * at;
    rest |= (uint64_t)(length + 1) << 56;
    return mix(mix(state ^ rest, seed ^ 0x8CB92BA72F3D8DD7u), 0x9E3779B97F4A7C15u);
}

static inline struct slot *home_of(const struct numbering *into, const struct piece *piece) {
    return into->table + (piece->hashed & (uint64_t)into->mask);
}

static inline uint32_t tag_of(const struct piece *piece) { return (uint32_t)(piece->hashed >> 32); }

static inline int32_t append(struct numbering *into, const struct piece *piece) {
    int64_t start = into->offsets[into->count];
    /* It may have been put there already. */
    memmove(into->blob + start, piece->start, piece->length);
    into->offsets[into->count + 1] = start + piece->length;
    return (int32_t)into->count++;
}

/* Return the slot of a text: an empty one if it was not seen. */
static inline struct slot *find_slot(const struct numbering *into, const struct piece *piece) {
    const struct slot *end = into->table + into->mask;
    for (struct slot *slot = home_of(into, piece);; slot = slot == end ? into->table : slot + 1) {
        if (!slot->number) return slot;
        const int64_t *known = into->offsets + slot->number - 1;
        if (slot->tag == tag_of(piece) && known[1] - known[0] == piece->length
            && !memcmp(into->blob + known[0], piece->start, piece->length))
            return slot;
    }
}

static inline int32_t find_or_append(struct numbering *into, const struct piece *piece) {
    struct slot *slot = find_slot(into, piece);
    if (slot->number) return slot->number - 1;
    *slot = (struct slot){tag_of(piece), (int32_t)into->count + 1};
    return append(into, piece);
}

/* Fetch what `find_or_append` will need: first places in the table, then what they point at. */
static inline void fetch(const struct numbering *into, struct piece *pieces, int64_t count) {
    for (struct piece *piece = pieces; piece < pieces + count; piece++) {
        piece->hashed = hash(piece->start, piece->start ? piece->length : 0, (uint64_t)into->seed);
        __builtin_prefetch(home_of(into, piece), 1);
    }
    for (struct piece *piece = pieces; piece < pieces + count; piece++) {
        const struct slot *slot = home_of(into, piece);
        if (slot->number && slot->tag == tag_of(piece)) __builtin_prefetch(into->offsets + slot->number - 1);
    }
    for (struct piece *piece = pieces; piece < pieces + count; piece++) {
        const struct slot *slot = home_of(into, piece);
        if (slot->number && slot->tag == tag_of(piece))
            __builtin_prefetch(into->blob + into->offsets[slot->number - 1]);
    }
}

/* Make pieces the next rows of a numbering. */
static inline void number_pieces(struct numbering *into, struct piece *pieces, int64_t count) {
    if (into->table) fetch(into, pieces, count);
    for (int64_t place = 0; place < count; place++) {
        const struct piece *piece = pieces + place;
        int32_t code = MISSING;
        if (piece->start) code = into->table ? find_or_append(into, piece) : append(into, piece);
        into->codes[into->rows++] = code;
    }
}

#endif
