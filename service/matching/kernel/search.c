/* The search for any processor, and the choice of the one that fits this machine. */
#define SEARCH search_anywhere
#define FIND_SIMILAR find_similar_anywhere
#include "search.h"
#include "similar.h"
#include "layout.h"

#if defined(__x86_64__)
int64_t search_avx2(const struct index *index, const struct batch *batch, struct workspace *workspace,
                    int64_t *positions, double *scores, double *field_scores);
int64_t find_similar_avx2(const struct column *column, double least, int64_t beginning, const uint16_t *symbols,
                          const int64_t *offsets, int64_t count, int64_t *starts, int32_t *found, double *scores,
                          int64_t room);

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}
#endif

EXPORTED int64_t search(const struct index *index, const struct batch *batch, struct workspace *workspace,
                        int64_t *positions, double *scores, double *field_scores) {
#if defined(__x86_64__)
    if (has_avx2()) return search_avx2(index, batch, workspace, positions, scores, field_scores);
#endif
    return search_anywhere(index, batch, workspace, positions, scores, field_scores);
}

/* Find the partners of each given word among the column's, and how similar they are: at least
 * `least` by Indel, or `least` where one begins with the other and the shorter has `beginning`
 * symbols. Returns how many were found, writing at most `room`, or -1 without memory. */
EXPORTED int64_t find_similar(const struct column *column, double least, int64_t beginning, const uint16_t *symbols,
                              const int64_t *offsets, int64_t count, int64_t *starts, int32_t *found,
                              double *scores, int64_t room) {
#if defined(__x86_64__)
    if (has_avx2())
        return find_similar_avx2(column, least, beginning, symbols, offsets, count, starts, found, scores, room);
#endif
    return find_similar_anywhere(column, least, beginning, symbols, offsets, count, starts, found, scores, room);
}
