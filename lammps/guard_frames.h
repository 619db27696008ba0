// SPDX-License-Identifier: MIT
// Frames that the guard keeps and writes, as `dump custom` writes them.

#ifndef PHYSREP_GUARD_FRAMES_H
#define PHYSREP_GUARD_FRAMES_H

#include "lmptype.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace physrep {

// One rank's share of a frame: id, type, x, y, z, fx, fy, fz of each own atom, and the box.
struct GuardFrame {
  LAMMPS_NS::bigint step = -1;  // -1 where nothing is kept
  std::string box;              // the lines of the dump
  std::vector<double> rows;

  // The present frame.
  void keep(LAMMPS_NS::LAMMPS *lmp);
};

// Collective. Writes frames one after the other, atoms by id; elements: of types from 1.
// Returns why the file could not be written, empty where it was.
std::string write_frames(LAMMPS_NS::LAMMPS *lmp, const std::string &path,
                         const std::vector<const GuardFrame *> &frames,
                         const std::vector<std::string> &elements);

}  // namespace physrep

#endif
