/* Which texts have rows that can come among the best, by what stands beside them in those rows?
 *
 * A mapping with few values is a companion of one with many texts: for each text the index says
 * which groups of the companion's values its rows have, a bit each. So a text is passed over with
 * all its rows when none of these groups scores what the text leaves to be scored.
 */
#ifndef COMPANIONS_H
#define COMPANIONS_H

#include "candidates.h"

/* The group of rows without a value; the others share the values out. */
#define GROUP_OF_MISSING (GROUPS - 1)

static inline int64_t group_of(int64_t code, int64_t distinct) {
    if (code == MISSING) return GROUP_OF_MISSING;
    return distinct < GROUPS ? code : code * (GROUPS - 1) / distinct;
}

/* What a row not seen yet can score by a mapping that is brought down so far. */
static inline double weighted(const struct term *term, double reach) {
    return term->weight * (reach > term->floor ? reach : term->floor);
}

/* What a row not seen yet can score in all, leaving out one mapping (or none: -1). */
static inline double reach_of_others(const struct query *query, int64_t without) {
    double sum = 0.0;
    for (int64_t at = 0; at < query->count; at++)
        if (at != without) sum += weighted(&query->terms[at], query->terms[at].reach);
    return sum;
}

/* Work out what rows not seen yet can score by a mapping's values, and by groups of them. Rows of a
 * value that scores more than the reach were all seen, or are hopeless. */
static inline void weigh_values(struct companion *companion, uint32_t stamp) {
    struct term *beside = companion->beside;
    int64_t distinct = beside->column->distinct;
    companion->reach = beside->reach;
    companion->most = weighted(beside, beside->reach);
    companion->steps = (GROUP_STEPS - 1) / companion->most;
    memset(companion->reaching, 0, sizeof companion->reaching);
    for (int64_t code = MISSING; code < distinct; code++) {
        double found = code == MISSING ? beside->floor : score(beside, code, stamp);
        if (code != MISSING && found > beside->reach) found = found > beside->reach + SLACK ? 0.0 : beside->reach;
        companion->scores[code + 1] = beside->weight * found;
        int steps = (int)(companion->scores[code + 1] * companion->steps);
        companion->reaching[steps < GROUP_STEPS ? steps : GROUP_STEPS - 1] |= UINT64_C(1) << group_of(code, distinct);
    }
    for (int steps = GROUP_STEPS - 1; steps > 0; steps--)
        companion->reaching[steps - 1] |= companion->reaching[steps];
}

/* Find the companions of a mapping of texts that the document has values for. */
static inline void join_companions(struct query *query, struct term *term) {
    const struct column *column = term->column;
    for (int64_t place = 0; place < column->companion_count; place++) {
        for (int64_t at = 0; at < query->count; at++) {
            struct term *beside = &query->terms[at];
            if (beside->place != column->companion_places[place]) continue;
            struct companion *companion = &term->companions[term->companion_count++];
            companion->beside = beside;
            companion->groups = column->companions + place * column->distinct;
            companion->reach = -1.0;
        }
    }
}

/* Weigh the values of companions, as far as these mappings are brought down by now; those that are
 * done with are companions no longer. */
static inline void weigh_companions(struct query *query, struct term *term) {
    int count = 0;
    for (int at = 0; at < term->companion_count; at++) {
        struct companion *companion = &term->companions[at];
        const struct term *beside = companion->beside;
        if (!(weighted(beside, beside->reach) > SLACK)) continue;
        if (companion->reach != beside->reach) weigh_values(companion, query->workspace->stamp);
        if (count < at) term->companions[count] = *companion;
        count++;
    }
    term->companion_count = count;
}

/* The groups of which a row must have one, when it can score `most` at most with all of them. */
static inline uint64_t groups_wanted(const struct query *query, const struct companion *companion, double most) {
    double wanted = least_score(query) - SLACK - (most - companion->most);
    if (wanted <= 0.0) return ~UINT64_C(0);
    double steps = wanted * companion->steps;
    return steps < GROUP_STEPS ? companion->reaching[(int)steps] : 0;
}

/* Whether a row of a text may come among the best, if the text scores `bound` at most and all the
 * other mappings `others`. */
static inline bool can_enter(const struct query *query, const struct term *term, int64_t code, double bound,
                             double others) {
    double most = others + term->weight * bound;
    if (is_hopeless(query, most)) return false;
    for (int at = 0; at < term->companion_count; at++) {
        const struct companion *companion = &term->companions[at];
        if (!(companion->groups[code] & groups_wanted(query, companion, most))) return false;
    }
    return true;
}

/* What a row can score at most, given what all rows of its text can, and the codes of its companions. */
static inline double narrow(const struct companion *companion, double most, int32_t code) {
    return most - companion->most + companion->scores[code + 1];
}

/* Have the rows of a text visited that can come among the best, if it scores `bound` at most. */
static inline void visit_text(struct query *query, const struct term *term, int64_t code, double bound, double others) {
    const struct column *column = term->column;
    if (!term->companion_count) {
        visit_code(query, column, code);
        return;
    }
    double most = others + term->weight * bound;
    for (int32_t at = column->starts[code]; at < column->starts[code + 1]; at++) {
        const int32_t *cells = cells_of(query, column->rows[at]);
        double left = most;
        for (int place = 0; place < term->companion_count; place++)
            left = narrow(&term->companions[place], left, cells[term->companions[place].beside->place]);
        if (!is_hopeless(query, left)) visit_all(query, column->rows + at, 1);
    }
}

#endif
