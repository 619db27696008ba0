// SPDX-License-Identifier: MIT

#include "guard_frames.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "fmt/format.h"
#include "lammps.h"
#include "pointers.h"
#include "update.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>

using namespace LAMMPS_NS;

namespace physrep {

namespace {

constexpr int COLUMNS = 8;

// Gives code outside LAMMPS' classes their names: atom, domain, comm.
class Access : public Pointers {
 public:
  using Pointers::Pointers;
  void keep(GuardFrame &frame) const;
  std::vector<double> gather(const std::vector<double> &mine) const;
  int rank() const { return comm->me; }
  MPI_Comm communicator() const { return world; }

 private:
  std::string box_lines() const;
};

std::string Access::box_lines() const {
  char boundary[9];
  domain->boundary_string(boundary);
  const bool tilted = domain->triclinic != 0;
  const double *const lo = tilted ? domain->boxlo_bound : domain->boxlo;
  const double *const hi = tilted ? domain->boxhi_bound : domain->boxhi;
  const double tilt[3] = {domain->xy, domain->xz, domain->yz};
  std::string lines =
      fmt::format("ITEM: BOX BOUNDS {}{}\n", tilted ? "xy xz yz " : "", std::string(boundary));
  for (int a = 0; a < 3; a++)
    lines += tilted ? fmt::format("{:.16e} {:.16e} {:.16e}\n", lo[a], hi[a], tilt[a])
                    : fmt::format("{:.16e} {:.16e}\n", lo[a], hi[a]);
  return lines;
}

void Access::keep(GuardFrame &frame) const {
  frame.step = update->ntimestep;
  frame.box = box_lines();
  frame.rows.resize(static_cast<size_t>(COLUMNS) * atom->nlocal);
  for (int i = 0; i < atom->nlocal; i++) {
    double *const row = &frame.rows[static_cast<size_t>(COLUMNS) * i];
    row[0] = atom->tag_enable ? static_cast<double>(atom->tag[i]) : 0.0;
    row[1] = atom->type[i];
    std::copy_n(atom->x[i], 3, row + 2);
    std::copy_n(atom->f[i], 3, row + 5);
  }
}

// All ranks' rows on rank 0, sorted by id; empty elsewhere.
std::vector<double> Access::gather(const std::vector<double> &mine) const {
  const int n_mine = static_cast<int>(mine.size());
  std::vector<int> counts(comm->nprocs), starts(comm->nprocs, 0);
  MPI_Gather(&n_mine, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, world);
  std::partial_sum(counts.begin(), counts.end() - 1, starts.begin() + 1);
  std::vector<double> rows(comm->me == 0 ? starts.back() + counts.back() : 0);
  MPI_Gatherv(mine.data(), n_mine, MPI_DOUBLE, rows.data(), counts.data(), starts.data(),
              MPI_DOUBLE, 0, world);
  std::vector<size_t> order(rows.size() / COLUMNS);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return rows[a * COLUMNS] < rows[b * COLUMNS]; });
  std::vector<double> sorted;
  for (const size_t k : order)
    sorted.insert(sorted.end(), &rows[k * COLUMNS], &rows[k * COLUMNS] + COLUMNS);
  return sorted;
}

std::string text_of(const GuardFrame &frame, const std::vector<double> &rows,
                    const std::vector<std::string> &elements) {
  std::string text = fmt::format("ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n{}\n{}", frame.step,
                                 rows.size() / COLUMNS, frame.box);
  text += "ITEM: ATOMS id type element x y z fx fy fz\n";
  for (size_t k = 0; k < rows.size(); k += COLUMNS) {
    const int type = static_cast<int>(rows[k + 1]);
    text += fmt::format("{:.0f} {} {}", rows[k], type, elements[type]);
    for (int c = 2; c < COLUMNS; c++) text += fmt::format(" {:.10g}", rows[k + c]);
    text += "\n";
  }
  return text;
}

}  // namespace

void GuardFrame::keep(LAMMPS *lmp) { Access(lmp).keep(*this); }

std::string write_frames(LAMMPS *lmp, const std::string &path,
                         const std::vector<const GuardFrame *> &frames,
                         const std::vector<std::string> &elements) {
  const Access access(lmp);
  std::string text;
  for (const GuardFrame *frame : frames) {
    const auto rows = access.gather(frame->rows);
    if (access.rank() == 0) text += text_of(*frame, rows, elements);
  }
  int problem = 0;
  if (access.rank() == 0) {
    errno = 0;
    FILE *const file = std::fopen(path.c_str(), "w");
    const bool written = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool closed = file && std::fclose(file) == 0;
    if (!written || !closed) problem = errno ? errno : EIO;
  }
  MPI_Bcast(&problem, 1, MPI_INT, 0, access.communicator());
  return problem ? std::strerror(problem) : "";
}

}  // namespace physrep
