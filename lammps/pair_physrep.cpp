// SPDX-License-Identifier: MIT
// The life of the style: set-up of a run, one evaluation, errors on all ranks.

#include "pair_physrep.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neighbor.h"

using namespace LAMMPS_NS;

PairPhysRep::PairPhysRep(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  centroidstressflag = CENTROID_AVAIL;
  comm_forward = COLUMNS_AT_ONCE;
  comm_reverse = COLUMNS_AT_ONCE;
}

PairPhysRep::~PairPhysRep() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
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
  check_heat_flux();
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
  const bool as_before = graph_.wants_moments == (cvflag_atom != 0);
  graph_.wants_moments = cvflag_atom != 0;
  if (neighbor->ago == 0 || !lists_checked_ || !as_before) find_rows();
  check_lists();
  std::string problem = build_graph();
  // Also after a problem: the other ranks are waiting for this one's messages.
  const std::string failure = model_->evaluate(graph_, *this, result_);
  if (problem.empty() && !failure.empty()) problem = "the potential failed: " + failure;
  if (problem.empty()) problem = tally_energies();
  if (problem.empty()) problem = tally_forces();
  if (problem.empty() && cvflag_atom) tally_centroid();
  agree_on_error(problem);
  if (vflag_fdotr) virial_fdotr_compute();
}

int64_t PairPhysRep::tag_of(int i) const { return atom->tag_enable ? atom->tag[i] : 0; }

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
