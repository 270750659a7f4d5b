/* How are the rows visited that a move does not pass over? See levels.h for what a move is. */
#ifndef MOVES_H
#define MOVES_H

#include "levels.h"

/* The longest texts that are told apart by their companions before they are compared. */
#define MOST_FILTERED 127

/* The texts with the greatest bounds come first: they raise the least score soonest. */
static inline void visit_gathered(struct query *query, struct term *term, double level, double others) {
    const struct memo *memo = term->memo;
    int32_t *left = query->workspace->found;
    int64_t count = 0;
    for (int64_t found = 0; found < memo->gathered_count; found++) {
        int32_t code = memo->gathered[found];
        double bound = memo->bounds[code].score;
        left[count] = code;
        count += bound > level && can_enter(query, term, code, bound, others);
    }
    double above = 2.0;
    for (int at = 0; at <= LEVEL_COUNT && above > level; at++) {
        double from = at < LEVEL_COUNT && LEVELS[at] > level ? LEVELS[at] : level;
        for (int64_t found = 0; found < count; found++) {
            double bound = memo->bounds[left[found]].score;
            if (bound <= from || bound > above) continue;
            if (can_enter(query, term, left[found], bound, others))
                visit_text(query, term, left[found], bound, others);
        }
        above = from;
    }
}

/* Visit the rows of the codes that can score `level` by the term and so come among the best. */
static inline void visit_if_good(struct query *query, struct term *term, int64_t code, double level,
                                 double others) {
    double bound = term->memo->entries[code].score;
    if (bound < level - SLACK || bound <= 0.0) return;
    if (can_enter(query, term, code, bound, others)) visit_text(query, term, code, bound, others);
}

/* Compare the texts of one length that the signatures leave, four at a time. */
static inline void compare_found(struct query *query, struct term *term, int64_t count, int64_t length,
                                 double level, double others) {
    uint32_t stamp = query->workspace->stamp;
    const int32_t *found = query->workspace->found;
    int64_t at = 0, common[4];
    if (term->words == 1) {
        for (; at + 4 <= count; at += 4) {
            common_subsequences(term, found + at, length, common);
            for (int lane = 0; lane < 4; lane++) {
                double alike = similarity(common[lane], term->length, length);
                remember_similarity(term, found[at + lane], alike, stamp);
            }
        }
    }
    for (; at < count; at++) score(term, found[at], stamp);
    for (at = 0; at < count; at++) visit_if_good(query, term, found[at], level, others);
}

/* The first of the texts that does not share so many symbols with the one before it. Looks at
 * eight counts at a time. */
static inline int64_t skip_shared(const uint8_t *shared, int64_t code, int64_t end, int64_t dead) {
    const uint64_t HIGH = UINT64_C(0x8080808080808080), EACH = UINT64_C(0x0101010101010101);
    for (; code + 8 <= end; code += 8) {
        uint64_t counts;
        memcpy(&counts, shared + code, sizeof counts);
        if ((((counts | HIGH) - EACH * (uint64_t)dead) & HIGH) != HIGH) break;
    }
    while (code < end && shared[code] >= dead) code++;
    return code;
}

/* Compare texts in the order of their symbols, going on from what each shares with the one before
 * it; a beginning after which too few symbols are left is passed over with all that share it. */
static inline int64_t scan_prefixes(struct query *query, struct term *term, int64_t length, int64_t fewest) {
    const struct column *column = term->column;
    const uint64_t *masks = term->memo->masks;
    uint64_t states[MOST_SHARED + 1];
    int64_t code = column->length_starts[length], end = column->length_starts[length + 1], count = 0;
    states[0] = ~UINT64_C(0);
    while (code < end) {
        const uint16_t *text = column->symbols + column->offsets[code];
        int64_t depth = column->shared[code], dead = 0;
        uint64_t state = states[depth];
        int64_t common = count_zeros(state, term->length);
        while (depth < length) {
            uint64_t both = state & masks[text[depth]];
            state = (state + both) | (state - both);
            states[++depth] = state;
            common = count_zeros(state, term->length);
            if (common + length - depth < fewest) {
                dead = depth;
                break;
            }
        }
        if (dead) {
            code = skip_shared(column->shared, code + 1, end, dead);
            continue;
        }
        double alike = similarity(common, term->length, length);
        remember_similarity(term, code, alike, query->workspace->stamp);
        query->workspace->found[count++] = (int32_t)code++;
    }
    return count;
}

