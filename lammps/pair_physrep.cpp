// SPDX-License-Identifier: MIT

#include "pair_physrep.h"

#include "kept_memory.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;

namespace {

constexpr size_t SAMPLE = 1000;  // atoms whose edges are found before there is room for all

std::string join(const std::vector<std::string> &words) {
  std::string all;
  for (const auto &word : words) all += (all.empty() ? "" : " ") + word;
  return all;
}

}  // namespace

PairPhysRep::PairPhysRep(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  // Per-atom virials are shared between the two ends of an edge: a valid sum, but not the
  // centroid form that heat flux of many-body potentials needs.
  centroidstressflag = CENTROID_NOTAVAIL;
  comm_forward = COLUMNS_AT_ONCE;
  comm_reverse = COLUMNS_AT_ONCE;
}

PairPhysRep::~PairPhysRep() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairPhysRep::allocate() {
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  allocated = 1;
}

void PairPhysRep::settings(int narg, char **arg) {
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR,
               "pair physrep: units are {}, but the potential works in eV and A: use "
               "'units metal' (time is then in ps)",
               update->unit_style);
  device_ = "cpu";
  memory_ = "keep";
  for (int k = 0; k < narg; k += 2) {
    const std::string keyword = arg[k], value = k + 1 < narg ? arg[k + 1] : "";
    if (keyword == "device")
      device_ = one_of(keyword, value, "cpu", "cuda");
    else if (keyword == "memory")
      memory_ = one_of(keyword, value, "keep", "system");
    else
      error->all(FLERR,
                 "pair physrep: unknown keyword '{}': use 'device cpu|cuda' or "
                 "'memory keep|system'",
                 keyword);
  }
}

std::string PairPhysRep::one_of(const std::string &keyword, const std::string &value,
                                const char *first, const char *second) {
  if (value != first && value != second)
    error->all(FLERR, "pair physrep: {} is '{}': choose {} or {}", keyword, value, first, second);
  return value;
}

void PairPhysRep::coeff(int narg, char **arg) {
  const int n_types = atom->ntypes;
  if (narg < 3)  // LAMMPS has seen to the '* *': one_coeff
    error->all(FLERR, "pair physrep: write 'pair_coeff * * FILE.pt' and one element per atom type");
  if (narg != 3 + n_types)
    error->all(FLERR,
               "pair physrep: {} elements in pair_coeff, but there are {} atom types: give "
               "the element of each type in order, for example 'pair_coeff * * {} C H N O'",
               narg - 3, n_types, arg[2]);
  if (!allocated) allocate();
  const std::string found = utils::get_potential_file_path(arg[2]);
  const std::string path = found.empty() ? arg[2] : found;
  load(path);
  map_elements(narg - 3, arg + 3);
  announce(path);
}

void PairPhysRep::load(const std::string &path) {
  MPI_Comm node;
  int local_rank = 0;
  MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &local_rank);
  MPI_Comm_free(&node);
  std::string problem;
  if (memory_ == "keep") physrep::keep_memory();
  try {
    model_ = std::make_unique<physrep::Model>(path, device_, local_rank, comm->nthreads);
  } catch (const std::exception &e) {
    problem = e.what();
  }
  agree_on_error(problem);
}

