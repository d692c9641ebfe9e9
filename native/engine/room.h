// Room in vectors, taken before a change begins, so that the change itself cannot fail.
#pragma once

#include <algorithm>
#include <vector>

namespace tsvde {

// Makes sure that a vector can hold `count` elements without an allocation. Grows geometrically. Throws
// std::bad_alloc, and then leaves the vector as it was.
template <typename T>
void ensure_room(std::vector<T>& vector, size_t count) {
  if (vector.capacity() < count) vector.reserve(std::max(count, 2 * vector.capacity()));
}

}  // namespace tsvde
