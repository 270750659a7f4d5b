/* How alike are two texts, and how alike can they be at most? */
#ifndef TEXTS_H
#define TEXTS_H

#include "types.h"

/* Symbols that two texts can have in common: those in both signatures, which hold one bit for each
 * of the first occurrences of a symbol, and at most the fewer of the symbols beyond. */
static inline int64_t most_common(const struct term *term, int64_t code, int64_t length) {
    const uint64_t *other = term->column->signatures + code * SIGNATURE_WORDS;
    int64_t common = 0, own = 0;
    for (int word = 0; word < SIGNATURE_WORDS; word++) {
        common += __builtin_popcountll(term->signature[word] & other[word]);
        own += __builtin_popcountll(other[word]);
    }
    int64_t excess = length - own;
    return common + (excess < term->excess ? excess : term->excess);
}

/* Texts far apart in the order of lengths and symbols, to stand for all. */
static inline int64_t spread_code(const struct column *column, int place) {
    return (2 * place + 1) * column->distinct / (2 * SPREAD);
}

/* The signature of a text; returns how many of its symbols it holds. */
static inline int64_t sign(const uint8_t *bit_starts, const uint16_t *text, int64_t length,
                           uint64_t *signature) {
    int64_t held = 0;
    memset(signature, 0, SIGNATURE_WORDS * sizeof *signature);
    for (int64_t place = 0; place < length; place++) {
        for (int bit = bit_starts[text[place]]; bit < bit_starts[text[place] + 1]; bit++) {
            uint64_t mask = UINT64_C(1) << (bit & 63);
            if (!(signature[bit >> 6] & mask)) {
                signature[bit >> 6] |= mask;
                held++;
                break;
            }
        }
    }
    return held;
}

/* Where each symbol stands in the document's text: bits, `words` of them for each symbol. */
static inline int set_masks(struct term *term) {
    struct memo *memo = term->memo;
    int64_t size = (term->column->alphabet + 1) * term->words;
    if (memo->masks_size < size) {
        free(memo->masks);
        memo->masks = calloc(size, sizeof *memo->masks);
        memo->masks_size = memo->masks ? size : 0;
        if (!memo->masks) return -1;
    }
    for (int64_t place = 0; place < term->length; place++)
        if (term->text[place])
            memo->masks[term->text[place] * term->words + (place >> 6)] |= UINT64_C(1)
                                                                           << (place & 63);
    return 0;
}

static inline void clear_masks(struct term *term) {
    for (int64_t place = 0; place < term->length; place++)
        term->memo->masks[term->text[place] * term->words + (place >> 6)] = 0;
}

static inline int64_t count_zeros(uint64_t state, int64_t length) {
    return __builtin_popcountll(length < 64 ? ~state & ((UINT64_C(1) << length) - 1) : ~state);
}

/* Length of the longest common subsequence, a bit for each symbol of the document's text: Hyyrö
 * (2004), Bit-parallel LCS-length computation revisited. */
static inline int64_t common_subsequence(const struct term *term, int64_t code) {
    const int64_t *offsets = term->column->offsets;
    const uint16_t *text = term->column->symbols + offsets[code];
    int64_t length = offsets[code + 1] - offsets[code], words = term->words;
    const uint64_t *masks = term->memo->masks;
    if (words == 1) {
        uint64_t state = ~UINT64_C(0);
        for (int64_t place = 0; place < length; place++) {
            uint64_t both = state & masks[text[place]];
            state = (state + both) | (state - both);
        }
        return count_zeros(state, term->length);
    }
    uint64_t states[64];
    memset(states, 0xff, words * sizeof *states);
    for (int64_t place = 0; place < length; place++) {
        const uint64_t *mask = masks + text[place] * words;
        uint64_t carry = 0;
        for (int64_t word = 0; word < words; word++) {
            uint64_t both = states[word] & mask[word], sum;
            uint64_t overflow = __builtin_add_overflow(states[word], both, &sum);
            overflow |= __builtin_add_overflow(sum, carry, &sum);
            states[word] = sum | (states[word] - both);
            carry = overflow;
        }
    }
    int64_t common = 0;
    for (int64_t word = 0; word < words; word++)
        common += count_zeros(states[word], term->length - 64 * word);
    return common;
}

