/* How much of their words do two texts share, rare words counting most? The scorer `idf`, step by
 * step as matching/idf.py defines it, so that the bits are the same.
 *
 * A document's tokens and their partners in the vocabulary are set out once: for each partner its
 * best similarity, and the pairs it is part of. Texts with a partner are found by their token.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include "types.h"

static inline int grow(void **memory, int64_t *size, int64_t wanted, size_t each) {
    if (wanted <= *size) return 0;
    free(*memory);
    *memory = malloc(wanted * each);
    *size = *memory ? wanted : 0;
    return *memory ? 0 : -1;
}

static inline int64_t token_count(const struct term *term) {
    return term->field->token_starts[term->value + 1] - term->field->token_starts[term->value];
}

static inline const int32_t *tokens_of(const struct term *term) {
    return term->field->tokens + term->field->token_starts[term->value];
}

/* Set out the pairs of the document's tokens and their partners. */
static inline int pair_tokens(struct term *term, uint32_t stamp) {
    const struct field *field = term->field;
    struct memo *memo = term->memo;
    const int32_t *own = tokens_of(term);
    int64_t count = token_count(term), pairs = 0, partners = 0;
    for (int64_t at = 0; at < count; at++)
        pairs += field->partner_starts[own[at] + 1] - field->partner_starts[own[at]];
    if (grow((void **)&memo->pairs, &memo->pairs_size, pairs, sizeof *memo->pairs)) return -1;
    if (grow((void **)&memo->hit, &memo->hit_size, pairs, sizeof *memo->hit)) return -1;
    if (grow((void **)&memo->best, &memo->best_size, count, sizeof *memo->best)) return -1;
    term->token_mass = 0.0;
    pairs = 0;
    for (int64_t at = 0; at < count; at++) {
        term->token_mass += field->masses[own[at]];
        for (int64_t of = field->partner_starts[own[at]]; of < field->partner_starts[own[at] + 1]; of++) {
            struct partner *partner = &memo->partners[field->partners[of]];
            double alike = field->partner_scores[of];
            if (partner->stamp != stamp) {
                *partner = (struct partner){0.0, stamp, -1};
                memo->hit[partners++] = field->partners[of];
            }
            if (alike > partner->best) partner->best = alike;
            memo->pairs[pairs] = (struct pair){alike, (int32_t)at, partner->first};
            partner->first = (int32_t)pairs++;
        }
    }
    memo->hit_count = partners;
    return 0;
}

/* What is not covered counts half. */
static inline double half_open(double covered, double mass) {
    return mass > 0 ? (covered + covered) / (covered + mass) : 0.0;
}

/* Bound every text that has a partner: each token counts for itself, and for all it pairs with. */
static inline void gather(struct term *term, uint32_t stamp) {
    const struct column *column = term->column;
    struct memo *memo = term->memo;
    const double *masses = term->field->masses;
    const int32_t *own = tokens_of(term);
    int64_t count = 0;
    for (int64_t at = 0; at < memo->hit_count; at++) {
        int32_t token = memo->hit[at];
        const struct partner *partner = &memo->partners[token];
        double share = column->masses[token] * partner->best;
        for (int32_t pair = partner->first; pair >= 0; pair = memo->pairs[pair].next)
            share += masses[own[memo->pairs[pair].own]] * memo->pairs[pair].alike;
        for (int32_t of = column->text_starts[token]; of < column->text_starts[token + 1]; of++) {
            struct entry *bound = &memo->bounds[column->texts[of]];
            if (bound->stamp != stamp) {
                *bound = (struct entry){0.0, stamp};
                memo->gathered[count++] = column->texts[of];
            }
            bound->score += share;
        }
    }
    memo->gathered_count = count;
    for (int64_t at = 0; at < count; at++) {
        int32_t code = memo->gathered[at];
        double mass = term->token_mass + column->text_masses[code];
        double covered = memo->bounds[code].score < mass ? memo->bounds[code].score : mass;
        memo->bounds[code].score = half_open(covered, mass) + SLACK;
    }
}

static inline double token_bound(const struct term *term, int64_t code, uint32_t stamp) {
    const struct entry *bound = &term->memo->bounds[code];
    return bound->stamp == stamp ? bound->score : 0.0;
}

static inline double token_score(const struct term *term, int64_t code, uint32_t stamp) {
    const struct column *column = term->column;
    struct memo *memo = term->memo;
    if (memo->bounds[code].stamp != stamp) return 0.0;
    int64_t count = token_count(term);
    for (int64_t at = 0; at < count; at++) memo->best[at] = 0.0;
    double reference = 0.0, document = 0.0;
    for (int32_t at = column->token_starts[code]; at < column->token_starts[code + 1]; at++) {
        const struct partner *partner = &memo->partners[column->tokens[at]];
        if (partner->stamp != stamp) continue;
        reference += column->masses[column->tokens[at]] * partner->best;
        for (int32_t pair = partner->first; pair >= 0; pair = memo->pairs[pair].next)
            if (memo->pairs[pair].alike > memo->best[memo->pairs[pair].own])
                memo->best[memo->pairs[pair].own] = memo->pairs[pair].alike;
    }
    const int32_t *own = tokens_of(term);
    for (int64_t at = 0; at < count; at++) document += term->field->masses[own[at]] * memo->best[at];
    double found = half_open(document + reference, term->token_mass + column->text_masses[code]);
    return found < column->least ? 0.0 : found;
}

#endif