void PairPhysRep::map_elements(int narg, char **arg) {
  const auto &species = model_->metadata().species;
  const bool hybrid = utils::strmatch(force->pair_style, "^hybrid");
  elements_.assign(1, "");
  model_type_.assign(1, -1);
  for (int k = 0; k < narg; k++) {
    const std::string element = arg[k];
    const auto at = std::find(species.begin(), species.end(), element);
    if (element == "NULL" && !hybrid)
      error->all(FLERR,
                 "pair physrep: atom type {} is NULL, which only pair_style hybrid allows: "
                 "give its element",
                 k + 1);
    if (element != "NULL" && at == species.end())
      error->all(FLERR,
                 "pair physrep: element '{}' of atom type {} is unknown to this potential, "
                 "which was fitted for {}",
                 element, k + 1, join(species));
    elements_.push_back(element);
    model_type_.push_back(element == "NULL" ? -1 : static_cast<int>(at - species.begin()));
  }
  contacts_.assign(static_cast<size_t>(narg + 1) * (narg + 1), 0.0);
  for (int i = 1; i <= narg; i++)
    for (int j = 1; j <= narg; j++) {
      const bool used = model_type_[i] >= 0 && model_type_[j] >= 0;
      setflag[i][j] = used ? 1 : 0;
      if (used)
        contacts_[i * (narg + 1) + j] = model_->shortest_contact(model_type_[i], model_type_[j]);
    }
}

void PairPhysRep::announce(const std::string &path) {
  if (comm->me != 0) return;
  const auto &about = model_->metadata();
  utils::logmesg(lmp,
                 "physrep potential {}: {}, {} layers of {} features, {}, cutoff {} A, "
                 "device {}, elements {}\n",
                 path, about.model, about.n_layers, about.width, about.dtype, about.cutoff, device_,
                 join(elements_));
  if (about.verdict.empty())
    utils::logmesg(lmp,
                   "physrep certificate: none ('physrep certify --stamp' measures and writes "
                   "one)\n");
  else if (about.verdict == "pass")
    utils::logmesg(lmp, "physrep certificate: {}\n", about.certificate);
  else
    error->warning(FLERR, "physrep certificate of {}: {}", path, about.certificate);
}

void PairPhysRep::init_style() {
  if (force->newton_pair == 0)
    error->all(FLERR,
               "pair physrep: newton pair is off, but forces on ghost atoms must travel "
               "back to their owners: use 'newton on' (the default)");
  neighbor->add_request(this, NeighConst::REQ_FULL);
  lists_checked_ = false;
}

double PairPhysRep::init_one(int i, int j) {
  if (setflag[i][j] == 0)
    error->all(FLERR, "pair physrep: no element is set for atom types {} and {}: check pair_coeff",
               i, j);
  return model_->metadata().cutoff;
}

// What makes neighbours or ghosts go missing silently. Checked at the first step of every run and
// not in init_style, because only now pair hybrid has put the style's own special weights in force
// and the neighbour and ghost cutoffs are settled.
void PairPhysRep::check_lists() {
  if (lists_checked_) return;
  lists_checked_ = true;
  const double *lj = force->special_lj, *coul = force->special_coul;
  for (int k = 1; k <= 3 && atom->molecular != Atom::ATOMIC; k++)
    if (lj[k] != 1.0 || coul[k] != 1.0)
      error->all(FLERR,
                 "pair physrep: special_bonds weights of 1-2, 1-3, 1-4 neighbors are lj "
                 "{} {} {}, coul {} {} {}; the potential needs every neighbor with weight 1 (0 "
                 "silently drops bonded ones): use 'special_bonds lj/coul 1 1 1'",
                 lj[1], lj[2], lj[3], coul[1], coul[2], coul[3]);
  const double ghosts = comm->get_comm_cutoff();
  if (ghosts < model_->metadata().cutoff)
    error->all(FLERR,
               "pair physrep: ghost atoms reach {} A, less than the potential's cutoff of "
               "{} A: raise 'comm_modify cutoff'",
               ghosts, model_->metadata().cutoff);
  if (neighbor->exclude && comm->me == 0)
    error->warning(FLERR,
                   "pair physrep: neigh_modify exclude is set; the potential does not see "
                   "the excluded pairs, and its energy then is not the one it was fitted to");
}

