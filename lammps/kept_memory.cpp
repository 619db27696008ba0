// SPDX-License-Identifier: MIT

#include "kept_memory.h"

#include <c10/core/CPUAllocator.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

namespace physrep {

namespace {

constexpr size_t PAGE = size_t(1) << 12, HUGE_PAGE = size_t(1) << 21;
constexpr size_t LARGE = size_t(1) << 20;  // smaller tensors are the C library's

size_t whole(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Disjoint ranges [first, last) that do not touch each other.
class Ranges {
 public:
  const std::map<size_t, size_t> &all() const { return last_; }
  size_t total() const { return total_; }

  // Of a range that overlaps no other.
  void add(size_t first, size_t last) {
    total_ += last - first;
    auto next = last_.lower_bound(first);
    if (next != last_.end() && next->first == last) {
      last = next->second;
      next = last_.erase(next);
    }
    if (next != last_.begin() && std::prev(next)->second == first)
      std::prev(next)->second = last;
    else
      last_.emplace_hint(next, first, last);
  }

  // Whatever of this there is.
  void remove(size_t first, size_t last) {
    auto it = last_.upper_bound(first);
    if (it != last_.begin() && std::prev(it)->second > first) --it;
    while (it != last_.end() && it->first < last) {
      const auto [from, to] = *it;
      it = last_.erase(it);
      total_ -= std::min(to, last) - std::max(from, first);
      if (from < first) last_.emplace_hint(it, from, first);
      if (to > last) it = last_.emplace_hint(it, last, to);
    }
  }

 private:
  std::map<size_t, size_t> last_;  // by first
  size_t total_ = 0;
};

// Large tensors: glibc's heap either gives them back after every operator, and the next one pays for
// its pages, or keeps them in pieces, two to three times the memory that is in use.
// Here they lie side by side in one range of addresses, each as low as there is room, so that a step
// like the one before finds its pages where it left them. Pages that are free are kept as long as
// all together are no more than what was ever in use at once (and SPARE of that); beyond it the
// highest go back to the system.
class Arena final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < LARGE || !base_) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    const size_t size = whole(bytes, PAGE);
    std::lock_guard<std::mutex> hold(mutex_);
    const size_t at = lowest(size);
    free_.remove(at, at + size);
    kept_.remove(at, at + size);
    used_ += size;
    most_ = std::max(most_, used_);
    give_back();
    sizes_[base_ + at] = size;
    return {base_ + at, base_ + at, &Arena::release, c10::Device(c10::kCPU)};
  }

  void copy_data(void *to, const void *from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  static Arena &instance() {
    static auto *const arena = new Arena;  // outlives every tensor
    return *arena;
  }

 private:
  static constexpr double SPARE = 0.05;

  // Addresses for all the memory of the machine; pages come when they are written to.
  Arena() {
    const auto size =
        whole(size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE)), HUGE_PAGE);
    void *const found = mmap(nullptr, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return;
    base_ = reinterpret_cast<char *>(whole(reinterpret_cast<size_t>(found), HUGE_PAGE));
    madvise(base_, size, MADV_HUGEPAGE);
    free_.add(0, size);
  }

  static void release(void *data) { instance().put_back(data); }

  void put_back(void *data) {
    std::lock_guard<std::mutex> hold(mutex_);
    const auto found = sizes_.find(data);
    const size_t at = size_t(static_cast<char *>(data) - base_), size = found->second;
    sizes_.erase(found);
    used_ -= size;
    free_.add(at, at + size);
    kept_.add(at, at + size);
  }

  size_t lowest(size_t size) const {
    for (const auto &[first, last] : free_.all())
      if (last - first >= size) return first;
    TORCH_CHECK(false, "not enough memory for a tensor of ", size >> 20,
                " MiB: use more MPI ranks on more machines, or a smaller system");
  }

  void give_back() {
    const auto limit = static_cast<size_t>((1.0 + SPARE) * double(most_));
    while (used_ + kept_.total() > limit && kept_.total() > 0) {
      const auto [first, last] = *kept_.all().rbegin();
      const size_t excess = used_ + kept_.total() - limit;
      const size_t cut = last - first > excess ? (last - excess) / HUGE_PAGE * HUGE_PAGE : first;
      const size_t from = std::max(cut, first);
      madvise(base_ + from, last - from, MADV_DONTNEED);
      kept_.remove(from, last);
    }
  }

  std::mutex mutex_;
  char *base_ = nullptr;  // null: the system gives no such range, and the C library serves
  std::map<void *, size_t> sizes_;
  Ranges free_, kept_;  // not in use; of these, those with pages
  size_t used_ = 0, most_ = 0;  // bytes
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
    c10::SetCPUAllocator(&Arena::instance());
    return true;
  }();
  (void)once;
}

}  // namespace physrep
