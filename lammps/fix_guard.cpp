// SPDX-License-Identifier: MIT

#include "fix_guard.h"

#include "agreement.h"
#include "pair_physrep.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;

FixPhysRepGuard::FixPhysRepGuard(LAMMPS *lmp, int narg, char **arg) : Fix(lmp, narg, arg) {
  const char *const form = "write 'fix ID group physrep/guard N [force LIMIT] [dump FILE|none]'";
  if (narg < 4 || narg % 2 != 0) error->all(FLERR, "fix physrep/guard: {}", form);
  nevery = utils::inumeric(FLERR, arg[3], false, lmp);
  if (nevery < 1) error->all(FLERR, "fix physrep/guard: N is {}: give 1 step or more", nevery);
  for (int k = 4; k < narg; k += 2) {
    const std::string keyword = arg[k];
    if (keyword == "force")
      max_force_ = utils::numeric(FLERR, arg[k + 1], false, lmp);
    else if (keyword == "dump")
      dump_ = arg[k + 1];
    else
      error->all(FLERR, "fix physrep/guard: unknown keyword '{}': {}", keyword, form);
  }
  if (!(max_force_ > 0.0))
    error->all(FLERR, "fix physrep/guard: force is {}: give a limit above 0, in eV/A", max_force_);
  if (universe->existflag && dump_ != "none") dump_ += fmt::format(".{}", universe->iworld);
}

int FixPhysRepGuard::setmask() {
  using namespace FixConst;
  return PRE_EXCHANGE | MIN_PRE_EXCHANGE | POST_FORCE | MIN_POST_FORCE;
}

void FixPhysRepGuard::init() {
  pairs_.clear();
  for (int k = 0;; k++) {  // 0: the only one; from 1 on: those of pair hybrid
    auto *const pair = dynamic_cast<PairPhysRep *>(force->pair_match("physrep", 1, k));
    const bool known = std::find(pairs_.begin(), pairs_.end(), pair) != pairs_.end();
    if (pair && !known) pairs_.push_back(pair);
    if (k > 0 && (!pair || known)) break;
  }
  if (pairs_.empty())
    error->all(FLERR, "fix physrep/guard: there is no pair_style physrep to watch");
}

// Before LAMMPS wraps the atoms into the box, where it would end the run without a name.
void FixPhysRepGuard::setup_pre_exchange() {
  std::string problem;
  for (int i = 0; i < atom->nlocal && problem.empty(); i++) {
    const double *const x = atom->x[i];
    if (!std::isfinite(x[0]) || !std::isfinite(x[1]) || !std::isfinite(x[2]))
      problem =
          fmt::format("the position of atom {} ({}) is {} {} {} at step {}", pairs_[0]->tag_of(i),
                      element_of(atom->type[i]), x[0], x[1], x[2], update->ntimestep);
  }
  problem = agree(problem);
  if (!problem.empty()) error->all(FLERR, "fix physrep/guard: {}", problem);
}

void FixPhysRepGuard::setup(int) {
  const std::string problem = agree(trouble(true));
  if (!problem.empty()) error->all(FLERR, "fix physrep/guard: {}", problem);
  last_good_.keep(lmp);
}

void FixPhysRepGuard::min_setup(int vflag) { setup(vflag); }

void FixPhysRepGuard::post_force(int) {
  const bool looks = update->ntimestep % nevery == 0;
  std::string problem = trouble(true);
  if (problem.empty() && looks) problem = largest_force();
  stop(problem);
  if (looks) last_good_.keep(lmp);
}

void FixPhysRepGuard::min_post_force(int) {
  stop(trouble(false));
  if (update->ntimestep % nevery == 0) last_good_.keep(lmp);
}

// What the potentials found in their last evaluation on this rank; empty where all is well.
std::string FixPhysRepGuard::trouble(bool contacts) const {
  for (const PairPhysRep *pair : pairs_) {
    if (contacts && !pair->contact_problem().empty()) return pair->contact_problem();
    if (!pair->not_finite().empty()) return pair->not_finite();
  }
  return "";
}

std::string FixPhysRepGuard::largest_force() const {
  double largest = -1.0;
  int at = -1;
  for (int i = 0; i < atom->nlocal; i++) {
    const double *const f = atom->f[i];
    const double size = std::sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]);
    if (!(atom->mask[i] & groupbit) || size <= largest) continue;
    at = i;
    largest = size;
    if (std::isnan(size)) break;
  }
  if (at < 0 || largest <= max_force_) return "";
  return fmt::format("the force on atom {} ({}) is {:.4g} eV/A at step {} (limit {:.4g})",
                     pairs_[0]->tag_of(at), element_of(atom->type[at]), largest, update->ntimestep,
                     max_force_);
}

std::string FixPhysRepGuard::element_of(int type) const {
  for (const PairPhysRep *pair : pairs_)
    if (pair->element(type) != "NULL") return pair->element(type);
  return "X";
}

// The problem of the first rank that has one, on all ranks.
std::string FixPhysRepGuard::agree(const std::string &problem) const {
  return physrep::first_problem(problem, comm->me, comm->nprocs, world);
}

void FixPhysRepGuard::stop(const std::string &mine) {
  const std::string problem = agree(mine);
  if (!problem.empty()) error->all(FLERR, "fix physrep/guard: {}{}", problem, write_frames());
}

// Writes the last good frame and the present one; says where, for the message.
std::string FixPhysRepGuard::write_frames() {
  if (dump_ == "none") return "";
  physrep::GuardFrame bad;
  bad.keep(lmp);
  std::vector<const physrep::GuardFrame *> frames{&bad};
  std::string which = "this frame is in ";
  if (last_good_.step >= 0 && last_good_.step != bad.step) {
    frames.insert(frames.begin(), &last_good_);
    which = fmt::format("the last good frame (step {}) and this one are in ", last_good_.step);
  }
  std::vector<std::string> elements{""};
  for (int type = 1; type <= atom->ntypes; type++) elements.push_back(element_of(type));
  const std::string problem = physrep::write_frames(lmp, dump_, frames, elements);
  return problem.empty() ? "; " + which + dump_ : "; " + dump_ + " was not written: " + problem;
}