/* For each count of common symbols the groups that a text needs one of: none for too few of them. */
static inline void list_wanted(const struct query *query, const struct term *term,
                               const struct companion *companion, int64_t length, int64_t fewest, double others,
                               uint64_t *wanted) {
    int64_t shorter = length < term->length ? length : term->length;
    memset(wanted, 0, fewest * sizeof *wanted);
    for (int64_t common = fewest; common <= shorter; common++) {
        double bound = text_score(term->column, similarity(common, term->length, length) + SLACK);
        wanted[common] = groups_wanted(query, companion, others + term->weight * bound);
    }
}

/* Find the texts of one length that the signatures and the companions leave. No step depends on
 * what came before it: which texts are left, no processor can foretell. */
static inline int64_t scan_signatures(struct query *query, struct term *term, int64_t length, int64_t fewest,
                                      double others) {
    const struct column *column = term->column;
    int32_t *found = query->workspace->found;
    int64_t start = column->length_starts[length], end = column->length_starts[length + 1], count = 0;
    if (!term->companion_count || length > MOST_FILTERED) {
        for (int64_t code = start; code < end; code++) {
            found[count] = (int32_t)code;
            count += most_common(term, code, length) >= fewest;
        }
        return count;
    }
    const struct companion *one = term->companions, *other = one + term->companion_count - 1;
    uint64_t wanted[MOST_FILTERED + 1], wanted_of_other[MOST_FILTERED + 1];
    list_wanted(query, term, one, length, fewest, others, wanted);
    list_wanted(query, term, other, length, fewest, others, wanted_of_other);
    for (int64_t code = start; code < end; code++) {
        int64_t common = most_common(term, code, length);
        found[count] = (int32_t)code;
        count += ((one->groups[code] & wanted[common]) != 0) & ((other->groups[code] & wanted_of_other[common]) != 0);
    }
    return count;
}

static inline void scan_length(struct query *query, struct term *term, int64_t length, double level,
                               double others, bool by_prefix) {
    double asked = (least_score(query) - SLACK - others) / term->weight;
    double alike = similarity_for(term->column, asked > level ? asked : level);
    int64_t fewest = fewest_common(alike, term->length, length);
    if (fewest < 1) fewest = 1;
    if (fewest > length || fewest > term->length) return;
    if (length <= MOST_SHARED && by_prefix) {
        int64_t count = scan_prefixes(query, term, length, fewest);
        for (int64_t at = 0; at < count; at++)
            visit_if_good(query, term, query->workspace->found[at], level, others);
        return;
    }
    compare_found(query, term, scan_signatures(query, term, length, fewest, others), length, level, others);
}

/* Lengths near the document's come first: their texts raise the least score soonest. */
static inline void scan_texts(struct query *query, struct term *term, double level, double others) {
    double alike = similarity_for(term->column, level);
    bool by_prefix = is_by_prefix(term, alike);
    struct range codes = lengths_for(term, alike);
    const int32_t *starts = term->column->length_starts;
    int64_t longest = term->column->longest;
    int64_t low = term->length < longest ? term->length : longest, high = low + 1;
    while ((low >= 0 && starts[low + 1] > codes.start) || (high <= longest && starts[high] < codes.end)) {
        if (low >= 0 && starts[low + 1] > codes.start) scan_length(query, term, low, level, others, by_prefix);
        low--;
        if (high <= longest && starts[high] < codes.end) scan_length(query, term, high, level, others, by_prefix);
        high++;
    }
}

static inline void visit_equal(struct query *query, const struct term *term, int64_t most_rows) {
    const struct field *field = term->field;
    const struct column *column = term->column;
    for (int64_t at = field->equal_starts[term->value]; at < field->equal_starts[term->value + 1]; at++) {
        int64_t start = column->starts[field->equal[at]], count = column->starts[field->equal[at] + 1] - start;
        visit_all(query, column->rows + start, count < most_rows ? count : most_rows);
    }
}

/* Carry out a move. `others` is what unseen rows can score by the other mappings. */
static inline void lower(struct query *query, struct term *term, double level, double others) {
    const struct column *column = term->column;
    weigh_companions(query, term);
    if (term->table) {
        for (int64_t code = 0; code < column->distinct; code++)
            if (term->table[code] > level && !is_hopeless(query, others + term->weight * term->table[code]))
                visit_code(query, column, code);
    } else if (column->kind == WINDOW) {
        struct range codes = window(column, term->number, level);
        visit_all(query, column->rows + column->starts[codes.start], (int64_t)rows_between(column, codes));
    } else if (column->kind == TOKENS) {
        visit_gathered(query, term, level, others);
    } else {
        visit_equal(query, term, INT64_MAX);
        if (is_compared_as_text(column) && !(column->kind == EXACT && level >= column->near))
            scan_texts(query, term, level, others);
    }
    visit_waiting(query);
    term->reach = level;
}

#endif
