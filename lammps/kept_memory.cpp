// SPDX-License-Identifier: MIT

#include "kept_memory.h"

#include <c10/core/CPUAllocator.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>

namespace physrep {

namespace {

constexpr size_t HUGE_PAGE = size_t(1) << 21;
constexpr size_t LARGE = size_t(1) << 20;  // smaller tensors are the C library's
constexpr int PARTS = 16;                  // size classes between a power of two and the next

// Nearly equal sizes share a class: the number of edges changes a little every step.
size_t class_of(size_t bytes) {
  size_t step = LARGE / PARTS;
  while (step * 2 * PARTS <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

// Large tensors: glibc's heap either gives them back after every operator, and the next one pays for
// its pages, or keeps them in pieces, two to three times the memory that is in use.
// Blocks that are free are kept for the next tensor of about their size. Where one more would take
// the sum beyond what was ever in use at once (and SPARE of that), what has been free for longest
// goes back to the system first.
class Blocks final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < LARGE) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    size_t size = class_of(bytes);
    std::lock_guard<std::mutex> hold(mutex_);
    void *data = take(size);
    if (!data) data = map(size);
    used_ += size;
    most_ = std::max(most_, used_);
    sizes_[data] = size;
    return {data, data, &Blocks::release, c10::Device(c10::kCPU)};
  }

  void copy_data(void *to, const void *from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  static Blocks &instance() {
    static auto *const blocks = new Blocks;  // outlives every tensor
    return *blocks;
  }

 private:
  struct Free {
    void *data;
    size_t size;
  };
  static constexpr double SPARE = 0.05, SLACK = 0.25;

  static void release(void *data) { instance().put_back(data); }

  void put_back(void *data) {
    std::lock_guard<std::mutex> hold(mutex_);
    const auto found = sizes_.find(data);
    const size_t size = found->second;
    sizes_.erase(found);
    used_ -= size;
    idle_ += size;
    free_.push_front({data, size});
  }

  // The smallest free block that holds this and is no more than SLACK larger, the youngest of those:
  // its pages are the likeliest to be in a cache. What it has too much counts as used.
  void *take(size_t &size) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it)
      if (it->size >= size && it->size <= size * (1.0 + SLACK) &&
          (best == free_.end() || it->size < best->size))
        best = it;
    if (best == free_.end()) return nullptr;
    void *const data = best->data;
    size = best->size;
    idle_ -= size;
    free_.erase(best);
    return data;
  }

  void *map(size_t size) {
    const double limit = (1.0 + SPARE) * std::max(most_, used_ + size);
    while (!free_.empty() && used_ + idle_ + size > limit) unmap_oldest();
    void *data = anonymous(size);
    while (data == MAP_FAILED && !free_.empty()) {
      unmap_oldest();
      data = anonymous(size);
    }
    TORCH_CHECK(data != MAP_FAILED, "not enough memory for a tensor of ", size >> 20,
                " MiB: use more MPI ranks on more machines, or a smaller system");
    if (size >= 2 * HUGE_PAGE) madvise(data, size, MADV_HUGEPAGE);
    return data;
  }

  static void *anonymous(size_t size) {
    return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }

  void unmap_oldest() {
    munmap(free_.back().data, free_.back().size);
    idle_ -= free_.back().size;
    free_.pop_back();
  }

  std::mutex mutex_;
  std::map<void *, size_t> sizes_;
  std::list<Free> free_;  // the youngest first
  size_t used_ = 0, idle_ = 0, most_ = 0;  // bytes
};

// glibc gives every freed piece of more than 128 KiB back to the system and takes it again in the
// next operator: for 225 atoms a quarter to a half of all time went into page faults.
void keep_small_pieces() {
#ifdef __GLIBC__
  constexpr int MIB = 1 << 20;
  if (!mallopt(M_MMAP_THRESHOLD, 1024 * MIB)) mallopt(M_MMAP_THRESHOLD, 32 * MIB);
  mallopt(M_TRIM_THRESHOLD, 2047 * MIB);
  mallopt(M_TOP_PAD, 16 * MIB);
#endif
}

}  // namespace

void keep_memory() {
  static const bool once = [] {
    keep_small_pieces();
    c10::SetCPUAllocator(&Blocks::instance());
    return true;
  }();
  (void)once;
}

}  // namespace physrep
