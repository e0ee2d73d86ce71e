// The arenas of a session.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnc {

// A zeroed block at the start of a page; of huge pages where it is large and the system has them.
// It comes from the system and not from malloc, which would keep what is freed, and gets its pages
// when they are first written. Throws std::bad_alloc.
class Memory {
 public:
  explicit Memory(size_t size);
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  // Parts whose pages can be got side by side.
  int32_t parts() const;

  // Gets the pages of a part, so that no step meets a page fault; while nobody else writes to it.
  void Touch(int32_t part);

  // Frees the block early; nothing may use it any more.
  void Release();

  char *data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const size_t size_;
  size_t mapped_;
  char *data_;
};

}  // namespace nnc
