/* What does a mapping score for the document and a distinct reference value? */
#ifndef SCORES_H
#define SCORES_H

#include "texts.h"
#include "tokens.h"

/* Differences of two decimals are off by some of their last bits: flat windows allow that. */
#define ROUNDING (4 * 2.220446049250313e-16)
#define TINY 2.2250738585072014e-308

static inline double window_score(const struct column *column, double document, double reference) {
    double distance = fabs(document - reference);
    double tolerance = column->tolerance;
    if (column->is_relative) tolerance = fabs(reference) * tolerance;
    if (column->is_flat) {
        double slack = ROUNDING * (fabs(document) + fabs(reference));
        return distance <= tolerance + (tolerance > 0 ? slack : 0.0) ? 1.0 : 0.0;
    }
    double width = 2 * tolerance;
    double score = 1 - distance / (width > TINY ? width : TINY);
    return score < 0.0 ? 0.0 : score > 1.0 ? 1.0 : score;
}

/* Whether a code is among those that equal the document's value, which rise. */
static inline bool is_equal(const struct term *term, int64_t code) {
    const struct field *field = term->field;
    int64_t low = field->equal_starts[term->value], end = field->equal_starts[term->value + 1], high = end;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (field->equal[middle] < code) low = middle + 1; else high = middle;
    }
    return low < end && field->equal[low] == code;
}

static inline bool has_equal(const struct term *term) {
    return term->field->equal_starts[term->value] < term->field->equal_starts[term->value + 1];
}

static inline bool is_compared_as_text(const struct column *column) {
    return column->kind == FUZZY || (column->kind == EXACT && column->near > 0);
}

/* Whether finding the score takes more than a few steps. */
static inline bool is_dear(const struct column *column) {
    return is_compared_as_text(column) || column->kind == TOKENS;
}

static inline bool is_known(const struct term *term, int64_t code, uint32_t stamp) {
    return term->memo->entries[code].stamp == stamp;
}

static inline void remember(struct term *term, int64_t code, double score, uint32_t stamp) {
    term->memo->entries[code] = (struct entry){score, stamp};
}

static inline int64_t text_length(const struct column *column, int64_t code) {
    return column->offsets[code + 1] - column->offsets[code];
}

/* Keep what a similarity gives; equal identifiers score all, whatever their prints give. */
static inline void remember_similarity(struct term *term, int64_t code, double alike, uint32_t stamp) {
    bool equal = term->column->kind == EXACT && is_equal(term, code);
    remember(term, code, equal ? 1.0 : text_score(term->column, alike), stamp);
}

/* The score of a code; texts are compared once for each document. */
static inline double score(struct term *term, int64_t code, uint32_t stamp) {
    const struct column *column = term->column;
    if (column->kind == WINDOW) return window_score(column, term->number, column->numbers[code]);
    if (term->table) return term->table[code];
    if (column->kind == EXACT && !(column->near > 0)) return is_equal(term, code) ? 1.0 : 0.0;
    if (is_known(term, code, stamp)) return term->memo->entries[code].score;
    if (column->kind == TOKENS)
        remember(term, code, token_score(term, code, stamp), stamp);
    else
        remember_similarity(term, code, similarity(common_subsequence(term, code), term->length,
                                                   text_length(column, code)), stamp);
    return term->memo->entries[code].score;
}

/* A bound of the score of a code that costs little. */
static inline double most_score(const struct term *term, int64_t code, uint32_t stamp) {
    const struct column *column = term->column;
    if (is_known(term, code, stamp)) return term->memo->entries[code].score;
    if (column->kind == TOKENS) return token_bound(term, code, stamp);
    if (column->kind == EXACT && is_equal(term, code)) return 1.0;
    int64_t length = text_length(column, code), shorter = length < term->length ? length : term->length;
    int64_t common = most_common(term, code, length);
    return text_score(column, similarity(common < shorter ? common : shorter, term->length, length) + SLACK);
}

#endif
