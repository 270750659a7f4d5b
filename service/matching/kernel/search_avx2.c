/* The search for processors that count bits in one step. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("popcnt,avx2,bmi,bmi2,lzcnt"))), apply_to = function)
#else
#pragma GCC target("popcnt,avx2,bmi,bmi2,lzcnt")
#endif
#define SEARCH search_avx2
#define FIND_SIMILAR find_similar_avx2
#include "search.h"
#include "similar.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