void PairPhysRep::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  if (neighbor->ago == 0 || !lists_checked_) find_rows();
  check_lists();
  std::string problem = build_graph();
  // Also after a problem: the other ranks are waiting for this one's messages.
  const std::string failure = model_->evaluate(graph_, *this, result_);
  if (problem.empty() && !failure.empty()) problem = "the potential failed: " + failure;
  if (problem.empty()) problem = tally_energies();
  if (problem.empty()) problem = tally_forces();
  agree_on_error(problem);
  if (vflag_fdotr) virial_fdotr_compute();
}

// Rows of the model's arrays: own atoms, then ghosts whose owner is another rank. An image of an own
// atom has that atom's features and shares its row: several times fewer rows where a box has few
// ranks. Needed again whenever LAMMPS has made new ghosts.
void PairPhysRep::find_rows() {
  const int n_own = atom->nlocal, n_all = n_own + atom->nghost;
  std::vector<double> owners(2 * static_cast<size_t>(n_all));  // rank, index there
  row_.resize(n_all);
  for (int i = 0; i < n_all; i++) row_[i] = i;
  for (int i = 0; i < n_own; i++) {
    owners[2 * i] = comm->me;
    owners[2 * i + 1] = i;
  }
  exchange(owners.data(), 2, true);
  int n_rows = n_own;
  for (int i = n_own; i < n_all; i++)
    row_[i] = owners[2 * i] == comm->me ? static_cast<int>(owners[2 * i + 1]) : n_rows++;
  graph_.types.resize(n_rows);
}

// Own atoms, ghosts and the edges nearer than the cutoff; returns a contact that cannot be meant.
std::string PairPhysRep::build_graph() {
  const int n_all = atom->nlocal + atom->nghost;
  graph_.n_own = atom->nlocal;
  // Atoms that NULL leaves to another style are in no list: their type is never looked at.
  for (int i = 0; i < n_all; i++) graph_.types[row_[i]] = std::max(0, model_type_[atom->type[i]]);
  graph_.centers.clear();
  graph_.neighbors.clear();
  graph_.vectors.clear();
  ends_.clear();
  std::vector<int> own(list->ilist, list->ilist + list->inum);
  if (!std::is_sorted(own.begin(), own.end())) std::sort(own.begin(), own.end());
  std::string problem;
  for (size_t k = 0; k < own.size(); k++) {
    if (k == SAMPLE) reserve_edges(own);
    add_neighbors(own[k], problem);
  }
  return problem;
}

// Room for all edges, from the share of LAMMPS' list that was within the cutoff so far: a vector
// that grows by itself takes up to twice what it needs.
void PairPhysRep::reserve_edges(const std::vector<int> &own) {
  double seen = 0.0, listed = 0.0;
  for (size_t k = 0; k < own.size(); k++) {
    listed += list->numneigh[own[k]];
    if (k + 1 == SAMPLE) seen = listed;
  }
  if (seen == 0.0) return;
  const auto n = static_cast<size_t>(1.02 * ends_.size() * listed / seen);
  graph_.centers.reserve(n);
  graph_.neighbors.reserve(n);
  graph_.vectors.reserve(3 * n);
  ends_.reserve(n);
}

void PairPhysRep::add_neighbors(int i, std::string &problem) {
  const double *const *const x = atom->x;
  const double cutoff = model_->metadata().cutoff;
  const double *const contacts = &contacts_[atom->type[i] * (atom->ntypes + 1)];
  for (int k = 0; k < list->numneigh[i]; k++) {
    const int j = list->firstneigh[i][k] & NEIGHMASK;
    const double vector[3] = {x[j][0] - x[i][0], x[j][1] - x[i][1], x[j][2] - x[i][2]};
    const double square = vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2];
    if (square >= cutoff * cutoff) continue;  // a NaN stays in, to be found in the forces
    const double contact = contacts[atom->type[j]];
    if (square < contact * contact && problem.empty())
      problem = contact_error(i, j, std::sqrt(square));
    graph_.centers.push_back(i);
    graph_.neighbors.push_back(row_[j]);
    ends_.push_back(j);
    graph_.vectors.insert(graph_.vectors.end(), vector, vector + 3);
  }
}

