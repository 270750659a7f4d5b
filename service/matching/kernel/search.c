/* The search for any processor, and the choice of the one that fits this machine. */
#define SEARCH search_anywhere
#include "search.h"
#include "layout.h"

#if defined(__x86_64__)
int64_t search_avx2(const struct index *index, const struct batch *batch, struct workspace *workspace,
                    int64_t *positions, double *scores, double *field_scores);
#endif

EXPORTED int64_t search(const struct index *index, const struct batch *batch, struct workspace *workspace,
                        int64_t *positions, double *scores, double *field_scores) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
        return search_avx2(index, batch, workspace, positions, scores, field_scores);
#endif
    return search_anywhere(index, batch, workspace, positions, scores, field_scores);
}
