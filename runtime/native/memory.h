// The arenas of a session.
#pragma once

#include <cstddef>

namespace nnc {

// A zeroed, 64-byte aligned block; of huge pages where it is large and the system has them. It is written
// once when made, so that no step meets a page fault. Throws std::bad_alloc.
class Memory {
 public:
  explicit Memory(size_t size);
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  char *data() const { return data_; }
  size_t size() const { return size_; }

 private:
  char *data_;
  size_t size_;
};

}  // namespace nnc
