// SPDX-License-Identifier: MIT
// Groups of lanes on a processor without a GPU, for tests: what CUDA does for lanes.cuh.
//
// Every lane is a fiber with a stack of its own. One runs until it comes to a barrier (sync_lanes,
// or an exchange of numbers), then the next one does: as far as a GPU may let threads drift apart.
// A number that is read where a barrier is missing is the wrong one. Every second group runs its
// lanes from the last to the first, so that neither order hides a fault.

#ifndef PHYSREP_CUDA_EMULATION_H
#define PHYSREP_CUDA_EMULATION_H

#include <ucontext.h>

#include <functional>
#include <stdexcept>
#include <vector>

#define PHYSREP_INLINE static inline
#define PHYSREP_METHOD inline

namespace physrep {
namespace {

class Fibers {
 public:
  static constexpr int MOST = 16;

  static Fibers &here() {
    static Fibers fibers;
    return fibers;
  }

  int lane() const { return forward_ ? current_ : n_ - 1 - current_; }

  // Calls work() in n lanes.
  void run(int n, bool forward, const std::function<void()> &work) {
    n_ = n, forward_ = forward, work_ = &work, finished_ = current_ = 0, diverged_ = false;
    for (int k = 0; k < n; k++) {
      getcontext(&lanes_[k]);
      lanes_[k].uc_stack.ss_sp = stacks_[k].data();
      lanes_[k].uc_stack.ss_size = stacks_[k].size();
      lanes_[k].uc_link = &caller_;
      makecontext(&lanes_[k], &Fibers::start, 0);
    }
    swapcontext(&caller_, &lanes_[0]);
    if (diverged_) throw std::runtime_error("the lanes of a group took different branches");
  }

  // Comes back when all other lanes have come here too.
  void barrier() {
    if (finished_ > 0) diverged_ = true, setcontext(&caller_);
    swap(current_, (current_ + 1) % n_);
  }

 private:
  Fibers() {
    for (auto &stack : stacks_) stack.resize(1 << 18);
  }

  void swap(int from, int to) {
    current_ = to;
    swapcontext(&lanes_[from], &lanes_[to]);
  }

  static void start() {
    Fibers &self = here();
    (*self.work_)();
    // Lanes that met at all barriers end in the order in which they began.
    if (self.current_ != self.finished_++) self.diverged_ = true;
    if (self.diverged_ || self.finished_ == self.n_) setcontext(&self.caller_);
    self.current_++;
    setcontext(&self.lanes_[self.current_]);
  }

  ucontext_t caller_, lanes_[MOST];
  std::vector<char> stacks_[MOST];
  const std::function<void()> *work_ = nullptr;
  int n_ = 0, current_ = 0, finished_ = 0;
  bool forward_ = true, diverged_ = false;
};

template <class T> int lane() { return Fibers::here().lane(); }

template <class T> void sync_lanes() { Fibers::here().barrier(); }

template <class T> T of_lane_across(T x, int distance) {
  static T shown[Fibers::MOST];
  shown[lane<T>()] = x;
  sync_lanes<T>();
  const T found = shown[lane<T>() ^ distance];
  sync_lanes<T>();
  return found;
}

template <class T> void add_shared(T *at, T x) { at[lane<T>()] += x; }

}  // namespace
}  // namespace physrep

#endif