/* The same for four texts of one length: their steps do not wait for each other. */
static inline void common_subsequences(const struct term *term, const int32_t *codes,
                                       int64_t length, int64_t *common) {
    const int64_t *offsets = term->column->offsets;
    const uint16_t *symbols = term->column->symbols;
    const uint64_t *masks = term->memo->masks;
    const uint16_t *first = symbols + offsets[codes[0]], *second = symbols + offsets[codes[1]];
    const uint16_t *third = symbols + offsets[codes[2]], *fourth = symbols + offsets[codes[3]];
    uint64_t a = ~UINT64_C(0), b = a, c = a, d = a;
    for (int64_t place = 0; place < length; place++) {
        uint64_t in_a = a & masks[first[place]], in_b = b & masks[second[place]];
        uint64_t in_c = c & masks[third[place]], in_d = d & masks[fourth[place]];
        a = (a + in_a) | (a - in_a);
        b = (b + in_b) | (b - in_b);
        c = (c + in_c) | (c - in_c);
        d = (d + in_d) | (d - in_d);
    }
    common[0] = count_zeros(a, term->length);
    common[1] = count_zeros(b, term->length);
    common[2] = count_zeros(c, term->length);
    common[3] = count_zeros(d, term->length);
}

/* Follow how many symbols of some sampled texts find no partner, symbol by symbol. */
static inline void trace_sample(struct term *term) {
    const struct column *column = term->column;
    term->traced_count = 0;
    if (term->words > 1 || term->length > MOST_SHARED) return;
    for (int64_t drawn = 0; drawn < column->sample_size && term->traced_count < MAX_TRACED; drawn++) {
        int64_t code = column->sample[drawn];
        if (code == MISSING) continue;
        const uint16_t *text = column->symbols + column->offsets[code];
        int64_t length = column->offsets[code + 1] - column->offsets[code];
        if (length > MOST_SHARED) continue;
        uint64_t state = ~UINT64_C(0);
        uint8_t *misses = term->misses[term->traced_count++];
        for (int64_t place = 0; place < length; place++) {
            uint64_t both = state & term->memo->masks[text[place]];
            state = (state + both) | (state - both);
            misses[place] = (uint8_t)(place + 1 - count_zeros(state, term->length));
        }
    }
}

/* Indel similarity as rapidfuzz computes it, so that the bits are the same. */
static inline double similarity(int64_t common, int64_t length, int64_t other) {
    int64_t both = length + other;
    return both ? 1.0 - (double)(both - 2 * common) / (double)both : 1.0;
}

/* The score that a similarity of texts that are not equal gives. */
static inline double text_score(const struct column *column, double alike) {
    if (column->kind == FUZZY) return alike < column->least ? 0.0 : alike;
    double credit = (alike - column->near_from) / (1 - column->near_from);
    credit = credit < 0.0 ? 0.0 : credit > 1.0 ? 1.0 : credit;
    return column->near * credit;
}

/* The least similarity that gives a score, for a score above 0; for 0 any that gives more. */
static inline double similarity_for(const struct column *column, double score) {
    if (column->kind == FUZZY) return score < column->least ? column->least : score;
    return column->near_from + score / column->near * (1 - column->near_from);
}

/* The fewest common symbols with which texts of these lengths are so similar. */
static inline int64_t fewest_common(double alike, int64_t length, int64_t other) {
    double fewest = ceil((alike - SLACK) * (double)(length + other) / 2);
    return fewest < 0 ? 0 : (int64_t)fewest;
}

#endif
