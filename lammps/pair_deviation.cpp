// SPDX-License-Identifier: MIT
// Committees: by how much the members disagree, written every so many steps and for each atom.

#include "pair_physrep.h"

#include "agreement.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "universe.h"
#include "update.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

using namespace LAMMPS_NS;

namespace {

const char *const HEADER =
    "# step, force deviation of the atoms (eV/A): max mean min, energy deviation (eV)";

// Divided by N, as in physrep/deviation.py. `values`: n of them, `stride` apart.
double variance(const double *values, int n, size_t stride) {
  double mean = 0.0, sum = 0.0;
  for (int m = 0; m < n; m++) mean += values[m * stride] / n;
  for (int m = 0; m < n; m++) sum += std::pow(values[m * stride] - mean, 2) / n;
  return sum;
}

}  // namespace

// What pair_style and pair_coeff say together, and a file that can be written.
void PairPhysRep::check_deviation() {
  if (deviation_.every == 0) return;
  if (model_->metadata().n_members < 2)
    error->all(FLERR,
               "pair physrep: 'deviation' is given, but this file holds one potential: make a "
               "committee with 'physrep committee A.ckpt B.ckpt -o committee.ckpt' and export it");
  std::string problem;
  if (comm->me == 0 && !deviation_.file.is_open()) {
    std::string path = deviation_.path;
    if (universe->existflag) path += fmt::format(".{}", universe->iworld);
    deviation_.file.open(path);
    if (deviation_.file << HEADER << std::endl; !deviation_.file.good())
      problem = fmt::format("deviation: {} cannot be written: {}", path, std::strerror(errno));
  }
  agree_on_error(problem);
}

// Whether this evaluation is of a step at which the members are wanted one by one.
bool PairPhysRep::deviation_due() const {
  if (model_->metadata().n_members < 2) return false;
  const bool now = deviation_.every > 0 && update->ntimestep % deviation_.every == 0;
  return now || deviation_.asked != 0;
}

void *PairPhysRep::extract(const char *name, int &dim) {
  dim = 0;
  return strcmp(name, "deviation_flag") == 0 ? &deviation_.asked : nullptr;
}

void *PairPhysRep::extract_peratom(const char *name, int &n_columns) {
  if (strcmp(name, "deviation") != 0) return nullptr;
  n_columns = 0;
  return deviation_.forces.data();
}

// Forces of every member on the own atoms, (n_rows, n_members, 3) in eV/A. Collective.
std::vector<double> PairPhysRep::member_forces() {
  const int n = model_->metadata().n_members, width = 3 * n;
  const size_t n_edges = graph_.centers.size(), n_charged = charged_.atoms.size();
  std::vector<double> rows(width * std::max<size_t>(graph_.types.size(), 1), 0.0);
  for (int m = 0; m < n; m++) {
    for (size_t e = 0; e < n_edges; e++) {
      const double *const slope = &result_.member_slopes[3 * (m * n_edges + e)];
      double *const center = &rows[size_t(graph_.centers[e]) * width + 3 * m];
      double *const end = &rows[size_t(graph_.neighbors[e]) * width + 3 * m];
      for (int a = 0; a < 3; a++) {
        center[a] += slope[a];
        end[a] -= slope[a];
      }
    }
    for (size_t k = 0; k < n_charged && model_->metadata().has_charges; k++)
      for (int a = 0; a < 3; a++)
        rows[size_t(charged_.atoms[k]) * width + 3 * m + a] +=
            result_.member_charge_forces[3 * (m * n_charged + k) + a];
  }
  place_ = &row_;
  if (needed()) from_ghosts(rows.data(), width);
  return rows;
}

// Of the total energy, on all ranks. Collective.
double PairPhysRep::energy_deviation() {
  std::vector<double> energies = result_.member_energies;
  add_up(energies.data(), static_cast<int>(energies.size()));
  for (size_t m = 0; m < energies.size() && model_->metadata().has_charges; m++)
    energies[m] += result_.member_long_range[m];
  return std::sqrt(variance(energies.data(), static_cast<int>(energies.size()), 1));
}

// Of the forces on the own atoms: sqrt of the variance, summed over x, y and z.
void PairPhysRep::find_deviation() {
  const int n = model_->metadata().n_members;
  const auto rows = member_forces();
  deviation_.forces.assign(std::max(atom->nmax, 1), 0.0);
  for (int i = 0; i < atom->nlocal; i++) {
    if (!served(i)) continue;
    double sum = 0.0;
    for (int a = 0; a < 3; a++) sum += variance(&rows[size_t(i) * 3 * n + a], n, 3);
    deviation_.forces[i] = std::sqrt(sum);
  }
  const bool now = deviation_.every > 0 && update->ntimestep % deviation_.every == 0;
  if (now && update->ntimestep != deviation_.written) write_deviation();
}

// A line of the file; beyond the limits a warning, or the end of the run. Collective.
void PairPhysRep::write_deviation() {
  double sums[2] = {0.0, 0.0}, least = std::numeric_limits<double>::max();
  struct {
    double value;
    int rank;
  } most = {-1.0, comm->me};
  int worst = -1;
  for (int i = 0; i < atom->nlocal; i++) {
    if (!served(i)) continue;
    const double value = deviation_.forces[i];
    sums[0] += value;
    sums[1] += 1.0;
    least = std::min(least, value);
    if (worst >= 0 && value <= most.value) continue;
    worst = i;
    most.value = value;
  }
  const double energy = energy_deviation();
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE_INT, MPI_MAXLOC, world);
  MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_DOUBLE, MPI_MIN, world);
  add_up(sums, 2);
  if (sums[1] == 0.0) return;  // a box without atoms of this potential
  deviation_.written = update->ntimestep;
  if (comm->me == 0)
    deviation_.file << fmt::format("{} {:.10g} {:.10g} {:.10g} {:.10g}", update->ntimestep,
                                   most.value, sums[0] / sums[1], least, energy)
                    << std::endl;
  const bool stops = deviation_.stop > 0.0 && !(most.value <= deviation_.stop);
  const bool warns = deviation_.warn > 0.0 && !(most.value <= deviation_.warn);
  if (!stops && !warns) return;
  std::string text;
  if (most.rank == comm->me && worst >= 0)
    text = fmt::format("the force deviation of atom {} ({}) is {:.4g} eV/A at step {}",
                       tag_of(worst), elements_[atom->type[worst]], most.value, update->ntimestep);
  text = physrep::first_problem(text, comm->me, comm->nprocs, world);
  if (stops)
    error->all(FLERR,
               "pair physrep: {} (stop {:.4g}): the members of the committee do not know this "
               "surrounding",
               text, deviation_.stop);
  if (comm->me == 0) error->warning(FLERR, "pair physrep: {} (warn {:.4g})", text, deviation_.warn);
}
