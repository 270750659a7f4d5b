/* How are the arrays of an index made, where numpy would take several passes? And the memory that
 * a search needs.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "types.h"

#define EXPORTED __attribute__((visibility("default")))

#endif
