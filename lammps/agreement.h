// SPDX-License-Identifier: MIT

#ifndef PHYSREP_AGREEMENT_H
#define PHYSREP_AGREEMENT_H

#include <mpi.h>

#include <string>

namespace physrep {

// The problem of the first rank that has one, on all ranks; empty where none has. Collective.
// LAMMPS' error->one would abort MPI and may lose the message, and a rank that stopped alone would
// leave the others waiting: agree first, then error->all.
inline std::string first_problem(const std::string &problem, int rank, int n_ranks,
                                 MPI_Comm world) {
  int mine = problem.empty() ? n_ranks : rank, first = 0;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
  if (first == n_ranks) return "";
  int length = static_cast<int>(problem.size());
  MPI_Bcast(&length, 1, MPI_INT, first, world);
  std::string text = problem;
  text.resize(length);
  MPI_Bcast(text.data(), length, MPI_CHAR, first, world);
  return text;
}

}  // namespace physrep

#endif