std::string PairPhysRep::contact_error(int i, int j, double distance) const {
  return fmt::format(
      "atoms {} ({}) and {} ({}) are {:.4f} A apart at step {}, far nearer than any "
      "such pair the potential was fitted to: check the units, the elements in "
      "pair_coeff and the time step; or the run has blown up",
      tag_of(i), elements_[atom->type[i]], tag_of(j), elements_[atom->type[j]], distance,
      update->ntimestep);
}

int64_t PairPhysRep::tag_of(int i) const { return atom->tag_enable ? atom->tag[i] : 0; }

// Adds atomic energies to LAMMPS' sums; returns what is not finite.
std::string PairPhysRep::tally_energies() {
  for (int i = 0; i < atom->nlocal; i++) {
    const double energy = result_.energies[i];
    if (model_type_[atom->type[i]] < 0) continue;
    if (!std::isfinite(energy))
      return fmt::format(
          "the energy of atom {} ({}) is {} at step {}: the run has blown up; start "
          "from relaxed positions or with a shorter time step",
          tag_of(i), elements_[atom->type[i]], energy, update->ntimestep);
    if (eflag_global) eng_vdwl += energy;
    if (eflag_atom) eatom[i] += energy;
  }
  return "";
}

// Adds forces and virials to LAMMPS' sums; returns what is not finite. Forces go to ghosts too:
// LAMMPS' own reverse communication carries them home.
std::string PairPhysRep::tally_forces() {
  double **const f = atom->f;
  for (size_t e = 0; e < graph_.centers.size(); e++) {
    const int i = graph_.centers[e], j = ends_[e];
    const double *const slope = &result_.slopes[3 * e];
    if (!std::isfinite(slope[0] + slope[1] + slope[2]))
      return fmt::format(
          "the force between atoms {} ({}) and {} ({}) is not finite at step {}: the "
          "run has blown up; start from relaxed positions or with a shorter time "
          "step",
          tag_of(i), elements_[atom->type[i]], tag_of(j), elements_[atom->type[j]],
          update->ntimestep);
    for (int a = 0; a < 3; a++) {
      f[i][a] += slope[a];
      f[j][a] -= slope[a];
    }
    if (vflag_global || vflag_atom) tally_virial(i, j, &graph_.vectors[3 * e], slope);
  }
  return "";
}

// Only where virial_fdotr_compute does not serve: per-atom virials, or styles in pair hybrid that
// rule it out.
void PairPhysRep::tally_virial(int i, int j, const double *r, const double *slope) {
  const double v[6] = {-r[0] * slope[0],
                       -r[1] * slope[1],
                       -r[2] * slope[2],
                       -0.5 * (r[0] * slope[1] + r[1] * slope[0]),
                       -0.5 * (r[0] * slope[2] + r[2] * slope[0]),
                       -0.5 * (r[1] * slope[2] + r[2] * slope[1])};
  for (int a = 0; a < 6; a++) {
    if (vflag_global) virial[a] += v[a];
    if (!vflag_atom) continue;
    vatom[i][a] += 0.5 * v[a];
    vatom[j][a] += 0.5 * v[a];
  }
}

// Ends the run on all ranks with the message of the first rank that has one. error->one would
// abort MPI and may lose the message, and a rank that stopped alone would leave the others waiting.
void PairPhysRep::agree_on_error(const std::string &problem) {
  int mine = problem.empty() ? comm->nprocs : comm->me, first = 0;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
  if (first == comm->nprocs) return;
  int length = static_cast<int>(problem.size());
  MPI_Bcast(&length, 1, MPI_INT, first, world);
  std::string text = problem;
  text.resize(length);
  MPI_Bcast(text.data(), length, MPI_CHAR, first, world);
  error->all(FLERR, "pair physrep: {}", text);
}
