// SPDX-License-Identifier: MIT
// fix ID group physrep/guard N [force LIMIT] [dump FILE|none]

#ifndef LMP_FIX_PHYSREP_GUARD_H
#define LMP_FIX_PHYSREP_GUARD_H

#include "fix.h"

#include "guard_frames.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

class PairPhysRep;

// Ends a run, on all ranks alike, that has left what a potential knows: energies, forces or
// positions that are not finite, contacts below half the shortest in the data, forces above a limit.
// Contacts and values that are not finite are checked every step, forces every N steps. Trial positions
// of minimisers and of Monte Carlo moves may be anywhere: minimisers stop only at what is not
// finite, trial energies of other fixes never. Pair style physrep makes this fix by itself.
class FixPhysRepGuard : public Fix {
 public:
  FixPhysRepGuard(class LAMMPS *lmp, int narg, char **arg);

  int setmask() override;
  void init() override;
  void setup_pre_exchange() override;
  void setup(int vflag) override;
  void min_setup(int vflag) override;
  void post_force(int vflag) override;
  void min_post_force(int vflag) override;

 private:
  std::string trouble(bool contacts) const;
  std::string largest_force() const;
  std::string element_of(int type) const;
  std::string agree(const std::string &problem) const;
  std::string write_frames();
  void stop(const std::string &problem);

  double max_force_ = 50.0;  // eV/A; a liquid at 300 K reaches 10
  std::string dump_ = "physrep_guard.lammpstrj";
  std::vector<PairPhysRep *> pairs_;
  physrep::GuardFrame last_good_;
};

}  // namespace LAMMPS_NS

#endif
