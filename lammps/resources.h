// SPDX-License-Identifier: MIT
// What of its machine a process uses.

#ifndef PHYSREP_RESOURCES_H
#define PHYSREP_RESOURCES_H

#include <ATen/Parallel.h>
#include <c10/core/Device.h>

#include <string>

namespace physrep {

// name: "cpu" or "cuda"; then GPU local_rank of the node, counted round. Throws ModelError.
c10::Device find_device(const std::string &name, int local_rank);

// PyTorch's threads in this process while the potential computes; a program that uses LAMMPS as a
// library has its own number back afterwards.
class ThreadCount {
 public:
  explicit ThreadCount(int n_threads) : before_(at::get_num_threads()), own_(n_threads) {
    if (own_ != before_) at::set_num_threads(own_);
  }
  ~ThreadCount() {
    if (own_ != before_) at::set_num_threads(before_);
  }
  ThreadCount(const ThreadCount &) = delete;
  ThreadCount &operator=(const ThreadCount &) = delete;

 private:
  int before_, own_;
};

}  // namespace physrep

#endif
