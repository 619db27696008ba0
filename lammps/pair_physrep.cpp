// SPDX-License-Identifier: MIT
// The life of the style: set-up of a run, one evaluation, errors on all ranks.

#include "pair_physrep.h"

#include "agreement.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "fix.h"
#include "force.h"
#include "memory.h"
#include "modify.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

namespace {

const char *const GUARD_ID = "physrep_guard";

}  // namespace

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
  if (modify->get_fix_by_id(GUARD_ID)) modify->delete_fix(GUARD_ID);
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
  if (update->whichflag == 1 && utils::strmatch(update->integrate_style, "^respa"))
    error->all(FLERR,
               "pair physrep: run_style respa is not supported: all of the potential is one "
               "level; use 'run_style verlet'");
  check_charges();
  check_deviation();
  warn_of_kspace();
  check_masses();
  set_guard();
  neighbor->add_request(this, NeighConst::REQ_FULL);
  lists_checked_ = false;
}

// A guard of this style's own, unless the input has one or wants none.
void PairPhysRep::set_guard() {
  bool wanted = guard_;
  for (const Fix *fix : modify->get_fix_by_style("^physrep/guard$"))
    if (std::string(fix->id) != GUARD_ID) wanted = false;
  const bool there = modify->get_fix_by_id(GUARD_ID) != nullptr;
  if (wanted && !there) modify->add_fix(fmt::format("{} all physrep/guard 10", GUARD_ID));
  if (!wanted && there) modify->delete_fix(GUARD_ID);
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
  if (!model_->metadata().has_charges) check_heat_flux();
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
  check_exclusions();
}

void PairPhysRep::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  const bool as_before = graph_.wants_moments == (cvflag_atom != 0);
  graph_.wants_moments = cvflag_atom != 0;
  graph_.wants_members = charged_.members = deviation_due();
  if (neighbor->ago == 0 || !lists_checked_ || !as_before) find_rows();
  check_lists();
  check_atomic_virials();
  place_charged();
  // Virials of atoms and forces of members are sums over edges, which are collected here.
  const bool by_list = !vflag_atom && !cvflag_atom && !graph_.wants_members;
  if (edges_on_device() && by_list) return compute_listed();
  place_ = &row_;
  build_graph();
  const std::string failure = model_->evaluate(graph_, charged_, *this, result_);
  agree_on_error(failure.empty() ? "" : "the potential failed: " + failure + boundary_advice());
  tally_energies();
  tally_forces();
  tally_charges();
  if (cvflag_atom) tally_centroid();
  if (vflag_fdotr) virial_fdotr_compute();
  if (graph_.wants_members) find_deviation();
}

int64_t PairPhysRep::tag_of(int i) const { return atom->tag_enable ? atom->tag[i] : 0; }

// Ends the run on all ranks with the message of the first rank that has one.
void PairPhysRep::agree_on_error(const std::string &problem) {
  const std::string text = physrep::first_problem(problem, comm->me, comm->nprocs, world);
  if (!text.empty()) error->all(FLERR, "pair physrep: {}", text);
}
